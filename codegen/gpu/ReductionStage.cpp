// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reductions by several invocations together.

#include "codegen/gpu/Combiner.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/Lanes.h"
#include "codegen/gpu/LoopBound.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Element;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Whether neighbours in the memory of what is reduced are reduced together.
static bool runsAlongMemory(linalg::GenericOp op) {
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!map.getNumResults() ||
        op.getMatchingBlockArgument(operand).use_empty())
      continue;
    AffineExpr last = map.getResults().back();
    // Where two are multiplied, the larger one counts.
    if (map.getNumResults() > 1 || op.getNumDpsInputs() == 1)
      if (!llvm::any_of(reduced,
                        [&](unsigned d) { return last.isFunctionOfDim(d); }))
        return false;
  }
  return true;
}

/// Whether a loop's positions are neighbours in what an operand is read from.
static bool runsAlong(linalg::GenericOp op, unsigned loop) {
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    return map.getNumResults() > 1 &&
           !op.getMatchingBlockArgument(operand).use_empty() &&
           map.getResults().back() == getAffineDimExpr(loop, op->getContext());
  });
}

namespace dl::gpucode {
/// Vectors along the memory of what is reduced: along a reduced loop, where
/// steps are left for all invocations of a result, or across results, where
/// these keep the device busy.
ElementBlock chooseBlock(linalg::GenericOp op, Value value,
                         const EntryBuilder &entry) {
  constexpr int64_t kParts = 32, kFewestParts = 2;
  ElementBlock block;
  int64_t width = entry.getVectorWidth();
  if (width == 1)
    return block;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto isWhole = [&](int64_t size) {
    return !ShapedType::isDynamic(size) && size > 0 && size % width == 0;
  };
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  if (!runsAlongMemory(op)) {
    auto type = cast<RankedTensorType>(value.getType());
    bool isBusy = type.getRank() && type.hasStaticShape() &&
                  type.getNumElements() / width * kFewestParts >=
                      entry.getBusyInvocations();
    if (isBusy && isWhole(type.getShape().back())) {
      block.width = width;
      block.lanes = type.getRank() - 1;
    }
    return block;
  }
  int64_t steps = 1;
  for (unsigned d : reduced)
    steps *= ShapedType::isDynamic(ranges[d]) ? kParts * width : ranges[d];
  for (auto [i, d] : llvm::enumerate(reduced))
    if (isWhole(ranges[d]) && runsAlong(op, d) && steps >= kParts * width) {
      block.width = width;
      block.reduced = i;
    }
  return block;
}

std::optional<linalg::GenericOp> findReduction(Value value, IsStored isStored) {
  constexpr int64_t kShort = 64;
  llvm::SetVector<Operation *> below;
  if (Operation *op = value.getDefiningOp())
    below.insert(op);
  linalg::GenericOp found;
  for (size_t i = 0; i < below.size(); ++i) {
    auto generic = dyn_cast<linalg::GenericOp>(below[i]);
    if (generic && mlir::dl::cpu::isReduction(generic)) {
      // What is below is read as it is.
      if (found)
        return std::nullopt;
      found = generic;
      continue;
    }
    for (Value operand : below[i]->getOperands())
      if (Operation *op = operand.getDefiningOp(); op && !isStored(operand))
        below.insert(op);
  }
  if (!found || !mlir::dl::cpu::followsElementwise(value, found))
    return std::nullopt;
  Operation *combiner = mlir::dl::cpu::getCombiner(found);
  if (!combiner || !linalg::getCombinerOpKind(combiner) ||
      !arith::getNeutralElement(combiner))
    return std::nullopt;
  SmallVector<unsigned> reduced;
  found.getReductionDims(reduced);
  SmallVector<int64_t> ranges = found.getStaticLoopRanges();
  int64_t steps = 1;
  for (unsigned d : reduced)
    steps = ShapedType::isDynamic(ranges[d]) || steps >= kShort
                ? kShort
                : steps * ranges[d];
  if (steps < kShort)
    return std::nullopt;
  return found;
}
} // namespace dl::gpucode

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

namespace {

/// Emits the groups of results that workgroups have: parts of each are
/// combined in shared memory.
class ReductionEmitter {
public:
  /// Of a loop that is divided, a dispatch does steps `firstTrip` to `endTrip`;
  /// null where none is.
  ReductionEmitter(StageFunction &stage, const Stage &about,
                   const Buffer &buffer, const ElementBlock &block,
                   linalg::GenericOp op, Value firstTrip, Value endTrip);

  /// Computes and stores the results; returns how many groups there are.
  Value emit();
  Value getTrips() { return index.ceilDiv(steps, constant(parts)); }

private:
  Value constant(int64_t value) { return index.constant(value); }
  Position getPosition(Value linear, ArrayRef<Value> sizes, int lanes);
  SmallVector<Value> getValues(Value value);
  Value addSteps(const Position &result);
  void storeParts(ArrayRef<Value> sums);
  void halveParts();
  void finish(const Position &result, Value stores);
  Value getPlace(int64_t lane, int64_t offset = 0);
  void emitIf(Value condition, function_ref<void()> body);
  Element getStart(const Position &result);
  /// Sums that an invocation has in the shared memory.
  int64_t countLanes() const { return isAcross() ? block.width : 1; }
  bool isAcross() const { return block.width > 1 && !block.reduced; }

