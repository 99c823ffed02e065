// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Quantize.h"

#include "frontend/quantize/QuantizeModel.h"
#include "frontend/quantize/Smooth.h"
#include "tools/quantize/ChannelStatistics.h"
#include "tools/quantize/Evaluate.h"
#include "tools/quantize/Observation.h"
#include "tools/quantize/Outcome.h"
#include "tools/quantize/ProductTimes.h"
#include "tools/values/Files.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace dl::tools {

namespace fs = std::filesystem;
using frontend::ProductSite;
using values::Failure;

/// Samples that errors are measured with.
constexpr size_t kErrorSamples = 32;
/// Of the products that are left in a round that misses the budget, the share
/// that goes back to float32.
constexpr double kReturnedShare = 0.15;
/// Products of fewer weights are the first that speed takes back to float32.
constexpr int64_t kLargeProduct = 1 << 16;

/// What simplification computes of constants: see dl-fold-constants.
constexpr int64_t kMostFolded = 1 << 24;

static int64_t countWeights(const ProductSite &site) {
  int64_t count = 1;
  for (int64_t size : site.dims)
    count *= size;
  return count;
}

class Quantizer {
public:
  Quantizer(const CompileOptions &compile, const QuantizeOptions &options)
      : compileOptions(getPlainOptions(compile)), options(options),
        kind(options.kind), source(compile.input),
        isForCpu(compile.isFor(Target::Cpu)),
        result(std::make_unique<QuantizedModel>()), folder(result->folder) {}

  std::unique_ptr<QuantizedModel> run() {
    result->path = folder.path + "/" +
                   fs::path(compileOptions.input).stem().string() + ".onnx";
    std::shared_ptr<frontend::Model> model = readModel(source);
    sites = frontend::findProductSites(*model);
    applyLimits();
    if (!options.calibration.empty()) {
      calibrate();
      if (kind == frontend::WeightKind::Int8)
        smooth();
      else if (kind == frontend::WeightKind::Int4)
        weighUp();
      model = readModel(source);
    }
    for (size_t i = 0; i < sites.size(); ++i)
      if (sites[i].reason.empty())
        plan.sites.push_back(i);
    plan.kind = kind;
    if (kind == frontend::WeightKind::Int8)
      correct(*model);
    bool measures = options.errorBudget >= 0 || !options.report.empty();
    if (measures)
      rate(*model);
    model.reset();
    write();
    if (measures)
      meetBudget();
    if (options.guard && isForCpu && frontend::isInteger(kind) &&
        !plan.sites.empty())
      keepFastest();
    conclude();
    return std::move(result);
  }

private:
  void progress(const std::string &what) {
    if (compileOptions.progress)
      compileOptions.progress(what);
  }

  /// What each kind of integers can be used for.
  void applyLimits() {
    bool isPalette = kind == frontend::WeightKind::Palette8 ||
                     kind == frontend::WeightKind::Palette4;
    std::map<std::string, std::string> readers; // of weights
    for (ProductSite &site : sites) {
      bool isConv = site.op == "Conv";
      if (!site.reason.empty())
        continue;
      if (kind == frontend::WeightKind::Int4 && isConv)
        site.reason = "int4 is for matrix products alone";
      else if (kind == frontend::WeightKind::Int8 &&
               options.calibration.empty() && isConv)
        site.reason = "a convolution needs --calibration";
      else if (kind == frontend::WeightKind::Fp8 &&
               countWeights(site) > kMostFolded)
        site.reason = "it has more than " + std::to_string(kMostFolded) +
                      " weights, which would become float32 in each run";
      else if (auto [first, isNew] = readers.emplace(site.weight, site.name);
               isPalette && !isNew)
        site.reason = "it has the weight of '" + first->second + "'";
    }
  }

  /// What calibration finds, and of which model.
  struct Calibration {
    std::string source;
    std::vector<ProductSite> sites;
    std::map<std::string, frontend::ActivationScale> scales;
    std::map<std::string, ChannelStatistics> statistics;
    std::map<std::string, double> inputErrors;
  };

