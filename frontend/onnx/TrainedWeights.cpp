// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/TrainedWeights.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <cstring>

using namespace dl::frontend;
using llvm::StringRef;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;
using NodeList = google::protobuf::RepeatedPtrField<NodeProto>;

static StringRef getStateType(int32_t dataType) {
  switch (dataType) {
  case TensorProto::FLOAT:
    return "float32";
  case TensorProto::DOUBLE:
    return "float64";
  case TensorProto::FLOAT16:
    return "float16";
  case TensorProto::BFLOAT16:
    return "bfloat16";
  default:
    return "no float";
  }
}

template <class Dims>
static std::string describe(StringRef type, const Dims &dims) {
  std::string text = type.str() + " [";
  for (auto [i, dim] : llvm::enumerate(dims))
    text += (i ? ", " : "") + std::to_string(dim);
  return text + "]";
}

llvm::Error
dl::frontend::replaceInitializers(Model &model,
                                  const std::vector<TrainedTensor> &tensors) {
  llvm::StringMap<TensorProto *> initializers;
  for (TensorProto &tensor :
       *model.proto->mutable_graph()->mutable_initializer())
    initializers[tensor.name()] = &tensor;
  for (const TrainedTensor &trained : tensors) {
    TensorProto *tensor = initializers.lookup(trained.name);
    if (!tensor)
      return modelError("the model has no initializer '" + trained.name + "'");
    std::string found =
        describe(getStateType(tensor->data_type()), tensor->dims());
    std::string given = describe(trained.type, trained.dims);
    if (found != given)
      return modelError("'" + trained.name + "' is " + given +
                        ", in the model " + found);
    tensor->clear_float_data();
    tensor->clear_double_data();
    tensor->clear_int32_data();
    tensor->clear_raw_data();
    model.setReference(*tensor, trained.data);
  }
  return llvm::Error::success();
}

static std::vector<double> readFloats(StringRef type, StringRef bytes) {
  const llvm::fltSemantics &semantics =
      type == "float64"    ? llvm::APFloat::IEEEdouble()
      : type == "float16"  ? llvm::APFloat::IEEEhalf()
      : type == "bfloat16" ? llvm::APFloat::BFloat()
                           : llvm::APFloat::IEEEsingle();
  size_t size = llvm::APFloat::getSizeInBits(semantics) / 8;
  std::vector<double> values;
  for (; bytes.size() >= size; bytes = bytes.drop_front(size)) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), size);
    llvm::APFloat value(semantics, llvm::APInt(8 * size, bits));
    bool loses;
    value.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &loses);
    values.push_back(value.convertToDouble());
  }
  return values;
}

/// Puts floats in the place of a tensor's elements.
static void writeFloats(TensorProto &tensor,
                        const std::vector<double> &values) {
  const llvm::fltSemantics &semantics =
      tensor.data_type() == TensorProto::DOUBLE    ? llvm::APFloat::IEEEdouble()
      : tensor.data_type() == TensorProto::FLOAT16 ? llvm::APFloat::IEEEhalf()
      : tensor.data_type() == TensorProto::BFLOAT16
          ? llvm::APFloat::BFloat()
          : llvm::APFloat::IEEEsingle();
  std::string bytes;
  for (double value : values) {
    llvm::APFloat number(value);
    bool loses;
    number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &loses);
    uint64_t bits = number.bitcastToAPInt().getZExtValue();
    bytes.append(reinterpret_cast<const char *>(&bits),
                 llvm::APFloat::getSizeInBits(semantics) / 8);
  }
  tensor.clear_float_data();
  tensor.clear_double_data();
  tensor.clear_int32_data();
  tensor.clear_external_data();
  tensor.set_data_location(TensorProto::DEFAULT);
  tensor.set_raw_data(bytes);
}

