// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"

using namespace mlir;
using namespace ::dl::spirv;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

static Type getMemoryType(int64_t elements, Type elementType,
                          spirv::StorageClass storage) {
  MLIRContext *context = elementType.getContext();
  if (elementType.isInteger(1)) // a byte
    elementType = IntegerType::get(context, 8);
  return MemRefType::get({elements}, elementType, MemRefLayoutAttrInterface(),
                         spirv::StorageClassAttr::get(context, storage));
}

static int64_t getBytes(Type elementType) {
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

namespace dl::spirv {
unsigned countSizes(func::FuncOp kernel) {
  unsigned count = 0;
  for (Type type : kernel.getArgumentTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      count += tensor.getNumDynamicDims();
    else
      ++count;
  return count;
}
} // namespace dl::spirv

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

StageFunction::StageFunction(func::FuncOp kernel, const Plan &plan,
                             const SpirvTarget &target, OpBuilder &builder)
    : kernel(kernel), target(target), builder(builder), loc(kernel.getLoc()),
      emitter(builder, loc, /*width=*/1) {
  SmallVector<Type> types;
  SmallVector<Value> tensors;
  for (BlockArgument argument : kernel.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      tensors.push_back(argument);
  unsigned firstTemporary = tensors.size();
  llvm::append_range(tensors, plan.temporaries);
  for (Value tensor : tensors)
    types.push_back(
        getMemoryType(ShapedType::kDynamic,
                      cast<RankedTensorType>(tensor.getType()).getElementType(),
                      mlir::spirv::StorageClass::StorageBuffer));
  unsigned sizeCount = countSizes(kernel);
  if (sizeCount)
    types.push_back(getMemoryType(sizeCount, builder.getI32Type(),
                                  mlir::spirv::StorageClass::PushConstant));
  function = gpu::GPUFuncOp::create(builder, loc, kernel.getName(),
                                    builder.getFunctionType(types, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
  function->setAttr(mlir::spirv::getEntryPointABIAttrName(),
                    mlir::spirv::getEntryPointABIAttr(
                        builder.getContext(),
                        {static_cast<int32_t>(target.workgroupSize), 1, 1}));
  builder.setInsertionPointToStart(&function.getBody().front());

  auto nextSize = [&]() -> Value {
    Value table = function.getArguments().back();
    Value loaded = memref::LoadOp::create(
        builder, loc, table, ValueRange{emitter.index.constant(sizes)});
    Value size = arith::IndexCastOp::create(builder, loc,
                                            builder.getIndexType(), loaded);
    sizeNumbers[size] = sizes++;
    return size;
  };
  for (auto [i, tensor] :
       llvm::enumerate(ArrayRef(tensors).take_front(firstTemporary))) {
    Buffer buffer;
    buffer.memory = function.getArgument(i);
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
}

Buffer StageFunction::makeBuffer(Value tensor, unsigned number) {
  Buffer buffer;
  if (number < arguments.size())
    return arguments[number];
  buffer.memory = function.getArgument(number);
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
  if (auto constant = mlir::dl::cpu::IndexBuilder::getConstant(value))
    return builder.getAffineConstantExpr(*constant);
  if (auto found = sizeNumbers.find(value); found != sizeNumbers.end())
    return builder.getAffineSymbolExpr(found->second);
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() != 2)
    return {};
  AffineExpr a = toExpr(op->getOperand(0)), b = toExpr(op->getOperand(1));
  if (!a || !b)
    return {};
  if (isa<arith::AddIOp>(op))
    return a + b;
  if (isa<arith::SubIOp>(op))
    return a - b;
  if (isa<arith::MulIOp>(op))
    return a * b;
  if (isa<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(op))
    return a.floorDiv(b);
  if (isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op))
    return a.ceilDiv(b);
  if (isa<arith::RemUIOp, arith::RemSIOp>(op))
    return a % b;
  return {};
}

AffineMap StageFunction::toMap(Value value) {
  AffineExpr expr = toExpr(value);
  if (expr)
    return AffineMap::get(0, countSizes(kernel), expr);
  emitError(value.getLoc()) << "a tensor's size is not a formula of the sizes "
                               "that the kernel is given";
  return {};
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

AffineMap StageFunction::emit(const Stage &stage) {
  auto &index = emitter.index;
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  SmallVector<Value> extents;
  auto type = cast<RankedTensorType>(stage.value.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    extents.push_back(emitter.size(stage.value, d));
  Value total = getElements(stage.value);
  AffineMap elements = toMap(total);

  // Invocations take neighbouring elements, which lie together in memory.
  Value width = index.constant(target.workgroupSize);
  Value group = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value groups = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  Value inGroup = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value first = index.add(index.mul(group, width), inGroup);
  mlir::dl::cpu::emitLoop(
      builder, loc, first, total, index.mul(groups, width), {},
      [&](Value linear, ValueRange) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        Position position(extents.size());
        for (size_t d = extents.size(); d-- > 0;) {
          position[d] =
              index.uniform(d ? index.rem(linear, extents[d]) : linear);
          linear = index.div(linear, extents[d]);
        }
        mlir::dl::cpu::Element element = emitter.read(stage.value, position);
        if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(stage.part)) {
          llvm::SmallBitVector dropped = insert.getDroppedDims();
          auto toValue = [&](OpFoldResult mixed) {
            if (auto constant = getConstantIntValue(mixed))
              return index.constant(*constant);
            return emitter.scalar(cast<Value>(mixed));
          };
          Position at;
          for (size_t d = 0, next = 0; d < dropped.size(); ++d) {
            Value offset = toValue(insert.getMixedOffsets()[d]);
            if (!dropped.test(d)) {
              Value stride = toValue(insert.getMixedStrides()[d]);
              offset =
                  index.add(offset, index.mul(position[next++].base, stride));
            }
            at.push_back(index.uniform(offset));
          }
          position = at;
        }
        emitter.write(buffer, position, element);
        return {};
      });
  gpu::ReturnOp::create(builder, loc);
  return emitter.failed() ? AffineMap() : elements;
}
