// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/QuantizeModel.h"

#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace dl::frontend;
using llvm::StringRef;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

/// Products with fewer weights stay as they are: no time could be saved.
constexpr int64_t kMinWeights = 1024;
/// Opset with scales for each channel.
constexpr int64_t kFirstWithAxis = 13;
/// What protobuf can write, less room for names.
constexpr uint64_t kMaxFileSize = (uint64_t(1) << 31) - (uint64_t(1) << 20);

static const AttributeProto *findAttribute(const NodeProto &node,
                                           StringRef name) {
  for (const AttributeProto &attribute : node.attribute())
    if (attribute.name() == name.str())
      return &attribute;
  return nullptr;
}

static int64_t getInt(const NodeProto &node, StringRef name, int64_t absent) {
  const AttributeProto *found = findAttribute(node, name);
  return found ? found->i() : absent;
}

static float getFloat(const NodeProto &node, StringRef name, float absent) {
  const AttributeProto *found = findAttribute(node, name);
  return found ? found->f() : absent;
}

namespace {

/// Finds the sites of a graph.
class Finder {
public:
  explicit Finder(const GraphProto &graph) : graph(graph) {
    for (const TensorProto &tensor : graph.initializer())
      weights[tensor.name()] = &tensor;
    for (int i = 0; i < graph.node_size(); ++i)
      for (const std::string &output : graph.node(i).output())
        producers[output] = i;
  }

  std::vector<ProductSite> find() {
    std::vector<ProductSite> sites;
    for (int i = 0; i < graph.node_size(); ++i) {
      const NodeProto &node = graph.node(i);
      bool isProduct = node.op_type() == "Conv" || node.op_type() == "MatMul" ||
                       node.op_type() == "Gemm";
      if (!isProduct || !node.domain().empty() || node.input_size() < 2)
        continue;
      ProductSite site;
      site.node = i;
      site.name = getNodeName(node);
      site.output = node.output(0);
      site.op = node.op_type();
      site.input = node.input(0);
      if (findWeight(node, site)) {
        site.reason = check(node, site);
        sites.push_back(std::move(site));
      }
    }
    return sites;
  }

private:
  /// Whether the right operand is a weight of float32, or one that is
  /// transposed.
  bool findWeight(const NodeProto &node, ProductSite &site) {
    site.weight = node.input(1);
    auto producer = producers.find(site.weight);
    if (producer != producers.end() && site.op != "Conv") {
      const NodeProto &transpose = graph.node(producer->second);
      const AttributeProto *order = findAttribute(transpose, "perm");
      if (transpose.op_type() != "Transpose" ||
          (order && order->ints_size() != 2) || (order && order->ints(0) != 1))
        return false;
      site.transpose = producer->second;
      site.weight = transpose.input(0);
    }
    auto found = weights.find(site.weight);
    if (found == weights.end() ||
        found->second->data_type() != TensorProto::FLOAT ||
        weights.count(site.input))
      return false;
    site.dims.assign(found->second->dims().begin(),
                     found->second->dims().end());
    bool isLast = (site.transpose >= 0) ==
                  (site.op == "Gemm" && getInt(node, "transB", 0));
    site.channelAxis = site.op == "Conv" ? 0 : isLast ? 1 : 0;
    return site.op == "Conv" ? site.dims.size() >= 3 : site.dims.size() == 2;
  }

  std::string check(const NodeProto &node, const ProductSite &site) {
    int64_t count = 1;
    for (int64_t size : site.dims)
      count *= size;
    if (site.op == "Conv" && getInt(node, "group", 1) != 1)
      return "a convolution in groups gains nothing";
    if (site.op == "Gemm" &&
        (getInt(node, "transA", 0) || getFloat(node, "alpha", 1) != 1))
      return "its input is transposed or scaled";
    if (count < kMinWeights)
      return "it has " + std::to_string(count) + " weights alone";
    auto producer = producers.find(site.input);
    if (producer != producers.end() &&
        graph.node(producer->second).op_type() == "DequantizeLinear")
      return "it is quantized in the model";
    return "";
  }

