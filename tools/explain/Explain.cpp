// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/explain/Explain.h"

#include "tools/explain/Report.h"
#include "tools/measure/RandomInputs.h"
#include "tools/values/Files.h"
#include "tools/values/Inputs.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace dl::tools {
namespace {

using Clock = std::chrono::steady_clock;
using values::Failure;

constexpr double kProbeSeconds = 0.05;

bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The files of a report; empty for one that is not wanted.
struct Paths {
  std::string html, json;

  explicit Paths(const std::string &output) {
    if (endsWith(output, ".html"))
      html = output;
    else if (endsWith(output, ".json"))
      json = output;
    else {
      html = output + ".html";
      json = output + ".json";
    }
  }
};

/// Sizes for all symbols of an entry.
Symbols chooseSizes(const runtime::Module &module,
                    const std::map<std::string, int64_t> &given, bool small) {
  Symbols symbols = exampleSizes(module, 0, small);
  for (const auto &[name, size] : given) {
    if (!symbols.count(name))
      throw Failure("--explain-size " + name,
                    "the module has no such dimension");
    symbols[name] = size;
  }
  return symbols;
}

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Times whole runs, then the steps of others.
void measureTimes(const runtime::Module &module, runtime::Session &session,
                  const WorkInfo &info, double seconds, Example &example) {
  std::function<void()> before = keepPosition(module, session, 0);
  before();
  session.run();
  Clock::time_point begin = Clock::now();
  do {
    before();
    Clock::time_point start = Clock::now();
    session.run();
    double time = secondsSince(start);
    example.runSeconds =
        example.runSeconds > 0 ? std::min(example.runSeconds, time) : time;
  } while (secondsSince(begin) < seconds / 2);
  example.steps = measureSteps(profileFor(session, seconds / 2, before), info,
                               example.symbols);
  example.threads = session.threads();
  example.measured = "random inputs, " + std::to_string(session.threads()) +
                     (session.threads() == 1 ? " thread" : " threads") +
                     "; of steps the mean, of runs the fastest";
}

} // namespace

Example measureExample(const runtime::Module &module, const WorkInfo &info,
                       const ExplainOptions &options) {
  Example example;
  example.symbols = chooseSizes(module, options.sizes, /*small=*/false);
  info.addTerms(example.symbols);
  example.threads =
      options.threads > 0 ? options.threads : dlrt_available_cpus();
  example.measured = "not measured: not asked for";
  if (options.seconds > 0) {
    // Sizes that do not fit each other may fit when they are small.
    for (bool small : {false, true}) {
      try {
        example.symbols = chooseSizes(module, options.sizes, small);
        info.addTerms(example.symbols);
        runtime::SessionOptions sessionOptions;
        sessionOptions.threads = example.threads;
        sessionOptions.target = options.target.c_str();
        runtime::Session session(module, sessionOptions);
        std::vector<values::Value> inputs =
            randomInputs(module, 0, example.symbols);
        values::bindInputs(session, inputs, {});
        measureTimes(module, session, info, options.seconds, example);
        break;
      } catch (const std::exception &error) {
        example.measured = std::string("not measured: ") + error.what();
      }
    }
  }
  bool isGiven = options.peakFlops > 0 && options.bandwidth > 0;
  bool isCpu = options.target == "cpu";
  if (!isGiven && isCpu)
    example.machine =
        measureMachine(example.threads, kProbeSeconds, info.products());
  example.machine.threads = example.threads;
  example.machineSource =
      isGiven  ? "given by options"
      : !isCpu ? "unknown: a device's limits are given by options"
               : "measured on the compiling machine with " +
                     std::to_string(example.threads) +
                     (example.threads == 1 ? " thread" : " threads");
  // A peak that is given is another machine's: this one's others say nothing.
  if (options.peakFlops > 0) {
    example.machine.flops = options.peakFlops;
    example.machine.pairFlops = example.machine.tileFlops = 0;
    example.machine.quadOps = example.machine.byteTileOps = 0;
  }
  if (options.bf16PeakFlops > 0)
    example.machine.pairFlops = example.machine.tileFlops =
        options.bf16PeakFlops;
  if (options.bandwidth > 0)
    example.machine.bandwidth = options.bandwidth;
  if (!isGiven && isCpu && (options.peakFlops > 0 || options.bandwidth > 0))
    example.machineSource += options.peakFlops > 0
                                 ? ", the peak given by an option"
                                 : ", the bandwidth given by an option";
  return example;
}

bool canWriteReport(const ExplainOptions &options, std::string &error) {
  Paths paths(options.output);
  try {
    for (const std::string &path : {paths.html, paths.json}) {
      if (path.empty())
        continue;
      if (std::filesystem::is_directory(path))
        throw Failure(path, "cannot be written: it is a folder");
      // Without commit, it leaves nothing.
      values::NewFiles probe;
      probe.add(path, "", nullptr, 0);
    }
    return true;
  } catch (const std::exception &failure) {
    error = failure.what();
    return false;
  }
}

bool writeReport(const Trace &trace, const std::string &modulePath,
                 const ExplainOptions &options, std::string &error) {
  try {
    runtime::Module module = runtime::Module::open(modulePath);
    auto info = WorkInfo::read(module, module.entryName(0), options.target);
    if (!info)
      throw Failure(modulePath, "has no debug information");
    Example example = measureExample(module, *info, options);
    nlohmann::ordered_json report =
        makeReport(trace, *info, module, options.target, example);
    Paths paths(options.output);
    values::NewFiles files;
    if (!paths.html.empty())
      files.add(paths.html, makePage(report), nullptr, 0);
    if (!paths.json.empty())
      files.add(paths.json,
                report.dump(1, ' ', false,
                            nlohmann::ordered_json::error_handler_t::replace) +
                    "\n",
                nullptr, 0);
    files.commit();
    return true;
  } catch (const std::exception &failure) {
    error = failure.what();
    return false;
  }
}

} // namespace dl::tools
