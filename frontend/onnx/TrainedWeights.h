// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What training has made of a model, put into the model.

#ifndef DL_FRONTEND_ONNX_TRAINEDWEIGHTS_H
#define DL_FRONTEND_ONNX_TRAINEDWEIGHTS_H

#include "frontend/onnx/Model.h"

#include <cstdint>

namespace dl::frontend {

/// A tensor that is to stand for an initializer.
struct TrainedTensor {
  std::string name;
  std::string type; ///< "float32", "float64", "float16" or "bfloat16"
  std::vector<int64_t> dims;
  llvm::StringRef data; ///< row-major, little endian; must outlast the model
};

/// Puts tensors in the place of the main graph's initializers of their names.
/// Fails where there is none, or one of another type or other sizes; the model
/// then is partly changed.
llvm::Error replaceInitializers(Model &model,
                                const std::vector<TrainedTensor> &tensors);

/// Two factors of low rank, to be added to a weight.
struct Adapter {
  std::string weight;
  TrainedTensor left, right; ///< [m, r] and [r, n] for a weight [m, n]
};

/// Adds left * right, summed in float64, to the main graph's initializers.
/// Fails as above.
llvm::Error mergeAdapters(Model &model, const std::vector<Adapter> &adapters);

/// Turns nodes that do something else while a model trains to what they do in
/// inference, in nested graphs and functions, too: BatchNormalization uses the
/// running statistics and hands them on unchanged, Dropout drops nothing.
void setInference(Model &model);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_TRAINEDWEIGHTS_H
