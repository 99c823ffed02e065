// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reductions: loops over the reduced dimensions, with the lanes either along
// parallel dimensions (each lane reduces for itself) or along the innermost
// reduced dimension (lanes are combined at the end).

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

//===----------------------------------------------------------------------===//
// Which reductions an element needs
//===----------------------------------------------------------------------===//

void ElementEmitter::visitOperands(
    Value tensor, ArrayRef<LaneIndex> position,
    function_ref<void(Value, ArrayRef<LaneIndex>)> visit) {
  if (buffers.count(tensor))
    return;
  Operation *op = tensor.getDefiningOp();
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op)) {
    Position dims = iterationPosition(
        generic, cast<OpResult>(tensor).getResultNumber(), position);
    for (LaneIndex &dim : dims)
      if (!dim.isSet()) {
        // A reduced dimension: depends on all, so that what depends on it is
        // never computed ahead of it.
        dim = index.uniform(index.constant(0), ~uint64_t(0));
      }
    for (OpOperand *operand : generic.getDpsInputOperands())
      if (!generic.getMatchingBlockArgument(operand).use_empty())
        visit(operand->get(),
              mapPosition(generic.getMatchingIndexingMap(operand), dims));
  } else if (auto pad = dyn_cast_or_null<tensor::PadOp>(op)) {
    visit(pad.getSource(), position);
  } else if (op) {
    if (auto source = moveToSource(op, position))
      visit(source->first, source->second);
  }
}

static uint64_t getDependencies(ArrayRef<LaneIndex> position) {
  uint64_t all = 0;
  for (const LaneIndex &lane : position)
    all |= lane.dependencies;
  return all;
}

void ElementEmitter::walkElements(
    Value tensor, ArrayRef<LaneIndex> position,
    function_ref<bool(Value, ArrayRef<LaneIndex>)> enter) {
  DenseMap<Value, SmallVector<Position, 1>> seen;
  auto walk = [&](auto &self, Value value, ArrayRef<LaneIndex> at) -> void {
    SmallVector<Position, 1> &known = seen[value];
    if (llvm::any_of(known, [&](const Position &other) {
          return ArrayRef(other) == at;
        }))
      return;
    known.emplace_back(at);
    if (enter(value, at))
      visitOperands(value, at, [&](Value operand, ArrayRef<LaneIndex> there) {
        self(self, operand, there);
      });
  };
  walk(walk, tensor, position);
}

void ElementEmitter::hoistReductions(Value tensor, ArrayRef<LaneIndex> position,
                                     uint64_t inner) {
  walkElements(tensor, position, [&](Value value, ArrayRef<LaneIndex> at) {
    auto generic = value.getDefiningOp<linalg::GenericOp>();
    bool isReady = generic && isReduction(generic) && !buffers.count(value) &&
                   !(getDependencies(at) & inner);
    if (isReady)
      read(value, at);
    return !isReady;
  });
}

void ElementEmitter::collectDependencies(Value tensor,
                                         ArrayRef<LaneIndex> position,
                                         SmallVectorImpl<uint64_t> &sets) {
  walkElements(tensor, position, [&](Value value, ArrayRef<LaneIndex> at) {
    auto generic = value.getDefiningOp<linalg::GenericOp>();
    if (generic && isReduction(generic) && !buffers.count(value))
      sets.push_back(getDependencies(at));
    return true;
  });
}

void ElementEmitter::collectReductions(Value tensor,
                                       ArrayRef<LaneIndex> position,
                                       SmallVectorImpl<ReductionAt> &found) {
  walkElements(tensor, position, [&](Value value, ArrayRef<LaneIndex> at) {
    auto generic = value.getDefiningOp<linalg::GenericOp>();
    if (!generic || !isReduction(generic) || buffers.count(value))
      return true;
    unsigned result = cast<OpResult>(value).getResultNumber();
    AffineMap first =
        generic.getIndexingMapMatchingResult(generic->getResult(0));
    ReductionAt reduction(
        generic, mapPosition(first, iterationPosition(generic, result, at)));
    if (!llvm::is_contained(found, reduction))
      found.push_back(std::move(reduction));
    return false;
  });
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Operation *mlir::dl::cpu::getCombiner(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1)
    return nullptr;
  SmallVector<Operation *, 4> combiners;
  if (!matchReduction(op.getRegionOutputArgs(), 0, combiners) ||
      combiners.size() != 1)
    return nullptr;
  return combiners.front();
}

