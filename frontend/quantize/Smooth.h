// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Channels of values divided by factors that the weights before them and behind
// them take in: the model computes the same, and is easier to quantize.

#ifndef DL_FRONTEND_QUANTIZE_SMOOTH_H
#define DL_FRONTEND_QUANTIZE_SMOOTH_H

#include "frontend/quantize/QuantizeModel.h"

#include <map>
#include <string>
#include <vector>

namespace dl::frontend {

/// What the channels of values are divided by, by value.
using ChannelFactors = std::map<std::string, std::vector<float>>;

/// The values of which channels can be divided, each with the numbers of the
/// sites that read it: a layer normalization, a product with a known weight or
/// a multiplication by known numbers makes them, additions of a known bias and
/// what commutes with factors above 0 (rectifiers, pooling) may follow, and
/// nothing else reads any of that.
std::map<std::string, std::vector<size_t>>
findScalableValues(const Model &model, const std::vector<ProductSite> &sites);

/// For each of these values the square root of its channels' largest magnitudes
/// over those of its readers' weights, so that a channel of large values leaves
/// the others their steps: behind a normalization SmoothQuant (G. Xiao et al.,
/// 2023), between two products cross-layer equalization (M. Nagel et al.,
/// "Data-Free Quantization Through Weight Equalization and Bias Correction",
/// 2019). `largest` has the magnitudes of values' channels.
ChannelFactors
findSmoothFactors(const Model &model, const std::vector<ProductSite> &sites,
                  const std::map<std::string, std::vector<size_t>> &scalable,
                  const ChannelFactors &largest);

/// For each of these values a power of its channels' root mean squares by which
/// rounding its readers' weights to int4 costs least: what large values are
/// multiplied with is rounded in finer steps (J. Lin et al., "AWQ", 2024). None
/// where no power gains. `norms` has the root mean squares.
ChannelFactors
findAwareFactors(const Model &model, const std::vector<ProductSite> &sites,
                 const std::map<std::string, std::vector<size_t>> &scalable,
                 const std::map<std::string, std::vector<double>> &norms);

/// Divides the channels of these values, all of them scalable, and multiplies
/// the weights that read them. Numbers of nodes stay, names of weights do not.
void scaleChannels(Model &model, const std::vector<ProductSite> &sites,
                   const std::map<std::string, std::vector<size_t>> &scalable,
                   const ChannelFactors &factors);

} // namespace dl::frontend

#endif // DL_FRONTEND_QUANTIZE_SMOOTH_H
