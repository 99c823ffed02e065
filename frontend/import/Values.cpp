// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Values.h"
#include "frontend/import/Constants.h"
#include "onnx/onnx_pb.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// ONNX's types
//===----------------------------------------------------------------------===//

/// A tensor's type without the names of its sizes.
static TensorType getPlainTensorType(const onnx::TypeProto_Tensor &type,
                                     MLIRContext *context) {
  Type elementType = frontend::getElementType(type.elem_type(), context);
  if (!elementType)
    return {};
  if (!type.has_shape())
    return UnrankedTensorType::get(elementType);
  SmallVector<int64_t> shape;
  for (const auto &dim : type.shape().dim())
    shape.push_back(dim.has_dim_value() && dim.dim_value() >= 0
                        ? dim.dim_value()
                        : ShapedType::kDynamic);
  return RankedTensorType::get(shape, elementType);
}

Type frontend::getValueType(const onnx::TypeProto &type, MLIRContext *context) {
  if (type.has_sequence_type()) {
    const onnx::TypeProto &element = type.sequence_type().elem_type();
    TensorType tensor = element.has_tensor_type()
                            ? getPlainTensorType(element.tensor_type(), context)
                            : TensorType();
    return tensor ? SequenceType::get(context, tensor) : Type();
  }
  if (!type.has_optional_type())
    return {};
  const onnx::TypeProto &held = type.optional_type().elem_type();
  Type value = held.has_tensor_type()
                   ? getPlainTensorType(held.tensor_type(), context)
                   : getValueType(held, context);
  return isa_and_nonnull<TensorType, SequenceType>(value)
             ? OptionalType::get(context, value)
             : Type();
}

static int32_t getDataType(Type elementType) {
  for (int32_t dataType = 1; onnx::TensorProto_DataType_IsValid(dataType);
       ++dataType)
    if (frontend::getElementType(dataType, elementType.getContext()) ==
        elementType)
      return dataType;
  return onnx::TensorProto::UNDEFINED;
}

onnx::TypeProto frontend::getTypeProto(Type type) {
  onnx::TypeProto proto;
  if (auto sequence = dyn_cast<SequenceType>(type)) {
    *proto.mutable_sequence_type()->mutable_elem_type() =
        getTypeProto(sequence.getElementType());
    return proto;
  }
  if (auto optional = dyn_cast<OptionalType>(type)) {
    *proto.mutable_optional_type()->mutable_elem_type() =
        getTypeProto(optional.getValueType());
    return proto;
  }
  auto tensor = cast<TensorType>(type);
  proto.mutable_tensor_type()->set_elem_type(
      getDataType(tensor.getElementType()));
  if (!tensor.hasRank())
    return proto;
  onnx::TensorShapeProto &shape = *proto.mutable_tensor_type()->mutable_shape();
  for (int64_t size : tensor.getShape()) {
    auto *dim = shape.add_dim();
    if (!ShapedType::isDynamic(size))
      dim->set_dim_value(size);
  }
  return proto;
}