  const GraphProto &graph;
  llvm::StringMap<const TensorProto *> weights;
  llvm::StringMap<int> producers;
};

/// Names that stand for nothing else in a graph.
class Names {
public:
  explicit Names(const GraphProto &graph) { collect(graph); }

  std::string make(const std::string &base, StringRef ending) {
    std::string name = base + "_" + ending.str();
    while (!names.insert(name).second)
      name += "_";
    return name;
  }

private:
  /// Names anywhere, those of nested graphs among them.
  void collect(const GraphProto &in) {
    for (const NodeProto &node : in.node()) {
      names.insert(node.name());
      for (const std::string &output : node.output())
        names.insert(output);
      for (const AttributeProto &attribute : node.attribute())
        if (attribute.has_g())
          collect(attribute.g());
    }
    for (const TensorProto &tensor : in.initializer())
      names.insert(tensor.name());
    for (const auto &input : in.input())
      names.insert(input.name());
  }

  llvm::StringSet<> names;
};

/// Puts quantization into a graph.
class Editor {
public:
  Editor(Model &model, const std::vector<ProductSite> &sites,
         const QuantizePlan &plan, QuantizedWeights &weights)
      : model(model), graph(*model.proto->mutable_graph()), sites(sites),
        plan(plan), weights(weights), names(graph) {}

  void run() {
    llvm::DenseMap<int, size_t> byNode;
    for (size_t site : plan.sites)
      byNode[sites[site].node] = site;
    google::protobuf::RepeatedPtrField<NodeProto> old;
    old.Swap(graph.mutable_node());
    for (int i = 0; i < old.size(); ++i) {
      auto found = byNode.find(i);
      if (found == byNode.end())
        *graph.add_node() = std::move(old[i]);
      else
        addQuantized(found->second, std::move(old[i]));
    }
    removeUnused();
  }

private:
  void addQuantized(size_t number, NodeProto node) {
    const ProductSite &site = sites[number];
    switch (plan.kind) {
    case WeightKind::Int8:
      return addInt8(number, std::move(node));
    case WeightKind::Int4:
      return addInt4(site, node);
    case WeightKind::Fp8:
      node.set_input(1, addTurned(site, addWeight(site)));
      break;
    case WeightKind::Palette8:
    case WeightKind::Palette4:
      replaceWeight(model, site, getRounded(model, site, plan.kind, weights));
      break;
    }
    *graph.add_node() = std::move(node);
  }

  NodeProto &addNode(StringRef op, const std::vector<std::string> &inputs,
                     const std::vector<std::string> &outputs) {
    NodeProto &node = *graph.add_node();
    node.set_op_type(op.str());
    node.set_name(names.make(outputs[0], op));
    for (const std::string &input : inputs)
      node.add_input(input);
    for (const std::string &output : outputs)
      node.add_output(output);
    return node;
  }

  static void setInt(NodeProto &node, StringRef name, int64_t value) {
    AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name.str());
    attribute.set_type(AttributeProto::INT);
    attribute.set_i(value);
  }

  std::string addTensor(const std::string &name, TensorProto::DataType type,
                        const std::vector<int64_t> &dims, const void *data,
                        size_t bytes) {
    TensorProto &tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (int64_t dim : dims)
      tensor.add_dims(dim);
    tensor.set_raw_data(data, bytes);
    return name;
  }

  /// The input, quantized and dequantized.
  std::string addInput(const std::string &input) {
    auto [entry, isNew] = inputs.try_emplace(input);
    if (!isNew)
      return entry->second;
    std::string integers = names.make(input, "quantized"),
                result = names.make(input, "dequantized");
    auto found = plan.inputs.find(input);
    std::string scale = names.make(input, "scale"),
                zero = names.make(input, "zero_point");
    if (found == plan.inputs.end()) {
      addNode("DynamicQuantizeLinear", {input}, {integers, scale, zero});
    } else {
      addTensor(scale, TensorProto::FLOAT, {}, &found->second.scale,
                sizeof(float));
      addTensor(zero, TensorProto::UINT8, {}, &found->second.zeroPoint, 1);
      addNode("QuantizeLinear", {input, scale, zero}, {integers});
    }
    addNode("DequantizeLinear", {integers, scale, zero}, {result});
    return inputs[input] = result;
  }

