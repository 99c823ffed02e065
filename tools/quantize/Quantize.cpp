// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Quantize.h"

#include "frontend/quantize/QuantizeModel.h"
#include "tools/quantize/Samples.h"
#include "tools/values/Files.h"
#include "tools/values/Inputs.h"

#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace dl::tools {

namespace fs = std::filesystem;
using frontend::ProductSite;
using values::Failure;
using Json = nlohmann::ordered_json;

/// Samples that errors are measured with.
constexpr size_t kErrorSamples = 32;
/// Of the products that are left in a round that misses the budget, the share
/// that goes back to float32.
constexpr double kReturnedShare = 0.15;

QuantizedModel::~QuantizedModel() {
  std::error_code code;
  if (!folder.empty())
    fs::remove_all(folder, code);
}

namespace {

/// What the compiler has reported.
class CompilerFailure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A compiled model.
struct Program {
  explicit Program(const std::string &path)
      : module(runtime::Module::open(path)), session(module) {}

  void run(const std::vector<values::Value> &inputs) {
    values::bindInputs(session, inputs, {});
    session.run();
  }
  const float *output(uint32_t index, size_t &count) {
    runtime::Tensor tensor = session.output(index);
    count = tensor.bytes / sizeof(float);
    return static_cast<const float *>(tensor.data);
  }

  runtime::Module module;
  runtime::Session session;
};

} // namespace

class Quantizer {
public:
  Quantizer(const CompileOptions &compile, const QuantizeOptions &options)
      : compileOptions(compile), options(options),
        result(std::make_unique<QuantizedModel>()) {
    compileOptions.trace = nullptr;
    compileOptions.tune = nullptr;
    compileOptions.header.clear();
    compileOptions.verbose = compileOptions.timing = false;
    compileOptions.emit = EmitKind::Module;
    compileOptions.stopAfter.reset();
    compileOptions.target = Target::Cpu;
  }

  std::unique_ptr<QuantizedModel> run() {
    makeFolder();
    std::shared_ptr<frontend::Model> model = load();
    sites = frontend::findProductSites(*model);
    kind = options.type == QuantizeOptions::Type::Int8
               ? frontend::WeightKind::Int8
               : frontend::WeightKind::Int4;
    applyLimits();
    if (!options.calibration.empty())
      calibrate();
    for (size_t i = 0; i < sites.size(); ++i)
      if (sites[i].reason.empty())
        plan.sites.push_back(i);
    plan.kind = kind;
    bool measures = options.errorBudget >= 0 || !options.report.empty();
    if (measures)
      rate(*model);
    model.reset();
    write();
    if (measures)
      meetBudget();
    summarize();
    writeOutputs();
    return std::move(result);
  }

private:
  void progress(const std::string &what) {
    if (compileOptions.progress)
      compileOptions.progress(what);
  }

  void makeFolder() {
    std::string pattern = (fs::temp_directory_path() / "dl-quantize-XXXXXX");
    if (!mkdtemp(pattern.data()))
      throw Failure("--quantize", "no temporary folder");
    result->folder = pattern;
    result->path = result->folder + "/" +
                   fs::path(compileOptions.input).stem().string() + ".onnx";
  }

  std::shared_ptr<frontend::Model> load() {
    auto model = frontend::loadModel(compileOptions.input);
    if (!model)
      throw Failure(compileOptions.input, llvm::toString(model.takeError()));
    return *model;
  }

  void store(frontend::Model &model, const std::string &path) {
    auto bytes = frontend::serializeModel(model);
    if (!bytes)
      throw Failure(compileOptions.input, llvm::toString(bytes.takeError()));
    std::ofstream file(path, std::ios::binary);
    file.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
    if (!file.flush())
      throw Failure(path, "cannot be written");
  }

  std::string compileModel(const std::string &path) {
    CompileOptions given = compileOptions;
    given.input = path;
    given.output = path + ".dlm";
    std::string errors;
    llvm::raw_string_ostream stream(errors);
    if (failed(compile(given, stream)))
      throw CompilerFailure(errors);
    return given.output;
  }

  /// What each kind of integers can be used for.
  void applyLimits() {
    for (ProductSite &site : sites) {
      bool isConv = site.op == "Conv";
      if (!site.reason.empty())
        continue;
      if (kind == frontend::WeightKind::Int4 && isConv)
        site.reason = "int4 is for matrix products alone";
      else if (options.calibration.empty() && isConv)
        site.reason = "a convolution needs --calibration";
    }
  }

