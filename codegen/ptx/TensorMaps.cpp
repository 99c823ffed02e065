// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/TensorMaps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::StageFunction;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;

namespace {

/// A product of a number and sizes, the form that the module can hold.
struct Product {
  int64_t scale = 1;
  SmallVector<unsigned> sizes;

  bool operator==(const Product &other) const {
    return scale == other.scale && sizes == other.sizes;
  }
};

} // namespace

static std::optional<Product> toProduct(AffineExpr expr) {
  if (!expr)
    return std::nullopt;
  Product product;
  SmallVector<AffineExpr> factors = {expr};
  while (!factors.empty()) {
    AffineExpr factor = factors.pop_back_val();
    if (auto constant = dyn_cast<AffineConstantExpr>(factor)) {
      product.scale *= constant.getValue();
    } else if (auto symbol = dyn_cast<AffineSymbolExpr>(factor)) {
      product.sizes.push_back(symbol.getPosition());
    } else if (factor.getKind() == AffineExprKind::Mul) {
      auto both = cast<AffineBinaryOpExpr>(factor);
      factors.append({both.getLHS(), both.getRHS()});
    } else {
      return std::nullopt;
    }
  }
  llvm::sort(product.sizes);
  return product;
}

static SmallVector<AffineExpr> getTerms(AffineExpr expr) {
  SmallVector<AffineExpr> terms, open = {expr};
  while (!open.empty()) {
    AffineExpr next = open.pop_back_val();
    if (next.getKind() == AffineExprKind::Add) {
      auto both = cast<AffineBinaryOpExpr>(next);
      open.append({both.getLHS(), both.getRHS()});
    } else if (next != getAffineConstantExpr(0, expr.getContext())) {
      terms.push_back(next);
    }
  }
  return terms;
}

/// A term that is a loop's position, some times.
static std::optional<std::pair<unsigned, int64_t>> toLoop(AffineExpr term) {
  int64_t times = 1;
  if (term.getKind() == AffineExprKind::Mul) {
    auto both = cast<AffineBinaryOpExpr>(term);
    auto factor = dyn_cast<AffineConstantExpr>(both.getRHS());
    if (!factor || factor.getValue() <= 0)
      return std::nullopt;
    times = factor.getValue();
    term = both.getLHS();
  }
  auto loop = dyn_cast<AffineDimExpr>(term);
  if (!loop)
    return std::nullopt;
  return std::pair(loop.getPosition(), times);
}

namespace {

/// An operand's dimensions by loops.
class MapFinder {
public:
  MapFinder(StageFunction &stage, const Contraction &contraction,
            OpOperand *operand)
      : stage(stage), contraction(contraction), op(contraction.op),
        operand(operand), context(op.getContext()),
        ranges(op.getStaticLoopRanges()), steps(op.getNumLoops()) {}

  std::optional<OperandMap> find(ArrayRef<unsigned> lines);

private:
  AffineExpr number(int64_t value) const {
    return getAffineConstantExpr(value, context);
  }
  AffineExpr getExtent(unsigned loop) {
    return stage.toExpr(stage.emitter.loopSize(op, loop));
  }
  bool moveToMemory();
  bool moveToSource(Operation *from);
  std::pair<AffineExpr, AffineExpr> divide(AffineExpr expr, int64_t by) const;
  std::optional<int64_t> getMost(ArrayRef<AffineExpr> terms) const;
  bool findSteps();
  std::optional<MapDimension> join(MapDimension::Kind kind,
                                   ArrayRef<unsigned> loops,
                                   SmallVectorImpl<unsigned> *others = nullptr);
  bool addOthers(ArrayRef<unsigned> loops, const MapDimension &depth,
                 OperandMap &result);

  StageFunction &stage;
  const Contraction &contraction;
  linalg::GenericOp op;
  OpOperand *operand;
  MLIRContext *context;
  SmallVector<int64_t> ranges;
  /// What lies in memory, and where in it the operand's element is: formulas of
  /// the loops.
  Value stored;
  SmallVector<AffineExpr> place;
  /// Bytes from one position of a loop to the next; null where none.
  SmallVector<AffineExpr> steps;
  SmallVector<MapDimension> fixed; ///< that none of the loops alone counts
};

} // namespace

