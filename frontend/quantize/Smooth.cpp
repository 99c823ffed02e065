// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/Smooth.h"

#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <algorithm>
#include <cmath>

using namespace dl::frontend;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

namespace {

class Smoother {
public:
  Smoother(Model &model, const std::vector<ProductSite> &sites,
           const std::map<std::string, std::vector<float>> &largest)
      : model(model), graph(*model.proto->mutable_graph()), sites(sites),
        largest(largest) {
    for (const TensorProto &tensor : graph.initializer())
      names.insert(tensor.name());
    for (const NodeProto &node : graph.node())
      for (const std::string &output : node.output())
        names.insert(output);
    countUses(graph);
  }

  size_t run() {
    size_t count = 0;
    for (NodeProto &node : *graph.mutable_node())
      if (node.op_type() == "LayerNormalization" && node.domain().empty() &&
          node.input_size() >= 2 && visit(node))
        ++count;
    if (count)
      removeUnused();
    return count;
  }

private:
  void countUses(const GraphProto &in) {
    for (const NodeProto &node : in.node()) {
      for (const std::string &input : node.input())
        ++uses[input];
      for (const auto &attribute : node.attribute())
        if (attribute.has_g())
          countUses(attribute.g());
    }
    for (const auto &output : in.output())
      ++uses[output.name()];
  }

  bool visit(NodeProto &node) {
    const std::string &value = node.output(0);
    auto known = largest.find(value);
    std::vector<const ProductSite *> readers;
    for (const ProductSite &site : sites)
      if (site.input == value && site.reason.empty() && site.op != "Conv" &&
          site.transpose < 0)
        readers.push_back(&site);
    if (known == largest.end() || readers.empty() ||
        uses[value] != static_cast<int>(readers.size()))
      return false;
    const std::vector<float> &range = known->second;
    auto scale = read(node.input(1)),
         bias = node.input_size() > 2 && !node.input(2).empty()
                    ? read(node.input(2))
                    : std::vector<float>();
    bool hasBias = node.input_size() > 2 && !node.input(2).empty();
    if (scale.size() != range.size() ||
        (hasBias && bias.size() != range.size()))
      return false;
    std::vector<float> factors = findFactors(range, readers);
    for (size_t c = 0; c < factors.size(); ++c) {
      scale[c] /= factors[c];
      if (hasBias)
        bias[c] /= factors[c];
    }
    auto channels = static_cast<int64_t>(scale.size());
    node.set_input(1, add(node.input(1), {channels}, scale));
    if (hasBias)
      node.set_input(2, add(node.input(2), {channels}, bias));
    for (const ProductSite *site : readers) {
      WeightMatrix matrix(*site);
      std::vector<float> weight = readWeight(model, *site);
      for (int64_t k = 0; k < matrix.rows; ++k)
        for (int64_t n = 0; n < matrix.columns; ++n)
          weight[k * matrix.rowStride + n * matrix.columnStride] *= factors[k];
      graph.mutable_node(site->node)
          ->set_input(1, add(site->weight, site->dims, weight));
    }
    return true;
  }

  std::vector<float>
  findFactors(const std::vector<float> &range,
              const std::vector<const ProductSite *> &readers) {
    std::vector<float> most(range.size(), 0), factors(range.size(), 1);
    for (const ProductSite *site : readers) {
      WeightMatrix matrix(*site);
      std::vector<float> weight = readWeight(model, *site);
      for (int64_t k = 0; k < matrix.rows; ++k)
        for (int64_t n = 0; n < matrix.columns; ++n)
          most[k] = std::max(
              most[k],
              std::fabs(
                  weight[k * matrix.rowStride + n * matrix.columnStride]));
    }
    for (size_t c = 0; c < range.size(); ++c)
      if (range[c] > 0 && most[c] > 0)
        factors[c] = std::sqrt(range[c] / most[c]);
    return factors;
  }

  std::vector<float> read(const std::string &name) {
    for (const TensorProto &tensor : graph.initializer())
      if (tensor.name() == name && tensor.data_type() == TensorProto::FLOAT &&
          tensor.dims_size() == 1) {
        std::string buffer;
        llvm::StringRef bytes = getTensorBytes(model, tensor, buffer);
        std::vector<float> values(bytes.size() / sizeof(float));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
      }
    return {};
  }

  std::string add(const std::string &base, const std::vector<int64_t> &dims,
                  const std::vector<float> &values) {
    std::string name = base + "_smoothed";
    while (!names.insert(name).second)
      name += "_";
    TensorProto &tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(TensorProto::FLOAT);
    for (int64_t dim : dims)
      tensor.add_dims(dim);
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    replaced.insert(base);
    return name;
  }

  /// Weights that nothing reads any more.
  void removeUnused() {
    uses.clear();
    countUses(graph);
    auto isUnused = [&](const std::string &name) {
      return replaced.count(name) && !uses.count(name);
    };
    for (int i = graph.initializer_size() - 1; i >= 0; --i)
      if (isUnused(graph.initializer(i).name()))
        graph.mutable_initializer()->DeleteSubrange(i, 1);
    for (int i = graph.input_size() - 1; i >= 0; --i)
      if (isUnused(graph.input(i).name()))
        graph.mutable_input()->DeleteSubrange(i, 1);
  }

  Model &model;
  GraphProto &graph;
  const std::vector<ProductSite> &sites;
  const std::map<std::string, std::vector<float>> &largest;
  llvm::StringSet<> names, replaced;
  llvm::StringMap<int> uses;
};

} // namespace

size_t
dl::frontend::smooth(Model &model, const std::vector<ProductSite> &sites,
                     const std::map<std::string, std::vector<float>> &largest) {
  return Smoother(model, sites, largest).run();
}
