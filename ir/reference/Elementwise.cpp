// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Scalars.h"
#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

/// The shape that the operands broadcast to.
static FailureOr<Shape> broadcastShapes(Operation *op,
                                        ArrayRef<Tensor> operands) {
  Shape shape;
  for (const Tensor &operand : operands) {
    ArrayRef<int64_t> other = operand.getShape();
    if (other.size() > shape.size())
      shape.insert(shape.begin(), other.size() - shape.size(), 1);
    for (size_t i = 0; i < other.size(); ++i) {
      int64_t &size = shape[shape.size() - other.size() + i];
      if (size != other[i] && size != 1 && other[i] != 1)
        return op->emitOpError(
                   "operands do not broadcast: found dimensions of ")
               << size << " and " << other[i];
      if (size == 1)
        size = other[i];
    }
  }
  return shape;
}

/// The operand as it is after broadcasting.
static Tensor broadcast(const Tensor &operand, ArrayRef<int64_t> shape) {
  if (operand.getShape() == shape)
    return operand;
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  for (auto [size, stride] : llvm::zip(operand.getShape(), strides))
    if (size == 1)
      stride = 0;
  size_t leading = shape.size() - strides.size();
  return pick(operand, shape, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (size_t i = 0; i < strides.size(); ++i)
      position += index[leading + i] * strides[i];
    return position;
  });
}

//===----------------------------------------------------------------------===//
// Unary and binary
//===----------------------------------------------------------------------===//

/// Applies a function of one or two elements of type T.
template <typename T, typename Function>
static std::vector<T> apply(const Function &function,
                            ArrayRef<Tensor> operands) {
  std::vector<T> a = operands[0].load<T>();
  std::vector<T> b = operands.size() > 1 ? operands[1].load<T>() : a;
  for (size_t i = 0; i < a.size(); ++i) {
    T elements[2] = {a[i], b[i]};
    a[i] = function(elements);
  }
  return a;
}

/// Any op that has a function in Scalars.h.
static FailureOr<Tensors> elementwise(Operation *op,
                                      const Arguments &arguments) {
  auto shape = broadcastShapes(op, arguments.operands);
  if (failed(shape))
    return failure();
  Tensors operands;
  for (const Tensor &operand : arguments.operands)
    operands.push_back(broadcast(operand, *shape));
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  Type operandType = operands[0].getElementType();
  if (operands[0].isOpaque())
    return op->emitOpError("is not supported on ") << operandType;
  if (!operands[0].isFloat()) {
    IntFunction function = getIntFunction(op, isUnsignedElement(operandType));
    if (!function)
      return op->emitOpError("is not supported on ") << operandType;
    return Tensors{Tensor::store<int64_t>(type, *shape,
                                          apply<int64_t>(function, operands))};
  }
  FloatFunction function = getFloatFunction(op);
  if (!function)
    return op->emitOpError("is not supported on ") << operandType;
  std::vector<double> elements = apply<double>(function, operands);
  if (isa<FloatType>(type))
    return Tensors{Tensor::store<double>(type, *shape, elements)};
  std::vector<int64_t> answers(elements.begin(), elements.end());
  return Tensors{Tensor::store<int64_t>(type, *shape, answers)};
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> select(SelectOp op, const Arguments &arguments) {
  auto shape = broadcastShapes(op, arguments.operands);
  if (failed(shape))
    return failure();
  Tensor condition = broadcast(arguments[0], *shape);
  Tensor onTrue = broadcast(arguments[1], *shape);
  Tensor onFalse = broadcast(arguments[2], *shape);
  Tensor result(onTrue.getElementType(), *shape);
  int64_t bytes = result.getElementBytes();
  for (int64_t i = 0, e = result.getNumElements(); i < e; ++i)
    std::memcpy(result.getMutableData() + i * bytes,
                (condition.getData()[i] ? onTrue : onFalse).getData() +
                    i * bytes,
                bytes);
  return result;
}

static Tensor castFloats(const Tensor &operand, Type type, bool saturate) {
  std::vector<double> elements = operand.load<double>();
  if (auto floatType = dyn_cast<FloatType>(type)) {
    if (floatType.getWidth() < 8 || (saturate && floatType.getWidth() == 8))
      for (double &element : elements)
        element = roundToFloat(element, floatType.getFloatSemantics(), saturate)
                      .convertToDouble();
    return Tensor::store<double>(type, operand.getShape(), elements);
  }
  std::vector<int64_t> integers;
  integers.reserve(elements.size());
  for (double element : elements)
    integers.push_back(truncateToInt(element, type.getIntOrFloatBitWidth(),
                                     type.isUnsignedInteger())
                           .getSExtValue());
  return Tensor::store<int64_t>(type, operand.getShape(), integers);
}

static Tensor castIntegers(const Tensor &operand, Type type) {
  std::vector<int64_t> elements = operand.load<int64_t>();
  if (type.isInteger(1))
    for (int64_t &element : elements)
      element = element != 0;
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType)
    return Tensor::store<int64_t>(type, operand.getShape(), elements);
  // Rounded to the element type at once: by way of double, 64-bit integers
  // would be rounded twice.
  bool isUnsigned = isUnsignedElement(operand.getElementType());
  std::vector<double> rounded;
  rounded.reserve(elements.size());
  for (int64_t element : elements) {
    APFloat value(floatType.getFloatSemantics());
    value.convertFromAPInt(APInt(64, element), !isUnsigned,
                           APFloat::rmNearestTiesToEven);
    rounded.push_back(value.convertToDouble());
  }
  return Tensor::store<double>(type, operand.getShape(), rounded);
}