/// The largest value of a sum; nothing where it is not known.
std::optional<int64_t> MapFinder::getMost(ArrayRef<AffineExpr> terms) const {
  int64_t most = 0;
  for (AffineExpr term : terms) {
    if (auto constant = dyn_cast<AffineConstantExpr>(term)) {
      most += constant.getValue();
      continue;
    }
    auto loop = toLoop(term);
    if (!loop || ShapedType::isDynamic(ranges[loop->first]))
      return std::nullopt;
    most += loop->second * (ranges[loop->first] - 1);
  }
  return most;
}

/// Quotient and remainder: by terms, where what is left stays below the
/// divisor.
std::pair<AffineExpr, AffineExpr> MapFinder::divide(AffineExpr expr,
                                                    int64_t by) const {
  AffineExpr quotient = number(0), rest = number(0);
  SmallVector<AffineExpr> left;
  for (AffineExpr term : getTerms(expr)) {
    if (term.isMultipleOf(by)) {
      quotient = quotient + term.floorDiv(by);
    } else {
      left.push_back(term);
      rest = rest + term;
    }
  }
  std::optional<int64_t> most = getMost(left);
  if (most && *most < by)
    return {quotient, rest};
  return {expr.floorDiv(by), expr % by};
}

/// Goes on in what a view is of; false where an operation computes.
bool MapFinder::moveToSource(Operation *from) {
  SmallVector<AffineExpr> next;
  if (auto divided = dyn_cast_or_null<tensor::ExpandShapeOp>(from)) {
    ArrayRef<int64_t> shape = divided.getResultType().getShape();
    for (const ReassociationIndices &group :
         divided.getReassociationIndices()) {
      AffineExpr at = number(0);
      for (int64_t d : group) {
        if (ShapedType::isDynamic(shape[d]) && d != group.front())
          return false;
        at = d == group.front() ? place[d] : at * shape[d] + place[d];
      }
      next.push_back(at);
    }
    stored = divided.getSrc();
  } else if (auto joined = dyn_cast_or_null<tensor::CollapseShapeOp>(from)) {
    ArrayRef<int64_t> shape = joined.getSrcType().getShape();
    next.assign(shape.size(), number(0));
    for (auto [i, group] : llvm::enumerate(joined.getReassociationIndices())) {
      AffineExpr rest = place[i];
      for (int64_t d : llvm::reverse(group)) {
        if (d == group.front()) {
          next[d] = rest;
        } else if (ShapedType::isDynamic(shape[d])) {
          return false;
        } else if (shape[d] != 1) {
          std::tie(rest, next[d]) = divide(rest, shape[d]);
        }
      }
    }
    stored = joined.getSrc();
  } else if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(from)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    size_t kept = 0;
    for (auto [d, offset, stride] :
         llvm::enumerate(slice.getStaticOffsets(), slice.getStaticStrides())) {
      if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(stride))
        return false;
      AffineExpr at = dropped.test(d) ? number(0) : place[kept++];
      next.push_back(at * stride + offset);
    }
    stored = slice.getSource();
  } else if (auto moved = dyn_cast_or_null<linalg::GenericOp>(from)) {
    auto yielded = dyn_cast<BlockArgument>(
        moved.getBody()->getTerminator()->getOperand(0));
    if (moved.getNumParallelLoops() != moved.getNumLoops() ||
        moved.getNumResults() != 1 || !yielded ||
        yielded.getOwner() != moved.getBody() ||
        yielded.getArgNumber() >= moved.getNumDpsInputs() ||
        !moved.getMatchingIndexingMap(moved.getDpsInitOperand(0)).isIdentity())
      return false;
    OpOperand *input = moved.getDpsInputOperand(yielded.getArgNumber());
    for (AffineExpr expr : moved.getMatchingIndexingMap(input).getResults())
      next.push_back(expr.replaceDims(place));
    stored = input->get();
  } else {
    return false;
  }
  for (AffineExpr &expr : next)
    expr = simplifyAffineExpr(expr, op.getNumLoops(), 0);
  place = next;
  return true;
}

bool MapFinder::moveToMemory() {
  stored = operand->get();
  place = llvm::to_vector(op.getMatchingIndexingMap(operand).getResults());
  while (!stage.emitter.buffers.contains(stored))
    if (!moveToSource(stored.getDefiningOp()))
      return false;
  return true;
}

