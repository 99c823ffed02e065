// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The weights of products: read, replaced, and as integers.

#include "frontend/onnx/TensorData.h"
#include "frontend/quantize/QuantizeModel.h"
#include "onnx/onnx_pb.h"
#include <cmath>

using namespace dl::frontend;
using llvm::StringRef;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

std::vector<float> dl::frontend::readWeight(const Model &model,
                                            const ProductSite &site) {
  for (const TensorProto &tensor : model.proto->graph().initializer())
    if (tensor.name() == site.weight) {
      std::string buffer;
      StringRef bytes = getTensorBytes(model, tensor, buffer);
      std::vector<float> values(bytes.size() / sizeof(float));
      std::memcpy(values.data(), bytes.data(), bytes.size());
      return values;
    }
  return {};
}

void dl::frontend::replaceWeight(Model &model, const ProductSite &site,
                                 const std::vector<float> &values) {
  for (TensorProto &tensor :
       *model.proto->mutable_graph()->mutable_initializer())
    if (tensor.name() == site.weight) {
      tensor.clear_float_data();
      tensor.clear_external_data();
      tensor.set_data_location(TensorProto::DEFAULT);
      tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    }
}

static int countUses(const GraphProto &graph, StringRef name) {
  int count = 0;
  for (const NodeProto &node : graph.node()) {
    for (const std::string &input : node.input())
      count += input == name.str();
    for (const AttributeProto &attribute : node.attribute())
      if (attribute.has_g())
        count += countUses(attribute.g(), name);
  }
  for (const auto &output : graph.output())
    count += output.name() == name.str();
  return count;
}

bool dl::frontend::isUsedElsewhere(const Model &model, const ProductSite &site,
                                   const std::vector<ProductSite> &sites) {
  // A transposed weight is read by its transpose, and that by products.
  const GraphProto &graph = model.proto->graph();
  int direct = 0;
  std::map<int, int> turned;
  for (const ProductSite &other : sites)
    if (other.weight == site.weight)
      other.transpose < 0 ? ++direct : ++turned[other.transpose];
  for (auto [node, count] : turned)
    if (countUses(graph, graph.node(node).output(0)) != count)
      return true;
  return countUses(graph, site.weight) !=
         direct + static_cast<int>(turned.size());
}

WeightMatrix::WeightMatrix(const ProductSite &site)
    : columns(site.dims[site.channelAxis]) {
  for (size_t d = 0; d < site.dims.size(); ++d)
    rows *= static_cast<int>(d) == site.channelAxis ? 1 : site.dims[d];
  rowStride = site.channelAxis == 0 ? 1 : columns;
  columnStride = site.channelAxis == 0 ? rows : 1;
}

namespace {
/// A weight as [outer, channels, inner]; of a matrix, what is contracted is the
/// one of both that is not 1.
struct Layout {
  explicit Layout(const ProductSite &site)
      : channels(site.dims[site.channelAxis]) {
    for (size_t d = 0; d < site.dims.size(); ++d)
      if (int axis = static_cast<int>(d); axis != site.channelAxis)
        (axis < site.channelAxis ? outer : inner) *= site.dims[d];
    contracted = outer * inner;
  }
  int64_t outer = 1, channels, inner = 1, contracted;
};
} // namespace

const Int8Weight &QuantizedWeights::getInt8(const Model &model,
                                            const ProductSite &site) {
  auto [entry, isNew] = int8.try_emplace({site.weight, site.channelAxis});
  Layout layout(site);
  if (isNew)
    entry->second = quantizeInt8(readWeight(model, site).data(), layout.outer,
                                 layout.channels, layout.inner);
  return entry->second;
}

const Int4Weight &QuantizedWeights::getInt4(const Model &model,
                                            const ProductSite &site) {
  auto [entry, isNew] = int4.try_emplace({site.weight, site.channelAxis});
  Layout layout(site);
  auto correlation = correlations.find(site.input);
  if (isNew)
    entry->second = quantizeInt4(
        readWeight(model, site).data(), layout.contracted, layout.channels,
        site.channelAxis == 0,
        correlation == correlations.end() ? nullptr : &correlation->second);
  return entry->second;
}

const Fp8Weight &QuantizedWeights::getFp8(const Model &model,
                                          const ProductSite &site) {
  auto [entry, isNew] = fp8.try_emplace({site.weight, site.channelAxis});
  Layout layout(site);
  if (isNew)
    entry->second = quantizeFp8(readWeight(model, site).data(), layout.outer,
                                layout.channels, layout.inner);
  return entry->second;
}

const Palette &QuantizedWeights::getPalette(const Model &model,
                                            const ProductSite &site, int bits) {
  auto found = palettes.find(site.weight);
  if (found == palettes.end())
    found = palettes
                .emplace(site.weight,
                         Palette(readWeight(model, site), size_t(1) << bits))
                .first;
  return found->second;
}

std::vector<float> dl::frontend::dequantizeInt8(const Int8Weight &quantized,
                                                const ProductSite &site) {
  Layout layout(site);
  std::vector<float> values(quantized.values.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = quantized.scales[i / layout.inner % layout.channels] *
                static_cast<float>(quantized.values[i]);
  return values;
}

std::vector<float> dl::frontend::getRounded(const Model &model,
                                            const ProductSite &site,
                                            WeightKind kind,
                                            QuantizedWeights &weights) {
  Layout layout(site);
  switch (kind) {
  case WeightKind::Int8:
    return dequantizeInt8(weights.getInt8(model, site), site);
  case WeightKind::Int4:
    return dequantizeInt4(weights.getInt4(model, site), layout.contracted,
                          layout.channels, site.channelAxis == 0);
  case WeightKind::Fp8: {
    const Fp8Weight &quantized = weights.getFp8(model, site);
    std::vector<float> values(quantized.values.size());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = quantized.scales[i / layout.inner % layout.channels] *
                  fromFp8(quantized.values[i]);
    return values;
  }
  case WeightKind::Palette8:
  case WeightKind::Palette4:
    break;
  }
  const Palette &palette =
      weights.getPalette(model, site, kind == WeightKind::Palette8 ? 8 : 4);
  std::vector<float> values = readWeight(model, site);
  for (float &value : values)
    value = palette.round(value);
  return values;
}

double dl::frontend::getProductNoise(const Model &model,
                                     const ProductSite &site, WeightKind kind,
                                     QuantizedWeights &weights,
                                     const std::vector<double> &norms,
                                     double inputError) {
  std::vector<float> values = readWeight(model, site),
                     rounded = getRounded(model, site, kind, weights);
  WeightMatrix matrix(site);
  double power = 0, noise = 0;
  for (int64_t k = 0; k < matrix.rows; ++k) {
    double square = norms.empty() ? 1 : norms[k] * norms[k];
    for (int64_t n = 0; n < matrix.columns; ++n) {
      int64_t at = k * matrix.rowStride + n * matrix.columnStride;
      double weight = values[at];
      power += square * weight * weight;
      noise += square * std::pow(weight - rounded[at], 2) +
               inputError * weight * weight;
    }
  }
  return power == 0 ? 0 : noise / power;
}
