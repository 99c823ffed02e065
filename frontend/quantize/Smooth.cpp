// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/Smooth.h"

#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <algorithm>
#include <cmath>
#include <optional>

using namespace dl::frontend;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

using Scalable = std::map<std::string, std::vector<size_t>>;

namespace {

/// An operand of a node that holds a number, or a column of a weight, for each
/// channel of what the node makes.
struct Scaled {
  int node, input;
};

/// What makes a value, as far as factors of its channels are concerned.
class Graph {
public:
  Graph(const Model &model, const std::vector<ProductSite> &sites)
      : graph(model.proto->graph()), sites(sites) {
    for (const TensorProto &tensor : graph.initializer())
      tensors[tensor.name()] = &tensor;
    for (int i = 0; i < graph.node_size(); ++i)
      for (const std::string &output : graph.node(i).output())
        producers[output] = i;
    for (size_t i = 0; i < sites.size(); ++i)
      siteOfNode[sites[i].node] = i;
    countUses(graph);
  }

  /// The sites that read a value, if nothing else does.
  std::vector<size_t> getReaders(const std::string &value) const {
    std::vector<size_t> readers;
    for (size_t i = 0; i < sites.size(); ++i)
      if (sites[i].input == value && sites[i].reason.empty() &&
          sites[i].transpose < 0)
        readers.push_back(i);
    auto used = uses.find(value);
    if (used == uses.end() ||
        used->second != static_cast<int>(readers.size()) ||
        llvm::any_of(readers, [&](size_t reader) {
          return isConv(reader) != isConv(readers[0]);
        }))
      return {};
    return readers;
  }

  bool isConv(size_t site) const { return sites[site].op == "Conv"; }

  /// The operands that take factors of `channels` channels; nothing where the
  /// value is made in another way.
  std::optional<std::vector<Scaled>> getScaled(std::string value, bool isConv,
                                               int64_t channels) const {
    std::vector<Scaled> scaled;
    for (int steps = 0; steps < 8; ++steps) {
      auto producer = producers.find(value);
      if (producer == producers.end())
        return std::nullopt;
      int number = producer->second;
      const NodeProto &node = graph.node(number);
      if (!node.domain().empty() || node.output_size() == 0 ||
          node.output(0) != value || node.input_size() == 0)
        return std::nullopt;
      const std::string &op = node.op_type();
      if (auto site = siteOfNode.find(number); site != siteOfNode.end())
        return addProduct(sites[site->second], node, isConv, channels, scaled);
      if (op == "LayerNormalization" && !isConv)
        return addOperands(number, node, 1, channels, scaled);
      if ((op == "Add" || op == "Mul") && !isConv && node.input_size() == 2) {
        int known = isVector(node.input(1), channels) ? 1 : 0;
        if (!isVector(node.input(known), channels))
          return std::nullopt;
        scaled.push_back({number, known});
        if (op == "Mul")
          return scaled;
        value = node.input(1 - known);
      } else if (op == "Relu" || op == "LeakyRelu" || op == "Identity" ||
                 (isConv && (op == "MaxPool" || op == "AveragePool" ||
                             op == "GlobalAveragePool"))) {
        value = node.input(0);
      } else {
        return std::nullopt;
      }
      if (uses.lookup(value) != 1)
        return std::nullopt;
    }
    return std::nullopt;
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

  bool isVector(const std::string &name, int64_t channels) const {
    const TensorProto *tensor = tensors.lookup(name);
    return tensor && tensor->data_type() == TensorProto::FLOAT &&
           tensor->dims_size() == 1 && tensor->dims(0) == channels;
  }

  /// Operands `first` and, where there is one, the one behind it.
  std::optional<std::vector<Scaled>>
  addOperands(int number, const NodeProto &node, int first, int64_t channels,
              std::vector<Scaled> &scaled) const {
    for (int i = first; i < node.input_size(); ++i) {
      if (node.input(i).empty())
        continue;
      if (!isVector(node.input(i), channels))
        return std::nullopt;
      scaled.push_back({number, i});
    }
    return scaled.empty() ? std::nullopt : std::optional(scaled);
  }

  std::optional<std::vector<Scaled>>
  addProduct(const ProductSite &site, const NodeProto &node, bool isConv,
             int64_t channels, std::vector<Scaled> &scaled) const {
    if (site.transpose >= 0 || (site.op == "Conv") != isConv ||
        site.dims[site.channelAxis] != channels)
      return std::nullopt;
    scaled.push_back({site.node, 1});
    return addOperands(site.node, node, 2, channels, scaled);
  }

  const GraphProto &graph;
  const std::vector<ProductSite> &sites;
  llvm::StringMap<const TensorProto *> tensors;
  llvm::StringMap<int> producers, uses;
  std::map<int, size_t> siteOfNode;
};

int64_t getInputChannels(const ProductSite &site) {
  return site.op == "Conv" ? site.dims[1] : site.dims[1 - site.channelAxis];
}

/// Changes the operands of a model, each as often as is asked for.
class Scaler {
public:
  Scaler(Model &model, const std::vector<ProductSite> &sites)
      : model(model), graph(*model.proto->mutable_graph()) {
    for (const TensorProto &tensor : graph.initializer())
      names.insert(tensor.name());
    for (const NodeProto &node : graph.node())
      for (const std::string &output : node.output())
        names.insert(output);
    for (const ProductSite &site : sites)
      siteOfNode[site.node] = &site;
  }