/// Divides the place in memory among the loops.
bool MapFinder::findSteps() {
  const Buffer &buffer = stage.emitter.buffers.find(stored)->second;
  if (!buffer.strides.empty() || buffer.offset)
    return false;
  AffineExpr stride = number(contraction.factorBytes());
  for (size_t i = place.size(); i-- > 0;) {
    AffineExpr size = stage.toExpr(buffer.sizes[i]), rest = number(0);
    if (!size)
      return false;
    for (AffineExpr term : getTerms(place[i])) {
      auto loop = toLoop(term);
      if (!loop) {
        rest = rest + term;
      } else if (ranges[loop->first] != 1) {
        AffineExpr &step = steps[loop->first];
        AffineExpr own = stride * loop->second;
        step = step ? step + own : own;
      }
    }
    bool isOfBatch = true;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      isOfBatch &= !rest.isFunctionOfDim(loop) ||
                   llvm::is_contained(contraction.batch, loop);
    if (!isOfBatch)
      return false;
    if (rest != number(0))
      fixed.push_back({MapDimension::Batch, rest, size, stride});
    stride = stride * size;
  }
  return true;
}

/// Some loops as one dimension, which they are where they lie one after another
/// in memory; from the first that does not on, loops go to `others`.
std::optional<MapDimension> MapFinder::join(MapDimension::Kind kind,
                                            ArrayRef<unsigned> loops,
                                            SmallVectorImpl<unsigned> *others) {
  AffineExpr extent = number(1), step;
  for (unsigned loop : llvm::reverse(loops)) {
    if (ranges[loop] == 1)
      continue;
    AffineExpr size = getExtent(loop);
    if (!steps[loop] || !toProduct(size))
      return std::nullopt;
    bool follows = !step || toProduct(steps[loop]) == toProduct(step * extent);
    if (others && (!follows || !others->empty())) {
      others->push_back(loop);
      continue;
    }
    if (!follows)
      return std::nullopt;
    if (!step)
      step = steps[loop];
    extent = extent * size;
  }
  if (!toProduct(step))
    return std::nullopt;
  return MapDimension{kind, AffineExpr(), extent, step};
}

/// Adds dimensions for the contracted loops that are not part of `depth`, if no
/// box goes from one of their positions to the next.
bool MapFinder::addOthers(ArrayRef<unsigned> loops, const MapDimension &depth,
                          OperandMap &result) {
  auto inner = dyn_cast<AffineConstantExpr>(depth.extent);
  if (!loops.empty() &&
      (!inner || inner.getValue() % (kBoxBytes / contraction.factorBytes())))
    return false;
  for (unsigned loop : loops) {
    result.innerDepth = inner.getValue();
    result.dimensions.push_back({MapDimension::Batch,
                                 getAffineDimExpr(loop, context),
                                 getExtent(loop), steps[loop]});
  }
  return true;
}

std::optional<OperandMap> MapFinder::find(ArrayRef<unsigned> lines) {
  constexpr size_t kMostRank = 5;
  constexpr int64_t kStrideBytes = 16;
  if (!moveToMemory() || !findSteps())
    return std::nullopt;
  auto line = join(MapDimension::Lines, lines);
  SmallVector<unsigned> others;
  auto depth = join(MapDimension::Depth, contraction.reduced, &others);
  if (!line || !depth)
    return std::nullopt;
  OperandMap result;
  result.elementType = contraction.factorType;
  result.memory = stage.emitter.buffers[stored].memory;
  AffineExpr element = number(contraction.factorBytes());
  if (line->strideBytes == element)
    result.dimensions = {*line, *depth};
  else if (depth->strideBytes == element)
    result.dimensions = {*depth, *line};
  else
    return std::nullopt;
  if (!addOthers(others, *depth, result))
    return std::nullopt;
  for (unsigned loop : contraction.batch)
    if (steps[loop])
      result.dimensions.push_back({MapDimension::Batch,
                                   getAffineDimExpr(loop, context),
                                   getExtent(loop), steps[loop]});
  llvm::append_range(result.dimensions, fixed);
  if (result.dimensions.size() > kMostRank)
    return std::nullopt;
  for (const MapDimension &dimension : ArrayRef(result.dimensions).drop_front())
    if (!toProduct(dimension.extent) || !toProduct(dimension.strideBytes) ||
        dimension.strideBytes.getLargestKnownDivisor() % kStrideBytes != 0)
      return std::nullopt;
  return result;
}

namespace dl::ptx {
std::optional<OperandMap> findOperandMap(StageFunction &stage,
                                         const Contraction &contraction,
                                         OpOperand *operand,
                                         ArrayRef<unsigned> lines) {
  return MapFinder(stage, contraction, operand).find(lines);
}
} // namespace dl::ptx