  StageFunction &stage;
  const Stage &about;
  const Buffer &buffer;
  const ElementBlock &block;
  linalg::GenericOp op;
  ElementEmitter &emitter;
  mlir::dl::cpu::IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  EntryBuilder &entry;
  Combiner combiner;
  SmallVector<unsigned> reduced;
  SmallVector<Value> extents, reducedExtents; ///< in blocks
  Value steps, total, firstTrip, endTrip;
  int64_t parts = 1, results = 1; ///< of a result, of a group
  Value part, own, shared;
};

} // namespace

ReductionEmitter::ReductionEmitter(StageFunction &stage, const Stage &about,
                                   const Buffer &buffer,
                                   const ElementBlock &block,
                                   linalg::GenericOp op, Value firstTrip,
                                   Value endTrip)
    : stage(stage), about(about), buffer(buffer), block(block), op(op),
      emitter(stage.emitter), index(emitter.index), builder(emitter.builder),
      loc(emitter.loc), entry(stage.entry), combiner(op), firstTrip(firstTrip),
      endTrip(endTrip) {
  op.getReductionDims(reduced);
  auto type = cast<RankedTensorType>(about.value.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    extents.push_back(emitter.size(about.value, d));
  for (unsigned d : reduced)
    reducedExtents.push_back(emitter.loopSize(op, d));
  if (block.width > 1) {
    Value &along =
        isAcross() ? extents[block.lanes] : reducedExtents[*block.reduced];
    along = index.div(along, constant(block.width));
  }
  auto multiply = [&](ArrayRef<Value> sizes) {
    Value product = constant(1);
    for (Value size : sizes)
      product = index.mul(product, size);
    return product;
  };
  steps = multiply(reducedExtents);
  total = multiply(extents);

  // Neighbouring invocations read neighbouring elements.
  int64_t invocations = entry.getWorkgroupSize();
  bool alongMemory = runsAlongMemory(op);
  // 32 bytes of neighbours are a whole transfer; more where results are many.
  constexpr int64_t kBusy = 256, kWide = 32, kNarrow = 8;
  bool isWide =
      !type.hasStaticShape() || type.getNumElements() >= kBusy * kWide;
  parts = alongMemory ? 32 : invocations / (isWide ? kWide : kNarrow);
  results = invocations / parts;
  Value invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  if (alongMemory) {
    part = index.rem(invocation, constant(parts));
    own = index.div(invocation, constant(parts));
  } else {
    own = index.rem(invocation, constant(results));
    part = index.div(invocation, constant(results));
  }
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  shared = entry.getShared(builder, loc, element, 0,
                           invocations * countLanes() * bytes);
}

/// Positions of a linear one, of which dimension `lanes` has a vector, or none
/// with -1.
Position ReductionEmitter::getPosition(Value linear, ArrayRef<Value> sizes,
                                       int lanes) {
  Position position(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    position[d] = index.uniform(d ? index.rem(linear, sizes[d]) : linear);
    linear = index.div(linear, sizes[d]);
  }
  if (lanes >= 0) {
    auto &at = position[static_cast<size_t>(lanes)];
    at.base = index.mul(at.base, constant(block.width));
    at.stride = 1;
  }
  return position;
}

/// Parts of a result stand in a row of the shared memory, lanes in rows of
/// their own.
Value ReductionEmitter::getPlace(int64_t lane, int64_t offset) {
  Value at = index.add(part, constant(offset + lane * parts));
  return index.add(index.mul(at, constant(results)), own);
}

void ReductionEmitter::emitIf(Value condition, function_ref<void()> body) {
  auto branch =
      scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

/// The lanes of a vector, or a value alone.
SmallVector<Value> ReductionEmitter::getValues(Value value) {
  if (!isa<VectorType>(value.getType()))
    return {value};
  SmallVector<Value> values;
  for (int64_t i = 0; i < block.width; ++i)
    values.push_back(vector::ExtractOp::create(builder, loc, value, i));
  return values;
}

/// What an invocation combines of a result, or of neighbouring ones.
Value ReductionEmitter::addSteps(const Position &result) {
  Position dims(op.getNumLoops());
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [expr, at] : llvm::zip(map.getResults(), result))
    dims[cast<AffineDimExpr>(expr).getPosition()] = at;
  Value first = part, end = steps;
  if (firstTrip) {
    first = index.add(index.mul(firstTrip, constant(parts)), first);
    end = index.min(index.mul(endTrip, constant(parts)), end);
  }
  bool isVector = block.width > 1;
  Value neutral = combiner.getNeutral(builder, loc);
  if (isVector)
    neutral = emitter.toVector({neutral, false});
  auto addStep = [&](Value step, ValueRange carried) -> SmallVector<Value> {
    if (firstTrip)
      stage.markDivided(step);
    ElementEmitter::Scope inner(emitter);
    Position at = getPosition(step, reducedExtents,
                              block.reduced ? int(*block.reduced) : -1);
    for (auto [i, d] : llvm::enumerate(reduced))
      dims[d] = at[i];
    SmallVector<Element> next =
        emitter.emitBody(op, dims, Element{carried.front(), isVector});
    if (next.empty())
      return {carried.front()};
    return {isVector ? emitter.toVector(next.front()) : next.front().value};
  };
  return mlir::dl::cpu::emitLoop(builder, loc, first, end, constant(parts),
                                 neutral, addStep)
      .front();
}

/// Of a vector of one result's parts, all lanes are one part.
void ReductionEmitter::storeParts(ArrayRef<Value> sums) {
  SmallVector<Value> values(sums);
  if (!isAcross())
    while (values.size() > 1) {
      Value last = values.pop_back_val();
      values.front() = combiner.combine(builder, loc, values.front(), last);
    }
  for (auto [i, value] : llvm::enumerate(values))
    memref::StoreOp::create(builder, loc, value, shared,
                            ValueRange{getPlace(i)});
}

void ReductionEmitter::halveParts() {
  gpu::BarrierOp::create(builder, loc);
  for (int64_t half = parts / 2; half >= 1; half /= 2) {
    emitIf(index.less(part, constant(half)), [&] {
      for (int64_t i = 0; i < countLanes(); ++i) {
        Value place = getPlace(i);
        Value a =
            memref::LoadOp::create(builder, loc, shared, ValueRange{place});
        Value b = memref::LoadOp::create(builder, loc, shared,
                                         ValueRange{getPlace(i, half)});
        memref::StoreOp::create(builder, loc,
                                combiner.combine(builder, loc, a, b), shared,
                                ValueRange{place});
      }
    });
    gpu::BarrierOp::create(builder, loc);
  }
}

/// What the reduction starts with, or what the dispatch before has stored.
Element ReductionEmitter::getStart(const Position &result) {
  Element start = emitter.read(op.getDpsInitOperand(0)->get(), result);
  if (firstTrip) {
    Value isBegin = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, firstTrip, constant(0));
    Element before = emitter.load(
        buffer, getElementTypeOrSelf(op->getResult(0).getType()), result);
    if (before.isVector)
      start = {emitter.toVector(start), true};
    start.value = arith::SelectOp::create(builder, loc, isBegin, start.value,
                                          before.value);
  }
  return start;
}