Element ElementEmitter::readReduction(linalg::GenericOp op, unsigned result,
                                      ArrayRef<LaneIndex> position) {
  Position dims = iterationPosition(op, result, position);
  bool isUniform =
      llvm::all_of(position, [](const LaneIndex &i) { return i.isUniform(); });
  Operation *combiner = getCombiner(op);
  if (isUniform && width() > 1 && combiner &&
      linalg::getCombinerOpKind(combiner))
    return reduceAcrossLanes(op, dims, combiner);
  SmallVector<Element> results =
      reduceByLane(op, dims, /*unroll=*/false).front();
  for (auto [i, element] : llvm::enumerate(results))
    if (i != result && element.value) {
      AffineMap map = op.getIndexingMapMatchingResult(op->getResult(i));
      remember(op->getResult(i), mapPosition(map, dims), element);
    }
  return result < results.size() ? results[result] : Element();
}

/// Whether an operation is a sum of floats of so many elements that rounding in
/// order would be felt: that grows with the root of their number.
static bool isLongSum(linalg::GenericOp op, ArrayRef<unsigned> reduced) {
  constexpr int64_t kLong = 256;
  Operation *combiner = getCombiner(op);
  int64_t count = 1;
  for (unsigned d : reduced) {
    int64_t range = op.getStaticLoopRanges()[d];
    if (ShapedType::isDynamic(range))
      return false;
    count *= range;
  }
  return count >= kLong && isa_and_nonnull<arith::AddFOp>(combiner);
}

SmallVector<SmallVector<Element>>
ElementEmitter::reduceByLane(linalg::GenericOp op,
                             MutableArrayRef<Position> dims, bool unroll) {
  bool isVector = llvm::any_of(dims.front(), [](const LaneIndex &i) {
    return i.isSet() && !i.isUniform();
  });
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  unsigned results = op->getNumResults();

  SmallVector<Value> initial;
  for (const Position &at : dims)
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Element element =
          read(init.get(), mapPosition(op.getMatchingIndexingMap(&init), at));
      initial.push_back(isVector ? toVector(element) : element.value);
    }
  // Short loops of known lengths, windows above all, are unrolled: offsets and
  // masks become constants.
  constexpr int64_t kUnrolled = 32;
  int64_t steps = 1;
  for (unsigned d : reduced) {
    int64_t range = op.getStaticLoopRanges()[d];
    steps = ShapedType::isDynamic(range) || steps > kUnrolled ? kUnrolled + 1
                                                              : steps * range;
  }
  unroll |= steps <= kUnrolled;
  bool isLong = isLongSum(op, reduced);

  auto enter = [&](unsigned d, Value i) {
    for (Position &at : dims)
      at[d] = index.uniform(i, ~uint64_t(0));
  };
  Value zero = index.constant(0), one = index.constant(1);
  // A long sum is one of sums: what one level adds starts from zero.
  auto addApart = [&](ValueRange carried,
                      function_ref<SmallVector<Value>(ValueRange)> sum) {
    Value start = arith::ConstantOp::create(
        builder, loc, builder.getZeroAttr(carried.front().getType()));
    SmallVector<Value> sums = sum(SmallVector<Value>(carried.size(), start));
    for (auto [all, part] : llvm::zip(carried, sums))
      part = arith::AddFOp::create(builder, loc, all, part);
    return sums;
  };
  std::function<SmallVector<Value>(unsigned, ValueRange)> nest =
      [&](unsigned depth, ValueRange carried) -> SmallVector<Value> {
    if (depth == reduced.size()) {
      SmallVector<Value> all;
      for (auto [i, at] : llvm::enumerate(dims)) {
        ValueRange mine = carried.slice(i * results, results);
        SmallVector<Element> accumulators;
        for (Value value : mine)
          accumulators.push_back({value, isVector});
        Scope scope(*this);
        SmallVector<Element> next = emitBody(op, at, accumulators);
        for (auto [j, value] : llvm::enumerate(mine))
          all.push_back(next.size() != results ? value
                        : isVector             ? toVector(next[j])
                                               : next[j].value);
      }
      return all;
    }
    unsigned d = reduced[depth];
    Value extent = loopSize(op, d);
    if (unroll) {
      SmallVector<Value> values(carried);
      for (int64_t i = 0; i < *IndexBuilder::getConstant(extent); ++i) {
        enter(d, index.constant(i));
        values = nest(depth + 1, values);
      }
      return values;
    }
    auto loop = [&](Value from, Value to, ValueRange start) {
      return emitLoop(builder, loc, from, to, one, start,
                      [&](Value i, ValueRange inner) {
                        enter(d, i);
                        return nest(depth + 1, inner);
                      });
    };
    if (!isLong)
      return loop(zero, extent, carried);
    if (depth > 0)
      return addApart(
          carried, [&](ValueRange start) { return loop(zero, extent, start); });
    if (reduced.size() > 1)
      return loop(zero, extent, carried);
    Value piece = index.constant(64);
    return emitLoop(
        builder, loc, zero, extent, piece, carried,
        [&](Value from, ValueRange inner) {
          return addApart(inner, [&](ValueRange start) {
            return loop(from, index.min(index.add(from, piece), extent), start);
          });
        });
  };
  for (unsigned d : reduced)
    enter(d, zero);
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!op.getMatchingBlockArgument(operand).use_empty())
      for (const Position &at : dims)
        hoistReductions(operand->get(),
                        mapPosition(op.getMatchingIndexingMap(operand), at),
                        uint64_t(1) << 63);
  auto emitAll = [&] { return nest(0, initial); };
  SmallVector<Value> values =
      dims.size() > 1 ? emitAll()
                      : emitByBorder(op, dims.front(),
                                     ValueRange(initial).getTypes(), emitAll);
  SmallVector<SmallVector<Element>> elements(dims.size());
  for (auto [i, value] : llvm::enumerate(values))
    elements[i / results].push_back({value, isVector});
  return elements;
}

