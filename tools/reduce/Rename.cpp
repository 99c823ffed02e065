// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/Rename.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include <map>
#include <set>

using llvm::StringRef;

namespace dl::tools {
namespace {

/// New names of one kind.
class NewNames {
public:
  explicit NewNames(std::string prefix) : prefix(std::move(prefix)) {}
  const std::string &get(const std::string &name) {
    auto [it, isNew] = names.try_emplace(name);
    if (isNew)
      it->second = prefix + std::to_string(names.size() - 1);
    return it->second;
  }
  /// An empty name stays: it says that something is absent.
  void change(std::string *name) {
    if (!name->empty())
      *name = get(*name);
  }

private:
  std::string prefix;
  std::map<std::string, std::string> names;
};

/// Strings that are one of some words which operators know.
bool isKeyword(StringRef attribute) {
  static const llvm::StringSet<> known = {"activations",
                                          "nodes_modes",
                                          "aggregate_function",
                                          "auto_pad",
                                          "mode",
                                          "direction",
                                          "equation",
                                          "reduction",
                                          "norm",
                                          "post_transform",
                                          "kernel_type",
                                          "padding_mode",
                                          "round",
                                          "to_type",
                                          "onnx_dtype",
                                          "locale",
                                          "pattern",
                                          "tokenexp",
                                          "delimiter",
                                          "casting",
                                          "coordinate_transformation_mode",
                                          "nearest_mode",
                                          "keep_aspect_ratio_policy",
                                          "case_change_action",
                                          "pixel_format",
                                          "approximate",
                                          "map_form",
                                          "cast_to"};
  return known.contains(attribute);
}

class Renaming {
public:
  explicit Renaming(onnx::ModelProto &proto) : proto(proto) {}

  void run() {
    proto.clear_producer_name();
    proto.clear_producer_version();
    proto.clear_domain();
    proto.clear_model_version();
    proto.clear_doc_string();
    proto.clear_metadata_props();
    proto.clear_training_info();
    proto.clear_configuration();
    for (const onnx::FunctionProto &function : proto.functions())
      own.insert({function.domain(), function.name()});
    for (onnx::OperatorSetIdProto &import : *proto.mutable_opset_import())
      changeDomain(import.mutable_domain());
    for (onnx::FunctionProto &function : *proto.mutable_functions())
      change(function);
    change(*proto.mutable_graph());
  }

private:
  /// Whether a domain is one that all models share.
  static bool isPublic(StringRef domain) {
    return domain.empty() || domain == "ai.onnx" ||
           domain.starts_with("ai.onnx.");
  }

  void changeDomain(std::string *domain) {
    if (!isPublic(*domain))
      domains.change(domain);
  }

  void change(onnx::FunctionProto &function) {
    function.clear_doc_string();
    function.clear_metadata_props();
    operators.change(function.mutable_name());
    changeDomain(function.mutable_domain());
    if (function.has_overload())
      overloads.change(function.mutable_overload());
    for (auto *names : {function.mutable_input(), function.mutable_output()})
      for (std::string &name : *names)
        values.change(&name);
    for (std::string &name : *function.mutable_attribute())
      attributes.change(&name);
    for (onnx::AttributeProto &attribute :
         *function.mutable_attribute_proto()) {
      change(attribute);
      attributes.change(attribute.mutable_name());
    }
    for (onnx::OperatorSetIdProto &import : *function.mutable_opset_import())
      changeDomain(import.mutable_domain());
    for (onnx::ValueInfoProto &info : *function.mutable_value_info())
      change(info);
    for (onnx::NodeProto &node : *function.mutable_node())
      change(node);
  }

  void change(onnx::GraphProto &graph) {
    graph.clear_doc_string();
    graph.clear_metadata_props();
    graph.clear_quantization_annotation();
    graphs.change(graph.mutable_name());
    for (auto *infos : {graph.mutable_input(), graph.mutable_output(),
                        graph.mutable_value_info()})
      for (onnx::ValueInfoProto &info : *infos)
        change(info);
    for (onnx::TensorProto &tensor : *graph.mutable_initializer())
      change(tensor);
    for (onnx::SparseTensorProto &tensor : *graph.mutable_sparse_initializer())
      values.change(tensor.mutable_values()->mutable_name());
    for (onnx::NodeProto &node : *graph.mutable_node())
      change(node);
  }

