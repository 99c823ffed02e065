// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/QuantizeModel.h"

#include "frontend/onnx/TensorData.h"
#include "frontend/quantize/Weights.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

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

/// Puts quantization into a graph.
class Editor {
public:
  Editor(Model &model, const std::vector<ProductSite> &sites,
         const QuantizePlan &plan)
      : model(model), graph(*model.proto->mutable_graph()), sites(sites),
        plan(plan) {
    collectNames(graph);
  }

  void run() {
    llvm::DenseMap<int, const ProductSite *> byNode;
    for (size_t site : plan.sites)
      byNode[sites[site].node] = &sites[site];
    google::protobuf::RepeatedPtrField<NodeProto> old;
    old.Swap(graph.mutable_node());
    for (int i = 0; i < old.size(); ++i) {
      auto found = byNode.find(i);
      if (found == byNode.end())
        *graph.add_node() = std::move(old[i]);
      else if (plan.kind == WeightKind::Int4)
        addInt4(*found->second, std::move(old[i]));
      else
        addInt8(*found->second, std::move(old[i]));
    }
    removeUnused();
  }

private:
  /// Names anywhere, those of nested graphs among them.
  void collectNames(const GraphProto &in) {
    for (const NodeProto &node : in.node()) {
      names.insert(node.name());
      for (const std::string &output : node.output())
        names.insert(output);
      for (const AttributeProto &attribute : node.attribute())
        if (attribute.has_g())
          collectNames(attribute.g());
    }
    for (const TensorProto &tensor : in.initializer())
      names.insert(tensor.name());
    for (const auto &input : in.input())
      names.insert(input.name());
  }

  std::string makeName(const std::string &base, StringRef ending) {
    std::string name = base + "_" + ending.str();
    while (!names.insert(name).second)
      name += "_";
    return name;
  }

