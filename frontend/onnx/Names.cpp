// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Names of values: defined once, before their use, without cycles; and the
// shapes of inputs.

#include "frontend/onnx/Model.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;

namespace {

/// Names of a graph and of those around it.
struct Scope {
  const Scope *outer;
  llvm::StringSet<> names;

  bool has(StringRef name) const {
    return names.contains(name) || (outer && outer->has(name));
  }
};

class GraphNames {
public:
  GraphNames(const onnx::ModelProto &model, const onnx::GraphProto &graph,
             const Scope *outer)
      : model(model), graph(graph), scope{outer, {}} {}

  Error check() {
    for (const onnx::ValueInfoProto &input : graph.input())
      if (!scope.names.insert(input.name()).second)
        return graphError("input '" + input.name() + "' is listed twice");
    if (Error error = addInitializers())
      return error;
    if (Error error = checkInputShapes())
      return error;
    for (auto [i, node] : llvm::enumerate(graph.node()))
      for (const std::string &output : node.output())
        if (!output.empty())
          producers.try_emplace(output, i);
    for (const onnx::NodeProto &node : graph.node())
      if (Error error = checkNode(node))
        return error;
    for (const onnx::ValueInfoProto &output : graph.output())
      if (!scope.has(output.name()))
        return graphError("output '" + output.name() +
                          "' is not defined by any node");
    return Error::success();
  }

private:
  Error graphError(const llvm::Twine &what) const {
    return modelError("graph '" + graph.name() + "': " + what);
  }

  Error nodeError(const onnx::NodeProto &node, const llvm::Twine &what) const {
    return modelError(
        describeNode(graph, node, getOpset(model, node.domain())) + ": " +
        what);
  }

  Error addInitializers() {
    llvm::StringSet<> initializers;
    auto add = [&](const std::string &name) {
      scope.names.insert(name);
      return initializers.insert(name).second;
    };
    for (const onnx::TensorProto &tensor : graph.initializer()) {
      if (tensor.name().empty())
        return graphError("an initializer has no name");
      if (!add(tensor.name()))
        return graphError("initializer '" + tensor.name() +
                          "' is listed twice");
    }
    for (const onnx::SparseTensorProto &tensor : graph.sparse_initializer())
      if (!add(tensor.values().name()))
        return graphError("initializer '" + tensor.values().name() +
                          "' is listed twice");
    return Error::success();
  }

  Error checkInputShapes() {
    // Inputs of nested graphs get their shapes from the node around them.
    for (const onnx::ValueInfoProto &input : graph.input())
      if (!scope.outer && input.type().has_tensor_type() &&
          !input.type().tensor_type().has_shape())
        return graphError("input '" + input.name() +
                          "' has no shape; its rank must be known, from the "
                          "model or by --shape");
    return Error::success();
  }

  Error checkNode(const onnx::NodeProto &node) {
    for (const std::string &input : node.input())
      if (!input.empty() && !scope.has(input))
        return undefined(node, input);
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        if (Error error = GraphNames(model, attribute.g(), &scope).check())
          return error;
      for (const onnx::GraphProto &nested : attribute.graphs())
        if (Error error = GraphNames(model, nested, &scope).check())
          return error;
    }
    for (const std::string &output : node.output())
      if (!output.empty() && !scope.names.insert(output).second)
        return nodeError(node, "its output '" + output + "' is defined before");
    return Error::success();
  }

  Error undefined(const onnx::NodeProto &node, const std::string &input) {
    auto producer = producers.find(input);
    if (producer == producers.end())
      return nodeError(node, "its input '" + input +
                                 "' is not defined by any node, input or "
                                 "initializer");
    const onnx::NodeProto &later = graph.node(producer->second);
    if (std::string cycle = findCycle(node, producer->second); !cycle.empty())
      return nodeError(node, "it is part of a cycle: " + cycle);
    return nodeError(node, "its input '" + input + "' is defined later, by '" +
                               getNodeName(later) +
                               "'; nodes must be in the order of their use");
  }

  /// The way back from node `start` to `goal` over inputs, as names; empty
  /// where there is none.
  std::string findCycle(const onnx::NodeProto &goal, int start) {
    llvm::DenseMap<int, int> usedBy;
    llvm::SmallVector<int> work = {start};
    usedBy[start] = -1;
    while (!work.empty()) {
      int current = work.pop_back_val();
      if (&graph.node(current) == &goal)
        return describeWay(usedBy, current);
      for (const std::string &input : graph.node(current).input())
        if (auto producer = producers.find(input); producer != producers.end())
          if (usedBy.try_emplace(producer->second, current).second)
            work.push_back(producer->second);
    }
    return "";
  }

  std::string describeWay(const llvm::DenseMap<int, int> &usedBy, int node) {
    constexpr unsigned kMaxNames = 6;
    std::string first = "'" + getNodeName(graph.node(node)) + "'", way = first;
    unsigned count = 1;
    for (int next = usedBy.lookup(node); next >= 0; next = usedBy.lookup(next))
      if (++count <= kMaxNames)
        way += " -> '" + getNodeName(graph.node(next)) + "'";
    return way + (count > kMaxNames ? " -> ... -> " : " -> ") + first;
  }

  const onnx::ModelProto &model;
  const onnx::GraphProto &graph;
  Scope scope;
  llvm::StringMap<int> producers;
};

} // namespace

std::string dl::frontend::getOperatorName(const onnx::NodeProto &node) {
  StringRef domain = node.domain();
  domain.consume_front(kUnknownDomain);
  return domain.empty() || domain == "ai.onnx"
             ? node.op_type()
             : (domain + "." + node.op_type()).str();
}

std::string dl::frontend::getNodeName(const onnx::NodeProto &node) {
  if (!node.name().empty())
    return node.name();
  for (const std::string &output : node.output())
    if (!output.empty())
      return output;
  return node.op_type();
}

std::string dl::frontend::describeNode(const onnx::GraphProto &graph,
                                       const onnx::NodeProto &node,
                                       int64_t opset) {
  return "graph '" + graph.name() + "', node '" + getNodeName(node) + "' (" +
         getOperatorName(node) + ", opset " + std::to_string(opset) + ")";
}

Error dl::frontend::checkNames(const onnx::ModelProto &model) {
  return GraphNames(model, model.graph(), nullptr).check();
}
