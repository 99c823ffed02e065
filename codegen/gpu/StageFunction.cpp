// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/StageFunction.h"
#include "codegen/cpu/IndexFormula.h"
#include "codegen/gpu/LoopBound.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// The first step that a dispatch does of a divided loop, and the end.
static constexpr unsigned kTripSizes = 2;

static int64_t getBytes(Type elementType) {
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

namespace dl::gpucode {
unsigned countSizes(func::FuncOp kernel) {
  unsigned count = 0;
  for (Type type : kernel.getArgumentTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      count += tensor.getNumDynamicDims();
    else
      ++count;
  return count;
}
} // namespace dl::gpucode

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

StageFunction::StageFunction(func::FuncOp kernel, const Plan &plan,
                             EntryBuilder &entry, OpBuilder &builder,
                             bool isDivided, const ElementBlock &block)
    : entry(entry), emitter(builder, kernel.getLoc(), block.width),
      block(block), kernel(kernel), builder(builder), loc(kernel.getLoc()) {
  SmallVector<RankedTensorType> types;
  SmallVector<Value> tensors;
  for (BlockArgument argument : kernel.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      tensors.push_back(argument);
  unsigned firstTemporary = tensors.size();
  llvm::append_range(tensors, plan.temporaries);
  for (Value tensor : tensors)
    types.push_back(cast<RankedTensorType>(tensor.getType()));
  function = entry.begin(builder, loc, kernel.getName(), types,
                         countSizes(kernel) + (isDivided ? kTripSizes : 0));

  auto nextSize = [&]() -> Value {
    Value size = entry.getSize(builder, loc, sizes);
    sizeNumbers[size] = sizes++;
    return size;
  };
  for (auto [i, tensor] :
       llvm::enumerate(ArrayRef(tensors).take_front(firstTemporary))) {
    Buffer buffer;
    buffer.memory = entry.getMemory(builder, loc, i);
    auto type = cast<RankedTensorType>(tensor.getType());
    for (int64_t d = 0; d < type.getRank(); ++d)
      buffer.sizes.push_back(type.isDynamicDim(d)
                                 ? nextSize()
                                 : emitter.index.constant(type.getDimSize(d)));
    emitter.buffers[tensor] = buffer;
    arguments.push_back(buffer);
  }
  for (BlockArgument argument : kernel.getArguments())
    if (argument.getType().isIndex())
      emitter.scalars.map(argument, nextSize());
  if (isDivided) {
    firstTrip = entry.getSize(builder, loc, sizes);
    endTrip = entry.getSize(builder, loc, sizes + 1);
  }
}

Buffer StageFunction::makeBuffer(Value tensor, unsigned number) {
  Buffer buffer;
  if (number < arguments.size())
    return arguments[number];
  buffer.memory = entry.getMemory(builder, loc, number);
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    buffer.sizes.push_back(emitter.size(tensor, d));
  return buffer;
}

void StageFunction::declare(const Plan &plan, unsigned stage) {
  for (const Stage &earlier : ArrayRef(plan.stages).take_front(stage))
    if (earlier.result)
      emitter.buffers[earlier.result] =
          makeBuffer(earlier.result, earlier.buffer);
}

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

AffineExpr StageFunction::toExpr(Value value) {
  return mlir::dl::cpu::getIndexFormula(value, [&](Value size) {
    auto found = sizeNumbers.find(size);
    return found != sizeNumbers.end()
               ? builder.getAffineSymbolExpr(found->second)
               : AffineExpr();
  });
}

AffineMap StageFunction::toMap(Value value) {
  AffineExpr expr = toExpr(value);
  if (expr)
    return AffineMap::get(0, countSizes(kernel), expr);
  emitError(value.getLoc()) << "a tensor's size is not a formula of the sizes "
                               "that the kernel is given";
  return {};
}

AffineMap StageFunction::boundIterations() {
  AffineExpr bound = ::dl::gpucode::boundIterations(
      function, [&](Value value) { return toExpr(value); });
  return bound ? AffineMap::get(0, countSizes(kernel), bound) : AffineMap();
}

Value StageFunction::getElements(Value tensor) {
  Value count = emitter.index.constant(1);
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    count = emitter.index.mul(count, emitter.size(tensor, d));
  return count;
}

AffineMap StageFunction::getBytesOf(Value tensor) {
  Type elementType = cast<RankedTensorType>(tensor.getType()).getElementType();
  return toMap(emitter.index.mul(
      getElements(tensor), emitter.index.constant(getBytes(elementType))));
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Invocations take neighbouring elements, which lie together in memory.
void StageFunction::emitInvocations(Value total,
                                    function_ref<void(Value)> body) {
  Value inGroup = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  entry.emitShare(emitter.index, entry.getWorkgroupSize(), inGroup, total,
                  [&](Value linear) {
                    ElementEmitter::Scope scope(emitter);
                    body(linear);
                  });
}

Position StageFunction::getPosition(Value linear, ArrayRef<Value> extents) {
  auto &index = emitter.index;
  Position position(extents.size());
  for (size_t d = extents.size(); d-- > 0;) {
    position[d] = index.uniform(d ? index.rem(linear, extents[d]) : linear);
    linear = index.div(linear, extents[d]);
  }
  return position;
}

//===----------------------------------------------------------------------===//
// Sequential kernels
//===----------------------------------------------------------------------===//

/// Stores a value: all of it by the invocations of the workgroup, which wait
/// for each other, or one column by this one.
void StageFunction::emitStatement(const mlir::dl::cpu::Store &store,
                                  Value column) {
  auto &index = emitter.index;
  SmallVector<Value> extents;
  auto type = cast<RankedTensorType>(store.source.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    extents.push_back(emitter.size(store.source, d));
  Value total = index.constant(1);
  for (Value extent : ArrayRef(extents).drop_back(column ? 1 : 0))
    total = index.mul(total, extent);
  Value first = index.constant(0), step = index.constant(1);
  if (!column) {
    first = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
    step = index.constant(entry.getWorkgroupSize());
  }
  mlir::dl::cpu::emitLoop(
      builder, loc, first, total, step, {},
      [&](Value linear, ValueRange) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        Position position =
            getPosition(linear, ArrayRef(extents).drop_back(column ? 1 : 0));
        if (column)
          position.push_back(index.uniform(column));
        mlir::dl::cpu::Element element = emitter.read(store.source, position);
        emitter.write(store.buffer,
                      mlir::dl::cpu::getStorePosition(index, store, position),
                      element);
        return {};
      });
  if (!column)
    gpu::BarrierOp::create(builder, loc);
}

/// Marks the loop that a position is of.
void StageFunction::markDivided(Value position) {
  cast<BlockArgument>(position).getOwner()->getParentOp()->setAttr(
      kDividedName, builder.getUnitAttr());
}

/// Some steps of a loop, whose statements change the buffer.
void StageFunction::emitDivided(scf::ForOp loop, unsigned result,
                                const Buffer &buffer,
                                mlir::dl::cpu::StoreTracer &tracer) {
  auto &index = emitter.index;
  Value lower = emitter.scalar(loop.getLowerBound());
  Value step = emitter.scalar(loop.getStep());
  Value reach = index.sub(emitter.scalar(loop.getUpperBound()), lower);
  trips = toMap(index.ceilDiv(reach, step));
  emitter.buffers[loop.getRegionIterArg(result)] = buffer;
  mlir::dl::cpu::emitLoop(
      builder, loc, firstTrip, endTrip, index.constant(1), {},
      [&](Value trip, ValueRange) -> SmallVector<Value> {
        markDivided(trip);
        ElementEmitter::Scope scope(emitter);
        emitter.scalars.map(loop.getInductionVar(),
                            index.add(lower, index.mul(trip, step)));
        tracer.trace(loop.getBody()->getTerminator()->getOperand(result),
                     buffer);
        tracer.flush();
        return {};
      });
}

AffineMap StageFunction::emitSequential(const Stage &stage, bool keeps) {
  auto &index = emitter.index;
  Buffer buffer = makeBuffer(stage.value, stage.buffer);
  auto emitAll = [&](Value column) {
    mlir::dl::cpu::StoreTracer tracer(
        emitter, /*sequential=*/true,
        [&](ArrayRef<mlir::dl::cpu::Store> stores) {
          for (const mlir::dl::cpu::Store &store : stores)
            emitStatement(store, column);
        });
    auto loop = stage.value.getDefiningOp<scf::ForOp>();
    if (loop && isDivided())
      return emitDivided(loop, cast<OpResult>(stage.value).getResultNumber(),
                         buffer, tracer);
    tracer.trace(stage.value, buffer);
    tracer.flush();
  };
  Value elements = index.constant(1);
  if (mlir::dl::cpu::isColumnwise(kernel)) {
    elements = buffer.sizes.back();
    emitInvocations(elements, emitAll);
  } else {
    emitAll(Value());
  }
  AffineMap map = toMap(elements);
  taken = entry.end(builder, loc, stage.buffer, keeps);
  return emitter.failed() || (isDivided() && !trips) ? AffineMap() : map;
}