  /// Divides a vector, or the columns of a weight.
  void divide(Scaled operand, const std::vector<float> &factors) {
    auto site = siteOfNode.find(operand.node);
    bool isWeight = site != siteOfNode.end() && operand.input == 1;
    std::vector<float> &values = get(operand);
    if (!isWeight) {
      for (size_t c = 0; c < values.size(); ++c)
        values[c] /= factors[c];
      return;
    }
    WeightMatrix matrix(*site->second);
    for (int64_t k = 0; k < matrix.rows; ++k)
      for (int64_t n = 0; n < matrix.columns; ++n)
        values[k * matrix.rowStride + n * matrix.columnStride] /= factors[n];
  }

  /// Multiplies what a site's weight has for each input channel.
  void multiply(const ProductSite &site, const std::vector<float> &factors) {
    std::vector<float> &values = get({site.node, 1});
    WeightMatrix matrix(site);
    int64_t taps = matrix.rows / static_cast<int64_t>(factors.size());
    for (int64_t k = 0; k < matrix.rows; ++k)
      for (int64_t n = 0; n < matrix.columns; ++n)
        values[k * matrix.rowStride + n * matrix.columnStride] *=
            factors[k / taps];
  }

  /// Puts the changed operands into the model.
  void finish() {
    llvm::StringSet<> replaced;
    for (auto &[operand, values] : changed) {
      NodeProto &node = *graph.mutable_node(operand.first);
      const std::string base = node.input(operand.second);
      replaced.insert(base);
      node.set_input(operand.second, add(base, values));
    }
    removeUnused(replaced);
  }

private:
  std::vector<float> &get(Scaled operand) {
    auto [entry, isNew] = changed.try_emplace({operand.node, operand.input});
    if (isNew) {
      const TensorProto &tensor =
          *find(graph.node(operand.node).input(operand.input));
      std::string buffer;
      llvm::StringRef bytes = getTensorBytes(model, tensor, buffer);
      entry->second.resize(bytes.size() / sizeof(float));
      std::memcpy(entry->second.data(), bytes.data(), bytes.size());
    }
    return entry->second;
  }

  const TensorProto *find(const std::string &name) const {
    for (const TensorProto &tensor : graph.initializer())
      if (tensor.name() == name)
        return &tensor;
    return nullptr;
  }

  std::string add(const std::string &base, const std::vector<float> &values) {
    std::string name = base + "_smoothed";
    while (!names.insert(name).second)
      name += "_";
    TensorProto &tensor = *graph.add_initializer();
    *tensor.mutable_dims() = find(base)->dims();
    tensor.set_name(name);
    tensor.set_data_type(TensorProto::FLOAT);
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    return name;
  }

  void collectUses(const GraphProto &in, llvm::StringSet<> &used) {
    for (const NodeProto &node : in.node()) {
      for (const std::string &input : node.input())
        used.insert(input);
      for (const auto &attribute : node.attribute())
        if (attribute.has_g())
          collectUses(attribute.g(), used);
    }
    for (const auto &output : in.output())
      used.insert(output.name());
  }

