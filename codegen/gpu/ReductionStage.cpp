// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reductions by several invocations together.

#include "codegen/gpu/Combiner.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/LoopBound.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

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

namespace dl::gpucode {
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

AffineMap StageFunction::emitReduction(const Stage &stage,
                                       linalg::GenericOp op) {
  auto &index = emitter.index;
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  SmallVector<Value> extents, reducedExtents;
  auto type = cast<RankedTensorType>(stage.value.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    extents.push_back(emitter.size(stage.value, d));
  Value steps = index.constant(1);
  for (unsigned d : reduced) {
    reducedExtents.push_back(emitter.loopSize(op, d));
    steps = index.mul(steps, reducedExtents.back());
  }
  Value total = getElements(stage.value);

  // Neighbouring invocations read neighbouring elements.
  int64_t invocations = entry.getWorkgroupSize();
  bool alongMemory = runsAlongMemory(op);
  // 32 bytes of neighbours are a whole transfer; more where results are many.
  constexpr int64_t kBusy = 256, kWide = 32, kNarrow = 8;
  bool isWide =
      !type.hasStaticShape() || type.getNumElements() >= kBusy * kWide;
  int64_t parts = alongMemory ? 32 : invocations / (isWide ? kWide : kNarrow);
  int64_t results = invocations / parts;
  Value invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value part, own;
  if (alongMemory) {
    part = index.rem(invocation, index.constant(parts));
    own = index.div(invocation, index.constant(parts));
  } else {
    own = index.rem(invocation, index.constant(results));
    part = index.div(invocation, index.constant(results));
  }
  // Parts of a result stand in a row of the shared memory.
  Value place = index.add(index.mul(part, index.constant(results)), own);
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  Value shared = entry.getShared(builder, loc, element, 0, invocations * bytes);

  Combiner combiner(op);
  auto combine = [&](Value a, Value b) {
    return combiner.combine(builder, loc, a, b);
  };
  Value neutral = combiner.getNeutral(builder, loc);

  Value firstStep = part, endStep = steps;
  if (isDivided()) {
    trips = toMap(index.ceilDiv(steps, index.constant(parts)));
    firstStep =
        index.add(index.mul(firstTrip, index.constant(parts)), firstStep);
    endStep = index.min(index.mul(endTrip, index.constant(parts)), endStep);
  }
  Value groups = index.ceilDiv(total, index.constant(results));
  AffineMap elements = toMap(index.mul(groups, index.constant(invocations)));
  entry.emitShare(
      index, /*perGroup=*/1, /*offset=*/Value(), groups, [&](Value group) {
        ElementEmitter::Scope scope(emitter);
        Value number =
            index.add(index.mul(group, index.constant(results)), own);
        // Invocations past the end do the last one's work, and store nothing.
        Position position = getPosition(
            index.min(number, index.sub(total, index.constant(1))), extents);
        Position dims(op.getNumLoops());
        AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
        for (auto [expr, at] : llvm::zip(map.getResults(), position))
          dims[cast<AffineDimExpr>(expr).getPosition()] = at;
        Value sum =
            mlir::dl::cpu::emitLoop(
                builder, loc, firstStep, endStep, index.constant(parts),
                neutral,
                [&](Value step, ValueRange carried) -> SmallVector<Value> {
                  if (isDivided())
                    markDivided(step);
                  ElementEmitter::Scope inner(emitter);
                  Position at = getPosition(step, reducedExtents);
                  for (auto [i, d] : llvm::enumerate(reduced))
                    dims[d] = at[i];
                  SmallVector<Element> next = emitter.emitBody(
                      op, dims, Element{carried.front(), false});
                  return {next.empty() ? carried.front() : next.front().value};
                })
                .front();
        memref::StoreOp::create(builder, loc, sum, shared, ValueRange{place});
        gpu::BarrierOp::create(builder, loc);
        for (int64_t half = parts / 2; half >= 1; half /= 2) {
          auto branch = scf::IfOp::create(
              builder, loc, index.less(part, index.constant(half)),
              /*withElseRegion=*/false);
          {
            OpBuilder::InsertionGuard guard(builder);
            builder.setInsertionPoint(branch.thenYield());
            Value other = index.add(place, index.constant(half * results));
            Value a =
                memref::LoadOp::create(builder, loc, shared, ValueRange{place});
            Value b =
                memref::LoadOp::create(builder, loc, shared, ValueRange{other});
            memref::StoreOp::create(builder, loc, combine(a, b), shared,
                                    ValueRange{place});
          }
          gpu::BarrierOp::create(builder, loc);
        }
        Value isFirst = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::eq, part, index.constant(0));
        Value stores = arith::AndIOp::create(builder, loc, isFirst,
                                             index.less(number, total));
        auto branch = scf::IfOp::create(builder, loc, stores,
                                        /*withElseRegion=*/false);
        {
          OpBuilder::InsertionGuard guard(builder);
          builder.setInsertionPoint(branch.thenYield());
          ElementEmitter::Scope inner(emitter);
          Value all =
              memref::LoadOp::create(builder, loc, shared, ValueRange{place});
          OpOperand *init = op.getDpsInitOperand(0);
          Element start = emitter.read(init->get(), position);
          if (isDivided()) {
            Value isBegin =
                arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      firstTrip, index.constant(0));
            Element before = emitter.load(buffer, element, position);
            start.value = arith::SelectOp::create(builder, loc, isBegin,
                                                  start.value, before.value);
          }
          emitter.remember(op->getResult(0), position,
                           {combine(start.value, all), false});
          emitter.write(buffer, position, emitter.read(stage.value, position));
        }
        // The next group's parts take the same places.
        gpu::BarrierOp::create(builder, loc);
      });
  taken = entry.end(builder, loc, stage.buffer, /*keeps=*/false);
  return emitter.failed() || (isDivided() && !trips) ? AffineMap() : elements;
}
