// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/Schema.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/defs/data_type_utils.h"
#include "onnx/defs/function.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include "onnx/shape_inference/attribute_binder.h"
#include "onnx/shape_inference/implementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <map>

using namespace dl::frontend;

static const onnx::OpSchema *getSchema(const onnx::NodeProto &node,
                                       int64_t opset) {
  return onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(opset),
                                        node.domain());
}

std::string dl::frontend::findMissingInput(const onnx::NodeProto &node,
                                           int64_t opset) {
  const onnx::OpSchema *schema = getSchema(node, opset);
  if (!schema)
    return "";
  size_t count = node.input_size();
  for (auto [i, parameter] : llvm::enumerate(schema->inputs()))
    if (parameter.GetOption() == onnx::OpSchema::Single &&
        (i >= count || node.input(static_cast<int>(i)).empty()))
      return std::to_string(i) + ", '" + parameter.GetName() + "'";
  if (schema->inputs().empty() ||
      schema->inputs().back().GetOption() != onnx::OpSchema::Variadic)
    return "";
  for (size_t i = schema->inputs().size() - 1; i < count; ++i)
    if (node.input(static_cast<int>(i)).empty())
      return std::to_string(i) + ", '" + schema->inputs().back().GetName() +
             "'";
  return "";
}

std::string
dl::frontend::findWrongType(const onnx::NodeProto &node, int64_t opset,
                            const std::vector<onnx::TypeProto> &inputs) {
  const onnx::OpSchema *schema = getSchema(node, opset);
  auto describe = [](size_t i, const std::string &name,
                     const onnx::TypeProto &type) {
    std::string text = std::to_string(i) + ", '" + name + "', ";
    return type.has_tensor_type()
               ? text + "has elements of the type " +
                     getDataTypeName(type.tensor_type().elem_type())
               : text + "is a " + *onnx::Utils::DataTypeUtils::ToType(type);
  };
  if (!schema || schema->inputs().empty()) {
    // Rules without a schema know tensors alone.
    for (auto [i, type] : llvm::enumerate(inputs))
      if (type.has_sequence_type() || type.has_optional_type() ||
          type.has_map_type())
        return "its input " +
               describe(i, node.input(static_cast<int>(i)), type) +
               ", which the operator does not take";
    return "";
  }
  // The first input of each type variable.
  std::map<std::string, size_t> first;
  for (auto [i, type] : llvm::enumerate(inputs)) {
    size_t last = schema->inputs().size() - 1;
    const auto &parameter = schema->inputs()[std::min(i, last)];
    if (type.value_case() == onnx::TypeProto::VALUE_NOT_SET)
      continue;
    if (!parameter.GetTypes().count(onnx::Utils::DataTypeUtils::ToType(type)))
      return "its input " + describe(i, parameter.GetName(), type) +
             ", which the operator does not take";
    if (i > last && !parameter.GetIsHomogeneous())
      continue;
    auto [bound, isFirst] = first.try_emplace(parameter.GetTypeStr(), i);
    const onnx::TypeProto &other = inputs[bound->second];
    if (!isFirst && onnx::Utils::DataTypeUtils::ToType(other) !=
                        onnx::Utils::DataTypeUtils::ToType(type))
      return "its input " + describe(i, parameter.GetName(), type) +
             ", its input " + std::to_string(bound->second) + " of " +
             (other.has_tensor_type()
                  ? getDataTypeName(other.tensor_type().elem_type())
                  : *onnx::Utils::DataTypeUtils::ToType(other));
  }
  return "";
}

bool dl::frontend::isDefinedByFunction(const onnx::NodeProto &node,
                                       int64_t opset) {
  const onnx::OpSchema *schema = getSchema(node, opset);
  return schema &&
         (schema->HasFunction() || schema->HasContextDependentFunction());
}

onnx::NodeProto dl::frontend::addDefaults(onnx::NodeProto node, int64_t opset) {
  const onnx::OpSchema *schema = getSchema(node, opset);
  if (!schema)
    return node;
  for (auto &[name, attribute] : schema->attributes()) {
    bool isGiven = llvm::any_of(node.attribute(), [&name = name](auto &given) {
      return given.name() == name;
    });
    if (!isGiven &&
        attribute.default_value.type() != onnx::AttributeProto::UNDEFINED)
      *node.add_attribute() = attribute.default_value;
  }
  return node;
}

template <class Nodes>
static void clearNames(Nodes &nodes, const llvm::StringSet<> &names) {
  for (onnx::NodeProto &node : nodes) {
    for (std::string &input : *node.mutable_input())
      if (names.contains(input))
        input.clear();
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        clearNames(*attribute.mutable_g()->mutable_node(), names);
  }
}

std::unique_ptr<onnx::FunctionProto>
dl::frontend::buildBody(const onnx::NodeProto &node, int64_t opset,
                        const std::vector<onnx::TypeProto> &inputs) {
  const onnx::OpSchema *schema = getSchema(node, opset);
  if (!schema)
    return nullptr;
  try {
    onnx::NodeProto call = addDefaults(node, opset);
    auto body = std::make_unique<onnx::FunctionProto>();
    int version = static_cast<int>(opset);
    if (const onnx::FunctionProto *fixed = schema->GetFunction(version, false))
      *body = *fixed;
    else if (!schema->HasContextDependentFunction() ||
             !schema->BuildContextDependentFunction(
                 onnx::FunctionBodyBuildContextImpl(call, inputs), *body,
                 version))
      return nullptr;
    onnx::internal::AttributeBinder::BindAttributes(call, *body);
    llvm::StringSet<> absent;
    for (int i = 0; i < body->input_size(); ++i)
      if (i >= call.input_size() || call.input(i).empty())
        absent.insert(body->input(i));
    clearNames(*body->mutable_node(), absent);
    return body;
  } catch (const std::exception &) {
    return nullptr;
  }
}

std::vector<onnx::TypeProto>
dl::frontend::inferOutputTypes(const onnx::NodeProto &node, int64_t opset,
                               std::vector<onnx::TypeProto> inputs) {
  std::vector<onnx::TypeProto> outputs(node.output_size());
  const onnx::OpSchema *schema = getSchema(node, opset);
  if (!schema || !schema->has_type_and_shape_inference_function())
    return outputs;
  try {
    onnx::NodeProto copy = node;
    std::unordered_map<std::string, onnx::TypeProto *> types;
    for (auto [name, type] : llvm::zip(node.input(), inputs))
      if (type.value_case() != onnx::TypeProto::VALUE_NOT_SET)
        types[name] = &type;
    onnx::ShapeInferenceOptions options(/*check_type=*/false,
                                        /*strict_mode=*/0,
                                        /*data_prop=*/false);
    onnx::shape_inference::InferenceContextImpl context(copy, types, {}, {},
                                                        options);
    schema->GetTypeAndShapeInferenceFunction()(context);
    for (int i = 0; i < node.output_size(); ++i)
      outputs[i] = *context.getOutputType(i);
  } catch (const std::exception &) {
    // What it cannot infer stays open.
    return outputs;
  }
  return outputs;
}
