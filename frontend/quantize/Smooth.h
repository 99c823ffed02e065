// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_FRONTEND_QUANTIZE_SMOOTH_H
#define DL_FRONTEND_QUANTIZE_SMOOTH_H

#include "frontend/quantize/QuantizeModel.h"

namespace dl::frontend {

/// Divides channels of what layer normalizations make by factors that their
/// scales and biases take in, and multiplies the weights that read them, so
/// that a channel of large values leaves others their steps: the square root of
/// the channel's largest magnitude over that of its weights (G. Xiao et al.,
/// "SmoothQuant", 2023). `largest` has the magnitudes of values' channels.
/// Values that anything but products of `sites` reads stay as they are. Returns
/// the number of normalizations that changed; numbers of nodes stay.
size_t smooth(Model &model, const std::vector<ProductSite> &sites,
              const std::map<std::string, std::vector<float>> &largest);

} // namespace dl::frontend

#endif // DL_FRONTEND_QUANTIZE_SMOOTH_H