  Calibration getCalibration() const {
    return {source, sites, plan.inputs, statistics, inputErrors};
  }

  /// Takes for these values what `from` has, for others what there is.
  void takeFrom(const Calibration &from,
                const frontend::ChannelFactors &values) {
    for (const auto &[value, factors] : values) {
      plan.inputs[value] = from.scales.at(value);
      statistics[value] = from.statistics.at(value);
      inputErrors[value] = from.inputErrors.at(value);
    }
  }

  /// Divides channels of `source`'s values; the weights have new names then.
  void scale(const std::map<std::string, std::vector<size_t>> &scalable,
             const frontend::ChannelFactors &factors) {
    auto model = readModel(source);
    frontend::scaleChannels(*model, sites, scalable, factors);
    source = folder.path + "/smoothed.onnx";
    writeModel(*model, source);
    for (frontend::ProductSite &site : frontend::findProductSites(*model))
      for (ProductSite &old : sites)
        if (old.node == site.node)
          old.weight = site.weight;
  }

  /// Evens out the channels of values, where the errors of the products that
  /// read them become less by it.
  void smooth() {
    progress("smoothing");
    auto model = readModel(source);
    auto scalable = frontend::findScalableValues(*model, sites);
    frontend::ChannelFactors largest;
    for (const auto &[value, channels] : statistics)
      largest[value] = channels.largest;
    auto factors =
        frontend::findSmoothFactors(*model, sites, scalable, largest);
    model.reset(); // its file is read again below
    if (factors.empty())
      return;
    Calibration before = getCalibration();
    std::vector<double> noiseBefore = rateAll();
    scale(scalable, factors);
    weights = {};
    // What is not scaled stays as it was.
    for (const auto &[value, numbers] : factors) {
      histograms.erase(value);
      statistics.erase(value);
    }
    numSamples = 0;
    calibrate(&factors);
    Calibration after = getCalibration();
    std::vector<double> noiseAfter = rateAll();
    frontend::ChannelFactors kept;
    for (const auto &[value, numbers] : factors) {
      double gain = 0;
      for (size_t reader : scalable.at(value))
        gain += noiseBefore[reader] - noiseAfter[reader];
      if (gain > 0)
        kept[value] = numbers;
    }
    if (kept.size() == factors.size())
      return;
    source = before.source;
    sites = before.sites;
    plan.inputs = before.scales;
    statistics = before.statistics;
    inputErrors = before.inputErrors;
    weights = {};
    takeFrom(after, kept);
    if (!kept.empty())
      scale(scalable, kept);
  }

  /// Gives large inputs of int4 weights the finer steps.
  void weighUp() {
    progress("weighing up");
    auto model = readModel(source);
    auto scalable = frontend::findScalableValues(*model, sites);
    std::map<std::string, std::vector<double>> norms;
    for (const auto &[value, channels] : statistics)
      norms[value] = channels.getNorms();
    auto factors = frontend::findAwareFactors(*model, sites, scalable, norms);
    if (factors.empty())
      return;
    scale(scalable, factors);
    for (const auto &[value, numbers] : factors) {
      statistics[value].divide(numbers);
      if (auto found = weights.correlations.find(value);
          found != weights.correlations.end())
        found->second.divide(numbers);
    }
  }

  /// The noise of each product that may be quantized.
  std::vector<double> rateAll() {
    std::vector<size_t> planned;
    planned.swap(plan.sites);
    for (size_t i = 0; i < sites.size(); ++i)
      if (sites[i].reason.empty())
        plan.sites.push_back(i);
    rate(*readModel(source));
    planned.swap(plan.sites);
    return std::move(noise);
  }

