// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How NodeContext builds ops.

#include "frontend/import/Constants.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/onnx/TensorData.h"
#include "ir/reference/Interpreter.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

/// The message of a verifier without the name of the op and the label of the
/// constraint, which the model's author does not know.
static std::string cleanMessage(StringRef message) {
  if (message.consume_front("'"))
    message = message.split("' op ").second;
  if (message.starts_with("(C"))
    message = message.split(") ").second;
  return message.str();
}

/// Whether no result has a dimension below zero.
static bool hasValidSizes(Operation *op) {
  return llvm::all_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return !tensor || llvm::all_of(tensor.getShape(), [](int64_t size) {
      return size >= 0 || ShapedType::isDynamic(size);
    });
  });
}

/// Whether every result's static dimensions can be multiplied.
static bool isAddressable(Operation *op) {
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      continue;
    int64_t count = 1;
    for (int64_t size : tensor.getShape())
      if (!ShapedType::isDynamic(size) &&
          (size > kMaxNumElements ||
           __builtin_mul_overflow(count, size, &count) ||
           count > kMaxNumElements))
        return false;
  }
  return true;
}

/// Sizes are often computed by way of floats and lists (a picture that is
/// padded to a multiple of 32): what its folder does not know of few numbers,
/// the interpreter computes. Narrow integers are quantized data, which stays.
static SmallVector<DenseElementsAttr> computeFewNumbers(Operation *op) {
  constexpr int64_t kFew = 16;
  auto isFew = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape() &&
           tensor.getNumElements() <= kFew &&
           (tensor.getElementType().isInteger(1) ||
            (tensor.getElementType().isIntOrFloat() &&
             tensor.getElementTypeBitWidth() >= 32));
  };
  if (op->getNumOperands() == 0 || op->getNumRegions() ||
      !isa<mlir::dl::FusionInterface>(op) || !isPure(op) ||
      !llvm::all_of(op->getOperandTypes(), isFew) ||
      !llvm::all_of(op->getResultTypes(), isFew))
    return {};
  SmallVector<mlir::dl::reference::Tensor> operands;
  for (Value operand : op->getOperands()) {
    DenseElementsAttr value;
    if (!matchPattern(operand, m_Constant(&value)))
      return {};
    auto tensor = mlir::dl::reference::Tensor::fromAttribute(value);
    if (failed(tensor))
      return {};
    operands.push_back(*tensor);
  }
  return mlir::dl::reference::computeConstants(op, operands);
}

SmallVector<Value> NodeContext::finish(OperationState &state) {
  std::string message;
  auto capture = [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
        message.empty())
      message = cleanMessage(diagnostic.str());
    return success();
  };
  Operation *op = nullptr;
  {
    ScopedDiagnosticHandler handler(builder.getContext(), capture);
    LogicalResult result = success();
    if (auto *infer = state.name.getInterface<InferTypeOpInterface>()) {
      state.types.clear();
      result = infer->inferReturnTypes(
          builder.getContext(), state.location, state.operands,
          state.attributes.getDictionary(builder.getContext()),
          state.getRawProperties(), state.regions, state.types);
    }
    if (succeeded(result)) {
      op = builder.create(state);
      if (failed(verify(op))) {
        op->erase();
        op = nullptr;
      }
    }
  }
  if (!op) {
    (void)invalid(message.empty() ? "its operands do not agree" : message);
    return {};
  }
  bool isValid = hasValidSizes(op);
  if (!isValid || !isAddressable(op)) {
    op->erase();
    (void)invalid(isValid ? "it has more elements than can be addressed"
                          : "a dimension of its result is not valid");
    return {};
  }
  SmallVector<Value> results;
  if (succeeded(builder.tryFold(op, results)) && !results.empty()) {
    op->erase();
    return results;
  }
  auto values = computeFewNumbers(op);
  if (values.empty())
    return SmallVector<Value>(op->getResults());
  op->erase();
  for (DenseElementsAttr value : values)
    results.push_back(constant(value));
  return results;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value NodeContext::constant(ElementsAttr value) {
  return mlir::dl::ConstantOp::create(builder, loc, value);
}

Value NodeContext::constant(const onnx::TensorProto &tensor) {
  if (!getElementType(tensor.data_type()))
    return Value();
  return constant(
      getElements(importer.getModel(), tensor, builder.getContext()));
}