void ElementEmitter::reduceTogether(linalg::GenericOp op,
                                    ArrayRef<Position> positions, bool unroll) {
  SmallVector<Position, 0> dims;
  for (const Position &position : positions)
    dims.push_back(iterationPosition(op, 0, position));
  for (auto [at, elements] : llvm::zip(dims, reduceByLane(op, dims, unroll)))
    for (auto [i, element] : llvm::enumerate(elements)) {
      AffineMap map = op.getIndexingMapMatchingResult(op->getResult(i));
      remember(op->getResult(i), mapPosition(map, at), element);
    }
}

namespace {

/// A reduction whose lanes belong to the innermost reduced dimension: a vector
/// adds up, or combines otherwise, what its lanes see.
class LaneReduction {
public:
  LaneReduction(ElementEmitter &emitter, linalg::GenericOp op, Position dims,
                Operation *combiner, Type elementType)
      : emitter(emitter), index(emitter.index), builder(emitter.builder),
        loc(emitter.loc), op(op), dims(std::move(dims)),
        kind(*linalg::getCombinerOpKind(combiner)) {
    op.getReductionDims(reduced);
    if (auto mathOp = dyn_cast<arith::ArithFastMathInterface>(combiner))
      flags = mathOp.getFastMathFlagsAttr();
    TypedAttr neutral = *arith::getNeutralElement(combiner);
    start = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(emitter.vectorType(elementType),
                               Attribute(neutral)));
  }

  /// All elements, combined with `initial`.
  Value run(Value initial) {
    for (unsigned d : reduced)
      dims[d] = index.uniform(index.constant(0), ~uint64_t(0));
    for (OpOperand *operand : op.getDpsInputOperands())
      if (!op.getMatchingBlockArgument(operand).use_empty())
        emitter.hoistReductions(
            operand->get(),
            emitter.mapPosition(op.getMatchingIndexingMap(operand), dims),
            uint64_t(1) << 63);
    // Rows too short for several take one each, side by side.
    auto extent =
        IndexBuilder::getConstant(emitter.loopSize(op, reduced.back()));
    hasShortRows = extent && *extent < kAccumulators * emitter.width();
    Value outerMask = emitter.mask;
    Value lanes = combineAlong(0, start);
    emitter.mask = outerMask;
    return vector::ReductionOp::create(builder, loc, kind, lanes, initial,
                                       flags ? flags.getValue()
                                             : arith::FastMathFlags::none);
  }

private:
  using Combine = function_ref<Value(Value at, Value carried)>;

  Value combine(Value at, Value carried);
  Value combineTogether(Value carried, Value limit, int64_t length,
                        Combine combineAt);
  Value combineUpTo(Value from, Value limit, int64_t length, Value carried,
                    Combine combineAt);
  Value combineAlong(unsigned depth, Value carried);
  Value combineInnermost(Value carried);
  Value combineRest(Value limit, Value extent, Value carried);

  /// Several accumulators hide the latency of the combining operation.
  static constexpr int64_t kAccumulators = 4;

  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  linalg::GenericOp op;
  Position dims;
  vector::CombiningKind kind;
  SmallVector<unsigned> reduced;
  arith::FastMathFlagsAttr flags;
  Value start; ///< neutral elements
  bool hasShortRows = false;
};

} // namespace