  void change(onnx::NodeProto &node) {
    node.clear_doc_string();
    node.clear_metadata_props();
    node.clear_device_configurations();
    nodes.change(node.mutable_name());
    for (auto *names : {node.mutable_input(), node.mutable_output()})
      for (std::string &name : *names)
        values.change(&name);
    bool isOwn = own.count({node.domain(), node.op_type()});
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      change(attribute);
      if (isOwn)
        attributes.change(attribute.mutable_name());
      if (attribute.has_ref_attr_name())
        attributes.change(attribute.mutable_ref_attr_name());
    }
    // The operators of a domain of one's own are one's own, known or not.
    if (isOwn || !isPublic(node.domain()))
      operators.change(node.mutable_op_type());
    if (node.has_overload())
      overloads.change(node.mutable_overload());
    changeDomain(node.mutable_domain());
  }

  void change(onnx::AttributeProto &attribute) {
    attribute.clear_doc_string();
    if (attribute.has_s() && !isKeyword(attribute.name()))
      strings.change(attribute.mutable_s());
    if (!isKeyword(attribute.name()))
      for (std::string &text : *attribute.mutable_strings())
        strings.change(&text);
    if (attribute.has_t())
      change(*attribute.mutable_t());
    for (onnx::TensorProto &tensor : *attribute.mutable_tensors())
      change(tensor);
    if (attribute.has_g())
      change(*attribute.mutable_g());
    for (onnx::GraphProto &graph : *attribute.mutable_graphs())
      change(graph);
    if (attribute.has_tp())
      change(*attribute.mutable_tp());
  }

  void change(onnx::TensorProto &tensor) {
    tensor.clear_doc_string();
    tensor.clear_metadata_props();
    values.change(tensor.mutable_name());
    for (std::string &text : *tensor.mutable_string_data())
      strings.change(&text);
  }

  void change(onnx::ValueInfoProto &info) {
    info.clear_doc_string();
    info.clear_metadata_props();
    values.change(info.mutable_name());
    if (info.has_type())
      change(*info.mutable_type());
  }

  void change(onnx::TypeProto &type) {
    type.clear_denotation();
    if (type.has_tensor_type())
      change(*type.mutable_tensor_type()->mutable_shape(),
             type.tensor_type().has_shape());
    if (type.has_sparse_tensor_type())
      change(*type.mutable_sparse_tensor_type()->mutable_shape(),
             type.sparse_tensor_type().has_shape());
    if (type.has_sequence_type())
      change(*type.mutable_sequence_type()->mutable_elem_type());
    if (type.has_optional_type())
      change(*type.mutable_optional_type()->mutable_elem_type());
    if (type.has_map_type())
      change(*type.mutable_map_type()->mutable_value_type());
  }

  void change(onnx::TensorShapeProto &shape, bool) {
    for (auto &dim : *shape.mutable_dim()) {
      dim.clear_denotation();
      if (dim.has_dim_param())
        dim.set_dim_param(changeExpression(dim.dim_param()));
    }
  }

  /// A dimension's name or an expression over such names.
  std::string changeExpression(StringRef text) {
    auto isPart = [](char c) { return llvm::isAlnum(c) || c == '_'; };
    std::string changed;
    while (!text.empty()) {
      StringRef word = text.take_while(isPart);
      StringRef rest = text.drop_front(word.size());
      changed += word.empty() || llvm::isDigit(word.front())
                     ? word.str()
                     : dims.get(word.str());
      StringRef other = rest.take_until(isPart);
      // What is in no expression belongs to a name.
      for (char c : other)
        changed += StringRef("+-*/%() ").contains(c) ? c : '_';
      text = rest.drop_front(other.size());
    }
    return changed;
  }

  onnx::ModelProto &proto;
  std::set<std::pair<std::string, std::string>> own;
  NewNames values{"v"}, nodes{"n"}, graphs{"g"}, dims{"d"}, domains{"domain"},
      operators{"Operator"}, attributes{"a"}, strings{"s"},
      overloads{"overload"};
};

} // namespace

void renameAll(onnx::ModelProto &proto) { Renaming(proto).run(); }

} // namespace dl::tools
