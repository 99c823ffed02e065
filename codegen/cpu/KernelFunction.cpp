// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/IndexFormula.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Winograd.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dl::cpu;

Type mlir::dl::cpu::getStoredType(Type type) {
  unsigned bits = type.getIntOrFloatBitWidth();
  return bits < 8 || (bits == 8 && isa<FloatType>(type))
             ? IntegerType::get(type.getContext(), 8)
             : type;
}

KernelFunction::KernelFunction(func::FuncOp source, const MachineModel &machine,
                               const KernelChoice &choice)
    : source(source), machine(machine), choice(choice),
      builder(source.getContext()), loc(source.getLoc()),
      emitter(builder, loc, machine.vectorLanes) {
  emitter.permutesBytes = machine.permutesBytes;
  MLIRContext *context = source.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type indexType = builder.getIndexType();
  builder.setInsertionPoint(source);
  function = func::FuncOp::create(
      builder, loc, source.getName(),
      builder.getFunctionType(
          {pointer, pointer, indexType, indexType, pointer, pointer}, {}));
  function->setAttr("dl.kernel", builder.getUnitAttr());
  function->setAttr("dl.signature", TypeAttr::get(source.getFunctionType()));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  Value buffers = entry->getArgument(0), sizes = entry->getArgument(1);
  begin = entry->getArgument(2);
  end = entry->getArgument(3);
  scratch = entry->getArgument(4);
  imports = entry->getArgument(5);
  tiles = scratchBytes = emitter.index.constant(0);

  unsigned nextSize = 0, nextBuffer = 0;
  auto nextSizeValue = [&] {
    Value at =
        LLVM::GEPOp::create(builder, loc, pointer, builder.getI64Type(), sizes,
                            ArrayRef<LLVM::GEPArg>{(int32_t)nextSize});
    Value loaded = LLVM::LoadOp::create(builder, loc, builder.getI64Type(), at);
    Value size = arith::IndexCastOp::create(builder, loc, indexType, loaded);
    sizeNumbers[size] = nextSize++;
    return size;
  };
  for (BlockArgument argument : source.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    Buffer buffer;
    for (int64_t d = 0; d < type.getRank(); ++d)
      buffer.sizes.push_back(type.isDynamicDim(d)
                                 ? nextSizeValue()
                                 : emitter.index.constant(type.getDimSize(d)));
    buffer.memory = makeMemory(loadPointer(buffers, nextBuffer++),
                               getStoredType(type.getElementType()));
    emitter.buffers[argument] = buffer;
  }
  for (BlockArgument argument : source.getArguments())
    if (argument.getType().isIndex())
      emitter.scalars.map(argument, nextSizeValue());
}

Value KernelFunction::loadPointer(Value table, int64_t position) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value at = LLVM::GEPOp::create(builder, loc, pointer, pointer, table,
                                 ArrayRef<LLVM::GEPArg>{(int32_t)position});
  return LLVM::LoadOp::create(builder, loc, pointer, at);
}

Value mlir::dl::cpu::makeMemory(OpBuilder &builder, Location loc, Value pointer,
                                Type elementType, unsigned indexBits,
                                unsigned memorySpace) {
  // The descriptor of a one-dimensional memref.
  MLIRContext *context = builder.getContext();
  Type integer = builder.getIntegerType(indexBits);
  Type array = LLVM::LLVMArrayType::get(integer, 1);
  Type descriptorType = LLVM::LLVMStructType::getLiteral(
      context, {pointer.getType(), pointer.getType(), integer, array, array});
  Value descriptor = LLVM::PoisonOp::create(builder, loc, descriptorType);
  auto insert = [&](Value value, ArrayRef<int64_t> at) {
    descriptor =
        LLVM::InsertValueOp::create(builder, loc, descriptor, value, at);
  };
  auto constant = [&](int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, integer,
                                    builder.getIntegerAttr(integer, value));
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(constant(0), {2});
  insert(constant(llvm::maxIntN(indexBits)), {3, 0});
  insert(constant(1), {4, 0});
  Attribute space;
  if (memorySpace)
    space = builder.getI64IntegerAttr(memorySpace);
  Type memory = MemRefType::get({ShapedType::kDynamic}, elementType,
                                MemRefLayoutAttrInterface(), space);
  return UnrealizedConversionCastOp::create(builder, loc, memory, descriptor)
      .getResult(0);
}

Value KernelFunction::makeMemory(Value pointer, Type elementType) {
  return cpu::makeMemory(builder, loc, pointer, elementType);
}

Value KernelFunction::allocateScratch(Type elementType, Value elements) {
  Type stored = getStoredType(elementType);
  int64_t bytes = llvm::divideCeil(stored.getIntOrFloatBitWidth(), 8);
  IndexBuilder &index = emitter.index;
  Value offset = arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                            scratchBytes);
  Value pointer =
      LLVM::GEPOp::create(builder, loc, scratch.getType(), builder.getI8Type(),
                          scratch, ArrayRef<LLVM::GEPArg>{offset});
  Value size = index.mul(elements, index.constant(bytes));
  Value rounded =
      index.mul(index.ceilDiv(size, index.constant(64)), index.constant(64));
  scratchBytes = index.add(scratchBytes, rounded);
  return makeMemory(pointer, stored);
}