  std::string addWeight(const ProductSite &site) {
    auto [entry, isNew] =
        dequantized.try_emplace({site.weight, site.channelAxis});
    if (!isNew)
      return entry->second;
    int64_t channels = site.dims[site.channelAxis];
    bool isFp8 = plan.kind == WeightKind::Fp8;
    auto type = isFp8 ? TensorProto::FLOAT8E4M3FN : TensorProto::INT8;
    std::string integers = names.make(site.weight, "quantized"),
                scale = names.make(site.weight, "scale"),
                zero = names.make(site.weight, "zero_point"),
                result = names.make(site.weight, "dequantized");
    std::vector<int8_t> zeros(channels, 0);
    auto add = [&](const auto &quantized) {
      addTensor(integers, type, site.dims, quantized.values.data(),
                quantized.values.size());
      addTensor(scale, TensorProto::FLOAT, {channels}, quantized.scales.data(),
                channels * sizeof(float));
    };
    isFp8 ? add(weights.getFp8(model, site))
          : add(weights.getInt8(model, site));
    addTensor(zero, type, {channels}, zeros.data(), channels);
    setInt(addNode("DequantizeLinear", {integers, scale, zero}, {result}),
           "axis", site.channelAxis);
    return entry->second = result;
  }

  /// Adds numbers to the channels of a product: to its bias, where it has one
  /// that is known, else as one or behind it.
  void correct(NodeProto &node, const std::vector<float> &added) {
    bool hasBias = node.input_size() > 2 && !node.input(2).empty();
    std::vector<float> sum(added);
    std::string output = node.output(0);
    auto channels = static_cast<int64_t>(added.size());
    if (hasBias) {
      const TensorProto *bias = nullptr;
      for (const TensorProto &tensor : graph.initializer())
        if (tensor.name() == node.input(2))
          bias = &tensor;
      if (!bias || bias->data_type() != TensorProto::FLOAT ||
          bias->dims_size() != 1 || bias->dims(0) != channels ||
          getFloat(node, "beta", 1) != 1)
        return;
      std::string buffer;
      StringRef bytes = getTensorBytes(model, *bias, buffer);
      for (int64_t c = 0; c < channels; ++c) {
        float value;
        std::memcpy(&value, bytes.data() + c * sizeof(float), sizeof(float));
        sum[c] += value;
      }
    }
    std::string name =
        addTensor(names.make(output, "bias"), TensorProto::FLOAT, {channels},
                  sum.data(), sum.size() * sizeof(float));
    if (node.op_type() == "MatMul") {
      node.set_output(0, names.make(output, "uncorrected"));
      *graph.add_node() = node;
      addNode("Add", {node.output(0), name}, {output});
      node.Clear();
      return;
    }
    while (node.input_size() < 3)
      node.add_input("");
    node.set_input(2, name);
  }

  /// A weight as the site's node takes it.
  std::string addTurned(const ProductSite &site, const std::string &weight) {
    if (site.transpose < 0)
      return weight;
    std::string turned = names.make(weight, "transposed");
    NodeProto &transpose = addNode("Transpose", {weight}, {turned});
    AttributeProto &order = *transpose.add_attribute();
    order.set_name("perm");
    order.set_type(AttributeProto::INTS);
    order.add_ints(1);
    order.add_ints(0);
    return turned;
  }

