// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Times whole calls of a loaded module.

#include "tools/dl-bench/Energy.h"
#include "tools/dl-bench/Roofline.h"
#include "tools/measure/Machine.h"
#include "tools/measure/Memory.h"
#include "tools/measure/Profile.h"
#include "tools/measure/RandomInputs.h"
#include "tools/measure/Work.h"
#include "tools/values/Files.h"
#include "tools/values/Inputs.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace dl;
using dl::values::Failure;

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kProbeSeconds = 0.3;

struct Options {
  std::string module;
  std::vector<std::string> inputs;
  std::string label;
  std::vector<std::string> dims;
  std::string device;
  std::string entry;
  std::string profile;
  std::string powercap = tools::kPowercap;
  int threads = 0;
  int64_t position = 0;
  double seconds = 1;
  bool json = false;
  bool roofline = false;
};

struct Times {
  double min, median, p99, mean; // milliseconds
  size_t runs;
};

double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

/// What loading the module cost.
struct Load {
  double milliseconds;
  uint64_t residentBytes;
  double firstRun = 0; // milliseconds; a device's driver may compile in it
};

/// What this process has in memory: when it starts, at most until the first
/// run is over, at most in the runs that are timed, and after them.
struct Memory {
  tools::MemoryUse start, end;
  uint64_t loadPeak, runPeak;
};

/// The time of the steps of a call by the clock of the session's device, the
/// least of some; nothing for the CPU, whose steps the host's clock times.
std::optional<double> timeOnDevice(runtime::Session &session,
                                   const std::string &target,
                                   const std::function<void()> &before) {
  if (target == "cpu")
    return std::nullopt;
  double least = 0;
  for (const tools::ProfiledRun &run : tools::profileRuns(session, 3, before)) {
    double sum = 0;
    for (const dlrt_profile_event &event : run)
      sum += static_cast<double>(event.duration_ns) * 1e-6;
    least = least > 0 ? std::min(least, sum) : sum;
  }
  return least;
}

/// Calls the session until the time is over, at least once.
std::vector<double> timeRuns(runtime::Session &session, double seconds,
                             const std::function<void()> &before) {
  std::vector<double> times;
  times.reserve(size_t(1) << 16);
  Clock::time_point begin = Clock::now();
  do {
    before();
    Clock::time_point start = Clock::now();
    session.run();
    times.push_back(millisecondsSince(start));
  } while (millisecondsSince(begin) < seconds * 1e3);
  return times;
}

Times summarize(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  size_t count = times.size();
  auto rank = [&](double share) {
    size_t index = static_cast<size_t>(share * static_cast<double>(count));
    return times[std::min(index, count - 1)];
  };
  double median = count % 2 ? times[count / 2]
                            : (times[count / 2 - 1] + times[count / 2]) / 2;
  double sum = std::accumulate(times.begin(), times.end(), 0.0);
  return {times[0], median, rank(0.99), sum / static_cast<double>(count),
          count};
}

std::map<std::string, int64_t>
parseDims(const std::vector<std::string> &texts) {
  std::map<std::string, int64_t> dims;
  for (const std::string &text : texts) {
    size_t equals = text.rfind('=');
    char *end = nullptr;
    const char *digits =
        equals == std::string::npos ? "" : text.c_str() + equals + 1;
    long long value = strtoll(digits, &end, 10);
    if (*digits == '\0' || *end != '\0' || value < 0)
      throw Failure("--dim " + text, "is not of the form NAME=SIZE");
    dims[text.substr(0, equals)] = value;
  }
  return dims;
}

/// What one call does, as far as the module tells, and its energy.
struct Cost {
  std::optional<tools::WorkInfo> info;
  tools::Symbols symbols;
  tools::Work work;  // of one call
  double joules = 0; // for 1000 calls
  bool isMeasured = false;
};

Cost findCost(const runtime::Session &session, const runtime::Module &module,
              uint32_t entry, const std::string &target,
              std::optional<double> joulesPerCall) {
  Cost cost;
  cost.info = tools::WorkInfo::read(module, module.entryName(entry), target);
  cost.symbols = tools::findSymbols(session, module, entry);
  if (cost.info) {
    cost.info->addTerms(cost.symbols);
    for (int step : cost.info->order(cost.symbols, size_t(1) << 24))
      cost.work +=
          tools::WorkInfo::evaluate(cost.info->steps()[step], cost.symbols);
  }
  cost.work.flops = static_cast<double>(session.flops());
  cost.isMeasured = joulesPerCall.has_value();
  cost.joules = joulesPerCall.value_or(tools::modelEnergy(cost.work)) * 1000;
  return cost;
}

using Json = nlohmann::ordered_json;

