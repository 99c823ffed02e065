// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/QuantizedValue.h"
#include "ir/dialect/Dims.h"
#include "ir/reference/Tensor.h"
#include "passes/Reshapes.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

std::optional<SmallVector<double>> mlir::dl::readNumbers(Value value,
                                                         int64_t most) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getOperand();
  auto constant = value.getDefiningOp<ConstantOp>();
  RankedTensorType type = typeOf(value);
  if (!constant || !type.hasStaticShape() || type.getNumElements() > most ||
      !type.getElementType().isIntOrFloat())
    return std::nullopt;
  auto tensor = reference::Tensor::fromAttribute(constant.getValue());
  if (failed(tensor) || tensor->isOpaque())
    return std::nullopt;
  SmallVector<double> numbers;
  if (tensor->isFloat())
    llvm::append_range(numbers, tensor->load<double>());
  else
    llvm::append_range(numbers, tensor->load<int64_t>());
  return numbers;
}

Value Parameter::materialize(OpBuilder &builder, Location loc, Type element,
                             int64_t rank, int64_t dim) const {
  if (value) {
    Value scalar = value;
    if (typeOf(scalar).getRank())
      scalar = ReshapeOp::create(
          builder, loc,
          RankedTensorType::get({}, typeOf(value).getElementType()), scalar);
    return typeOf(scalar).getElementType() == element
               ? scalar
               : Value(CastOp::create(
                     builder, loc, RankedTensorType::get({}, element), scalar));
  }
  SmallVector<int64_t> shape;
  if (axis >= 0) {
    // Leading dimensions are broadcast anyway.
    shape.assign(rank - dim, 1);
    shape.front() = numbers.size();
  }
  auto type = RankedTensorType::get(shape, element);
  SmallVector<Attribute> elements;
  for (double number : numbers)
    elements.push_back(
        isa<FloatType>(element)
            ? Attribute(builder.getFloatAttr(element, number))
            : builder.getIntegerAttr(element, static_cast<int64_t>(number)));
  return ConstantOp::create(builder, loc,
                            DenseElementsAttr::get(type, elements));
}

/// The parameter that broadcasts with a tensor of rank `rank`.
static std::optional<Parameter> getParameter(Value value, int64_t rank) {
  constexpr int64_t kMost = 1 << 20;
  RankedTensorType type = typeOf(value);
  if (!type.hasStaticShape() || type.getRank() > rank)
    return std::nullopt;
  Parameter parameter;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.getDimSize(d) != 1) {
      if (parameter.axis >= 0)
        return std::nullopt;
      parameter.axis = rank - type.getRank() + d;
    }
  if (auto numbers = readNumbers(value, kMost)) {
    parameter.numbers = *numbers;
    return parameter;
  }
  if (parameter.axis >= 0)
    return std::nullopt;
  parameter.value = value;
  return parameter;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static bool isByte(Value value) {
  auto type = dyn_cast<IntegerType>(typeOf(value).getElementType());
  return type && type.getWidth() == 8;
}

/// What a conversion from a byte, direct or by way of i32, converts.
static Value getConvertedByte(Value value) {
  for (int i = 0; i < 2; ++i) {
    auto conversion = value.getDefiningOp<CastOp>();
    if (!conversion)
      return {};
    value = conversion.getOperand();
    if (isByte(value))
      return value;
    if (!typeOf(value).getElementType().isSignlessInteger(32))
      return {};
  }
  return {};
}

/// `integers - zero point`, in i32 or f32.
static std::optional<QuantizedValue> matchCentered(Value value) {
  QuantizedValue result;
  result.zeroPoint.numbers = {0};
  result.scale.numbers = {1};
  // The conversion to f32 may follow the subtraction in i32.
  if (auto conversion = value.getDefiningOp<CastOp>();
      conversion &&
      typeOf(conversion.getOperand()).getElementType().isSignlessInteger(32))
    value = conversion.getOperand();
  Value converted = value;
  if (auto difference = value.getDefiningOp<SubOp>()) {
    auto zeroPoint = getParameter(difference.getRhs(), typeOf(value).getRank());
    converted = difference.getLhs();
    if (!zeroPoint || converted.getType() != value.getType())
      return std::nullopt;
    result.zeroPoint = *zeroPoint;
  }
  result.integers = getConvertedByte(converted);
  if (!result.integers)
    return std::nullopt;
  return result;
}