  void addInt8(size_t number, NodeProto node) {
    const ProductSite &site = sites[number];
    std::string weight = addTurned(site, addWeight(site));
    node.set_input(0, addInput(site.input));
    node.set_input(1, weight);
    if (auto found = plan.corrections.find(number);
        found != plan.corrections.end())
      correct(node, found->second);
    if (node.output_size())
      *graph.add_node() = std::move(node);
  }

  /// Packs a weight once for all that read it.
  const std::pair<std::string, std::string> &addPacked(const ProductSite &site,
                                                       int64_t k, int64_t n) {
    auto [entry, isNew] = packed.try_emplace({site.weight, site.channelAxis});
    if (!isNew)
      return entry->second;
    const Int4Weight &quantized = weights.getInt4(model, site);
    int64_t blocks = (k + kInt4Block - 1) / kInt4Block;
    std::string integers = names.make(site.weight, "int4"),
                scales = names.make(site.weight, "scales");
    addTensor(integers, TensorProto::UINT8, {n, blocks, kInt4Block / 2},
              quantized.packed.data(), quantized.packed.size());
    addTensor(scales, TensorProto::FLOAT, {n * blocks}, quantized.scales.data(),
              quantized.scales.size() * sizeof(float));
    entry->second = {integers, scales};
    return entry->second;
  }

  void addInt4(const ProductSite &site, const NodeProto &node) {
    int64_t k = site.dims[1 - site.channelAxis],
            n = site.dims[site.channelAxis];
    auto [integers, scales] = addPacked(site, k, n);
    bool hasBias = node.op_type() == "Gemm" && node.input_size() > 2 &&
                   !node.input(2).empty();
    std::string output = node.output(0);
    std::string product = hasBias ? names.make(output, "product") : output;
    NodeProto &narrow =
        addNode("MatMulNBits", {site.input, integers, scales}, {product});
    narrow.set_domain("com.microsoft");
    setInt(narrow, "K", k);
    setInt(narrow, "N", n);
    setInt(narrow, "bits", 4);
    setInt(narrow, "block_size", kInt4Block);
    // Rows as exact as float16 do: their error is far below that of the
    // weights.
    setInt(narrow, "accuracy_level", 2);
    if (hasBias)
      addNode("Add", {product, node.input(2)}, {output});
    for (const auto &import : model.proto->opset_import())
      if (import.domain() == "com.microsoft")
        return;
    auto &import = *model.proto->add_opset_import();
    import.set_domain("com.microsoft");
    import.set_version(1);
  }

  void collectUses(const GraphProto &in, llvm::StringSet<> &used) {
    for (const NodeProto &node : in.node()) {
      for (const std::string &input : node.input())
        used.insert(input);
      for (const AttributeProto &attribute : node.attribute())
        if (attribute.has_g())
          collectUses(attribute.g(), used);
    }
    for (const auto &output : in.output())
      used.insert(output.name());
  }

  /// Transposes of weights, then weights, that nothing reads any more.
  void removeUnused() {
    llvm::StringSet<> used;
    collectUses(graph, used);
    llvm::StringSet<> weights;
    for (size_t site : plan.sites)
      weights.insert(sites[site].weight);
    for (int i = graph.node_size() - 1; i >= 0; --i)
      if (graph.node(i).op_type() == "Transpose" &&
          weights.count(graph.node(i).input(0)) &&
          !used.count(graph.node(i).output(0)))
        graph.mutable_node()->DeleteSubrange(i, 1);
    used.clear();
    collectUses(graph, used);
    for (int i = graph.initializer_size() - 1; i >= 0; --i)
      if (weights.count(graph.initializer(i).name()) &&
          !used.count(graph.initializer(i).name()))
        graph.mutable_initializer()->DeleteSubrange(i, 1);
    for (int i = graph.input_size() - 1; i >= 0; --i)
      if (weights.count(graph.input(i).name()) &&
          !used.count(graph.input(i).name()))
        graph.mutable_input()->DeleteSubrange(i, 1);
  }