void KernelFunction::clear(Value memory, Value elements) {
  Buffer flat;
  flat.memory = memory;
  flat.sizes = {elements};
  Type type = cast<MemRefType>(memory.getType()).getElementType();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  emitter.emitLanes(emitter.index.constant(0), elements, [&](Value at) {
    LaneIndex position = emitter.index.uniform(at);
    position.stride = 1;
    emitter.write(flat, {position}, {zero, false});
  });
}

SmallVector<KernelFunction::Output> KernelFunction::getOutputs() {
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  unsigned first = source.getNumArguments() - terminator.getNumOperands();
  SmallVector<Output> outputs;
  for (auto [i, value] : llvm::enumerate(terminator.getOperands()))
    outputs.push_back(
        {value, emitter.buffers[source.getArgument(first + i)], (unsigned)i});
  return outputs;
}

std::pair<Value, Value> KernelFunction::takeTiles(Value count) {
  // This call's tiles are [tiles, tiles + count) of the kernel's.
  IndexBuilder &index = emitter.index;
  Value lower = begin, upper = end;
  if (IndexBuilder::getConstant(tiles) != 0) {
    Value shifted = arith::SubIOp::create(builder, loc, begin, tiles);
    lower = arith::MaxSIOp::create(builder, loc, shifted, index.constant(0));
    upper = arith::SubIOp::create(builder, loc, end, tiles);
  }
  upper = index.min(upper, count);
  tiles = index.add(tiles, count);
  return {lower, upper};
}

void KernelFunction::emitTiles(Value count, function_ref<void(Value)> body) {
  auto [lower, upper] = takeTiles(count);
  emitLoop(builder, loc, lower, upper, emitter.index.constant(1), {},
           [&](Value tile, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             body(tile);
             return {};
           });
}

void KernelFunction::emitGroupedTiles(Value groups, Value items,
                                      function_ref<void(Value)> enter,
                                      function_ref<void(Value, Value)> body) {
  IndexBuilder &index = emitter.index;
  Value zero = index.constant(0), one = index.constant(1);
  auto [lower, upper] = takeTiles(index.mul(groups, items));
  // Without items there is no tile, and nothing to divide.
  Value divisor = items;
  if (!IndexBuilder::getConstant(items))
    divisor = arith::MaxSIOp::create(builder, loc, items, one);
  emitLoop(
      builder, loc, index.div(lower, divisor),
      index.ceilDiv(arith::MaxSIOp::create(builder, loc, upper, zero), divisor),
      one, {},
      [&, first = lower, last = upper](Value group,
                                       ValueRange) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        Value start = index.mul(group, items);
        Value from =
            arith::MaxSIOp::create(builder, loc, index.sub(first, start), zero);
        Value to = index.min(index.sub(last, start), items);
        enter(group);
        emitLoop(builder, loc, from, to, one, {},
                 [&](Value item, ValueRange) -> SmallVector<Value> {
                   ElementEmitter::Scope inner(emitter);
                   body(group, item);
                   return {};
                 });
        return {};
      });
}

void KernelFunction::reserveStamp() {
  // Of the runtime's import table: its size in bytes, then the dispatch.
  constexpr int64_t kTableBytes = 16;
  IndexBuilder &index = emitter.index;
  Type i64 = builder.getI64Type();
  stamp = allocateScratch(i64, index.constant(2));
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, i64, value);
  };
  auto loadIf = [&](Value condition, int32_t field) {
    auto ifOp = scf::IfOp::create(builder, loc, i64, condition,
                                  /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(ifOp.thenBlock());
    Value at = LLVM::GEPOp::create(builder, loc, imports.getType(), i64,
                                   imports, ArrayRef<LLVM::GEPArg>{field});
    Value loaded = LLVM::LoadOp::create(builder, loc, i64, at);
    scf::YieldOp::create(builder, loc, loaded);
    builder.setInsertionPointToStart(ifOp.elseBlock());
    scf::YieldOp::create(builder, loc, constant(0));
    return ifOp.getResult(0);
  };
  Value none = LLVM::ZeroOp::create(builder, loc, imports.getType());
  Value bytes =
      loadIf(LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne,
                                  imports, none),
             0);
  Value hasDispatch = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::uge, bytes, constant(kTableBytes));
  dispatch = loadIf(hasDispatch, 1);
}

void KernelFunction::emitOnce(Value group, function_ref<void()> prepare) {
  Value number =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), group);
  Value zero = emitter.index.constant(0), one = emitter.index.constant(1);
  Value unknown =
      LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), 0);
  auto differs = [&](Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, a, b);
  };
  auto saved = [&](Value at) -> Value {
    return memref::LoadOp::create(builder, loc, stamp, ValueRange{at});
  };
  Value isNew =
      arith::OrIOp::create(builder, loc, differs(saved(zero), dispatch),
                           differs(saved(one), number));
  Value isUnknown = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::eq, dispatch, unknown);
  isNew = arith::OrIOp::create(builder, loc, isNew, isUnknown);
  auto ifOp = scf::IfOp::create(builder, loc, isNew, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  ElementEmitter::Scope scope(emitter);
  prepare();
  memref::StoreOp::create(builder, loc, dispatch, stamp, ValueRange{zero});
  memref::StoreOp::create(builder, loc, number, stamp, ValueRange{one});
}