  /// Weights that nothing reads any more.
  void removeUnused(const llvm::StringSet<> &replaced) {
    llvm::StringSet<> used;
    collectUses(graph, used);
    auto isUnused = [&](const std::string &name) {
      return replaced.contains(name) && !used.contains(name);
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
  llvm::StringSet<> names;
  std::map<int, const ProductSite *> siteOfNode;
  std::map<std::pair<int, int>, std::vector<float>> changed;
};

/// The error of rounding a weight to int4 after its rows were multiplied by
/// factors and its inputs divided by them, on some of its columns.
double getRoundingError(const std::vector<float> &weight,
                        const WeightMatrix &matrix,
                        const std::vector<float> &factors,
                        const std::vector<double> &norms) {
  constexpr int64_t kColumns = 128;
  int64_t step = std::max<int64_t>(1, matrix.columns / kColumns),
          columns = (matrix.columns + step - 1) / step;
  std::vector<float> some(matrix.rows * columns);
  for (int64_t k = 0; k < matrix.rows; ++k)
    for (int64_t n = 0; n < columns; ++n)
      some[k * columns + n] =
          factors[k] *
          weight[k * matrix.rowStride + n * step * matrix.columnStride];
  std::vector<float> rounded =
      dequantizeInt4(quantizeInt4(some.data(), matrix.rows, columns, false),
                     matrix.rows, columns, false);
  double error = 0;
  for (int64_t k = 0; k < matrix.rows; ++k) {
    double sum = 0, size = norms[k] / factors[k];
    for (int64_t n = 0; n < columns; ++n)
      sum +=
          std::pow(double(some[k * columns + n]) - rounded[k * columns + n], 2);
    error += sum * size * size;
  }
  return error * static_cast<double>(step);
}

/// norms ** power, around 1.
std::vector<float> getPowers(const std::vector<double> &norms, double power) {
  double sum = 0, count = 0;
  for (double norm : norms)
    if (norm > 0)
      sum += std::log(norm), ++count;
  double middle = count > 0 ? sum / count : 0;
  constexpr double kMost = 1e3;
  std::vector<float> factors;
  factors.reserve(norms.size());
  for (double norm : norms)
    factors.push_back(norm > 0
                          ? static_cast<float>(std::clamp(
                                std::exp(power * (std::log(norm) - middle)),
                                1 / kMost, kMost))
                          : 1.0F);
  return factors;
}

} // namespace

Scalable
dl::frontend::findScalableValues(const Model &model,
                                 const std::vector<ProductSite> &sites) {
  Graph graph(model, sites);
  Scalable found;
  for (const ProductSite &site : sites) {
    if (!site.reason.empty() || found.count(site.input))
      continue;
    std::vector<size_t> readers = graph.getReaders(site.input);
    int64_t channels = getInputChannels(site);
    if (!readers.empty() &&
        llvm::all_of(readers,
                     [&](size_t reader) {
                       return getInputChannels(sites[reader]) == channels;
                     }) &&
        graph.getScaled(site.input, graph.isConv(readers[0]), channels))
      found[site.input] = readers;
  }
  return found;
}

ChannelFactors dl::frontend::findSmoothFactors(
    const Model &model, const std::vector<ProductSite> &sites,
    const Scalable &scalable, const ChannelFactors &largest) {
  ChannelFactors found;
  for (const auto &[value, readers] : scalable) {
    auto known = largest.find(value);
    if (known == largest.end())
      continue;
    const std::vector<float> &range = known->second;
    std::vector<float> most(range.size(), 0), factors(range.size(), 1);
    if (static_cast<int64_t>(range.size()) !=
        getInputChannels(sites[readers[0]]))
      continue;
    for (size_t reader : readers) {
      WeightMatrix matrix(sites[reader]);
      std::vector<float> weight = readWeight(model, sites[reader]);
      int64_t taps = matrix.rows / static_cast<int64_t>(range.size());
      for (int64_t k = 0; k < matrix.rows; ++k)
        for (int64_t n = 0; n < matrix.columns; ++n) {
          float element =
              weight[k * matrix.rowStride + n * matrix.columnStride];
          most[k / taps] = std::max(most[k / taps], std::fabs(element));
        }
    }
    for (size_t c = 0; c < range.size(); ++c)
      if (range[c] > 0 && most[c] > 0)
        factors[c] = std::sqrt(range[c] / most[c]);
    found[value] = factors;
  }
  return found;
}

ChannelFactors dl::frontend::findAwareFactors(
    const Model &model, const std::vector<ProductSite> &sites,
    const Scalable &scalable,
    const std::map<std::string, std::vector<double>> &norms) {
  constexpr double kPowers[] = {0, 0.2, 0.4, 0.6, 0.8};
  // Rounding by the correlation of inputs gains some of it anyway.
  constexpr double kWorthwhile = 0.8;
  ChannelFactors found;
  for (const auto &[value, readers] : scalable) {
    auto known = norms.find(value);
    if (known == norms.end() || static_cast<int64_t>(known->second.size()) !=
                                    getInputChannels(sites[readers[0]]))
      continue;
    std::vector<double> errors(std::size(kPowers), 0);
    for (size_t reader : readers) {
      std::vector<float> weight = readWeight(model, sites[reader]);
      for (size_t i = 0; i < std::size(kPowers); ++i)
        errors[i] += getRoundingError(weight, WeightMatrix(sites[reader]),
                                      getPowers(known->second, kPowers[i]),
                                      known->second);
    }
    auto best = std::min_element(errors.begin(), errors.end());
    if (*best < kWorthwhile * errors.front())
      found[value] = getPowers(known->second, kPowers[best - errors.begin()]);
  }
  return found;
}

void dl::frontend::scaleChannels(Model &model,
                                 const std::vector<ProductSite> &sites,
                                 const Scalable &scalable,
                                 const ChannelFactors &factors) {
  Scaler scaler(model, sites);
  Graph graph(model, sites);
  for (const auto &[value, numbers] : factors) {
    const std::vector<size_t> &readers = scalable.at(value);
    auto operands = graph.getScaled(value, graph.isConv(readers[0]),
                                    static_cast<int64_t>(numbers.size()));
    if (!operands)
      continue;
    for (Scaled operand : *operands)
      scaler.divide(operand, numbers);
    for (size_t reader : readers)
      scaler.multiply(sites[reader], numbers);
  }
  scaler.finish();
}