static FailureOr<Tensor> castTo(CastOp op, const Arguments &arguments) {
  Type type = getElementTypeOrSelf(op.getResult().getType());
  return arguments[0].isFloat()
             ? castFloats(arguments[0], type, op.getSaturate())
             : castIntegers(arguments[0], type);
}

static FailureOr<Tensor> bitcast(BitcastOp op, const Arguments &arguments) {
  Type type = getElementTypeOrSelf(op.getResult().getType());
  const Tensor &operand = arguments[0];
  Tensor result(type, operand.getShape());
  int64_t bytes = result.getElementBytes();
  if (isa<ComplexType>(type)) {
    std::memcpy(result.getMutableData(), operand.getData(),
                operand.getNumElements() * bytes);
    return result;
  }
  unsigned width = type.getIntOrFloatBitWidth();
  std::vector<int64_t> elements;
  for (int64_t i = 0, e = operand.getNumElements(); i < e; ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, operand.getData() + i * bytes, bytes);
    bits &= llvm::maskTrailingOnes<uint64_t>(width);
    std::memcpy(result.getMutableData() + i * bytes, &bits, bytes);
    elements.push_back(static_cast<int64_t>(bits));
  }
  // Integers below a byte are extended by their signedness.
  return result.isFloat()
             ? result
             : Tensor::store<int64_t>(type, operand.getShape(), elements);
}

static FailureOr<Tensor> iota(IotaOp op, const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  std::vector<int64_t> elements;
  forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
    elements.push_back(index[op.getAxis()]);
  });
  Type type = getElementTypeOrSelf(op.getResult().getType());
  if (!isa<FloatType>(type))
    return Tensor::store<int64_t>(type, *shape, elements);
  std::vector<double> floats(elements.begin(), elements.end());
  return Tensor::store<double>(type, *shape, floats);
}

static FailureOr<Tensor> broadcastTo(BroadcastOp op,
                                     const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  for (auto [from, to] :
       llvm::zip(llvm::reverse(arguments[0].getShape()), llvm::reverse(*shape)))
    if (from != to && from != 1)
      return op.emitOpError("a dimension of ")
             << from << " does not broadcast to " << to;
  return broadcast(arguments[0], *shape);
}

void mlir::dl::reference::addElementwiseRules(RuleTable &table) {
  table.addAll<AbsOp, NegOp, CeilOp, FloorOp, RoundOp, SqrtOp, RsqrtOp,
               ReciprocalOp, ExpOp, LogOp, SinOp, CosOp, TanOp, AsinOp, AcosOp,
               AtanOp, SinhOp, CoshOp, AsinhOp, AcoshOp, AtanhOp, ErfOp, TanhOp,
               SigmoidOp, SignOp, NotOp, IsNanOp, IsInfOp, AddOp, SubOp, MulOp,
               DivOp, ModOp, PowOp, MaxOp, MinOp, AndOp, OrOp, XorOp, ShlOp,
               ShrOp, CompareOp>(elementwise);
  table.add(select);
  table.add(castTo);
  table.add(bitcast);
  table.add(iota);
  table.add(broadcastTo);
}
