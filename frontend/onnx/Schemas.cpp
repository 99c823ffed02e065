// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/Schemas.h"
#include "onnx/defs/data_type_utils.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include <algorithm>
#include <set>
#include <tuple>

using namespace dl::frontend;

static OperatorSchema::Type describeType(onnx::DataType type) {
  const onnx::TypeProto *held = &onnx::Utils::DataTypeUtils::ToTypeProto(type);
  while (!held->has_tensor_type())
    if (held->has_sequence_type())
      held = &held->sequence_type().elem_type();
    else if (held->has_optional_type())
      held = &held->optional_type().elem_type();
    else if (held->has_map_type())
      held = &held->map_type().value_type();
    else
      return {*type, 0};
  return {*type, held->tensor_type().elem_type()};
}

static OperatorSchema describe(const onnx::OpSchema &schema) {
  OperatorSchema result;
  result.domain = schema.domain();
  result.name = schema.Name();
  result.since = schema.since_version();
  result.isDeprecated = schema.deprecated();
  result.hasFunction =
      schema.HasFunction() || schema.HasContextDependentFunction();
  for (const auto &[name, attribute] : schema.attributes())
    result.hasGraphs |= attribute.type == onnx::AttributeProto::GRAPH ||
                        attribute.type == onnx::AttributeProto::GRAPHS;
  std::set<std::string> seen;
  for (const auto *parameters : {&schema.inputs(), &schema.outputs()})
    for (const onnx::OpSchema::FormalParameter &parameter : *parameters) {
      if (!seen.insert(parameter.GetTypeStr()).second)
        continue;
      OperatorSchema::TypeVariable variable;
      variable.name = parameter.GetTypeStr();
      for (onnx::DataType type : parameter.GetTypes())
        variable.types.push_back(describeType(type));
      std::sort(variable.types.begin(), variable.types.end(),
                [](const auto &a, const auto &b) { return a.name < b.name; });
      result.variables.push_back(std::move(variable));
    }
  return result;
}

std::vector<OperatorSchema> dl::frontend::listSchemas() {
  std::vector<OperatorSchema> result;
  for (const onnx::OpSchema &schema :
       onnx::OpSchemaRegistry::get_all_schemas_with_history())
    result.push_back(describe(schema));
  std::sort(result.begin(), result.end(), [](const auto &a, const auto &b) {
    return std::tie(a.domain, a.name, a.since) <
           std::tie(b.domain, b.name, b.since);
  });
  return result;
}
