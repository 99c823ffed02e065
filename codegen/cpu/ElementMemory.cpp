// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reading and writing memory: the elements of a buffer for all lanes at once.

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

/// The offset of each lane from the start of the memory, in elements.
static LaneIndex linearize(IndexBuilder &index, const Buffer &buffer,
                           ArrayRef<LaneIndex> position) {
  LaneIndex offset =
      index.uniform(buffer.offset ? buffer.offset : index.constant(0));
  Value stride = index.constant(1);
  for (size_t d = position.size(); d-- > 0;) {
    if (!buffer.strides.empty())
      stride = buffer.strides[d];
    const LaneIndex &at = position[d];
    bool flatEnd = index.flat &&
                   at.flatPosition + 1 == (int)index.flat->sizes.size() &&
                   at.flatPosition >= 0 && buffer.strides.empty() &&
                   d >= (size_t)at.flatPosition;
    // The whole flat group, in order and of the same sizes, is one dimension.
    if (flatEnd) {
      size_t first = d - at.flatPosition;
      for (int i = 0; i <= at.flatPosition && flatEnd; ++i) {
        Value mine = buffer.sizes[first + i], its = index.flat->sizes[i];
        auto a = IndexBuilder::getConstant(mine),
             b = IndexBuilder::getConstant(its);
        flatEnd = position[first + i].flatPosition == i &&
                  (i == 0 || mine == its || (a && b && *a == *b));
      }
      if (flatEnd) {
        LaneIndex lanes;
        lanes.base = index.flat->base;
        lanes.stride = 1;
        offset = index.add(offset, index.mul(lanes, stride));
        for (int i = 0; i <= at.flatPosition; ++i)
          stride = index.mul(stride, buffer.sizes[first + i]);
        d = first;
        continue;
      }
    }
    offset = index.add(offset, index.mul(at, stride));
    if (buffer.strides.empty())
      stride = index.mul(stride, buffer.sizes[d]);
  }
  return offset;
}

Element ElementEmitter::load(const Buffer &buffer, Type elementType,
                             ArrayRef<LaneIndex> position) {
  LaneIndex offset = linearize(index, buffer, position);
  Type stored = cast<MemRefType>(buffer.memory.getType()).getElementType();
  Element element;
  if (offset.isUniform() || width() == 1) {
    element = {memref::LoadOp::create(builder, loc, buffer.memory,
                                      ValueRange{offset.base}),
               false};
  } else {
    VectorType type = vectorType(stored);
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
    if (!offset.lanes && offset.stride == 1) {
      element.value =
          mask ? Value(vector::MaskedLoadOp::create(
                     builder, loc, type, buffer.memory, ValueRange{offset.base},
                     mask, zero))
               : Value(vector::LoadOp::create(builder, loc, type, buffer.memory,
                                              ValueRange{offset.base}));
    } else if (!offset.lanes && offset.stride == 2 && !mask) {
      // Every second element: two vectors, of which the last element is not
      // read, for it may lie past the end.
      SmallVector<bool> allButLast(width(), true);
      allButLast.back() = false;
      Value mostLanes = arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(vectorType(builder.getI1Type()),
                                 ArrayRef<bool>(allButLast)));
      Value low = vector::LoadOp::create(builder, loc, type, buffer.memory,
                                         ValueRange{offset.base});
      Value high = vector::MaskedLoadOp::create(
          builder, loc, type, buffer.memory,
          ValueRange{index.add(offset.base, index.constant(width()))},
          mostLanes, zero);
      SmallVector<int64_t> even;
      for (int64_t i = 0; i < width(); ++i)
        even.push_back(2 * i);
      element.value = vector::ShuffleOp::create(builder, loc, low, high, even);
    } else {
      Value lanes = mask;
      if (!lanes)
        lanes = arith::ConstantOp::create(
            builder, loc,
            DenseElementsAttr::get(vectorType(builder.getI1Type()), true));
      element.value = vector::GatherOp::create(
          builder, loc, type, buffer.memory, ValueRange{index.constant(0)},
          index.toVector(offset), lanes, zero);
    }
    element.isVector = true;
  }
  if (stored != elementType)
    element.value = fromByte(element, elementType);
  return element;
}

void ElementEmitter::visitReads(Value tensor, ArrayRef<LaneIndex> position,
                                Value stop, ReadVisitor visit) {
  walkElements(tensor, position, [&](Value value, ArrayRef<LaneIndex> at) {
    if (auto buffer = buffers.find(value); buffer != buffers.end()) {
      if (value != stop)
        visit(buffer->second, linearize(index, buffer->second, at));
      return false;
    }
    return value != stop;
  });
}

/// An element of a type that is stored as an integer; see getStoredType.
Value ElementEmitter::fromByte(const Element &element, Type elementType) {
  auto typeOf = [&](Type type) {
    return element.isVector ? Type(vectorType(type)) : type;
  };
  Value value = element.value;
  unsigned bits = elementType.getIntOrFloatBitWidth();
  if (bits == 1) {
    Value zero = arith::ConstantOp::create(
        builder, loc, builder.getZeroAttr(value.getType()));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value,
                                 zero);
  }
  if (bits < 8)
    value = arith::TruncIOp::create(
        builder, loc, typeOf(builder.getIntegerType(bits)), value);
  if (isa<FloatType>(elementType))
    value = arith::BitcastOp::create(builder, loc, typeOf(elementType), value);
  return value;
}

