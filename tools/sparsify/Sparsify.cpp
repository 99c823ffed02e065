// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/sparsify/Sparsify.h"

#include "frontend/quantize/Reconstruct.h"
#include "tools/quantize/ChannelStatistics.h"
#include "tools/sparsify/Prune.h"
#include "tools/values/Files.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

namespace dl::tools {

namespace fs = std::filesystem;
using frontend::ProductSite;
using values::Failure;

namespace {

/// Samples that errors are measured with.
constexpr size_t kErrorSamples = 32;
/// Of the products that are left in a round that misses the budget, the share
/// that becomes dense again.
constexpr double kReturnedShare = 0.15;
/// What `auto` tries, the fastest first.
constexpr const char *kPatterns[] = {"block:16x16@0.9", "unstructured@0.9",
                                     "block:16x16@0.8", "unstructured@0.8",
                                     "block:16x16@0.6"};

std::string format(const char *pattern, double a, double b = 0) {
  char text[128];
  std::snprintf(text, sizeof text, pattern, a, b);
  return text;
}

/// One pattern, tried.
struct Attempt {
  SparsityPattern pattern;
  std::vector<ProductSite> sites; ///< with reasons
  double error = -1;              ///< measured; negative: not
  bool meetsBudget = true;
  std::optional<Comparison> speed; ///< of the dense model and this one
};

class Sparsifier {
public:
  Sparsifier(const CompileOptions &compile, const SparsifyOptions &options)
      : compileOptions(getPlainOptions(compile)), options(options),
        isForCpu(compile.isFor(Target::Cpu)),
        result(std::make_unique<SparseModel>()) {}

  std::unique_ptr<SparseModel> run() {
    std::vector<SparsityPattern> patterns = readPatterns();
    result->path = result->folder.path + "/" +
                   fs::path(compileOptions.input).stem().string() + ".onnx";
    sites = frontend::findProductSites(*readModel(compileOptions.input));
    findLimits();
    if (!options.calibration.empty())
      calibrate();
    if (options.errorBudget >= 0 && !samples)
      throw Failure("--error-budget",
                    "needs --calibration, to measure errors with");
    choose(patterns);
    if (!options.output.empty()) {
      std::ifstream file(result->path, std::ios::binary);
      std::string bytes((std::istreambuf_iterator<char>(file)), {});
      values::NewFiles files;
      files.add(options.output, "", bytes.data(), bytes.size());
      files.commit();
    }
    return std::move(result);
  }

private:
  void progress(const std::string &what) {
    if (compileOptions.progress)
      compileOptions.progress(what);
  }

  std::vector<SparsityPattern> readPatterns() {
    bool isAuto = options.pattern == "auto";
    if (isAuto && options.errorBudget < 0)
      throw Failure("--sparsify", "auto needs --calibration and "
                                  "--error-budget, to choose by");
    std::vector<std::string> texts{options.pattern};
    if (isAuto)
      texts.assign(std::begin(kPatterns), std::end(kPatterns));
    std::vector<SparsityPattern> patterns;
    for (const std::string &text : texts) {
      std::string error;
      auto pattern = SparsityPattern::parse(text, error);
      if (!pattern)
        throw Failure("--sparsify", error);
      patterns.push_back(*pattern);
    }
    return patterns;
  }

  void findLimits() {
    auto model = readModel(compileOptions.input);
    for (ProductSite &site : sites) {
      int64_t taps = 1;
      if (site.op == "Conv")
        for (size_t d = 2; d < site.dims.size(); ++d)
          taps *= site.dims[d];
      if (taps != 1)
        site.reason = "zeros of a convolution of several taps gain nothing";
      else if (site.reason.empty() &&
               frontend::isUsedElsewhere(*model, site, sites))
        site.reason = "its weight is used elsewhere";
    }
  }

  /// Runs the dense model and looks at what products read.
  void calibrate() {
    std::vector<std::string> observed;
    std::vector<const ProductSite *> readers;
    for (const ProductSite &site : sites)
      if (site.reason.empty() && std::find(observed.begin(), observed.end(),
                                           site.input) == observed.end()) {
        observed.push_back(site.input);
        readers.push_back(&site);
      }
    auto model = readModel(compileOptions.input);
    frontend::addObservedOutputs(*model, observed);
    std::string path = result->folder.path + "/observed.onnx";
    writeModel(*model, path);
    model.reset();
    Program program(compileModel(compileOptions, path));
    samples = std::make_unique<Samples>(options.calibration,
                                        program.module.inputs(0));
    numOutputs = static_cast<uint32_t>(program.module.outputs(0).size() -
                                       observed.size());
    size_t number = 0;
    samples->forEach(
        options.maxSamples, [&](const auto &inputs, const std::string &) {
          progress("calibrating: sample " + std::to_string(++number));
          program.run(inputs);
          for (size_t i = 0; i < observed.size(); ++i) {
            runtime::Tensor tensor =
                program.session.output(numOutputs + static_cast<uint32_t>(i));
            observe(*readers[i], tensor);
          }
        });
  }

