// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/MicroBatch.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <cstring>

using namespace dl::frontend;
using llvm::StringRef;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;
using onnx::TensorShapeProto;
using onnx::ValueInfoProto;

static TensorShapeProto *getShape(ValueInfoProto &value) {
  auto &type = *value.mutable_type();
  if (!type.has_tensor_type() || !type.tensor_type().has_shape() ||
      type.tensor_type().shape().dim_size() == 0)
    return nullptr;
  return type.mutable_tensor_type()->mutable_shape();
}

namespace {

class Divider {
public:
  Divider(Model &model, int64_t parts)
      : model(model), graph(*model.proto->mutable_graph()), parts(parts) {
    for (const TensorProto &tensor : graph.initializer())
      initializers[tensor.name()] = &tensor;
    for (const NodeProto &node : graph.node())
      for (const std::string &output : node.output())
        producers[output] = &node;
  }

  llvm::Error run() {
    for (ValueInfoProto &input : *graph.mutable_input()) {
      if (initializers.contains(input.name()))
        continue;
      TensorShapeProto *shape = getShape(input);
      if (!shape)
        continue;
      if (batch == 0) {
        if (!shape->dim(0).has_dim_value())
          return llvm::Error::success();
        batch = shape->dim(0).dim_value();
        if (batch < parts || batch % parts != 0)
          return modelError("the batch of " + llvm::Twine(batch) +
                            " cannot be divided into " + llvm::Twine(parts) +
                            " micro-batches");
      }
      if (!shape->dim(0).has_dim_value() || shape->dim(0).dim_value() != batch)
        continue;
      shape->mutable_dim(0)->set_dim_value(batch / parts);
      batched.insert(input.name());
    }
    if (batch == 0)
      return llvm::Error::success();
    // What is said about other values is of the whole batch.
    graph.clear_value_info();
    for (ValueInfoProto &output : *graph.mutable_output())
      if (TensorShapeProto *shape = getShape(output))
        shape->mutable_dim(0)->Clear();
    for (NodeProto &node : *graph.mutable_node())
      visit(node);
    return llvm::Error::success();
  }

private:
  void visit(NodeProto &node) {
    bool isBatched = llvm::any_of(node.input(), [&](const std::string &input) {
      return batched.contains(input);
    });
    bool isExpand = node.op_type() == "Expand";
    if ((isExpand || (isBatched && node.op_type() == "Reshape")) &&
        node.input_size() == 2)
      if (auto shape = evaluate(node.input(1)); shape && !shape->empty() &&
                                                shape->front() > 0 &&
                                                shape->front() % batch == 0) {
        shape->front() /= parts;
        node.set_input(1, addShape(*shape));
        isBatched = true;
      }
    if (isBatched)
      for (const std::string &output : node.output())
        batched.insert(output);
  }

  /// The elements of a tensor of integers that is known.
  std::optional<std::vector<int64_t>> evaluate(StringRef name) const {
    if (const TensorProto *tensor = initializers.lookup(name))
      return read(*tensor);
    const NodeProto *node = producers.lookup(name);
    if (!node)
      return std::nullopt;
    StringRef op = node->op_type();
    if (op == "Constant") {
      for (const AttributeProto &attribute : node->attribute()) {
        if (attribute.name() == "value" && attribute.has_t())
          return read(attribute.t());
        if (attribute.name() == "value_int")
          return std::vector<int64_t>{attribute.i()};
        if (attribute.name() == "value_ints")
          return std::vector<int64_t>(attribute.ints().begin(),
                                      attribute.ints().end());
      }
      return std::nullopt;
    }
    if (op == "Identity" || op == "Unsqueeze" || op == "Squeeze")
      return evaluate(node->input(0));
    if (op != "Concat")
      return std::nullopt;
    std::vector<int64_t> all;
    for (const std::string &input : node->input()) {
      auto part = evaluate(input);
      if (!part)
        return std::nullopt;
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }

  std::optional<std::vector<int64_t>> read(const TensorProto &tensor) const {
    if (tensor.data_type() != TensorProto::INT64)
      return std::nullopt;
    std::string buffer;
    StringRef bytes = getTensorBytes(model, tensor, buffer);
    std::vector<int64_t> values(bytes.size() / sizeof(int64_t));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(int64_t));
    return values;
  }

  std::string addShape(const std::vector<int64_t> &shape) {
    std::string name;
    do
      name = "dl.shape." + std::to_string(count++);
    while (initializers.contains(name) || producers.contains(name));
    TensorProto &tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(TensorProto::INT64);
    tensor.add_dims(static_cast<int64_t>(shape.size()));
    for (int64_t size : shape)
      tensor.add_int64_data(size);
    return name;
  }

  Model &model;
  GraphProto &graph;
  int64_t parts, batch = 0;
  int count = 0;
  llvm::StringMap<const TensorProto *> initializers;
  llvm::StringMap<const NodeProto *> producers;
  llvm::StringSet<> batched; ///< values that may have a batch
};

} // namespace

llvm::Error dl::frontend::divideBatch(Model &model, int64_t parts) {
  return Divider(model, parts).run();
}