Value NodeContext::splat(double value, Type elementType,
                         ArrayRef<int64_t> shape) {
  if (!elementType)
    return Value();
  Attribute element;
  if (isa<mlir::dl::StringType>(elementType))
    element = builder.getStringAttr("");
  else if (auto complex = dyn_cast<ComplexType>(elementType))
    element =
        builder.getArrayAttr({FloatAttr::get(complex.getElementType(), value),
                              FloatAttr::get(complex.getElementType(), 0.0)});
  else if (auto integer = dyn_cast<IntegerType>(elementType))
    element = IntegerAttr::get(
        integer, APInt(integer.getWidth(), static_cast<int64_t>(value),
                       /*isSigned=*/true, /*implicitTrunc=*/true));
  else
    element = FloatAttr::get(elementType, value);
  return constant(DenseElementsAttr::get(
      RankedTensorType::get(shape, elementType), element));
}

Value NodeContext::intConstant(ArrayRef<int64_t> values) {
  return constant(DenseIntElementsAttr::get(
      RankedTensorType::get({static_cast<int64_t>(values.size())},
                            builder.getI64Type()),
      values));
}

static Value createSizes(NodeContext &context, ArrayRef<AffineExpr> values,
                         RankedTensorType type) {
  Attribute value = mlir::dl::getSizeAttr(values, type);
  if (auto elements = dyn_cast<ElementsAttr>(value))
    return context.constant(elements);
  return mlir::dl::SizesOp::create(context.builder, context.loc, type,
                                   cast<mlir::dl::SizeValuesAttr>(value));
}

Value NodeContext::sizes(ArrayRef<AffineExpr> values) {
  return createSizes(
      *this, values,
      RankedTensorType::get({static_cast<int64_t>(values.size())},
                            builder.getI64Type()));
}

Value NodeContext::sizeScalar(AffineExpr value) {
  return createSizes(*this, value,
                     RankedTensorType::get({}, builder.getI64Type()));
}

//===----------------------------------------------------------------------===//
// Changes of shape and type
//===----------------------------------------------------------------------===//

/// The type with these dimensions; null, with the node reported, where a
/// dimension is negative or there are too many elements.
static RankedTensorType getResultType(NodeContext &context,
                                      ArrayRef<AffineExpr> dims,
                                      Type elementType) {
  for (AffineExpr dim : dims) {
    auto constant = dyn_cast_or_null<AffineConstantExpr>(dim);
    if (!dim || (constant && constant.getValue() < 0)) {
      (void)context.invalid("a dimension of its result is not valid");
      return RankedTensorType();
    }
  }
  return mlir::dl::getTensorType(dims, elementType);
}

Value NodeContext::reshape(Value value, ArrayRef<AffineExpr> dims) {
  if (!value)
    return value;
  RankedTensorType type = getResultType(*this, dims, elementType(value));
  if (!type || type == value.getType())
    return type ? value : Value();
  AffineExpr count = builder.getAffineConstantExpr(1);
  for (AffineExpr dim : dims)
    count = count * dim;
  if (failed(requireEqual(mlir::dl::getNumElements(NodeContext::type(value)),
                          mlir::dl::simplify(count),
                          "the number of elements changes in a reshape")))
    return Value();
  return create<mlir::dl::ReshapeOp>(type, value);
}

Value NodeContext::broadcast(Value value, ArrayRef<AffineExpr> dims) {
  if (!value)
    return value;
  RankedTensorType type = getResultType(*this, dims, elementType(value));
  if (!type || type == value.getType())
    return type ? value : Value();
  return create<mlir::dl::BroadcastOp>(type, value);
}

Value NodeContext::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (!value)
    return value;
  bool isIdentity = true;
  for (auto [i, dim] : llvm::enumerate(permutation))
    isIdentity &= dim == static_cast<int64_t>(i);
  return isIdentity ? value : create<mlir::dl::TransposeOp>(value, permutation);
}

Value NodeContext::cast(Value value, Type elementType) {
  if (!value || !elementType || NodeContext::elementType(value) == elementType)
    return elementType ? value : Value();
  return create<mlir::dl::CastOp>(
      mlir::dl::withElementType(type(value), elementType), value);
}
