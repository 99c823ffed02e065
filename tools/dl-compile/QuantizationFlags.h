// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The flags that make a model smaller before it is compiled: by integers, and
// by zeros.

#ifndef DL_TOOLS_DL_COMPILE_QUANTIZATIONFLAGS_H
#define DL_TOOLS_DL_COMPILE_QUANTIZATIONFLAGS_H

#include "tools/quantize/Quantize.h"
#include "tools/sparsify/Sparsify.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include <limits>
#include <optional>

namespace dl::tools {

/// Registers the flags; to be made before the command line is parsed.
struct QuantizationFlags {
  llvm::cl::OptionCategory category{"Quantization and pruning"};

  llvm::cl::opt<std::string> quantize{
      "quantize",
      llvm::cl::desc(
          "Quantize an ONNX model's matrix products and convolutions: "
          "int8 (weights and what they multiply), int4 (weights of matrix "
          "products alone), fp8 (weights alone, of FLOAT8E4M3FN), palette8 or "
          "palette4 (weights of at most 256 or 16 values, for "
          "--optimize=size), bf16 or f16 (as --precision)"),
      llvm::cl::value_desc("TYPE"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> calibration{
      "calibration",
      llvm::cl::desc(
          "Samples of the inputs, by which int8 chooses its scales: .npy "
          "or .pb files, or a folder for each sample with input_0.npy, "
          "input_1.npy, .. Without it, scales are found in each run, and "
          "convolutions stay in float32"),
      llvm::cl::value_desc("FOLDER"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> calibrationMethod{
      "calibration-method", llvm::cl::init("mse"),
      llvm::cl::desc(
          "How ranges follow from the samples: mse (default), minmax, "
          "entropy, percentile or percentile:99.9"),
      llvm::cl::value_desc("METHOD"), llvm::cl::cat(category)};
  llvm::cl::opt<uint64_t> calibrationSamples{
      "calibration-samples",
      llvm::cl::init(std::numeric_limits<uint64_t>::max()),
      llvm::cl::desc("Use at most N samples (default: all)"),
      llvm::cl::value_desc("N"), llvm::cl::cat(category)};
  llvm::cl::opt<double> errorBudget{
      "error-budget", llvm::cl::init(-1),
      llvm::cl::desc(
          "Leave as many products in float32 as keeps every output's root "
          "mean square error on the samples below X times the output's "
          "own; fail where none could be quantized"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> quantizeGuard{
      "quantize-guard", llvm::cl::init(true),
      llvm::cl::desc(
          "Measure whether the quantized model is faster, and leave in "
          "float32 what is not (default: true)"),
      llvm::cl::cat(category)};
  llvm::cl::opt<std::string> quantizeReport{
      "quantize-report",
      llvm::cl::desc(
          "Write what became of each product, and its error, as JSON"),
      llvm::cl::value_desc("FILE"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> quantizedModel{
      "quantized-onnx",
      llvm::cl::desc("Write the quantized model as ONNX, for use elsewhere"),
      llvm::cl::value_desc("FILE"), llvm::cl::cat(category)};

  llvm::cl::OptionCategory caches{"Decoding"};
  llvm::cl::opt<std::string> kvCache{
      "kv-cache", llvm::cl::init("outside"),
      llvm::cl::desc(
          "Where keys and values of attention stay from run to run: outside "
          "(default), as the model has it, inputs and outputs of the caller's; "
          "session, states that each run puts its rows into, without those "
          "inputs and outputs"),
      llvm::cl::value_desc("PLACE"), llvm::cl::cat(caches)};
  llvm::cl::opt<std::string> quantizeKvCache{
      "quantize-kv-cache",
      llvm::cl::desc("The same as --kv-cache=session, with rows of int8 and a "
                     "scale for each head and row: int8"),
      llvm::cl::value_desc("TYPE"), llvm::cl::cat(caches)};
  llvm::cl::opt<int64_t> kvCacheLength{
      "kv-cache-length", llvm::cl::init(::dl::CacheOptions().length),
      llvm::cl::desc("Rows that a session's cache has room for (default: "
                     "2048)"),
      llvm::cl::value_desc("N"), llvm::cl::cat(caches)};

  llvm::cl::opt<std::string> sparsify{
      "sparsify",
      llvm::cl::desc(
          "Make weights of matrix products zero that matter least: "
          "unstructured@S, a share S of all; block:RxC@S, blocks of R "
          "contracted elements and C channels; N:M, all but N of M "
          "neighbours; auto, what is fastest within --error-budget"),
      llvm::cl::value_desc("PATTERN"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> sparsifyGuard{
      "sparsify-guard", llvm::cl::init(true),
      llvm::cl::desc(
          "Measure whether the pruned model is faster, and keep the dense "
          "one where it is not (default: true)"),
      llvm::cl::cat(category)};
  llvm::cl::opt<std::string> sparseModel{
      "sparse-onnx",
      llvm::cl::desc("Write the pruned model as ONNX, with its zeros"),
      llvm::cl::value_desc("FILE"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> compressWeights{
      "compress-weights", llvm::cl::init(true),
      llvm::cl::desc(
          "Leave zeros of weights out where that is faster (default: "
          "true)"),
      llvm::cl::cat(category)};

  /// Fills `options` where integers are asked for, and the precision; `input`
  /// is the model. An error reads "--NAME: WHAT".
  llvm::Error read(llvm::StringRef input, CompileOptions &compile,
                   std::optional<QuantizeOptions> &options) const;

  /// Says how caches are kept.
  llvm::Error read(CompileOptions &compile) const;

  /// Fills `options` where pruning is asked for.
  llvm::Error read(llvm::StringRef input,
                   std::optional<SparsifyOptions> &options) const;
};

} // namespace dl::tools

#endif // DL_TOOLS_DL_COMPILE_QUANTIZATIONFLAGS_H