  void observe(const ProductSite &reader, const runtime::Tensor &value) {
    const auto *data = static_cast<const float *>(value.data);
    statistics[reader.input].add(data, value.dims,
                                 getChannelAxis(reader, value.dims.size()));
    if (reader.op != "Conv" && value.elements() > 0 && !value.dims.empty())
      correlations.try_emplace(reader.input, value.dims.back())
          .first->second.add(data, value.elements() / value.dims.back());
  }

  /// Prunes a weight; returns the share of importance that is lost. By samples,
  /// it goes step by step, and after each the elements that are left are fitted
  /// to what the whole weight gives, where they are not too many.
  double pruneWeight(const ProductSite &site, const SparsityPattern &pattern,
                     std::vector<float> &weight) {
    frontend::WeightMatrix matrix(site);
    std::vector<double> norms;
    auto statistic = statistics.find(site.input);
    if (statistic != statistics.end())
      norms = statistic->second.getNorms(site);
    auto correlation = correlations.find(site.input);
    bool isFitted = correlation != correlations.end() &&
                    correlation->second.getDepth() == matrix.rows;
    const std::vector<float> exact = weight;
    std::vector<float> pruned = exact;
    double lost = prune(pruned, matrix, pattern, norms);
    constexpr int kSteps = 4;
    constexpr double kMostFitted = 256;
    double piece = static_cast<double>(
        std::min(matrix.rows, frontend::Correlation::kPiece));
    for (int step = 1; step <= kSteps; ++step) {
      SparsityPattern part = pattern;
      part.sparsity *= 1 - std::pow(1 - double(step) / kSteps, 3);
      bool isLast = step == kSteps;
      bool isFew = (1 - part.sparsity) * piece <= kMostFitted;
      if (!isLast && (!isFitted || !isFew ||
                      pattern.kind == SparsityPattern::Kind::Groups))
        continue;
      pruned = weight;
      prune(pruned, matrix, part, norms);
      if (isFitted)
        fit(matrix, correlation->second, exact, pruned, isFew);
      weight.swap(pruned);
    }
    return lost;
  }

  /// Changes the elements of `pruned` that are not zero for the best.
  static void fit(const frontend::WeightMatrix &matrix,
                  const frontend::Correlation &correlation,
                  const std::vector<float> &exact, std::vector<float> &pruned,
                  bool isFew) {
    auto turn = [&](const std::vector<float> &from, bool back) {
      std::vector<float> to(from.size());
      for (int64_t k = 0; k < matrix.rows; ++k)
        for (int64_t n = 0; n < matrix.columns; ++n) {
          int64_t own = k * matrix.rowStride + n * matrix.columnStride,
                  plain = k * matrix.columns + n;
          to[back ? own : plain] = from[back ? plain : own];
        }
      return to;
    };
    std::vector<float> all = turn(exact, false), few = turn(pruned, false);
    if (isFew) {
      frontend::refit(few, all, matrix.columns, correlation);
    } else {
      // Many are left: each makes up for those before it.
      frontend::reconstruct(all, matrix.columns, correlation,
                            [&](int64_t k, float *row) {
                              for (int64_t n = 0; n < matrix.columns; ++n)
                                if (few[k * matrix.columns + n] == 0)
                                  row[n] = 0;
                            });
      few.swap(all);
    }
    pruned = turn(few, true);
  }

  //===--------------------------------------------------------------------===//
  // Attempts
  //===--------------------------------------------------------------------===//

  void choose(const std::vector<SparsityPattern> &patterns) {
    bool measures = options.guard && isForCpu;
    if (measures || samples) {
      std::string dense = result->folder.path + "/dense.onnx";
      writeModel(*readModel(compileOptions.input), dense);
      denseModule = compileModel(compileOptions, dense);
    }
    std::optional<Attempt> best;
    std::string slow;
    double least = INFINITY;
    for (const SparsityPattern &pattern : patterns) {
      Attempt attempt = prunePattern(pattern);
      if (!attempt.meetsBudget) {
        least = std::min(least, attempt.error);
        continue;
      }
      if (measures)
        attempt.speed = measureSpeed();
      if (attempt.speed && !attempt.speed->isBelow(kWorthwhile)) {
        slow = pattern.text() + " is no faster: a run takes " +
               format("%.3g ms, dense %.3g ms", attempt.speed->second * 1e3,
                      attempt.speed->first * 1e3);
        continue;
      }
      if (!best ||
          (attempt.speed && attempt.speed->second < best->speed->second))
        best = attempt;
      if (!attempt.speed)
        break;
    }
    if (best) {
      write(*best);
      return summarize(*best);
    }
    if (slow.empty())
      throw Failure("--error-budget",
                    format("%g cannot be met: the best that pruning reaches "
                           "is %.3g",
                           options.errorBudget, least));
    writeModel(*readModel(compileOptions.input), result->path);
    result->summary = "pruned no product: " + slow + "\n";
  }