  NodeProto &addNode(StringRef op, const std::vector<std::string> &inputs,
                     const std::vector<std::string> &outputs) {
    NodeProto &node = *graph.add_node();
    node.set_op_type(op.str());
    node.set_name(makeName(outputs[0], op));
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

  /// The values of an initializer.
  std::vector<float> read(const std::string &name) {
    for (const TensorProto &tensor : graph.initializer())
      if (tensor.name() == name) {
        std::string buffer;
        StringRef bytes = getTensorBytes(model, tensor, buffer);
        std::vector<float> values(bytes.size() / sizeof(float));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
      }
    return {};
  }

  /// The input, quantized and dequantized.
  std::string addInput(const std::string &input) {
    auto [entry, isNew] = inputs.try_emplace(input);
    if (!isNew)
      return entry->second;
    std::string integers = makeName(input, "quantized"),
                result = makeName(input, "dequantized");
    auto found = plan.inputs.find(input);
    std::string scale = makeName(input, "scale"),
                zero = makeName(input, "zero_point");
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
    auto [entry, isNew] = dequantized.try_emplace(site.weight);
    if (!isNew && entry->second.first == site.channelAxis)
      return entry->second.second;
    std::vector<float> values = read(site.weight);
    int64_t channels = site.dims[site.channelAxis], outer = 1, inner = 1;
    for (size_t d = 0; d < site.dims.size(); ++d)
      (static_cast<int>(d) < site.channelAxis ? outer : inner) *=
          static_cast<int>(d) == site.channelAxis ? 1 : site.dims[d];
    Int8Weight quantized = quantizeInt8(values.data(), outer, channels, inner);
    std::string integers = makeName(site.weight, "quantized"),
                scale = makeName(site.weight, "scale"),
                zero = makeName(site.weight, "zero_point"),
                result = makeName(site.weight, "dequantized");
    std::vector<int8_t> zeros(channels, 0);
    addTensor(integers, TensorProto::INT8, site.dims, quantized.values.data(),
              quantized.values.size());
    addTensor(scale, TensorProto::FLOAT, {channels}, quantized.scales.data(),
              channels * sizeof(float));
    addTensor(zero, TensorProto::INT8, {channels}, zeros.data(), channels);
    setInt(addNode("DequantizeLinear", {integers, scale, zero}, {result}),
           "axis", site.channelAxis);
    dequantized[site.weight] = {site.channelAxis, result};
    return result;
  }

  void addInt8(const ProductSite &site, NodeProto node) {
    std::string weight = addWeight(site);
    if (site.transpose >= 0) {
      std::string turned = makeName(weight, "transposed");
      NodeProto &transpose = addNode("Transpose", {weight}, {turned});
      AttributeProto &order = *transpose.add_attribute();
      order.set_name("perm");
      order.set_type(AttributeProto::INTS);
      order.add_ints(1);
      order.add_ints(0);
      weight = turned;
    }
    node.set_input(0, addInput(site.input));
    node.set_input(1, weight);
    *graph.add_node() = std::move(node);
  }

  /// Packs a weight once for all that read it.
  const std::pair<std::string, std::string> &addPacked(const ProductSite &site,
                                                       int64_t k, int64_t n) {
    bool isTransposed = site.channelAxis == 0;
    auto [entry, isNew] = packed.try_emplace(site.weight);
    if (!isNew)
      return entry->second;
    Int4Weight quantized =
        quantizeInt4(read(site.weight).data(), k, n, isTransposed);
    int64_t blocks = (k + kInt4Block - 1) / kInt4Block;
    std::string integers = makeName(site.weight, "int4"),
                scales = makeName(site.weight, "scales");
    addTensor(integers, TensorProto::UINT8, {n, blocks, kInt4Block / 2},
              quantized.packed.data(), quantized.packed.size());
    addTensor(scales, TensorProto::FLOAT, {n * blocks}, quantized.scales.data(),
              quantized.scales.size() * sizeof(float));
    entry->second = {integers, scales};
    return entry->second;
  }

  void addInt4(const ProductSite &site, NodeProto node) {
    int64_t k = site.dims[1 - site.channelAxis],
            n = site.dims[site.channelAxis];
    auto [integers, scales] = addPacked(site, k, n);
    bool hasBias = node.op_type() == "Gemm" && node.input_size() > 2 &&
                   !node.input(2).empty();
    std::string output = node.output(0);
    std::string product = hasBias ? makeName(output, "product") : output;
    NodeProto &narrow =
        addNode("MatMulNBits", {site.input, integers, scales}, {product});
    narrow.set_domain("com.microsoft");
    setInt(narrow, "K", k);
    setInt(narrow, "N", n);
    setInt(narrow, "bits", 4);
    setInt(narrow, "block_size", kInt4Block);
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
  llvm::StringSet<> names;
  std::map<std::string, std::string> inputs;
  std::map<std::string, std::pair<int, std::string>> dequantized;
  std::map<std::string, std::pair<std::string, std::string>> packed;
};

} // namespace

std::vector<ProductSite> dl::frontend::findProductSites(const Model &model) {
  return Finder(model.proto->graph()).find();
}

llvm::Error
dl::frontend::addObservedOutputs(Model &model,
                                 const std::vector<std::string> &values) {
  GraphProto &graph = *model.proto->mutable_graph();
  llvm::StringSet<> names;
  for (const NodeProto &node : graph.node())
    for (const std::string &output : node.output())
      names.insert(output);
  for (const std::string &value : values) {
    std::string name = value + "_observed";
    while (!names.insert(name).second)
      name += "_";
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
  return llvm::Error::success();
}

llvm::Error dl::frontend::quantizeModel(Model &model,
                                        const std::vector<ProductSite> &sites,
                                        const QuantizePlan &plan) {
  int64_t opset = getOpset(*model.proto, "");
  if (plan.kind == WeightKind::Int8 && opset < kFirstWithAxis)
    return modelError("opset " + llvm::Twine(opset) +
                      " has no scales for each channel: quantization needs "
                      "opset " +
                      llvm::Twine(kFirstWithAxis) + " or later");
  Editor(model, sites, plan).run();
  return llvm::Error::success();
}

double dl::frontend::getWeightNoise(const Model &model, const ProductSite &site,
                                    WeightKind kind) {
  const TensorProto *weight = nullptr;
  for (const TensorProto &tensor : model.proto->graph().initializer())
    if (tensor.name() == site.weight)
      weight = &tensor;
  if (!weight)
    return 0;
  std::string buffer;
  StringRef bytes = getTensorBytes(model, *weight, buffer);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  double power = 0, noise = 0;
  auto add = [&](size_t at, double rounded) {
    power += double(values[at]) * values[at];
    noise += (values[at] - rounded) * (values[at] - rounded);
  };
  if (kind == WeightKind::Int4) {
    int64_t k = site.dims[1 - site.channelAxis],
            n = site.dims[site.channelAxis];
    bool isTransposed = site.channelAxis == 0;
    std::vector<float> rounded = dequantizeInt4(
        quantizeInt4(values.data(), k, n, isTransposed), k, n, isTransposed);
    for (size_t i = 0; i < values.size(); ++i)
      add(i, rounded[i]);
    return power == 0 ? 0 : noise / power;
  }
  int64_t channels = site.dims[site.channelAxis], inner = 1;
  for (size_t d = site.channelAxis + 1; d < site.dims.size(); ++d)
    inner *= site.dims[d];
  int64_t outer =
      channels * inner == 0 ? 0 : int64_t(values.size()) / (channels * inner);
  Int8Weight quantized = quantizeInt8(values.data(), outer, channels, inner);
  for (size_t i = 0; i < values.size(); ++i)
    add(i,
        double(quantized.scales[i / inner % channels]) * quantized.values[i]);
  return power == 0 ? 0 : noise / power;
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