Json makeJson(const Options &options, const Times &times,
              const runtime::Session &session, const runtime::Module &module,
              const Load &load, const Memory &memory, const Cost &cost) {
  auto use = [](const tools::MemoryUse &use) -> Json {
    return {{"resident_bytes", use.resident},
            {"anonymous_bytes", use.anonymous},
            {"file_bytes", use.file}};
  };
  Json result = {
      {"module", options.module},
      {"min_ms", times.min},
      {"median_ms", times.median},
      {"p99_ms", times.p99},
      {"mean_ms", times.mean},
      {"runs", times.runs},
      {"threads", session.threads()},
      {"load_ms", load.milliseconds},
      {"first_ms", load.firstRun},
      {"load_resident_bytes", load.residentBytes},
      {"flops", session.flops()},
      {"gflops", static_cast<double>(session.flops()) / times.min * 1e-6},
      {"weight_bytes", module.info().constant_bytes},
      {"arena_bytes", session.arenaBytes()},
      {"memory",
       {{"start", use(memory.start)},
        {"load_peak_bytes", memory.loadPeak},
        {"run_peak_bytes", memory.runPeak},
        {"end", use(memory.end)}}}};
  if (cost.info) {
    result["parameters"] = cost.info->parameterCount();
    result["parameter_bytes"] = cost.info->parameterBytes();
    result["moved_bytes"] = cost.work.bytes();
  }
  if (cost.info || cost.isMeasured) {
    result["joules_per_1000"] = cost.joules;
    result["energy_source"] = cost.isMeasured ? "measured" : "modelled";
  }
  return result;
}

void printText(const Times &times, const runtime::Session &session,
               const runtime::Module &module, const Load &load,
               const Memory &memory, const Cost &cost) {
  printf("min %.4f ms, median %.4f ms, p99 %.4f ms, mean %.4f ms (%zu runs, "
         "%d threads)\n",
         times.min, times.median, times.p99, times.mean, times.runs,
         session.threads());
  if (session.flops() > 0)
    printf("%.1f GFLOP/s, %.3f GFLOP a run\n",
           static_cast<double>(session.flops()) / times.min * 1e-6,
           static_cast<double>(session.flops()) * 1e-9);
  if (cost.info)
    printf("%lld parameters of %.3f MB, %.3f MB moved a run\n",
           static_cast<long long>(cost.info->parameterCount()),
           static_cast<double>(cost.info->parameterBytes()) * 1e-6,
           cost.work.bytes() * 1e-6);
  printf("weights %llu bytes, arena %llu bytes\n",
         static_cast<unsigned long long>(module.info().constant_bytes),
         static_cast<unsigned long long>(session.arenaBytes()));
  printf("loaded in %.2f ms and %llu bytes of memory\n", load.milliseconds,
         static_cast<unsigned long long>(load.residentBytes));
  auto grown = [&](uint64_t now, uint64_t before) {
    return (static_cast<double>(now) - static_cast<double>(before)) * 1e-6;
  };
  printf("memory beyond the start's, at most: %.1f MB in runs, %.1f MB before "
         "(%.1f MB anonymous, %.1f MB of files)\n",
         grown(memory.runPeak, memory.start.resident),
         grown(memory.loadPeak, memory.start.resident),
         grown(memory.end.anonymous, memory.start.anonymous),
         grown(memory.end.file, memory.start.file));
  if (cost.isMeasured)
    printf("energy for 1000 inferences: %.4g J, measured (the whole machine)\n",
           cost.joules);
  else if (cost.info)
    printf("energy for 1000 inferences: %.4g J, modelled (%.1f pJ a FLOP, "
           "%.0f pJ a byte)\n",
           cost.joules, tools::kPicojoulesPerFlop, tools::kPicojoulesPerByte);
}

/// Runs the session for as long as the options say, step by step, beside the
/// limits of the machine; prints or adds to `json`.
void addRoofline(const Options &options, runtime::Session &session,
                 const std::function<void()> &before, const Cost &cost,
                 Json &json) {
  std::set<tools::Products> products;
  if (cost.info)
    products = cost.info->products();
  tools::MachineLimits machine =
      tools::measureMachine(session.threads(), kProbeSeconds, products);
  std::vector<tools::ProfiledRun> runs =
      tools::profileFor(session, options.seconds, before);
  std::vector<tools::MeasuredWork> kernels = tools::measureKernels(
      runs, cost.info ? &*cost.info : nullptr, cost.symbols);
  // The machine may have been slower for a while.
  machine.raise(
      tools::measureMachine(session.threads(), kProbeSeconds, products));
  if (options.json)
    json["roofline"] = tools::rooflineJson(kernels, machine);
  else
    fputs(tools::rooflineTable(kernels, machine).c_str(), stdout);
}