void ReductionEmitter::finish(const Position &result, Value stores) {
  emitIf(stores, [&] {
    ElementEmitter::Scope inner(emitter);
    SmallVector<Value> sums;
    for (int64_t i = 0; i < countLanes(); ++i)
      sums.push_back(memref::LoadOp::create(builder, loc, shared,
                                            ValueRange{getPlace(i)}));
    Element start = getStart(result);
    if (isAcross())
      start = {emitter.toVector(start), true};
    SmallVector<Value> starts = getValues(start.value);
    for (auto [sum, first] : llvm::zip(sums, starts))
      sum = combiner.combine(builder, loc, first, sum);
    Value all = sums.front();
    if (isAcross())
      all = vector::FromElementsOp::create(
          builder, loc, emitter.vectorType(all.getType()), sums);
    emitter.remember(op->getResult(0), result, {all, isAcross()});
    emitter.write(buffer, result, emitter.read(about.value, result));
  });
}

Value ReductionEmitter::emit() {
  Value groups = index.ceilDiv(total, constant(results));
  auto emitGroup = [&](Value group) {
    ElementEmitter::Scope scope(emitter);
    Value number = index.add(index.mul(group, constant(results)), own);
    // Invocations past the end do the last one's work, and store nothing.
    Position result =
        getPosition(index.min(number, index.sub(total, constant(1))), extents,
                    isAcross() ? int(block.lanes) : -1);
    storeParts(getValues(addSteps(result)));
    halveParts();
    Value isFirst = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, part, constant(0));
    finish(result, arith::AndIOp::create(builder, loc, isFirst,
                                         index.less(number, total)));
    // The next group's parts take the same places.
    gpu::BarrierOp::create(builder, loc);
  };
  entry.emitShare(index, /*perGroup=*/1, /*offset=*/Value(), groups, emitGroup);
  return groups;
}

AffineMap StageFunction::emitReduction(const Stage &stage,
                                       linalg::GenericOp op) {
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  ReductionEmitter reduction(*this, stage, buffer, block, op, firstTrip,
                             endTrip);
  if (isDivided())
    trips = toMap(reduction.getTrips());
  Value groups = reduction.emit();
  AffineMap elements = toMap(emitter.index.mul(
      groups, emitter.index.constant(entry.getWorkgroupSize())));
  if (emitter.failed() || (isDivided() && !trips) ||
      (block.width > 1 && failed(splitLanes(function))))
    return {};
  taken = entry.end(builder, loc, stage.buffer, /*keeps=*/false);
  return elements;
}