onnx::TypeProto frontend::getTypeProto(const MapValue &map) {
  onnx::TypeProto proto;
  auto fill = [](onnx::TypeProto_Map &type, int32_t key, Type value) {
    type.set_key_type(key);
    type.mutable_value_type()->mutable_tensor_type()->set_elem_type(
        getDataType(value));
  };
  Type value = NodeContext::elementType(map.values);
  if (map.keys)
    fill(*proto.mutable_map_type(),
         getDataType(NodeContext::elementType(map.keys)), value);
  else
    fill(
        *proto.mutable_sequence_type()->mutable_elem_type()->mutable_map_type(),
        isa<StringAttr>(map.rowKeys[0]) ? onnx::TensorProto::STRING
                                        : onnx::TensorProto::INT64,
        value);
  return proto;
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

std::optional<SmallVector<Value>> frontend::getKnownElements(Value sequence) {
  auto create = sequence ? sequence.getDefiningOp<SequenceCreateOp>() : nullptr;
  if (!create)
    return std::nullopt;
  return SmallVector<Value>(create.getElements());
}

bool frontend::isEmptySequence(Value value) {
  auto elements = getKnownElements(value);
  return elements && elements->empty();
}

Value frontend::createSequence(NodeContext &context, ValueRange elements,
                               Type elementType) {
  Type type = elements.empty() ? UnrankedTensorType::get(elementType) : Type();
  for (Value element : elements) {
    if (!element)
      return {};
    if (!isa<RankedTensorType>(element.getType())) {
      (void)context.invalid("its elements are no tensors");
      return {};
    }
    TensorType own = getElementTensorType(NodeContext::type(element));
    type = type ? joinTypes(type, own) : Type(own);
    if (!type) {
      (void)context.invalid("its tensors differ in the type of their elements");
      return {};
    }
  }
  return context.create<SequenceCreateOp>(
      Type(SequenceType::get(type.getContext(), cast<TensorType>(type))),
      elements);
}

RankedTensorType frontend::createSizes(NodeContext &context, TensorType type,
                                       SmallVectorImpl<int64_t> &bound) {
  if (!type.hasRank()) {
    (void)context.unsupported("the rank of the tensors is not known");
    return {};
  }
  SmallVector<AffineExpr> dims;
  for (int64_t size : type.getShape()) {
    if (!ShapedType::isDynamic(size)) {
      dims.push_back(context.constantExpr(size));
      continue;
    }
    dims.push_back(context.createSize());
    bound.push_back(cast<AffineSymbolExpr>(dims.back()).getPosition());
  }
  return getTensorType(dims, type.getElementType());
}

//===----------------------------------------------------------------------===//
// Optionals
//===----------------------------------------------------------------------===//

Value frontend::getHeldValue(NodeContext &context, Value value) {
  auto type = value ? dyn_cast<OptionalType>(value.getType()) : nullptr;
  if (!type)
    return value;
  if (auto create = value.getDefiningOp<OptionalCreateOp>()) {
    if (!create.getValue())
      (void)context.invalid("its optional has no value");
    return create.getValue();
  }
  SmallVector<int64_t> bound;
  Type held = type.getValueType();
  if (auto tensor = dyn_cast<TensorType>(held))
    held = createSizes(context, tensor, bound);
  if (!held)
    return {};
  return context.create<OptionalGetOp>(held, value, bound);
}

Value frontend::convertValue(NodeContext &context, Value value, Type type) {
  if (!value || value.getType() == type)
    return value;
  auto optional = dyn_cast<OptionalType>(type);
  if (!optional)
    value = getHeldValue(context, value);
  else if (!isa<OptionalType>(value.getType()))
    value = convertValue(context, value, optional.getValueType());
  if (!value)
    return {};
  if (isEmptySequence(value) && isa<SequenceType>(type))
    return context.create<SequenceCreateOp>(type, ValueRange());
  if (optional && !isa<OptionalType>(value.getType()))
    return context.create<OptionalCreateOp>(type, value);
  auto empty = value.getDefiningOp<OptionalCreateOp>();
  if (empty && !empty.getValue() && optional)
    return context.create<OptionalCreateOp>(type, Value());
  if (isAssignable(value.getType(), type))
    return value;
  (void)context.unsupported("a value has another type than where it goes");
  return {};
}

//===----------------------------------------------------------------------===//
// Values from several places
//===----------------------------------------------------------------------===//

MergedType::MergedType(Type given, IsLocal isLocal) : type(given) {
  auto tensor = dyn_cast<RankedTensorType>(given);
  if (!tensor)
    return;
  type = getElementTensorType(tensor);
  dims = getDims(tensor);
  for (AffineExpr &dim : dims)
    if (dim && isLocal(dim))
      dim = AffineExpr();
}

bool MergedType::merge(Type other, IsLocal isLocal) {
  auto asHeld = [](Type held) {
    auto tensor = dyn_cast<TensorType>(held);
    return tensor ? Type(getElementTensorType(tensor)) : held;
  };
  bool isOptional = isa<OptionalType>(type);
  if (isOptional != isa<OptionalType>(other)) {
    if (isOptional)
      other = OptionalType::get(other.getContext(), asHeld(other));
    else
      type = OptionalType::get(type.getContext(), asHeld(type));
    dims.clear();
  }
  Type joined = joinTypes(type, asHeld(other));
  auto tensor = dyn_cast_or_null<TensorType>(joined);
  if (!joined || (tensor && !tensor.hasRank()))
    return false;
  type = joined;
  if (!tensor)
    return true;
  for (auto [dim, size] :
       llvm::zip(dims, getDims(cast<RankedTensorType>(other))))
    if (dim && (isLocal(size) || !provablyEqual(dim, size)))
      dim = AffineExpr();
  return true;
}

Type MergedType::create(NodeContext &context,
                        SmallVectorImpl<int64_t> &bound) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  SmallVector<AffineExpr> sizes = dims;
  for (AffineExpr &size : sizes)
    if (!size) {
      size = context.createSize();
      bound.push_back(cast<AffineSymbolExpr>(size).getPosition());
    }
  return getTensorType(sizes, tensor.getElementType());
}
