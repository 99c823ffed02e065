// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/Model.h"
#include "frontend/onnx/MappedFile.h"
#include "frontend/onnx/WeightReferences.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringExtras.h"

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;

Model::Model() : proto(std::make_unique<onnx::ModelProto>()) {}
Model::~Model() = default;

std::optional<StringRef>
Model::getReference(const onnx::TensorProto &tensor) const {
  if (tensor.data_location() != onnx::TensorProto::EXTERNAL)
    return std::nullopt;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    size_t index;
    if (entry.key() == kReferenceKey.str() &&
        !StringRef(entry.value()).getAsInteger(10, index) &&
        index < references.size())
      return references[index];
  }
  return std::nullopt;
}

void Model::setReference(onnx::TensorProto &tensor, StringRef data) {
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  tensor.clear_external_data();
  onnx::StringStringEntryProto *entry = tensor.add_external_data();
  entry->set_key(kReferenceKey.str());
  entry->set_value(llvm::utostr(references.size()));
  references.push_back(data);
}

Error dl::frontend::modelError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

int64_t dl::frontend::getOpset(const onnx::ModelProto &model,
                               StringRef domain) {
  auto normalize = [](StringRef name) { return name == "ai.onnx" ? "" : name; };
  for (const onnx::OperatorSetIdProto &import : model.opset_import())
    if (normalize(import.domain()) == normalize(domain))
      return import.version();
  return 0;
}

namespace {

using Visitor = llvm::function_ref<Error(onnx::TensorProto &)>;

Error visitGraph(onnx::GraphProto &graph, Visitor visit);

Error visitSparse(onnx::SparseTensorProto &tensor, Visitor visit) {
  if (Error error = visit(*tensor.mutable_values()))
    return error;
  return visit(*tensor.mutable_indices());
}

Error visitAttribute(onnx::AttributeProto &attribute, Visitor visit) {
  if (attribute.has_t())
    if (Error error = visit(*attribute.mutable_t()))
      return error;
  for (onnx::TensorProto &tensor : *attribute.mutable_tensors())
    if (Error error = visit(tensor))
      return error;
  if (attribute.has_sparse_tensor())
    if (Error error = visitSparse(*attribute.mutable_sparse_tensor(), visit))
      return error;
  for (onnx::SparseTensorProto &tensor : *attribute.mutable_sparse_tensors())
    if (Error error = visitSparse(tensor, visit))
      return error;
  if (attribute.has_g())
    if (Error error = visitGraph(*attribute.mutable_g(), visit))
      return error;
  for (onnx::GraphProto &graph : *attribute.mutable_graphs())
    if (Error error = visitGraph(graph, visit))
      return error;
  return Error::success();
}

template <class Nodes> Error visitNodes(Nodes &nodes, Visitor visit) {
  for (onnx::NodeProto &node : nodes)
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (Error error = visitAttribute(attribute, visit))
        return error;
  return Error::success();
}

Error visitGraph(onnx::GraphProto &graph, Visitor visit) {
  for (onnx::TensorProto &tensor : *graph.mutable_initializer())
    if (Error error = visit(tensor))
      return error;
  for (onnx::SparseTensorProto &tensor : *graph.mutable_sparse_initializer())
    if (Error error = visitSparse(tensor, visit))
      return error;
  return visitNodes(*graph.mutable_node(), visit);
}

} // namespace

Error dl::frontend::forEachTensor(onnx::ModelProto &model, Visitor visit) {
  if (Error error = visitGraph(*model.mutable_graph(), visit))
    return error;
  for (onnx::FunctionProto &function : *model.mutable_functions()) {
    if (Error error = visitNodes(*function.mutable_node(), visit))
      return error;
    for (onnx::AttributeProto &attribute : *function.mutable_attribute_proto())
      if (Error error = visitAttribute(attribute, visit))
        return error;
  }
  return Error::success();
}
