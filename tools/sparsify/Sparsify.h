// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-compile --sparsify: pruning of ONNX models.

#ifndef DL_TOOLS_SPARSIFY_SPARSIFY_H
#define DL_TOOLS_SPARSIFY_SPARSIFY_H

#include "tools/quantize/Evaluate.h"

#include <limits>
#include <memory>

namespace dl::tools {

struct SparsifyOptions {
  std::string pattern; ///< as in SparsityPattern::parse, or "auto"
  /// Folder of samples (see Samples.h): weights count by what they are
  /// multiplied with. Without it, they count by their magnitude.
  std::string calibration;
  size_t maxSamples = std::numeric_limits<size_t>::max();
  /// As of QuantizeOptions; negative for none.
  double errorBudget = -1;
  /// Measure whether the pruned model is faster, and keep the dense one where
  /// it is not.
  bool guard = true;
  std::string output; ///< the pruned model, ONNX; empty for none
};

/// A pruned model: zeros are in its weights, for the compiler to find.
struct SparseModel {
  std::string path;    ///< of the ONNX file
  std::string summary; ///< lines for the user
  TemporaryFolder folder{"--sparsify"};
};

/// Prunes `compile.input`; other options are those that the model is going to
/// be compiled with. Null on failure: `error` is "WHERE: WHAT", or what the
/// compiler has said, lines that begin with "error: ".
std::unique_ptr<SparseModel> sparsify(const CompileOptions &compile,
                                      const SparsifyOptions &options,
                                      std::string &error);

} // namespace dl::tools

#endif // DL_TOOLS_SPARSIFY_SPARSIFY_H
