// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Rows.h"
#include "codegen/gpu/Strategy.h"
#include "ir/dialect/WalkProducers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ::dl::gpucode;

namespace {

/// Follows a value to what it is computed of, with the position that is needed
/// as formulas of a row's and a column's position, null where these depend on
/// data: each reduction must be needed at the row alone.
class RowFinder {
public:
  RowFinder(Value value, IsStored isStored, const EntryBuilder &entry)
      : value(value), isStored(isStored), entry(entry),
        context(value.getContext()) {}

  std::optional<RowForm> find();

private:
  using Place = SmallVector<AffineExpr>;

  linalg::GenericOp findReduction() const;
  bool chooseDimensions(linalg::GenericOp reduction);
  bool visit(Value tensor, const Place &at);
  bool visitStored(Value tensor, const Place &at);
  bool visitGeneric(linalg::GenericOp op, unsigned result, const Place &at);
  bool visitReduction(linalg::GenericOp op, const Place &at);
  bool visitInputs(linalg::GenericOp op, ArrayRef<AffineExpr> loops);
  AffineExpr substitute(AffineExpr expr, ArrayRef<AffineExpr> loops) const;
  Place getSlicePlace(tensor::ExtractSliceOp op, const Place &at) const;
  Place getReshapedPlace(ShapedType source, ShapedType result,
                         const Place &at) const;
  AffineExpr dim(unsigned number) const {
    return getAffineDimExpr(number, context);
  }
  AffineExpr zero() const { return getAffineConstantExpr(0, context); }

  Value value;
  IsStored isStored;
  const EntryBuilder &entry;
  MLIRContext *context;
  RowForm form;
  SmallVector<bool> isWideRow; ///< which dimensions of rows are no ones
  SmallVector<int64_t> columnSizes;
  SmallVector<std::pair<Value, Place>> visited;
};

} // namespace

/// The reduction of which nothing below is known yet, if there is one below.
linalg::GenericOp RowFinder::findReduction() const {
  linalg::GenericOp found;
  mlir::dl::walkProducers(value, [&](Value below) {
    if (below != value && isStored(below))
      return WalkResult::skip();
    auto generic = below.getDefiningOp<linalg::GenericOp>();
    if (!generic || !mlir::dl::cpu::isReduction(generic))
      return WalkResult::advance();
    found = generic;
    return WalkResult::interrupt();
  });
  return found;
}

/// The reduced loops are the columns; of the value, all dimensions that are not
/// are the rows.
bool RowFinder::chooseDimensions(linalg::GenericOp reduction) {
  SmallVector<int64_t> ranges = reduction.getStaticLoopRanges();
  form.columnRank = reduction.getNumReductionLoops();
  auto columns = ArrayRef(ranges).take_back(form.columnRank);
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  auto multiply = [](ArrayRef<int64_t> sizes) {
    int64_t product = 1;
    for (int64_t size : sizes)
      product = ShapedType::isDynamic(size) || ShapedType::isDynamic(product)
                    ? ShapedType::kDynamic
                    : product * size;
    return product;
  };
  bool isShort = llvm::all_of(columns, [](int64_t size) { return size == 1; });
  form.hasColumns = !isShort && shape.size() >= form.columnRank &&
                    shape.take_back(form.columnRank) == columns;
  form.rowRank = shape.size() - (form.hasColumns ? form.columnRank : 0);
  form.rows = multiply(shape.take_front(form.rowRank));
  form.columns = multiply(columns);
  columnSizes.assign(columns.begin(), columns.end());
  form.lastColumns = columns.back();
  for (int64_t size : shape.take_front(form.rowRank))
    isWideRow.push_back(size != 1);
  return form.columns != 0 && form.columns != 1 && form.rows != 0;
}

std::optional<RowForm> RowFinder::find() {
  linalg::GenericOp reduction = findReduction();
  if (!reduction || !chooseDimensions(reduction))
    return std::nullopt;
  auto type = cast<RankedTensorType>(value.getType());
  Place at;
  for (int64_t d = 0; d < type.getRank(); ++d)
    at.push_back(type.getDimSize(d) == 1 ? zero()
                                         : dim(static_cast<unsigned>(d)));
  if (form.hasColumns)
    for (unsigned i = 0; i < form.columnRank; ++i)
      at[form.rowRank + i] = dim(form.rowRank + i);
  if (!visit(value, at) || form.reductions.empty())
    return std::nullopt;
  if (form.hasColumns)
    form.mostBytes = std::max<int64_t>(
        form.mostBytes,
        llvm::divideCeil(type.getElementType().getIntOrFloatBitWidth(), 8));
  return form;
}