/// With a vector of elements from position `at` of the innermost dimension on.
Value LaneReduction::combine(Value at, Value carried) {
  ElementEmitter::Scope scope(emitter);
  LaneIndex &innermost = dims[reduced.back()];
  innermost = index.uniform(at, ~uint64_t(0));
  innermost.stride = 1;
  SmallVector<Element> next = emitter.emitBody(op, dims, {{carried, true}});
  return next.empty() ? carried : emitter.toVector(next.front());
}

/// Steps of `length` up to `limit`, an accumulator each, which are combined at
/// the end.
Value LaneReduction::combineTogether(Value carried, Value limit, int64_t length,
                                     Combine combineAt) {
  SmallVector<Value> starts(kAccumulators, start);
  starts[0] = carried;
  SmallVector<Value> sums =
      emitLoop(builder, loc, index.constant(0), limit,
               index.constant(kAccumulators * length), starts,
               [&](Value i, ValueRange inner) {
                 SmallVector<Value> next;
                 for (int64_t a = 0; a < kAccumulators; ++a)
                   next.push_back(combineAt(
                       index.add(i, index.constant(a * length)), inner[a]));
                 return next;
               });
  Value all = sums[0];
  for (Value sum : ArrayRef(sums).drop_front())
    all = vector::makeArithReduction(builder, loc, kind, all, sum, flags);
  return all;
}

/// Steps of `length`, one after the other.
Value LaneReduction::combineUpTo(Value from, Value limit, int64_t length,
                                 Value carried, Combine combineAt) {
  return emitLoop(builder, loc, from, limit, index.constant(length), carried,
                  [&](Value i, ValueRange inner) -> SmallVector<Value> {
                    return {combineAt(i, inner.front())};
                  })
      .front();
}

/// Over the reduced dimensions from `depth` on.
Value LaneReduction::combineAlong(unsigned depth, Value carried) {
  if (depth + 1 == reduced.size())
    return combineInnermost(carried);
  unsigned d = reduced[depth];
  Value extent = emitter.loopSize(op, d), done = index.constant(0);
  auto at = [&](Value i, Value sum) {
    dims[d] = index.uniform(i, ~uint64_t(0));
    return combineAlong(depth + 1, sum);
  };
  if (hasShortRows && depth + 2 == reduced.size()) {
    done = index.sub(extent, index.rem(extent, index.constant(kAccumulators)));
    carried = combineTogether(carried, done, 1, at);
  }
  return combineUpTo(done, extent, 1, carried, at);
}

Value LaneReduction::combineInnermost(Value carried) {
  emitter.mask = Value();
  int64_t width = emitter.width();
  Value extent = emitter.loopSize(op, reduced.back()), done = index.constant(0);
  auto known = IndexBuilder::getConstant(extent);
  auto at = [&](Value i, Value sum) { return combine(i, sum); };
  if (!known || *known >= kAccumulators * width) {
    done = index.sub(extent,
                     index.rem(extent, index.constant(kAccumulators * width)));
    carried = combineTogether(carried, done, width, at);
  }
  Value limit = index.sub(extent, index.rem(extent, index.constant(width)));
  carried = combineUpTo(done, limit, width, carried, at);
  return known && *known % width == 0 ? carried
                                      : combineRest(limit, extent, carried);
}

/// The rest, if there is one, with the lanes past the end left unchanged.
Value LaneReduction::combineRest(Value limit, Value extent, Value carried) {
  Value hasRest = index.less(limit, extent);
  auto ifOp = scf::IfOp::create(builder, loc, carried.getType(), hasRest,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.elseBlock());
  scf::YieldOp::create(builder, loc, carried);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  Value mask = vector::CreateMaskOp::create(
      builder, loc, emitter.vectorType(builder.getI1Type()),
      ValueRange{index.sub(extent, limit)});
  emitter.mask = mask;
  Value next = combine(limit, carried);
  scf::YieldOp::create(
      builder, loc,
      ValueRange{arith::SelectOp::create(builder, loc, mask, next, carried)});
  emitter.mask = Value();
  return ifOp.getResult(0);
}

Element ElementEmitter::reduceAcrossLanes(linalg::GenericOp op, Position dims,
                                          Operation *combiner) {
  OpOperand *init = op.getDpsInitOperand(0);
  Value initial =
      read(init->get(), mapPosition(op.getMatchingIndexingMap(init), dims))
          .value;
  return {LaneReduction(*this, op, std::move(dims), combiner, initial.getType())
              .run(initial),
          false};
}
