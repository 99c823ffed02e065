// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A stage of which each invocation computes an element, or some neighbours.

#include "codegen/gpu/Lanes.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

//===----------------------------------------------------------------------===//
// Which neighbours
//===----------------------------------------------------------------------===//

/// Whether something that the value is computed of, and that is not stored, is
/// a window's reduction.
static bool readsWindows(Value value, IsStored isStored) {
  llvm::SetVector<Operation *> below;
  auto add = [&](Value operand) {
    if (Operation *op = operand.getDefiningOp(); op && !isStored(operand))
      below.insert(op);
  };
  add(value);
  for (size_t i = 0; i < below.size(); ++i) {
    auto generic = dyn_cast<linalg::GenericOp>(below[i]);
    if (generic && mlir::dl::cpu::isReduction(generic) && isWindow(generic))
      return true;
    for (Value operand : below[i]->getOperands())
      add(operand);
  }
  return false;
}

namespace dl::gpucode {
ElementBlock chooseBlock(const Stage &stage, IsStored isStored,
                         const EntryBuilder &entry) {
  constexpr int64_t kLines = 4, kUnknown = 32;
  ElementBlock block;
  int64_t width = entry.getVectorWidth(), elements = 1;
  auto type = cast<RankedTensorType>(stage.value.getType());
  for (int64_t size : type.getShape())
    elements *= ShapedType::isDynamic(size) ? kUnknown : size;
  auto isBusyWith = [&](int64_t count) {
    return elements / count >= entry.getBusyInvocations();
  };
  int64_t lanes = type.getRank() - 1;
  while (lanes >= 0 && type.getDimSize(lanes) == 1)
    --lanes;
  if (width == 1 || lanes < 0 || type.isDynamicDim(lanes) ||
      type.getDimSize(lanes) % width != 0 || !isBusyWith(width))
    return block;
  block.width = width;
  block.lanes = lanes;
  int64_t along = lanes - 1;
  if (along >= 0 && !type.isDynamicDim(along) &&
      type.getDimSize(along) >= kLines && isBusyWith(width * kLines) &&
      readsWindows(stage.value, isStored)) {
    block.lines = kLines;
    block.along = along;
  }
  return block;
}
} // namespace dl::gpucode

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

/// Where an element of a part stands in the whole.
Position StageFunction::getPlaceInWhole(Operation *part, Position position) {
  auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(part);
  if (!insert)
    return position;
  auto &index = emitter.index;
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  auto toValue = [&](OpFoldResult mixed) {
    if (auto constant = getConstantIntValue(mixed))
      return index.constant(*constant);
    return emitter.scalar(cast<Value>(mixed));
  };
  Position at;
  for (size_t d = 0, next = 0; d < dropped.size(); ++d) {
    auto offset = index.uniform(toValue(insert.getMixedOffsets()[d]));
    if (!dropped.test(d))
      offset =
          index.add(offset, index.mul(position[next++],
                                      toValue(insert.getMixedStrides()[d])));
    at.push_back(offset);
  }
  return at;
}

/// The reductions of all lines side by side, for they read the same elements.
void StageFunction::reduceLines(Value value, ArrayRef<Position> lines) {
  SmallVector<ElementEmitter::ReductionAt, 0> found;
  emitter.collectReductions(value, lines.front(), found);
  for (auto [i, reduction] : llvm::enumerate(found)) {
    SmallVector<Position> positions;
    for (const Position &line : lines) {
      SmallVector<ElementEmitter::ReductionAt, 0> there;
      emitter.collectReductions(value, line, there);
      positions.push_back(there[i].second);
    }
    emitter.reduceTogether(reduction.first, positions, /*unroll=*/false);
  }
}

/// The positions of a block, one for each line.
SmallVector<Position>
StageFunction::getLines(Value linear, ArrayRef<Value> extents, Value size) {
  auto &index = emitter.index;
  Position first = getPosition(linear, extents);
  if (block.width > 1) {
    first[block.lanes].base =
        index.mul(first[block.lanes].base, index.constant(block.width));
    first[block.lanes].stride = 1;
  }
  if (block.lines == 1)
    return {first};
  // The last block begins where it ends with the dimension.
  Value start =
      index.min(index.mul(first[block.along].base, index.constant(block.lines)),
                index.sub(size, index.constant(block.lines)));
  SmallVector<Position> lines;
  for (int64_t i = 0; i < block.lines; ++i) {
    lines.push_back(first);
    lines.back()[block.along].base = index.add(start, index.constant(i));
  }
  return lines;
}

AffineMap StageFunction::emit(const Stage &stage, bool keeps) {
  auto &index = emitter.index;
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  SmallVector<Value> extents;
  auto type = cast<RankedTensorType>(stage.value.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    extents.push_back(emitter.size(stage.value, d));
  Value size;
  if (block.width > 1)
    extents[block.lanes] =
        index.div(extents[block.lanes], index.constant(block.width));
  if (block.lines > 1) {
    size = extents[block.along];
    extents[block.along] = index.ceilDiv(size, index.constant(block.lines));
  }
  Value total = index.constant(1);
  for (Value extent : extents)
    total = index.mul(total, extent);
  AffineMap invocations = toMap(total);
  emitInvocations(total, [&](Value linear) {
    SmallVector<Position> lines = getLines(linear, extents, size);
    if (lines.size() > 1)
      reduceLines(stage.value, lines);
    for (const Position &line : lines) {
      auto element = emitter.read(stage.value, line);
      emitter.write(buffer, getPlaceInWhole(stage.part, line), element);
    }
  });
  if (emitter.failed() || (block.width > 1 && (!readsVectors(function) ||
                                               failed(splitLanes(function)))))
    return {};
  taken = entry.end(builder, loc, stage.buffer, keeps);
  return invocations;
}