SmallVector<Value> KernelFunction::delinearize(Value linear,
                                               ArrayRef<Value> sizes) {
  SmallVector<Value> result(sizes.size());
  for (size_t i = sizes.size(); i-- > 1;) {
    result[i] = emitter.index.rem(linear, sizes[i]);
    linear = emitter.index.div(linear, sizes[i]);
  }
  if (!sizes.empty())
    result[0] = linear;
  return result;
}

AffineExpr KernelFunction::toExpr(Value value) {
  return getIndexFormula(value, [&](Value size) {
    auto found = sizeNumbers.find(size);
    return found != sizeNumbers.end() ? builder.getAffineDimExpr(found->second)
                                      : AffineExpr();
  });
}

Value KernelFunction::packArgument(BlockArgument argument,
                                   ArrayRef<int64_t> outerPermutation,
                                   ArrayRef<int64_t> innerDimensions,
                                   ArrayRef<int64_t> tiles) {
  auto type = cast<RankedTensorType>(argument.getType());
  SmallVector<int64_t> sizes(type.getShape()), shape;
  for (auto [d, tile] : llvm::zip(innerDimensions, tiles))
    sizes[d] = llvm::divideCeil(sizes[d], tile);
  for (int64_t d : outerPermutation)
    shape.push_back(sizes[d]);
  llvm::append_range(shape, tiles);
  packs[argument] = {
      SmallVector<int64_t>(outerPermutation),
      SmallVector<int64_t>(innerDimensions), SmallVector<int64_t>(tiles),
      RankedTensorType::get(shape, type.getElementType()), RankedTensorType()};
  return emitter.buffers[argument].memory;
}

Value KernelFunction::packWinogradFilter(BlockArgument argument, int64_t stride,
                                         int64_t tile) {
  auto type = cast<RankedTensorType>(argument.getType());
  Type element = type.getElementType();
  int64_t channels = stride * stride * type.getDimSize(2),
          count = type.getDimSize(3);
  auto transformed = RankedTensorType::get(
      {winograd::kInputs, winograd::kInputs, channels, count}, element);
  auto packed = RankedTensorType::get(
      {static_cast<int64_t>(llvm::divideCeil(count, tile)), winograd::kInputs,
       winograd::kInputs, channels, tile},
      element);
  packs[argument] = {{3, 0, 1, 2}, {3}, {tile}, packed, transformed, stride};
  return emitter.buffers[argument].memory;
}

LogicalResult KernelFunction::packOperands() {
  if (packs.empty())
    return success();
  auto module = function->getParentOfType<ModuleOp>();
  SmallVector<dl::DispatchOp> dispatches;
  module.walk([&](dl::DispatchOp op) {
    if (op.getKernel() == source.getName())
      dispatches.push_back(op);
  });
  for (auto &[argument, pack] : packs) {
    for (dl::DispatchOp op : dispatches) {
      OpBuilder at(op);
      OpOperand &operand = op->getOpOperand(argument.getArgNumber());
      if (pack.transformed)
        operand.set(dl::WinogradFilterOp::create(
            at, op.getLoc(), pack.transformed, operand.get(), pack.stride));
      // Kernels have no unsigned types.
      Type element = getElementTypeOrSelf(operand.get().getType());
      operand.set(dl::PackOp::create(
          at, op.getLoc(), pack.type.clone(element), operand.get(),
          at.getDenseI64ArrayAttr(pack.outerPermutation),
          at.getDenseI64ArrayAttr(pack.innerDimensions),
          at.getDenseI64ArrayAttr(pack.tiles)));
    }
    argument.setType(pack.type);
  }
  SmallVector<Type> inputs(source.getBody().getArgumentTypes());
  function->setAttr("dl.signature",
                    TypeAttr::get(builder.getFunctionType(
                        inputs, source.getFunctionType().getResults())));
  return success();
}

LogicalResult KernelFunction::finish() {
  func::ReturnOp::create(builder, loc);
  AffineExpr tileCount = toExpr(tiles), bytes = toExpr(scratchBytes);
  if (!emitter.failed() && (!tileCount || !bytes)) {
    source.emitError() << "the number of tiles is not a formula of the sizes";
    return failure();
  }
  if (emitter.failed())
    return failure();
  if (failed(packOperands()))
    return failure();
  auto map = [&](AffineExpr expr) {
    return AffineMapAttr::get(AffineMap::get(sizeNumbers.size(), 0, expr));
  };
  function->setAttr("dl.tiles", map(tileCount));
  function->setAttr("dl.scratch", map(bytes));
  SymbolTable::setSymbolVisibility(function, SymbolTable::Visibility::Private);
  source.erase();
  return success();
}