void bench(const Options &options) {
  Memory memory;
  memory.start = tools::readMemoryUse();
  Clock::time_point start = Clock::now();
  runtime::Module module = runtime::Module::open(options.module);
  uint32_t entry = values::chooseEntry(module, options.entry);
  std::string entryName = module.entryName(entry);
  std::string target = values::chooseTarget(module, entry, options.device);
  runtime::SessionOptions sessionOptions;
  sessionOptions.entry = entryName.c_str();
  sessionOptions.target = target.c_str();
  sessionOptions.threads = options.threads;
  runtime::Session session(module, sessionOptions);
  Load load = {millisecondsSince(start), 0};
  load.residentBytes = tools::readMemoryUse().resident - memory.start.resident;

  std::vector<values::Value> inputs =
      options.inputs.empty()
          ? tools::randomInputs(module, entry, parseDims(options.dims))
          : values::readInputs(options.module, entryName, module.inputs(entry),
                               options.inputs);
  values::bindInputs(session, inputs,
                     values::listFiles(module.inputs(entry), options.inputs));
  std::function<void()> before =
      tools::keepPosition(module, session, options.position);
  before();
  Clock::time_point first = Clock::now();
  session.run();
  load.firstRun = millisecondsSince(first);
  // Pages in the weights, and lets the clock rise.
  timeRuns(session, std::min(0.2, options.seconds / 4), before);
  before();
  session.run();
  memory.loadPeak = tools::readPeakMemory();
  tools::resetPeakMemory();
  tools::EnergyCounters counters(options.powercap);
  counters.start();
  std::vector<double> timed = timeRuns(session, options.seconds, before);
  std::optional<double> joules = counters.joules();
  memory.runPeak = tools::readPeakMemory();
  memory.end = tools::readMemoryUse();
  Times times = summarize(timed);
  if (joules)
    *joules /= static_cast<double>(times.runs);
  Cost cost = findCost(session, module, entry, target, joules);
  Json json = makeJson(options, times, session, module, load, memory, cost);
  std::optional<double> onDevice = timeOnDevice(session, target, before);
  if (onDevice)
    json["device_ms"] = *onDevice;
  if (!options.json)
    printText(times, session, module, load, memory, cost);
  if (onDevice && !options.json)
    printf("steps %.4f ms by the device's clock\n", *onDevice);
  if (options.roofline)
    addRoofline(options, session, before, cost, json);
  if (options.json)
    puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  if (!options.profile.empty()) {
    std::vector<tools::ProfiledRun> runs =
        tools::profileRuns(session, 5, before);
    if (!options.json)
      fputs(tools::kernelTable(runs, 20).c_str(), stdout);
    values::NewFiles files;
    files.add(options.profile, tools::chromeTrace(runs), nullptr, 0);
    files.commit();
  }
  if (fflush(stdout) != 0)
    throw Failure("standard output", "cannot write");
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Times calls of a compiled module.\n\n"
               "The module is loaded and its inputs are bound once; after a "
               "warm-up, whole calls are\ntimed for the given seconds. "
               "Without --input, inputs are made: floating-point numbers\nin "
               "[0, 1), integers 0 or 1, symbolic dimensions 1 or as --dim "
               "tells.",
               "dl-bench");
  app.footer("Examples:\n"
             "  dl-bench model.dlm --input=x.npy --threads=2 --seconds=2\n"
             "  dl-bench model.dlm --dim N=8 --json\n"
             "  dl-bench model.dlm --roofline\n"
             "  dl-bench model.dlm --profile=trace.json   (open it in "
             "ui.perfetto.dev)");
  app.set_version_flag("--version", std::string("dl-bench ") + dlrt_version());
  app.add_option("module", options.module, "the module file (.dlm)")
      ->required();
  app.add_option("--input", options.inputs,
                 "a file with the next input: .npy, or .pb with an ONNX "
                 "TensorProto")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--label", options.label,
                 "of a training module's step: a file with the labels, the "
                 "last input")
      ->type_name("FILE");
  app.add_option("--dim", options.dims,
                 "the size of a symbolic dimension of made inputs")
      ->type_name("NAME=SIZE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--threads", options.threads,
                 "threads to use; default: the CPUs that affinity and control "
                 "group allow")
      ->type_name("N")
      ->check(CLI::Range(1, 65536));
  app.add_option("--seconds", options.seconds,
                 "how long to measure; default: 1")
      ->type_name("S")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--device", options.device,
                 "where to run: cpu, cuda or cuda:1; default: the module's "
                 "only target, or cpu")
      ->type_name("NAME");
  app.add_option("--entry", options.entry,
                 "the function of the module to run; default: its first")
      ->type_name("NAME");
  app.add_option("--position", options.position,
                 "of a module with caches (dl-compile --kv-cache): how many "
                 "rows they have before each call; default: 0")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--profile", options.profile,
                 "write the steps of some more runs to a trace that Perfetto "
                 "and Chrome open")
      ->type_name("FILE");
  app.add_flag("--roofline", options.roofline,
               "print each kernel's time, FLOPs and bytes against this "
               "machine's multiply-adds and memory, measured in the same run "
               "on as many threads; also in --json");
  app.add_option("--powercap", options.powercap,
                 "where Linux shows the energy counters (RAPL); default: "
                 "/sys/class/powercap. Where there is none that can be read, "
                 "energy is modelled")
      ->type_name("FOLDER");
  app.add_flag("--json", options.json,
               "print one JSON object; times are milliseconds");
  try {
    app.parse(argc, argv);
    if (!options.label.empty())
      options.inputs.push_back(options.label);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) // --help, --version
      return app.exit(error);
    fprintf(stderr, "error: dl-bench: %s\n", error.what());
    return 1;
  }
  try {
    bench(options);
    return 0;
  } catch (const std::exception &error) {
    fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