  /// Runs the model in float32 and looks at what products read.
  void calibrate() {
    std::vector<std::string> observed;
    std::shared_ptr<frontend::Model> model = load();
    for (const ProductSite &site : sites)
      if (site.reason.empty() && std::find(observed.begin(), observed.end(),
                                           site.input) == observed.end())
        observed.push_back(site.input);
    if (kind == frontend::WeightKind::Int4)
      observed.clear();
    frontend::addObservedOutputs(*model, observed);
    std::string path = result->folder + "/float32.onnx";
    store(*model, path);
    model.reset();
    floatModule = compileModel(path);
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
          for (size_t i = 0; i < observed.size(); ++i) {
            size_t count = 0;
            const float *data =
                program.output(first + static_cast<uint32_t>(i), count);
            if (!histograms[observed[i]].add(data, count))
              throw Failure(name, "value '" + observed[i] +
                                      "' becomes infinite or NaN with it");
          }
        });
    for (const std::string &value : observed)
      setScale(value);
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
    double power = histogram.getPower();
    inputNoise[value] =
        power > 0 ? getRoundingError(histogram, range) / power : 0;
  }

  /// The error that each product brings in: of its input and of its weight.
  void rate(const frontend::Model &model) {
    progress("rating products");
    noise.assign(sites.size(), 0);
    for (size_t site : plan.sites)
      noise[site] = inputNoise[sites[site].input] +
                    frontend::getWeightNoise(model, sites[site], kind, weights);
  }

  void write() {
    std::shared_ptr<frontend::Model> model = load();
    if (llvm::Error error =
            frontend::quantizeModel(*model, sites, plan, weights))
      throw Failure(compileOptions.input, llvm::toString(std::move(error)));
    store(*model, result->path);
  }

  /// The largest relative error of an output over the samples.
  double measureError() {
    Program reference(floatModule), quantized(compileModel(result->path));
    std::vector<double> error(numOutputs, 0), power(numOutputs, 0);
    std::vector<runtime::Value> declared = reference.module.outputs(0);
    samples->forEach(std::min(options.maxSamples, kErrorSamples),
                     [&](const auto &inputs, const std::string &) {
                       reference.run(inputs);
                       quantized.run(inputs);
                       for (uint32_t i = 0; i < numOutputs; ++i) {
                         if (declared[i].type != DLRT_FLOAT32)
                           continue;
                         size_t count = 0, other = 0;
                         const float *a = reference.output(i, count);
                         const float *b = quantized.output(i, other);
                         if (count != other) {
                           error[i] = power[i] = 1;
                           continue;
                         }
                         for (size_t k = 0; k < count; ++k) {
                           error[i] += std::pow(double(a[k]) - b[k], 2);
                           power[i] += std::pow(double(a[k]), 2);
                         }
                       }
                     });
    double worst = 0;
    for (size_t i = 0; i < numOutputs; ++i)
      if (error[i] > 0)
        worst = std::max(worst, power[i] > 0 ? std::sqrt(error[i] / power[i])
                                             : INFINITY);
    return worst;
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

  static std::string describeNoise(double noise) {
    char text[48];
    std::snprintf(text, sizeof text, "a relative error of %.2g",
                  std::sqrt(noise));
    return text;
  }

  const char *typeName() const {
    return kind == frontend::WeightKind::Int8 ? "int8" : "int4";
  }

  void summarize() {
    std::string text = "quantized " + std::to_string(plan.sites.size()) +
                       " of " + std::to_string(sites.size()) + " products to " +
                       typeName();
    if (numSamples)
      text += ", " + std::to_string(numSamples) + " samples";
    if (reached >= 0) {
      char error[48];
      std::snprintf(error, sizeof error, ", relative error %.3g", reached);
      text += error;
    }
    // Reasons with their numbers; names where few have them.
    std::map<std::string, std::vector<std::string>> kept;
    for (const ProductSite &site : sites)
      if (!site.reason.empty())
        kept[site.reason].push_back(site.name);
    for (const auto &[reason, names] : kept) {
      text += "\n  float32: ";
      for (size_t i = 0; i < std::min<size_t>(names.size(), 4); ++i)
        text += (i ? ", '" : "'") + names[i] + "'";
      if (names.size() > 4)
        text += " and " + std::to_string(names.size() - 4) + " more";
      text += ": " + reason;
    }
    result->summary = text + "\n";
  }

  void writeOutputs() {
    values::NewFiles files;
    if (!options.report.empty()) {
      Json list = Json::array();
      for (size_t i = 0; i < sites.size(); ++i) {
        const ProductSite &site = sites[i];
        bool isQuantized = site.reason.empty();
        Json entry = {{"name", site.name},
                      {"op", site.op},
                      {"weight", site.weight},
                      {"dims", site.dims},
                      {"type", isQuantized ? typeName() : "float32"}};
        if (!isQuantized)
          entry["reason"] = site.reason;
        if (i < noise.size() && noise[i] > 0)
          entry["relative_error"] = std::sqrt(noise[i]);
        list.push_back(entry);
      }
      Json report = {{"version", 1},
                     {"model", compileOptions.input},
                     {"type", typeName()},
                     {"samples", numSamples}};
      if (reached >= 0)
        report["relative_error"] = reached;
      report["products"] = list;
      std::string text = report.dump(2) + "\n";
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
  std::unique_ptr<QuantizedModel> result;
  frontend::WeightKind kind = frontend::WeightKind::Int8;
  std::vector<ProductSite> sites;
  frontend::QuantizePlan plan;
  frontend::QuantizedWeights weights;
  std::map<std::string, Histogram> histograms;
  std::map<std::string, double> inputNoise;
  std::vector<double> noise; ///< of each site, relative power
  std::string floatModule;
  std::unique_ptr<Samples> samples;
  size_t numOutputs = 0, numSamples = 0;
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
