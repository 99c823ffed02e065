// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/FunctionBodies.h"
#include "onnx/defs/function.h"
#include "onnx/defs/schema.h"
#include "onnx/inliner/inliner.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"

using namespace dl::frontend;
using llvm::StringRef;

/// Domain of the functions that stand for operators while they are inlined.
static constexpr const char *kBodyDomain = "dl.body";

/// Bodies may use operators that are functions again.
static constexpr unsigned kMaxRounds = 8;

/// Names of the nodes by their outputs.
static llvm::StringMap<std::string> getOwners(const onnx::GraphProto &graph) {
  llvm::StringMap<std::string> owners;
  for (const onnx::NodeProto &node : graph.node())
    for (const std::string &output : node.output())
      if (!output.empty())
        owners[output] = getNodeName(node);
  return owners;
}

/// Gives nodes of bodies the name of the node that called the function: the
/// body of a call ends with the nodes that define the call's outputs.
static void nameInlinedNodes(onnx::GraphProto &graph,
                             const llvm::StringMap<std::string> &owners) {
  std::string owner;
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    onnx::NodeProto &node = *graph.mutable_node(i);
    bool isOwned = false;
    for (const std::string &output : node.output())
      if (auto found = owners.find(output); found != owners.end()) {
        owner = found->second;
        isOwned = true;
      }
    if (!isOwned || node.name().empty())
      node.set_name(owner);
  }
}

void dl::frontend::inlineFunctions(Model &model) {
  onnx::GraphProto &graph = *model.proto->mutable_graph();
  llvm::StringMap<std::string> owners = getOwners(graph);
  onnx::inliner::InlineLocalFunctions(*model.proto, /*convert_version=*/true);
  nameInlinedNodes(graph, owners);
}

namespace {

/// One round: operators of the main graph become functions of the model.
class OperatorBodies {
public:
  OperatorBodies(Model &model, HasRule hasRule)
      : model(model), proto(*model.proto), hasRule(hasRule) {}

  /// Whether there was any.
  bool build() {
    bool found = false;
    for (onnx::NodeProto &node : *proto.mutable_graph()->mutable_node()) {
      int64_t version = getOpset(proto, node.domain());
      if (!version || hasRule(node.domain(), node.op_type(), version))
        continue;
      const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(
          node.op_type(), static_cast<int>(version), node.domain());
      if (schema)
        found |= buildBody(node, *schema, static_cast<int>(version));
    }
    return found;
  }

private:
  bool buildBody(onnx::NodeProto &node, const onnx::OpSchema &schema,
                 int version) {
    onnx::NodeProto call = node;
    addDefaults(call, schema);
    onnx::FunctionProto body;
    if (const onnx::FunctionProto *fixed = schema.GetFunction(version, false))
      body = *fixed;
    else if (!schema.HasContextDependentFunction() ||
             !buildForTypes(call, schema, version, body))
      return false;
    body.set_domain(kBodyDomain);
    body.set_name("body" + std::to_string(proto.functions_size()));
    // The body is one for these versions, whatever it says.
    *body.mutable_opset_import() = proto.opset_import();
    call.set_domain(kBodyDomain);
    call.set_op_type(body.name());
    call.clear_overload();
    node = std::move(call);
    *proto.add_functions() = std::move(body);
    return true;
  }

  /// Bodies refer to the attributes that the node leaves at ONNX's defaults.
  static void addDefaults(onnx::NodeProto &node, const onnx::OpSchema &schema) {
    for (auto &[name, attribute] : schema.attributes()) {
      bool isGiven =
          llvm::any_of(node.attribute(), [&name = name](auto &given) {
            return given.name() == name;
          });
      if (!isGiven &&
          attribute.default_value.type() != onnx::AttributeProto::UNDEFINED)
        *node.add_attribute() = attribute.default_value;
    }
  }

  bool buildForTypes(const onnx::NodeProto &node, const onnx::OpSchema &schema,
                     int version, onnx::FunctionProto &body) {
    if (types.empty())
      collectTypes();
    std::vector<onnx::TypeProto> inputs;
    for (const std::string &input : node.input()) {
      auto type = types.find(input);
      inputs.push_back(type == types.end() ? onnx::TypeProto() : type->second);
    }
    try {
      return schema.BuildContextDependentFunction(
          onnx::FunctionBodyBuildContextImpl(node, inputs), body, version);
    } catch (const std::exception &) {
      return false;
    }
  }

  void collectTypes() {
    inferTypes(model);
    const onnx::GraphProto &graph = proto.graph();
    for (const onnx::TensorProto &tensor : graph.initializer()) {
      onnx::TypeProto_Tensor &type =
          *types[tensor.name()].mutable_tensor_type();
      type.set_elem_type(tensor.data_type());
      for (int64_t dim : tensor.dims())
        type.mutable_shape()->add_dim()->set_dim_value(dim);
      type.mutable_shape();
    }
    for (auto *infos : {&graph.input(), &graph.output(), &graph.value_info()})
      for (const onnx::ValueInfoProto &info : *infos)
        types[info.name()] = info.type();
  }

  Model &model;
  onnx::ModelProto &proto;
  HasRule hasRule;
  llvm::StringMap<onnx::TypeProto> types;
};

} // namespace

void dl::frontend::expandOperators(Model &model, HasRule hasRule) {
  onnx::ModelProto &proto = *model.proto;
  for (unsigned round = 0; round < kMaxRounds; ++round) {
    llvm::StringMap<std::string> owners = getOwners(proto.graph());
    onnx::OperatorSetIdProto *import = proto.add_opset_import();
    import->set_domain(kBodyDomain);
    import->set_version(1);
    bool found = OperatorBodies(model, hasRule).build();
    if (found)
      onnx::inliner::InlineLocalFunctions(proto, /*convert_version=*/false);
    proto.mutable_opset_import()->RemoveLast();
    if (!found)
      return;
    nameInlinedNodes(*proto.mutable_graph(), owners);
  }
}