  /// What rounded weights add to the mean of each channel is taken off (M.
  /// Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
  /// Correction", 2019; with means of samples).
  void correct(const frontend::Model &model) {
    for (size_t number : plan.sites) {
      const ProductSite &site = sites[number];
      auto found = statistics.find(site.input);
      frontend::WeightMatrix matrix(site);
      if (found == statistics.end() || found->second.count == 0 ||
          matrix.rows % static_cast<int64_t>(found->second.sums.size()))
        continue;
      int64_t taps =
          matrix.rows / static_cast<int64_t>(found->second.sums.size());
      std::vector<float> exact = frontend::readWeight(model, site),
                         rounded = frontend::dequantizeInt8(
                             weights.getInt8(model, site), site),
                         &added = plan.corrections[number];
      added.assign(matrix.columns, 0);
      for (int64_t n = 0; n < matrix.columns; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < matrix.rows; ++k) {
          int64_t at = k * matrix.rowStride + n * matrix.columnStride;
          sum += (double(exact[at]) - rounded[at]) *
                 found->second.sums[k / taps] /
                 static_cast<double>(found->second.count);
        }
        added[n] = static_cast<float>(sum);
      }
    }
  }

  /// Runs the model in float32 and looks at what products read, or at those of
  /// these values that have factors.
  void calibrate(const frontend::ChannelFactors *only = nullptr) {
    std::vector<std::string> observed;
    std::shared_ptr<frontend::Model> model = readModel(source);
    std::vector<const ProductSite *> readers;
    for (const ProductSite &site : sites)
      if (site.reason.empty() && (!only || only->count(site.input)) &&
          std::find(observed.begin(), observed.end(), site.input) ==
              observed.end()) {
        observed.push_back(site.input);
        readers.push_back(&site);
      }
    frontend::addObservedOutputs(*model, observed);
    std::string path = folder.path + "/float32.onnx";
    writeModel(*model, path);
    model.reset();
    floatModule = compileModel(compileOptions, path);
    Program program(floatModule);
    samples = std::make_unique<Samples>(options.calibration,
                                        program.module.inputs(0));
    auto first = static_cast<uint32_t>(program.module.outputs(0).size() -
                                       observed.size());
    numOutputs = first;
    samples->forEach(
        options.maxSamples, [&](const auto &inputs, const std::string &name) {
          progress("calibrating: sample " + std::to_string(++numSamples));
          program.run(inputs);
          std::vector<Observation> values;
          for (size_t i = 0; i < observed.size(); ++i)
            values.push_back(getObservation(
                *readers[i],
                program.session.output(first + static_cast<uint32_t>(i))));
          observeAll(values, program.session.threads());
          for (size_t i = 0; i < observed.size(); ++i)
            if (!values[i].isFinite)
              throw Failure(name, "value '" + observed[i] +
                                      "' becomes infinite or NaN with it");
        });
    if (kind != frontend::WeightKind::Int8)
      return;
    for (const std::string &value : observed)
      setScale(value);
  }

  /// What a product reads in a run, and what is gathered about it.
  Observation getObservation(const ProductSite &reader,
                             const runtime::Tensor &value) {
    const std::string &name = reader.input;
    Observation result{value, getChannelAxis(reader, value.dims.size()),
                       &histograms[name], &statistics[name]};
    if (kind == frontend::WeightKind::Int4 && value.elements() > 0 &&
        !value.dims.empty())
      result.correlation =
          &weights.correlations.try_emplace(name, value.dims.back())
               .first->second;
    return result;
  }

  void setScale(const std::string &value) {
    const Histogram &histogram = histograms[value];
    Range range = findRange(histogram, options.method, options.percentile);
    double step = (range.high - range.low) / 255;
    frontend::ActivationScale &scale = plan.inputs[value];
    if (step > 0) {
      scale.scale = static_cast<float>(step);
      scale.zeroPoint = static_cast<uint8_t>(
          std::clamp(std::nearbyint(-range.low / step), 0.0, 255.0));
    }
    inputErrors[value] = getRoundingError(histogram, range);
  }

  /// The error that each product brings in: of its input and of its weight.
  void rate(const frontend::Model &model) {
    progress("rating products");
    noise.assign(sites.size(), 0);
    for (size_t i : plan.sites) {
      const ProductSite &site = sites[i];
      std::vector<double> norms;
      double inputError = 0;
      if (auto found = statistics.find(site.input); found != statistics.end())
        norms = found->second.getNorms(site);
      if (auto found = inputErrors.find(site.input);
          found != inputErrors.end() && !norms.empty())
        inputError = found->second;
      noise[i] = frontend::getProductNoise(model, site, kind, weights, norms,
                                           inputError);
    }
  }

  void write() {
    std::shared_ptr<frontend::Model> model = readModel(source);
    if (llvm::Error error =
            frontend::quantizeModel(*model, sites, plan, weights))
      throw Failure(compileOptions.input, llvm::toString(std::move(error)));
    writeModel(*model, result->path);
  }

  /// The largest relative error of an output over the samples.
  double measureError() {
    return tools::measureError(
        floatModule, compileModel(compileOptions, result->path), *samples,
        std::min(options.maxSamples, kErrorSamples), numOutputs);
  }

  /// Takes products back to float32, those that bring in most first, until the
  /// budget is met.
  void meetBudget() {
    if (!samples) {
      if (options.errorBudget >= 0)
        throw Failure("--error-budget",
                      "needs --calibration, to measure errors with");
      return;
    }
    std::vector<size_t> order = plan.sites;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return noise[a] < noise[b]; });
    double best = INFINITY;
    while (true) {
      progress("measuring the error of " + std::to_string(order.size()) +
               " products");
      reached = order.empty() ? 0 : measureError();
      best = order.empty() ? best : std::min(best, reached);
      if (options.errorBudget < 0 || reached <= options.errorBudget)
        break;
      auto returned = std::max<size_t>(
          1, static_cast<size_t>(double(order.size()) * kReturnedShare));
      for (size_t i = 0; i < returned; ++i) {
        ProductSite &site = sites[order.back()];
        site.reason = "the error budget: it brings in " +
                      describeNoise(noise[order.back()]);
        order.pop_back();
      }
      if (order.empty()) {
        char text[96];
        std::snprintf(text, sizeof text,
                      "%g cannot be met: the best that quantization reaches "
                      "is %.3g",
                      options.errorBudget, best);
        throw Failure("--error-budget", text);
      }
      plan.sites = order;
      std::sort(plan.sites.begin(), plan.sites.end());
      write();
    }
  }

  /// Takes products back to float32 that lose by integers, then all where
  /// integers are no faster, and so first those that are too small to gain
  /// much. Where others on the machine leave that open, large products are
  /// taken to gain.
  void keepFastest() {
    progress("comparing with float32");
    std::string model = folder.path + "/plain.onnx";
    writeModel(*readModel(source), model);
    TracedModule plain =
        compileTraced(compileOptions, model, folder.path + "/plain.dlm");
    auto compare = [&] {
      return compareSpeed(plain.path,
                          compileModel(compileOptions, result->path));
    };
    Comparison all;
    try {
      returnLosing(plain);
      all = compare();
    } catch (const CompilerFailure &) {
      throw;
    } catch (const std::exception &) {
      return; // a module for another machine, or inputs that random ones are
              // not
    }
    speed = all;
    std::vector<size_t> large, small;
    for (size_t site : plan.sites)
      (isLarge(site) ? large : small).push_back(site);
    Verdict verdict = judge(all.turns, kWorthwhile);
    isOpen = verdict == Verdict::Open;
    if (verdict == Verdict::Less || (isOpen && small.empty()))
      return;
    if (!large.empty() && !small.empty()) {
      plan.sites = large;
      write();
      Comparison without = compare();
      verdict = judge(without.turns, kWorthwhile);
      isOpen = verdict == Verdict::Open;
      if (verdict != Verdict::NotLess) {
        speed = without;
        return returnToFloat(small, all);
      }
    }
    plan.sites.clear();
    write();
    returnToFloat(large, all);
    returnToFloat(small, all);
    speed.reset();
    isOpen = false;
    reached = reached < 0 ? reached : 0;
  }

  /// Takes those products back whose kernels take longer in integers, as long
  /// as whole runs without them are faster for it.
  void returnLosing(const TracedModule &plain) {
    constexpr double kFaster = 0.99;
    constexpr int kTrials = 3;
    TracedModule all = compileTraced(compileOptions, result->path,
                                     folder.path + "/quantized.dlm");
    productTimes = compareProducts(plain, all, sites);
    for (size_t i = 0; i < sites.size(); ++i)
      if (!sites[i].reason.empty())
        productTimes.erase(i);
    auto isLargeSite = [&](size_t site) { return isLarge(site); };
    std::vector<size_t> losing = findLosing(productTimes, isLargeSite),
                        planned = plan.sites;
    for (int i = 0; i < kTrials && !losing.empty(); ++i) {
      plan.sites.clear();
      std::copy_if(planned.begin(), planned.end(),
                   std::back_inserter(plan.sites), [&](size_t site) {
                     return std::find(losing.begin(), losing.end(), site) ==
                            losing.end();
                   });
      // Without any, the whole run decides.
      if (!plan.sites.empty()) {
        progress("comparing without " + std::to_string(losing.size()) +
                 " products");
        write();
        Comparison without = compareSpeed(
            all.path, compileModel(compileOptions, result->path), 1);
        bool isClear = judge(without.turns, 1) == Verdict::Less ||
                       std::none_of(losing.begin(), losing.end(), isLargeSite);
        if (without.isBelow(kFaster) && isClear) {
          for (size_t site : losing)
            sites[site].reason =
                describeTimes(typeName(), productTimes.at(site));
          return;
        }
      }
      losing.resize(losing.size() / 2);
    }
    plan.sites = planned;
    write();
  }

  bool isLarge(size_t site) const {
    return countWeights(sites[site]) >= kLargeProduct;
  }

  void returnToFloat(const std::vector<size_t> &returned,
                     const Comparison &with) {
    std::string text = describeRuns(typeName(), with);
    for (size_t site : returned)
      sites[site].reason = text;
  }

  static std::string describeNoise(double noise) {
    char text[48];
    std::snprintf(text, sizeof text, "a relative error of %.2g",
                  std::sqrt(noise));
    return text;
  }

  const char *typeName() const { return frontend::getName(kind); }

  void conclude() {
    QuantizeOutcome outcome{compileOptions.input, typeName(), sites,   noise,
                            plan.sites.size(),    numSamples, reached, speed,
                            productTimes,         isOpen};
    for (const ProductSite &site : sites)
      if (!site.reason.empty())
        result->kept[site.name] = site.reason;
    result->summary = summarize(outcome);
    values::NewFiles files;
    if (!options.report.empty()) {
      std::string text = makeReport(outcome);
      files.add(options.report, "", text.data(), text.size());
    }
    if (!options.output.empty()) {
      std::ifstream file(result->path, std::ios::binary);
      std::string bytes((std::istreambuf_iterator<char>(file)), {});
      files.add(options.output, "", bytes.data(), bytes.size());
    }
    files.commit();
  }

  CompileOptions compileOptions;
  const QuantizeOptions &options;
  const frontend::WeightKind kind;
  std::string source; ///< the model, or what smoothing has made of it
  bool isForCpu;
  std::unique_ptr<QuantizedModel> result;
  const TemporaryFolder &folder; // of the result
  std::vector<ProductSite> sites;
  frontend::QuantizePlan plan;
  frontend::QuantizedWeights weights;
  std::map<std::string, Histogram> histograms;
  std::map<std::string, ChannelStatistics> statistics;
  /// Mean squares of what quantization does to products' inputs.
  std::map<std::string, double> inputErrors;
  std::vector<double> noise; ///< of each site, relative power
  std::string floatModule;
  std::unique_ptr<Samples> samples;
  uint32_t numOutputs = 0;
  size_t numSamples = 0;
  std::optional<Comparison> speed; ///< of float32 and the quantized model
  bool isOpen = false; ///< that does not tell whether integers are faster
  /// The same of kernels of products by their numbers, while all were
  /// quantized.
  std::map<size_t, Comparison> productTimes;
  double reached = -1;
};

std::unique_ptr<QuantizedModel> quantize(const CompileOptions &compile,
                                         const QuantizeOptions &options,
                                         std::string &error) {
  try {
    return Quantizer(compile, options).run();
  } catch (const std::exception &failure) {
    error = failure.what();
    return nullptr;
  }
}

} // namespace dl::tools