AffineExpr RowFinder::substitute(AffineExpr expr,
                                 ArrayRef<AffineExpr> loops) const {
  for (auto [d, loop] : llvm::enumerate(loops))
    if (!loop && expr.isFunctionOfDim(static_cast<unsigned>(d)))
      return {};
  SmallVector<AffineExpr> known(loops);
  for (AffineExpr &loop : known)
    if (!loop)
      loop = zero();
  return expr.replaceDims(known);
}

/// Memory of rows must have their columns side by side.
bool RowFinder::visitStored(Value tensor, const Place &at) {
  unsigned last = form.rowRank + form.columnRank - 1;
  auto dependsOn = [](AffineExpr expr, unsigned d) {
    return expr && expr.isFunctionOfDim(d);
  };
  bool isRow = false;
  for (unsigned d = form.rowRank; d <= last; ++d)
    isRow |= llvm::any_of(at, [&](AffineExpr e) { return dependsOn(e, d); });
  if (!isRow)
    return true;
  for (AffineExpr expr : ArrayRef(at).drop_back())
    if (dependsOn(expr, last))
      return false;
  if (dependsOn(at.back(), last) && at.back() != dim(last))
    return false;
  Type element = cast<ShapedType>(tensor.getType()).getElementType();
  form.mostBytes = std::max<int64_t>(
      form.mostBytes, llvm::divideCeil(element.getIntOrFloatBitWidth(), 8));
  return true;
}

bool RowFinder::visitInputs(linalg::GenericOp op, ArrayRef<AffineExpr> loops) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    Place at;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
      at.push_back(substitute(expr, loops));
    if (!visit(operand.get(), at))
      return false;
  }
  return !op.getBody()
              ->walk([&](tensor::ExtractOp extract) {
                Place at;
                for (Value i : extract.getIndices()) {
                  auto index = i.getDefiningOp<linalg::IndexOp>();
                  at.push_back(index ? loops[index.getDim()] : AffineExpr());
                }
                return visit(extract.getTensor(), at) ? WalkResult::advance()
                                                      : WalkResult::interrupt();
              })
              .wasInterrupted();
}

bool RowFinder::visitGeneric(linalg::GenericOp op, unsigned result,
                             const Place &at) {
  SmallVector<AffineExpr> loops(op.getNumLoops());
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(result));
  for (auto [expr, place] : llvm::zip(map.getResults(), at))
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      loops[loop.getPosition()] = place;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [loop, range] : llvm::zip(loops, ranges))
    if (range == 1)
      loop = zero();
  return visitInputs(op, loops);
}

/// Needed at each row once, and by no other reduction's columns. Windows are
/// too short for several invocations.
bool RowFinder::visitReduction(linalg::GenericOp op, const Place &at) {
  for (RowReduction &known : form.reductions)
    if (known.op == op)
      return known.at == at;
  Operation *combiner = mlir::dl::cpu::getCombiner(op);
  unsigned parallel = op.getNumParallelLoops();
  auto iterators = op.getIteratorTypesArray();
  if (isWindow(op) || !combiner || !linalg::getCombinerOpKind(combiner) ||
      !arith::getNeutralElement(combiner) ||
      op.getNumReductionLoops() != form.columnRank ||
      !llvm::all_of(ArrayRef(iterators).take_front(parallel),
                    linalg::isParallelIterator) ||
      !entry.canExchange(getElementTypeOrSelf(op->getResultTypes()[0])) ||
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)) !=
          AffineMap::getMultiDimIdentityMap(op.getNumLoops(), context)
              .getMajorSubMap(parallel))
    return false;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  // Formulas of the row's position alone, and of all of it.
  llvm::SmallBitVector isUsed(form.rowRank);
  for (AffineExpr expr : at) {
    if (!expr)
      return false;
    if (auto number = dyn_cast<AffineDimExpr>(expr)) {
      if (number.getPosition() >= form.rowRank)
        return false;
      isUsed.set(number.getPosition());
    } else if (expr != zero()) {
      return false;
    }
  }
  for (unsigned d = 0; d < form.rowRank; ++d)
    if (isWideRow[d] && !isUsed.test(d))
      return false;
  if (ArrayRef(ranges).drop_front(parallel) != ArrayRef(columnSizes))
    return false;
  SmallVector<AffineExpr> loops(at);
  for (unsigned i = 0; i < form.columnRank; ++i)
    loops.push_back(dim(form.rowRank + i));
  // Its start, and what its columns need, which may be other reductions.
  OpOperand *init = op.getDpsInitOperand(0);
  if (!visit(init->get(), at) || !visitInputs(op, loops))
    return false;
  form.reductions.push_back({op, at});
  return true;
}