/// The dimension of a moved value that dimension `dim` becomes; -1: none.
static int64_t moveDim(Operation *op, int64_t dim) {
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    return llvm::find(permutation, dim) - permutation.begin();
  }
  auto kept = getKeptDims(typeOf(op->getOperand(0)), typeOf(op->getResult(0)));
  return kept ? (*kept)[dim] : -1;
}

int64_t QuantizedValue::getSource(int64_t dim) const {
  for (int64_t source = 0; source < typeOf(integers).getRank(); ++source) {
    int64_t moved = source;
    for (Operation *op : llvm::reverse(movement))
      if (moved >= 0)
        moved = moveDim(op, moved);
    if (moved == dim)
      return source;
  }
  return -1;
}

Value QuantizedValue::move(OpBuilder &builder, Value value) const {
  Type element = typeOf(value).getElementType();
  for (Operation *op : llvm::reverse(movement)) {
    Operation *moved = builder.clone(*op);
    moved->setOperand(0, value);
    moved->getResult(0).setType(
        withElementType(typeOf(op->getResult(0)), element));
    value = moved->getResult(0);
  }
  return value;
}

/// Lets the parameters follow the movement, the last one first.
static std::optional<QuantizedValue>
moveParameters(std::optional<QuantizedValue> result,
               ArrayRef<Operation *> movement) {
  if (!result)
    return std::nullopt;
  for (Parameter *parameter : {&result->scale, &result->zeroPoint})
    for (Operation *op : llvm::reverse(movement))
      if (parameter->axis >= 0) {
        parameter->axis = moveDim(op, parameter->axis);
        if (parameter->axis < 0)
          return std::nullopt;
      }
  result->movement.assign(movement.begin(), movement.end());
  return result;
}

/// What is moved to become `value`.
static Value skipMovement(Value value, SmallVectorImpl<Operation *> &movement) {
  while (isa_and_nonnull<TransposeOp, ReshapeOp>(value.getDefiningOp())) {
    movement.push_back(value.getDefiningOp());
    value = movement.back()->getOperand(0);
  }
  return value;
}

/// The scale of a product; nothing for one that keeps no order or has no
/// inverse, as zero and what is below.
static std::optional<Parameter> getScale(MulOp product) {
  auto scale = getParameter(product.getRhs(), product.getType().getRank());
  if (!scale || !llvm::all_of(scale->numbers, [](double v) {
        return v > 0 && std::isfinite(v);
      }))
    return std::nullopt;
  return scale;
}

std::optional<QuantizedValue> mlir::dl::matchQuantized(Value value) {
  SmallVector<Operation *> movement;
  value = skipMovement(value, movement);
  std::optional<QuantizedValue> result;
  Type element = typeOf(value).getElementType();
  if (element.isSignlessInteger(32)) {
    result = matchCentered(value);
  } else if (element.isF32()) {
    auto product = value.getDefiningOp<MulOp>();
    if (!product || product.getLhs().getType() != value.getType())
      return std::nullopt;
    auto scale = getScale(product);
    result = matchCentered(product.getLhs());
    if (!scale || !result)
      return std::nullopt;
    result->scale = *scale;
  }
  return moveParameters(result, movement);
}

std::optional<QuantizedValue> mlir::dl::matchFloat8(Value value) {
  SmallVector<Operation *> movement;
  value = skipMovement(value, movement);
  QuantizedValue result;
  result.zeroPoint.numbers = {0};
  result.scale.numbers = {1};
  if (auto product = value.getDefiningOp<MulOp>();
      product && product.getLhs().getType() == value.getType()) {
    auto scale = getScale(product);
    if (!scale)
      return std::nullopt;
    result.scale = *scale;
    value = product.getLhs();
  }
  auto conversion = value.getDefiningOp<CastOp>();
  if (!conversion || !typeOf(value).getElementType().isF32())
    return std::nullopt;
  result.integers = conversion.getOperand();
  if (!isa<Float8E4M3FNType, Float8E5M2Type>(
          typeOf(result.integers).getElementType()))
    return std::nullopt;
  return moveParameters(result, movement);
}

void mlir::dl::forEachProduct(func::FuncOp function,
                              function_ref<void(MatmulOp)> convertMatmul,
                              function_ref<void(ConvOp)> convertConv) {
  SmallVector<Operation *> products;
  function.walk([&](Operation *op) {
    if (isa<MatmulOp, ConvOp>(op))
      products.push_back(op);
  });
  for (Operation *op : products)
    if (auto conv = dyn_cast<ConvOp>(op))
      convertConv(conv);
    else
      convertMatmul(cast<MatmulOp>(op));
}