llvm::Error dl::frontend::mergeAdapters(Model &model,
                                        const std::vector<Adapter> &adapters) {
  llvm::StringMap<TensorProto *> initializers;
  for (TensorProto &tensor :
       *model.proto->mutable_graph()->mutable_initializer())
    initializers[tensor.name()] = &tensor;
  for (const Adapter &adapter : adapters) {
    TensorProto *tensor = initializers.lookup(adapter.weight);
    if (!tensor)
      return modelError("the model has no initializer '" + adapter.weight +
                        "'");
    const auto &a = adapter.left.dims, &b = adapter.right.dims;
    bool fits = a.size() == 2 && b.size() == 2 && a[1] == b[0] &&
                tensor->dims_size() == 2 && tensor->dims(0) == a[0] &&
                tensor->dims(1) == b[1];
    StringRef type = getStateType(tensor->data_type());
    if (!fits || type == "no float")
      return modelError("'" + adapter.weight + "' is " +
                        describe(type, tensor->dims()) + ", its adapters are " +
                        describe(adapter.left.type, a) + " and " +
                        describe(adapter.right.type, b));
    std::string buffer;
    std::vector<double> weight =
        readFloats(type, getTensorBytes(model, *tensor, buffer));
    std::vector<double> left = readFloats(adapter.left.type, adapter.left.data),
                        right =
                            readFloats(adapter.right.type, adapter.right.data);
    for (int64_t i = 0; i < a[0]; ++i)
      for (int64_t k = 0; k < a[1]; ++k)
        for (int64_t j = 0; j < b[1]; ++j)
          weight[i * b[1] + j] += left[i * a[1] + k] * right[k * b[1] + j];
    writeFloats(*tensor, weight);
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Inference
//===----------------------------------------------------------------------===//

static void collectUses(const NodeList &nodes, llvm::StringSet<> &used) {
  auto addGraph = [&](const GraphProto &graph) {
    collectUses(graph.node(), used);
    for (const auto &output : graph.output())
      used.insert(output.name());
  };
  for (const NodeProto &node : nodes) {
    for (const std::string &input : node.input())
      used.insert(input);
    for (const AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        addGraph(attribute.g());
      for (const GraphProto &graph : attribute.graphs())
        addGraph(graph);
    }
  }
}

/// Leaves the first output alone. Of the others, which are running statistics,
/// those that somebody reads become copies of inputs, added to `copies`.
static void stopStatistics(NodeProto &node, const llvm::StringSet<> &used,
                           NodeList &copies) {
  constexpr int kMean = 3, kVariance = 4; // the inputs of outputs 1 and 2
  for (int i = 1; i < node.output_size(); ++i) {
    int input = i == 1 ? kMean : kVariance;
    if (i > 2 || node.output(i).empty() || !used.contains(node.output(i)) ||
        input >= node.input_size())
      continue;
    NodeProto *copy = copies.Add();
    copy->set_op_type("Identity");
    copy->add_input(node.input(input));
    copy->add_output(node.output(i));
  }
  while (node.output_size() > 1)
    node.mutable_output()->RemoveLast();
}

static void setInference(NodeList &nodes, const llvm::StringSet<> &used) {
  NodeList all;
  for (NodeProto &node : nodes) {
    for (AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        setInference(*attribute.mutable_g()->mutable_node(), used);
      for (GraphProto &graph : *attribute.mutable_graphs())
        setInference(*graph.mutable_node(), used);
    }
    bool isOwn = node.domain().empty() || node.domain() == "ai.onnx";
    NodeList copies;
    if (isOwn && node.op_type() == "BatchNormalization") {
      for (AttributeProto &attribute : *node.mutable_attribute())
        if (attribute.name() == "training_mode")
          attribute.set_i(0);
      stopStatistics(node, used, copies);
    }
    constexpr int kTrainingMode = 2;
    if (isOwn && node.op_type() == "Dropout")
      while (node.input_size() > kTrainingMode)
        node.mutable_input()->RemoveLast();
    all.Add()->Swap(&node);
    for (NodeProto &copy : copies)
      all.Add()->Swap(&copy);
  }
  nodes.Swap(&all);
}

void dl::frontend::setInference(Model &model) {
  llvm::StringSet<> used;
  GraphProto &graph = *model.proto->mutable_graph();
  collectUses(graph.node(), used);
  for (const auto &output : graph.output())
    used.insert(output.name());
  for (const onnx::FunctionProto &function : model.proto->functions()) {
    collectUses(function.node(), used);
    for (const std::string &output : function.output())
      used.insert(output);
  }
  ::setInference(*graph.mutable_node(), used);
  for (onnx::FunctionProto &function : *model.proto->mutable_functions())
    ::setInference(*function.mutable_node(), used);
}
