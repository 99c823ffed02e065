// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-compile --quantize: post-training quantization of ONNX models.

#ifndef DL_TOOLS_QUANTIZE_QUANTIZE_H
#define DL_TOOLS_QUANTIZE_QUANTIZE_H

#include "frontend/quantize/QuantizeModel.h"
#include "tools/compiler/Compile.h"
#include "tools/quantize/Evaluate.h"
#include "tools/quantize/Histogram.h"

#include <limits>
#include <map>
#include <memory>

namespace dl::tools {

struct QuantizeOptions {
  frontend::WeightKind kind = frontend::WeightKind::Int8;
  /// Folder of samples (see Samples.h). Without it, int8 finds the scales of
  /// matrix products' inputs in each run, and convolutions stay in float32.
  std::string calibration;
  RangeMethod method = RangeMethod::Mse;
  double percentile = 99.99;
  size_t maxSamples = std::numeric_limits<size_t>::max();
  /// The largest root mean square of an output's error over that of the output,
  /// on the samples; negative for none.
  double errorBudget = -1;
  /// Measure whether integers are faster, and take float32 where they are not.
  bool guard = true;
  std::string report; ///< JSON about every product; empty for none
  std::string output; ///< the quantized model, ONNX; empty for none
};

/// A quantized model in a folder of its own, which goes with the object.
struct QuantizedModel {
  std::string path;    ///< of the ONNX file
  std::string summary; ///< lines for the user
  /// Why products are in float32, by their nodes' names.
  std::map<std::string, std::string> kept;
  TemporaryFolder folder{"--quantize"};
};

/// Quantizes `compile.input`; other options are those that the model is going
/// to be compiled with. Null on failure: `error` is "WHERE: WHAT", or what the
/// compiler has said, lines that begin with "error: ".
std::unique_ptr<QuantizedModel> quantize(const CompileOptions &compile,
                                         const QuantizeOptions &options,
                                         std::string &error);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_QUANTIZE_H