RowFinder::Place RowFinder::getSlicePlace(tensor::ExtractSliceOp op,
                                          const Place &at) const {
  Place place;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  unsigned next = 0;
  for (unsigned d = 0; d < dropped.size(); ++d) {
    auto offset = getConstantIntValue(op.getMixedOffsets()[d]),
         stride = getConstantIntValue(op.getMixedStrides()[d]);
    AffineExpr from = dropped.test(d) ? zero() : at[next++];
    place.push_back(offset && stride && from ? from * *stride + *offset
                                             : AffineExpr());
  }
  return place;
}

/// Positions are kept where shapes differ by ones alone.
RowFinder::Place RowFinder::getReshapedPlace(ShapedType source,
                                             ShapedType result,
                                             const Place &at) const {
  SmallVector<int64_t> wideSource, wideResult;
  Place places;
  for (int64_t size : source.getShape())
    if (size != 1)
      wideSource.push_back(size);
  for (auto [size, place] : llvm::zip(result.getShape(), at))
    if (size != 1) {
      wideResult.push_back(size);
      places.push_back(place);
    }
  Place found(source.getRank());
  if (wideSource != wideResult)
    return found;
  size_t next = 0;
  for (auto [size, place] : llvm::zip(source.getShape(), found))
    place = size == 1 ? zero() : places[next++];
  return found;
}

bool RowFinder::visit(Value tensor, const Place &at) {
  std::pair<Value, Place> here{tensor, at};
  if (llvm::is_contained(visited, here))
    return true;
  // Where many positions are asked for, this is no row.
  constexpr size_t kMost = 256;
  if (visited.size() == kMost)
    return false;
  Operation *op = tensor.getDefiningOp();
  if (!op || isStored(tensor))
    return visitStored(tensor, at);
  bool fits = false;
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    unsigned result = cast<OpResult>(tensor).getResultNumber();
    fits = mlir::dl::cpu::isReduction(generic)
               ? visitReduction(generic, at)
               : visitGeneric(generic, result, at);
  } else if (isa<tensor::EmptyOp, tensor::SplatOp, tensor::FromElementsOp,
                 linalg::FillOp, arith::ConstantOp>(op)) {
    fits = true;
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    fits = visit(slice.getSource(), getSlicePlace(slice, at));
  } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    fits = visit(pad.getSource(), Place(at.size()));
  } else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
    Value source = op->getOperand(0);
    fits =
        visit(source, getReshapedPlace(cast<ShapedType>(source.getType()),
                                       cast<ShapedType>(tensor.getType()), at));
  }
  if (fits)
    visited.push_back(std::move(here));
  return fits;
}

namespace dl::gpucode {
std::optional<RowForm> findRows(Value value, IsStored isStored,
                                const EntryBuilder &entry) {
  std::optional<RowForm> form = RowFinder(value, isStored, entry).find();
  if (form && !entry.takesRows(*form))
    form.reset();
  return form;
}
} // namespace dl::gpucode

//===----------------------------------------------------------------------===//
// Stages that become one
//===----------------------------------------------------------------------===//

namespace {

/// Which stages read what others store, once some are computed by those that
/// need them.
class StageJoiner {
public:
  StageJoiner(Plan &plan, unsigned tensors)
      : plan(plan), tensors(tensors), isGone(plan.stages.size()) {}