Value ElementEmitter::toByte(const Element &element) {
  auto typeOf = [&](Type type) {
    return element.isVector ? Type(vectorType(type)) : type;
  };
  Value value = element.value;
  Type type = getElementTypeOrSelf(value.getType());
  unsigned bits = type.getIntOrFloatBitWidth();
  if (isa<FloatType>(type))
    value = arith::BitcastOp::create(
        builder, loc, typeOf(builder.getIntegerType(bits)), value);
  return bits >= 8 ? value
                   : Value(arith::ExtUIOp::create(
                         builder, loc, typeOf(builder.getI8Type()), value));
}

/// Whether a mask lets the first lane through alone. LLVM 22 stores all bytes
/// of an element of such a mask that is truncated before.
static bool isFirstLane(Value mask) {
  auto op = mask.getDefiningOp<vector::CreateMaskOp>();
  return op && IndexBuilder::getConstant(op.getOperand(0)) == 1;
}

void ElementEmitter::write(const Buffer &buffer, ArrayRef<LaneIndex> position,
                           Element element) {
  LaneIndex offset = linearize(index, buffer, position);
  Type stored = cast<MemRefType>(buffer.memory.getType()).getElementType();
  Type given = getElementTypeOrSelf(element.value.getType());
  if (given != stored)
    element.value = toByte(element);
  if (offset.isUniform() || width() == 1) {
    memref::StoreOp::create(builder, loc, element.value, buffer.memory,
                            ValueRange{offset.base});
    return;
  }
  Value vector = toVector(element);
  if (!offset.lanes && offset.stride == 1) {
    if (mask && isFirstLane(mask))
      memref::StoreOp::create(
          builder, loc, vector::ExtractOp::create(builder, loc, vector, 0),
          buffer.memory, ValueRange{offset.base});
    else if (mask)
      vector::MaskedStoreOp::create(builder, loc, buffer.memory,
                                    ValueRange{offset.base}, mask, vector);
    else
      vector::StoreOp::create(builder, loc, vector, buffer.memory,
                              ValueRange{offset.base});
    return;
  }
  Value lanes = mask;
  if (!lanes)
    lanes = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(vectorType(builder.getI1Type()), true));
  vector::ScatterOp::create(builder, loc, Type(), buffer.memory,
                            ValueRange{index.constant(0)},
                            index.toVector(offset), lanes, vector);
}

void ElementEmitter::emitLanes(Value lower, Value upper,
                               function_ref<void(Value)> body, bool areWhole) {
  Value step = index.constant(width());
  Value count = index.sub(upper, lower);
  Value rest = areWhole ? index.constant(0) : index.rem(count, step);
  Value limit = index.sub(upper, rest);
  auto known = IndexBuilder::getConstant(count);
  if (!known || *known >= width())
    emitLoop(builder, loc, lower, limit, step, {},
             [&](Value i, ValueRange) -> SmallVector<Value> {
               Scope scope(*this);
               body(i);
               return {};
             });
  if (areWhole || (known && *known % width() == 0))
    return;
  auto ifOp = scf::IfOp::create(builder, loc, index.less(limit, upper),
                                /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  Scope scope(*this);
  mask = vector::CreateMaskOp::create(
      builder, loc, vectorType(builder.getI1Type()), ValueRange{rest});
  body(limit);
  mask = Value();
}

Element ElementEmitter::lookUp(Value table, Element byte) {
  constexpr int64_t kValues = 256, kBytes = 64; // of a register
  auto type = cast<RankedTensorType>(table.getType());
  auto buffer = buffers.find(table);
  if (!permutesBytes || !byte.isVector || buffer == buffers.end() ||
      width() > kBytes || type.getRank() != 1 ||
      type.getDimSize(0) != kValues || !type.getElementType().isInteger(8) ||
      !getElementTypeOrSelf(byte.value.getType()).isInteger(8) ||
      buffer->second.offset)
    return {};
  auto whole = VectorType::get({kBytes}, builder.getI8Type());
  auto resize = [&](Value vector, int64_t size) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < size; ++i)
      lanes.push_back(i < width() ? i : vector::ShuffleOp::kPoisonIndex);
    return vector::ShuffleOp::create(builder, loc, vector, vector, lanes);
  };
  Value at = resize(byte.value, kBytes);
  // Seven bits choose among two registers, the eighth between two such pairs.
  auto choose = [&](int64_t half) -> Value {
    auto load = [&](int64_t part) -> Value {
      return vector::LoadOp::create(
          builder, loc, whole, buffer->second.memory,
          ValueRange{index.constant((2 * half + part) * kBytes)});
    };
    return LLVM::CallIntrinsicOp::create(
               builder, loc, whole,
               builder.getStringAttr("llvm.x86.avx512.vpermi2var.qi.512"),
               ValueRange{load(0), at, load(1)})
        .getResult(0);
  };
  Value low = choose(0), high = choose(1);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(whole));
  Value isHigh =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, at, zero);
  Value found = arith::SelectOp::create(builder, loc, isHigh, high, low);
  return {resize(found, width()), true};
}