  /// Prunes, and takes products back, those that lose most first, until the
  /// budget is met.
  Attempt prunePattern(const SparsityPattern &pattern) {
    progress("pruning by " + pattern.text());
    Attempt attempt;
    attempt.pattern = pattern;
    attempt.sites = sites;
    std::string undivided;
    bool isPossible = false;
    for (ProductSite &site : attempt.sites) {
      if (!site.reason.empty())
        continue;
      frontend::WeightMatrix matrix(site);
      site.reason = pattern.check(matrix.rows, matrix.columns);
      isPossible |= site.reason.empty();
      if (undivided.empty() && !site.reason.empty())
        undivided = "weight '" + site.weight + "' of '" + site.name +
                    "': " + site.reason;
    }
    if (!isPossible && options.pattern != "auto")
      throw Failure("--sparsify", undivided.empty()
                                      ? "the model has no product that could "
                                        "be pruned"
                                      : undivided);
    std::vector<double> lost = write(attempt);
    if (!samples)
      return attempt;
    std::vector<size_t> order;
    for (size_t i = 0; i < attempt.sites.size(); ++i)
      if (attempt.sites[i].reason.empty())
        order.push_back(i);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return lost[a] < lost[b]; });
    double least = INFINITY;
    while (true) {
      progress("measuring the error of " + std::to_string(order.size()) +
               " pruned products");
      attempt.error = tools::measureError(
          denseModule, compileModel(compileOptions, result->path), *samples,
          std::min(options.maxSamples, kErrorSamples), numOutputs);
      least = std::min(least, attempt.error);
      if (options.errorBudget < 0 || attempt.error <= options.errorBudget)
        return attempt;
      auto returned = std::max<size_t>(
          1, static_cast<size_t>(double(order.size()) * kReturnedShare));
      for (size_t i = 0; i < returned && !order.empty(); ++i) {
        attempt.sites[order.back()].reason =
            "the error budget: pruning takes " +
            format("%.2g of its weight's importance", lost[order.back()]);
        order.pop_back();
      }
      if (order.empty()) {
        attempt.meetsBudget = false;
        attempt.error = least;
        return attempt;
      }
      write(attempt);
    }
  }

  /// Writes the model with the attempt's zeros; returns what each site loses.
  std::vector<double> write(const Attempt &attempt) {
    auto model = readModel(compileOptions.input);
    std::vector<double> lost(attempt.sites.size(), 0);
    std::map<std::string, double> done; // weights that several sites share
    for (size_t i = 0; i < attempt.sites.size(); ++i) {
      const ProductSite &site = attempt.sites[i];
      if (!site.reason.empty())
        continue;
      auto known = done.find(site.weight);
      if (known != done.end()) {
        lost[i] = known->second;
        continue;
      }
      std::vector<float> weight = frontend::readWeight(*model, site);
      lost[i] = done[site.weight] = pruneWeight(site, attempt.pattern, weight);
      frontend::replaceWeight(*model, site, weight);
    }
    writeModel(*model, result->path);
    return lost;
  }

  std::optional<Comparison> measureSpeed() {
    progress("comparing with the dense model");
    std::string module = compileModel(compileOptions, result->path);
    try {
      return compareSpeed(denseModule, module);
    } catch (const std::exception &) {
      return std::nullopt; // a module for another machine
    }
  }

  void summarize(const Attempt &attempt) {
    size_t count = 0;
    std::map<std::string, std::vector<std::string>> kept;
    for (const ProductSite &site : attempt.sites)
      if (site.reason.empty())
        ++count;
      else
        kept[site.reason].push_back(site.name);
    std::string text = "pruned " + std::to_string(count) + " of " +
                       std::to_string(sites.size()) + " products by " +
                       attempt.pattern.text();
    if (attempt.error >= 0)
      text += format(", relative error %.3g", attempt.error);
    if (attempt.speed)
      text += format(", %.3g ms in place of %.3g ms",
                     attempt.speed->second * 1e3, attempt.speed->first * 1e3);
    for (const auto &[reason, names] : kept) {
      text += "\n  dense: ";
      constexpr size_t kNamed = 4;
      for (size_t i = 0; i < std::min(names.size(), kNamed); ++i)
        text += (i ? ", '" : "'") + names[i] + "'";
      if (names.size() > kNamed)
        text += " and " + std::to_string(names.size() - kNamed) + " more";
      text += ": " + reason;
    }
    result->summary = text + "\n";
  }

  CompileOptions compileOptions;
  const SparsifyOptions &options;
  bool isForCpu;
  std::unique_ptr<SparseModel> result;
  std::vector<ProductSite> sites;
  std::map<std::string, ChannelStatistics> statistics;       // by value
  std::map<std::string, frontend::Correlation> correlations; // likewise
  std::string denseModule;
  std::unique_ptr<Samples> samples;
  uint32_t numOutputs = 0;
};

} // namespace

std::unique_ptr<SparseModel> sparsify(const CompileOptions &compile,
                                      const SparsifyOptions &options,
                                      std::string &error) {
  try {
    return Sparsifier(compile, options).run();
  } catch (const std::exception &failure) {
    error = failure.what();
    return nullptr;
  }
}

} // namespace dl::tools
