// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Packed.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

bool frontend::isPacked(Type elementType) {
  if (!elementType.isIntOrFloat())
    return false;
  unsigned bits = elementType.getIntOrFloatBitWidth();
  return bits > 1 && bits < 8;
}

static int64_t getElementsInByte(RankedTensorType type) {
  return 8 / type.getElementType().getIntOrFloatBitWidth();
}

static AffineExpr countBytes(RankedTensorType type) {
  return mlir::dl::simplify(
      mlir::dl::getNumElements(type).ceilDiv(getElementsInByte(type)));
}

static RankedTensorType getByteType(ArrayRef<AffineExpr> dims,
                                    MLIRContext *context) {
  return getTensorType(dims,
                       IntegerType::get(context, 8, IntegerType::Unsigned));
}

RankedTensorType frontend::getPackedType(RankedTensorType type) {
  return getByteType({countBytes(type)}, type.getContext());
}

namespace {

/// Builds ops on bytes.
struct Bytes {
  OpBuilder &builder;
  Location loc;
  RankedTensorType type; // of the elements

  unsigned bits() { return type.getElementType().getIntOrFloatBitWidth(); }
  AffineExpr number(int64_t value) {
    return builder.getAffineConstantExpr(value);
  }
  RankedTensorType bytes(ArrayRef<AffineExpr> dims) {
    return getByteType(dims, builder.getContext());
  }
  /// [bytes, elements in one], where each byte's elements stand.
  SmallVector<AffineExpr> grid() {
    return {countBytes(type), number(getElementsInByte(type))};
  }
  SmallVector<AffineExpr> gridElements() {
    return {mlir::dl::simplify(countBytes(type) * getElementsInByte(type))};
  }
  /// How far the elements of a byte are shifted.
  Value shifts() {
    SmallVector<uint8_t> values;
    for (int64_t i = 0; i < getElementsInByte(type); ++i)
      values.push_back(static_cast<uint8_t>(i * bits()));
    return ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(bytes({number(getElementsInByte(type))}),
                               ArrayRef<uint8_t>(values)));
  }
  Type unsignedType() {
    return IntegerType::get(builder.getContext(), bits(),
                            IntegerType::Unsigned);
  }
  Value reshape(Value value, ArrayRef<AffineExpr> dims) {
    Type element = cast<RankedTensorType>(value.getType()).getElementType();
    return ReshapeOp::create(builder, loc, getTensorType(dims, element), value);
  }
  Value convert(Value value, Type element) {
    auto from = cast<RankedTensorType>(value.getType());
    if (from.getElementType() == element)
      return value;
    return CastOp::create(builder, loc, withElementType(from, element), value);
  }
  Value reinterpret(Value value, Type element) {
    auto from = cast<RankedTensorType>(value.getType());
    if (from.getElementType() == element)
      return value;
    return BitcastOp::create(builder, loc, withElementType(from, element),
                             value);
  }
  bool isWhole() {
    return provablyEqual(gridElements()[0], mlir::dl::getNumElements(type));
  }
};

} // namespace

Value frontend::unpack(OpBuilder &builder, Location loc, Value value,
                       RankedTensorType type) {
  Bytes bytes{builder, loc, type};
  Value column = bytes.reshape(value, {countBytes(type), bytes.number(1)});
  Value grid = ShrOp::create(builder, loc, column, bytes.shifts());
  Value all = bytes.reshape(grid, bytes.gridElements());
  if (!bytes.isWhole())
    all = SliceOp::create(
        builder, loc, bytes.bytes({mlir::dl::getNumElements(type)}), all,
        AffineMapAttr::get(AffineMap::get(0, 0, bytes.number(0))),
        builder.getDenseI64ArrayAttr({1}));
  all = bytes.reshape(all, getDims(type));
  // The low bits are kept.
  return bytes.reinterpret(bytes.convert(all, bytes.unsignedType()),
                           type.getElementType());
}

Value frontend::pack(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Bytes bytes{builder, loc, type};
  value = bytes.reinterpret(value, bytes.unsignedType());
  value = bytes.convert(value, bytes.bytes({}).getElementType());
  value = bytes.reshape(value, {mlir::dl::getNumElements(type)});
  if (!bytes.isWhole()) {
    Value zero = ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(bytes.bytes({}), ArrayRef<uint8_t>{0}));
    value = PadOp::create(builder, loc, bytes.bytes(bytes.gridElements()),
                          PadMode::Constant, value, zero,
                          AffineMap::get(0, 0, bytes.number(0)));
  }
  value = bytes.reshape(value, bytes.grid());
  value = ShlOp::create(builder, loc, value, bytes.shifts());
  // No bit is in two elements.
  return ReduceOp::create(builder, loc, ReduceKind::Sum, value,
                          ArrayRef<int64_t>{1}, /*keepdims=*/false);
}
