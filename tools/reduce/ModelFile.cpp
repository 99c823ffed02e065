// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/ModelFile.h"

#include "onnx/shape_inference/implementation.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fstream>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

namespace dl::tools {

void fillIn(const frontend::Model &model, onnx::TensorProto &tensor) {
  std::optional<StringRef> data = model.getReference(tensor);
  if (!data)
    return;
  tensor.clear_external_data();
  tensor.clear_data_location();
  tensor.set_raw_data(data->data(), data->size());
}

Expected<std::string> serialize(const frontend::Model &model,
                                const onnx::ModelProto &proto) {
  onnx::ModelProto whole = proto;
  Error error =
      frontend::forEachTensor(whole, [&](onnx::TensorProto &tensor) -> Error {
        fillIn(model, tensor);
        return Error::success();
      });
  if (error)
    return std::move(error);
  std::string bytes;
  constexpr size_t kMostBytes = 0x7fffffff;
  if (whole.ByteSizeLong() > kMostBytes || !whole.SerializeToString(&bytes))
    return createStringError("a model of more than 2 GB with its weights "
                             "cannot be written to one file");
  return bytes;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static void addTypes(const onnx::GraphProto &graph,
                     std::map<std::string, onnx::TypeProto> &types) {
  for (const auto *infos :
       {&graph.input(), &graph.value_info(), &graph.output()})
    for (const onnx::ValueInfoProto &info : *infos)
      if (info.has_type())
        types[info.name()] = info.type();
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    onnx::TypeProto &type = types[tensor.name()];
    type.mutable_tensor_type()->set_elem_type(tensor.data_type());
    auto *shape = type.mutable_tensor_type()->mutable_shape();
    shape->Clear();
    for (int64_t size : tensor.dims())
      shape->add_dim()->set_dim_value(size);
  }
}

/// In a process of its own: infers, and writes the model to `path`.
static int inferInto(onnx::ModelProto proto, const std::string &path) {
  try {
    onnx::ShapeInferenceOptions options(/*check_type_val=*/false,
                                        /*strict_mode_val=*/0,
                                        /*data_prop_val=*/true);
    onnx::shape_inference::InferShapes(
        proto, onnx::OpSchemaRegistry::Instance(), options);
    std::ofstream stream(path, std::ios::binary);
    return proto.SerializeToOstream(&stream) ? 0 : 1;
  } catch (const std::exception &) {
    return 1;
  }
}

std::map<std::string, onnx::TypeProto>
inferTypes(const onnx::ModelProto &proto) {
  std::map<std::string, onnx::TypeProto> types;
  addTypes(proto.graph(), types);
  SmallString<128> path;
  if (sys::fs::createTemporaryFile("dl-reduce", "onnx", path))
    return types;
  if (pid_t child = fork(); child == 0) {
    _exit(inferInto(proto, path.str().str()));
  } else if (child > 0) {
    int status = 0;
    onnx::ModelProto inferred;
    if (waitpid(child, &status, 0) == child && status == 0)
      if (auto buffer = MemoryBuffer::getFile(path))
        if (inferred.ParseFromArray(
                (*buffer)->getBufferStart(),
                static_cast<int>((*buffer)->getBufferSize())))
          addTypes(inferred.graph(), types);
  }
  (void)sys::fs::remove(path);
  return types;
}

//===----------------------------------------------------------------------===//
// What is used
//===----------------------------------------------------------------------===//

static void forEachUse(const onnx::GraphProto &graph,
                       function_ref<void(const std::string &)> visit) {
  std::set<std::string> own;
  for (const onnx::ValueInfoProto &input : graph.input())
    own.insert(input.name());
  for (const onnx::TensorProto &tensor : graph.initializer())
    own.insert(tensor.name());
  for (const onnx::NodeProto &node : graph.node())
    own.insert(node.output().begin(), node.output().end());
  auto visitOuter = [&](const std::string &name) {
    if (!own.count(name))
      visit(name);
  };
  for (const onnx::NodeProto &node : graph.node())
    forEachUse(node, visitOuter);
  for (const onnx::ValueInfoProto &output : graph.output())
    visitOuter(output.name());
}

void forEachUse(const onnx::NodeProto &node,
                function_ref<void(const std::string &)> visit) {
  for (const std::string &input : node.input())
    if (!input.empty())
      visit(input);
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      forEachUse(attribute.g(), visit);
    for (const onnx::GraphProto &graph : attribute.graphs())
      forEachUse(graph, visit);
  }
}

