// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-compile/QuantizationFlags.h"

#include "frontend/import/Import.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;

namespace dl::tools {

Error QuantizationFlags::read(StringRef input, CompileOptions &compile,
                              std::optional<QuantizeOptions> &options) const {
  StringRef type = quantize;
  std::optional<Precision> precision = parsePrecision(type);
  if (type.empty() || type == "bf16" || type == "f16") {
    if (precision)
      compile.pipeline.precision = *precision;
    bool prunes = !sparsify.empty();
    for (auto [given, isForBoth] :
         std::initializer_list<std::pair<const cl::Option *, bool>>{
             {&calibration, true},
             {&calibrationMethod, false},
             {&calibrationSamples, true},
             {&errorBudget, true},
             {&quantizeGuard, false},
             {&quantizeReport, false},
             {&quantizedModel, false}})
      if (given->getNumOccurrences() && !(isForBoth && prunes))
        return createStringError("--" + given->ArgStr +
                                 ": goes with --quantize=TYPE");
    return Error::success();
  }
  using Kind = ::dl::frontend::WeightKind;
  constexpr Kind kKinds[] = {Kind::Int8, Kind::Int4, Kind::Fp8, Kind::Palette8,
                             Kind::Palette4};
  const Kind *kind =
      find_if(kKinds, [&](Kind k) { return type == getName(k); });
  std::string known = "; known: ";
  for (Kind k : kKinds)
    known += getName(k) + std::string(", ");
  known += "bf16, f16";
  if (type == "f16")
    return createStringError("--quantize: no target has f16 products yet" +
                             known);
  if (kind == std::end(kKinds))
    return createStringError("--quantize: unknown type '" + type + "'" + known);
  options.emplace();
  options->kind = *kind;
  if (!dl::frontend::isModelFile(input))
    return createStringError("--quantize: only an ONNX model can be quantized");
  options->calibration = calibration;
  auto [method, percentile] = StringRef(calibrationMethod).split(':');
  auto parsed = llvm::StringSwitch<std::optional<RangeMethod>>(method)
                    .Case("mse", RangeMethod::Mse)
                    .Case("minmax", RangeMethod::MinMax)
                    .Case("entropy", RangeMethod::Entropy)
                    .Case("percentile", RangeMethod::Percentile)
                    .Default(std::nullopt);
  if (!parsed)
    return createStringError("--calibration-method: unknown method '" + method +
                             "'; known: mse, minmax, entropy, percentile");
  options->method = *parsed;
  if (!percentile.empty() &&
      (percentile.getAsDouble(options->percentile) ||
       !(options->percentile > 0 && options->percentile <= 100)))
    return createStringError("--calibration-method: expected a percentile up "
                             "to 100, found '" +
                             percentile + "'");
  options->maxSamples = calibrationSamples;
  if (errorBudget.getNumOccurrences() && !(errorBudget >= 0))
    return createStringError("--error-budget: expected a number from 0 on");
  options->errorBudget = errorBudget;
  options->guard = quantizeGuard;
  options->report = quantizeReport;
  options->output = quantizedModel;
  return Error::success();
}

Error QuantizationFlags::read(CompileOptions &compile) const {
  bool quantizes = quantizeKvCache.getNumOccurrences() > 0;
  if (kvCache != "outside" && kvCache != "session")
    return createStringError("--kv-cache: unknown place '" + kvCache +
                             "'; known: outside, session");
  if (quantizes && quantizeKvCache != "int8")
    return createStringError("--quantize-kv-cache: unknown type '" +
                             quantizeKvCache + "'; known: int8");
  bool isOutside = kvCache.getNumOccurrences() && kvCache == "outside";
  if (quantizes && isOutside)
    return createStringError("--quantize-kv-cache: goes with "
                             "--kv-cache=session");
  if (!quantizes && kvCache == "outside") {
    if (kvCacheLength.getNumOccurrences())
      return createStringError("--kv-cache-length: goes with "
                               "--kv-cache=session");
    return Error::success();
  }
  if (kvCacheLength < 1)
    return createStringError("--kv-cache-length: expected a number from 1 on");
  if (compile.pipeline.training)
    return createStringError("--kv-cache: a training has none");
  if (llvm::is_contained(compile.targets, Target::Reference))
    return createStringError("--kv-cache: the reference keeps no state");
  compile.pipeline.caches = {kvCacheLength, quantizes};
  return Error::success();
}

Error QuantizationFlags::read(StringRef input,
                              std::optional<SparsifyOptions> &options) const {
  if (sparsify.empty()) {
    for (const cl::Option *given : std::initializer_list<const cl::Option *>{
             &sparsifyGuard, &sparseModel})
      if (given->getNumOccurrences())
        return createStringError("--" + given->ArgStr +
                                 ": goes with --sparsify");
    return Error::success();
  }
  if (!dl::frontend::isModelFile(input))
    return createStringError("--sparsify: only an ONNX model can be pruned");
  options.emplace();
  options->pattern = sparsify;
  options->calibration = calibration;
  options->maxSamples = calibrationSamples;
  options->errorBudget = quantize.empty() ? errorBudget.getValue() : -1;
  options->guard = sparsifyGuard;
  options->output = sparseModel;
  return Error::success();
}

} // namespace dl::tools
