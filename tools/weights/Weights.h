// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-compile --weights: what a training has reached, put into its ONNX model.

#ifndef DL_TOOLS_WEIGHTS_WEIGHTS_H
#define DL_TOOLS_WEIGHTS_WEIGHTS_H

#include "tools/quantize/Evaluate.h"

#include <memory>
#include <string>

namespace dl::tools {

struct WeightsOptions {
  std::string checkpoint; ///< as dl-train writes it
  std::string output;     ///< the model with the weights, ONNX; empty for none
  /// The model is going to be trained again: what its nodes do in training
  /// stays. Otherwise batch normalization uses the running statistics, and
  /// nothing is dropped.
  bool trains = false;
};

/// A model with trained weights in a folder of its own, which goes with the
/// object.
struct TrainedModel {
  std::string path; ///< of the ONNX file
  TemporaryFolder folder{"--weights"};
};

/// Puts a checkpoint's parameters, or where it has them their exponential
/// averages, and its running statistics in the place of the initializers of
/// these names; everything else of the model at `input` stays. Null on failure:
/// `error` is "WHERE: WHAT".
std::unique_ptr<TrainedModel> takeWeights(const std::string &input,
                                          const WeightsOptions &options,
                                          std::string &error);

} // namespace dl::tools

#endif // DL_TOOLS_WEIGHTS_WEIGHTS_H