/// Keeps the elements of a repeated field that `isKept` holds for.
template <typename Field, typename Predicate>
static void keep(Field &field, Predicate isKept) {
  int to = 0;
  for (int from = 0; from < field.size(); ++from)
    if (isKept(field.Get(from))) {
      if (to != from)
        field.SwapElements(to, from);
      ++to;
    }
  field.DeleteSubrange(to, field.size() - to);
}

/// Adds the operators of nodes and of the functions that they call.
static void collectOperators(
    const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
    const onnx::ModelProto &proto,
    std::set<std::pair<std::string, std::string>> &operators) {
  for (const onnx::NodeProto &node : nodes) {
    if (operators.insert({node.domain(), node.op_type()}).second)
      for (const onnx::FunctionProto &function : proto.functions())
        if (function.domain() == node.domain() &&
            function.name() == node.op_type())
          collectOperators(function.node(), proto, operators);
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        collectOperators(attribute.g().node(), proto, operators);
      for (const onnx::GraphProto &graph : attribute.graphs())
        collectOperators(graph.node(), proto, operators);
    }
  }
}

void removeUnused(onnx::ModelProto &proto) {
  onnx::GraphProto &graph = *proto.mutable_graph();
  std::set<std::string> used;
  for (const onnx::ValueInfoProto &output : graph.output())
    used.insert(output.name());
  std::set<const onnx::NodeProto *> needed;
  for (int i = graph.node_size(); i-- > 0;) {
    const onnx::NodeProto &node = graph.node(i);
    if (!llvm::any_of(node.output(), [&](const std::string &name) {
          return !name.empty() && used.count(name);
        }))
      continue;
    needed.insert(&node);
    forEachUse(node, [&](const std::string &name) { used.insert(name); });
  }
  std::set<std::string> made;
  for (const onnx::NodeProto *node : needed)
    made.insert(node->output().begin(), node->output().end());
  auto isUsed = [&](const auto &named) { return used.count(named.name()); };
  keep(*graph.mutable_node(),
       [&](const onnx::NodeProto &node) { return needed.count(&node); });
  keep(*graph.mutable_initializer(), isUsed);
  keep(*graph.mutable_input(), isUsed);
  keep(*graph.mutable_value_info(), [&](const onnx::ValueInfoProto &info) {
    return used.count(info.name()) && made.count(info.name());
  });
  graph.clear_quantization_annotation();
  std::set<std::pair<std::string, std::string>> operators;
  collectOperators(graph.node(), proto, operators);
  keep(*proto.mutable_functions(), [&](const onnx::FunctionProto &function) {
    return operators.count({function.domain(), function.name()});
  });
  keep(*proto.mutable_opset_import(),
       [&](const onnx::OperatorSetIdProto &import) {
         return import.domain().empty() ||
                llvm::any_of(operators, [&](const auto &op) {
                  return op.first == import.domain();
                });
       });
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static void addNames(const onnx::NodeProto &node, StringSet<> &names);

static void addNames(const onnx::GraphProto &graph, StringSet<> &names) {
  names.insert(graph.name());
  for (const auto *infos : {&graph.input(), &graph.output()})
    for (const onnx::ValueInfoProto &info : *infos) {
      names.insert(info.name());
      for (const auto &dim : info.type().tensor_type().shape().dim())
        names.insert(dim.dim_param());
    }
  for (const onnx::TensorProto &tensor : graph.initializer())
    names.insert(tensor.name());
  for (const onnx::NodeProto &node : graph.node())
    addNames(node, names);
}

static void addNames(const onnx::NodeProto &node, StringSet<> &names) {
  names.insert(node.name());
  for (const std::string &name : node.input())
    names.insert(name);
  for (const std::string &name : node.output())
    names.insert(name);
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      addNames(attribute.g(), names);
    for (const onnx::GraphProto &graph : attribute.graphs())
      addNames(graph, names);
  }
}

StringSet<> collectNames(const onnx::ModelProto &proto) {
  StringSet<> names;
  addNames(proto.graph(), names);
  for (const onnx::FunctionProto &function : proto.functions()) {
    names.insert(function.name());
    for (const onnx::NodeProto &node : function.node())
      addNames(node, names);
  }
  return names;
}

} // namespace dl::tools