  Model &model;
  GraphProto &graph;
  const std::vector<ProductSite> &sites;
  const QuantizePlan &plan;
  QuantizedWeights &weights;
  Names names;
  std::map<std::string, std::string> inputs;
  /// Of a weight and its channels' axis.
  std::map<std::pair<std::string, int>, std::string> dequantized;
  std::map<std::pair<std::string, int>, std::pair<std::string, std::string>>
      packed;
};

} // namespace

std::vector<ProductSite> dl::frontend::findProductSites(const Model &model) {
  return Finder(model.proto->graph()).find();
}

void dl::frontend::addObservedOutputs(Model &model,
                                      const std::vector<std::string> &values) {
  GraphProto &graph = *model.proto->mutable_graph();
  Names names(graph);
  for (const std::string &value : values) {
    std::string name = names.make(value, "observed");
    NodeProto &identity = *graph.add_node();
    identity.set_op_type("Identity");
    identity.set_name(name);
    identity.add_input(value);
    identity.add_output(name);
    auto &output = *graph.add_output();
    output.set_name(name);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(
        TensorProto::FLOAT);
  }
}

const char *dl::frontend::getName(WeightKind kind) {
  switch (kind) {
  case WeightKind::Int8:
    return "int8";
  case WeightKind::Int4:
    return "int4";
  case WeightKind::Fp8:
    return "fp8";
  case WeightKind::Palette8:
    return "palette8";
  case WeightKind::Palette4:
    break;
  }
  return "palette4";
}

/// Makes opset 18 to 19, where numbers of eight bits come in: what is in both
/// means the same, but for a pooling that counts positions up.
static llvm::Error raiseOpset(Model &model) {
  constexpr int64_t kFirst = 18, kNeeded = 19;
  int64_t opset = getOpset(*model.proto, "");
  if (opset >= kNeeded)
    return llvm::Error::success();
  if (opset < kFirst)
    return modelError("fp8 needs opset " + llvm::Twine(kFirst) +
                      " or later, found " + llvm::Twine(opset));
  for (const NodeProto &node : model.proto->graph().node())
    if (node.op_type() == "AveragePool" && getInt(node, "ceil_mode", 0))
      return modelError("fp8 needs opset 19, where node '" + getNodeName(node) +
                        "' (AveragePool with ceil_mode) means something else");
  for (auto &import : *model.proto->mutable_opset_import())
    if (import.domain().empty())
      import.set_version(kNeeded);
  return llvm::Error::success();
}

llvm::Error dl::frontend::quantizeModel(Model &model,
                                        const std::vector<ProductSite> &sites,
                                        const QuantizePlan &plan,
                                        QuantizedWeights &weights) {
  int64_t opset = getOpset(*model.proto, "");
  if (plan.kind == WeightKind::Fp8)
    if (llvm::Error error = raiseOpset(model))
      return error;
  if (plan.kind == WeightKind::Int8 && opset < kFirstWithAxis)
    return modelError("opset " + llvm::Twine(opset) +
                      " has no scales for each channel: quantization needs "
                      "opset " +
                      llvm::Twine(kFirstWithAxis) + " or later");
  Editor(model, sites, plan, weights).run();
  return llvm::Error::success();
}

llvm::Expected<std::string> dl::frontend::serializeModel(Model &model) {
  uint64_t total = 0;
  auto embed = [&](TensorProto &tensor) -> llvm::Error {
    if (auto data = model.getReference(tensor)) {
      total += data->size();
      if (total > kMaxFileSize)
        return modelError("it has more than 2 GB, which one ONNX file cannot "
                          "hold");
      tensor.clear_external_data();
      tensor.set_data_location(TensorProto::DEFAULT);
      tensor.set_raw_data(data->data(), data->size());
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = forEachTensor(*model.proto, embed))
    return std::move(error);
  std::string bytes;
  if (model.proto->ByteSizeLong() > kMaxFileSize ||
      !model.proto->SerializeToString(&bytes))
    return modelError("it has more than 2 GB, which one ONNX file cannot hold");
  return bytes;
}
