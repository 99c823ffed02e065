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

/// Throws where no entry has a dimension whose size is given.
void checkSizes(const runtime::Module &module,
                const std::map<std::string, int64_t> &given) {
  uint32_t entries = module.info().entry_count;
  for (const auto &[name, size] : given) {
    bool isKnown = false;
    for (uint32_t i = 0; i < entries; ++i)
      isKnown |= exampleSizes(module, i, /*small=*/false).count(name) > 0;
    if (!isKnown)
      throw Failure("--explain-size " + name,
                    "the module has no such dimension");
  }
}

/// Sizes to try: those of exampleSizes, or one size for all.
enum class Sizes { Example, Small, Large };

/// Sizes for all symbols of an entry.
Symbols chooseSizes(const runtime::Module &module, uint32_t entry,
                    const std::map<std::string, int64_t> &given, Sizes kind) {
  Symbols symbols = exampleSizes(module, entry, kind == Sizes::Small);
  if (kind == Sizes::Large)
    for (auto &[name, size] : symbols)
      size = kOtherSize;
  for (const auto &[name, size] : given)
    if (symbols.count(name))
      symbols[name] = size;
  return symbols;
}

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Times whole runs, then the steps of others.
void measureTimes(const runtime::Module &module, uint32_t entry,
                  runtime::Session &session, const WorkInfo &info,
                  double seconds, Example &example) {
  std::function<void()> before = keepPosition(module, session, 0);
  before();
  session.run();
  // Sizes that the run itself has found.
  for (const auto &[name, size] : findSymbols(session, module, entry))
    if (size >= 0)
      example.symbols[name] = size;
  info.addTerms(example.symbols);
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
  example.arenaBytes = dlrt_session_arena_bytes(session.get());
  example.measured = "random inputs, " + std::to_string(session.threads()) +
                     (session.threads() == 1 ? " thread" : " threads") +
                     "; of steps the mean, of runs the fastest";
}

/// Fills in the limits of the machine, and how they were found.
void addMachine(const ExplainOptions &options,
                const std::set<Products> &products, Example &example) {
  bool isGiven = options.peakFlops > 0 && options.bandwidth > 0;
  bool isCpu = options.target == "cpu";
  if (!isGiven && isCpu)
    example.machine = measureMachine(example.threads, kProbeSeconds, products);
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
}

/// Runs each of the trace's entries; all are held against the same limits.
std::vector<EntryExample> measureEntries(const Trace &trace,
                                         const runtime::Module &module,
                                         const ExplainOptions &options) {
  checkSizes(module, options.sizes);
  std::vector<EntryExample> examples;
  std::set<Products> products;
  for (const TracedEntry &entry : trace.entries) {
    auto info = WorkInfo::parse(trace.debugInfo, entry.name, options.target);
    if (!info)
      throw Failure(trace.model,
                    "its module has no entry '" + entry.name + "'");
    products.merge(info->products());
    Example example =
        measureExample(module, module.findEntry(entry.name), *info, options);
    examples.push_back({std::move(*info), std::move(example)});
  }
  Example &first = examples.front().example;
  addMachine(options, products, first);
  for (EntryExample &other : examples)
    other.example.machine = first.machine;
  return examples;
}

} // namespace

Example measureExample(const runtime::Module &module, uint32_t entry,
                       const WorkInfo &info, const ExplainOptions &options) {
  Example example;
  example.symbols = chooseSizes(module, entry, options.sizes, Sizes::Example);
  info.addTerms(example.symbols);
  example.threads =
      options.threads > 0 ? options.threads : dlrt_available_cpus();
  example.measured = "not measured: not asked for";
  if (options.seconds <= 0)
    return example;
  std::string name = module.entryName(entry);
  // Sizes that do not fit each other may fit when they are small, and a batch
  // that cannot be divided when it is large.
  for (Sizes kind : {Sizes::Example, Sizes::Small, Sizes::Large}) {
    try {
      example.symbols = chooseSizes(module, entry, options.sizes, kind);
      info.addTerms(example.symbols);
      runtime::SessionOptions sessionOptions;
      sessionOptions.threads = example.threads;
      sessionOptions.target = options.target.c_str();
      sessionOptions.entry = name.c_str();
      runtime::Session session(module, sessionOptions);
      std::vector<values::Value> inputs =
          randomInputs(module, entry, example.symbols);
      values::bindInputs(session, inputs, {});
      measureTimes(module, entry, session, info, options.seconds, example);
      break;
    } catch (const std::exception &error) {
      example.measured = std::string("not measured: ") + error.what();
    }
  }
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
    nlohmann::ordered_json report = makeReport(
        trace, module, options.target, measureEntries(trace, module, options));
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