  /// The stages before one that are left, without `except`.
  SmallVector<Stage> getStored(size_t stage, size_t except = ~size_t(0)) const {
    SmallVector<Stage> stored;
    for (size_t i = 0; i < stage; ++i)
      if (!isGone.test(i) && i != except)
        stored.push_back(plan.stages[i]);
    return stored;
  }
  bool isReadBy(size_t stage, Value value) const;
  /// Whether a stage alone writes a temporary, whole, which `user` alone reads.
  bool isOwn(size_t stage, size_t user) const;
  void remove(size_t stage) { isGone.set(stage); }
  bool isRemoved(size_t stage) const { return isGone.test(stage); }
  void finish();

private:
  bool isKept(Value value, size_t stage) const {
    for (size_t i = 0; i < stage; ++i)
      if (!isGone.test(i) && plan.stages[i].result == value)
        return true;
    return false;
  }

  Plan &plan;
  unsigned tensors;
  llvm::SmallBitVector isGone;
};

} // namespace

bool StageJoiner::isReadBy(size_t stage, Value value) const {
  const Stage &reader = plan.stages[stage];
  llvm::SetVector<Value> below;
  below.insert(reader.value);
  for (size_t i = 0; i < below.size(); ++i) {
    Value at = below[i];
    if (at == value)
      return true;
    Operation *op = at.getDefiningOp();
    if (!op || isKept(at, stage))
      continue;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (isa<TensorType>(operand.getType()))
          below.insert(operand);
    });
  }
  return reader.part && llvm::is_contained(reader.part->getOperands(), value);
}

bool StageJoiner::isOwn(size_t stage, size_t user) const {
  const Stage &kept = plan.stages[stage];
  if (isGone.test(stage) || kept.buffer < tensors || kept.part ||
      kept.sequential || !kept.result || kept.result != kept.value)
    return false;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    if (isGone.test(i) || i == stage)
      continue;
    if (plan.stages[i].buffer == kept.buffer)
      return false;
    if (i != user && i > stage && isReadBy(i, kept.result))
      return false;
  }
  return true;
}

/// Temporaries that are stored no more go.
void StageJoiner::finish() {
  SmallVector<Stage> stages;
  for (auto [i, stage] : llvm::enumerate(plan.stages))
    if (!isGone.test(i))
      stages.push_back(stage);
  SmallVector<Value> temporaries;
  for (auto [i, value] : llvm::enumerate(plan.temporaries)) {
    unsigned old = tensors + static_cast<unsigned>(i),
             now = tensors + static_cast<unsigned>(temporaries.size());
    bool isKept = false;
    for (Stage &stage : stages)
      if (stage.buffer == old) {
        stage.buffer = now;
        isKept = true;
      }
    if (isKept)
      temporaries.push_back(value);
  }
  plan.stages = std::move(stages);
  plan.temporaries = std::move(temporaries);
}

namespace dl::gpucode {
void joinStages(Plan &plan, unsigned tensors, const EntryBuilder &entry,
                function_ref<bool(const Stage &, ArrayRef<Stage>)> isProduct) {
  StageJoiner joiner(plan, tensors);
  for (size_t last = plan.stages.size(); last-- > 0;) {
    const Stage &stage = plan.stages[last];
    if (joiner.isRemoved(last) || stage.part || stage.sequential ||
        isProduct(stage, joiner.getStored(last)))
      continue;
    for (size_t i = last; i-- > 0;) {
      Stage kept = plan.stages[i];
      if (!joiner.isOwn(i, last))
        continue;
      SmallVector<Stage> stored = joiner.getStored(last, i);
      auto isStored = [&](Value value) {
        return llvm::is_contained(
            llvm::map_range(stored,
                            [](const Stage &other) { return other.result; }),
            value);
      };
      if (isProduct(kept, joiner.getStored(i))) {
        // What bodies read at positions of their own stays in memory.
        bool isOperand =
            llvm::all_of(kept.result.getUsers(), [&](Operation *user) {
              return user->getBlock() == kept.result.getParentBlock();
            });
        if (isOperand && isProduct(stage, stored)) {
          joiner.remove(i);
          break;
        }
      } else if (findRows(stage.value, isStored, entry)) {
        joiner.remove(i);
      }
    }
  }
  joiner.finish();
}
} // namespace dl::gpucode
