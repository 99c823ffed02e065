// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/Profile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

namespace dl::tools {

using Json = nlohmann::ordered_json;

std::function<void()> keepPosition(const runtime::Module &module,
                                   runtime::Session &session, int64_t rows) {
  for (const runtime::StateInfo &state : module.states())
    if (state.role == DLRT_STATE_POSITION)
      return [&session, rows] { session.setPosition(rows); };
  return [] {};
}

std::vector<ProfiledRun> profileRuns(runtime::Session &session, int runs,
                                     const std::function<void()> &before) {
  std::vector<ProfiledRun> result;
  session.enableProfile(true);
  before();
  session.run(); // makes room for the events
  for (int i = 0; i < runs; ++i) {
    before();
    session.run();
    result.push_back(session.profile());
  }
  session.enableProfile(false);
  return result;
}

std::vector<ProfiledRun> profileFor(runtime::Session &session, double seconds,
                                    const std::function<void()> &before) {
  using Clock = std::chrono::steady_clock;
  std::vector<ProfiledRun> result;
  Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(seconds));
  session.enableProfile(true);
  before();
  session.run(); // makes room for the events
  do {
    before();
    session.run();
    result.push_back(session.profile());
  } while (result.size() < 2 || (result.size() < 100 && Clock::now() < end));
  session.enableProfile(false);
  return result;
}

std::string chromeTrace(const std::vector<ProfiledRun> &runs) {
  Json events = Json::array();
  events.push_back({{"name", "thread_name"},
                    {"ph", "M"},
                    {"pid", 1},
                    {"tid", 1},
                    {"args", {{"name", "steps"}}}});
  double offset = 0; // microseconds
  for (size_t r = 0; r < runs.size(); ++r) {
    double end = 0;
    for (const dlrt_profile_event &event : runs[r]) {
      double start = static_cast<double>(event.start_ns) * 1e-3;
      double duration = static_cast<double>(event.duration_ns) * 1e-3;
      Json args = {
          {"kernel", event.kernel}, {"tiles", event.tiles}, {"run", r}};
      if (event.flops >= 0) {
        args["flops"] = event.flops;
        if (event.duration_ns > 0)
          args["gflops"] = static_cast<double>(event.flops) /
                           static_cast<double>(event.duration_ns);
      }
      events.push_back({{"name", event.name},
                        {"cat", "kernel"},
                        {"ph", "X"},
                        {"ts", offset + start},
                        {"dur", duration},
                        {"pid", 1},
                        {"tid", 1},
                        {"args", args}});
      end = std::max(end, start + duration);
    }
    offset += end;
  }
  Json trace = {{"traceEvents", events}, {"displayTimeUnit", "ns"}};
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string kernelTable(const std::vector<ProfiledRun> &runs, size_t rows) {
  struct Row {
    std::string kernel;
    double seconds = 0, flops = 0;
    size_t calls = 0;
  };
  std::map<std::string, Row> kernels;
  double total = 0;
  for (const ProfiledRun &run : runs)
    for (const dlrt_profile_event &event : run) {
      Row &row = kernels[event.kernel];
      row.kernel = event.kernel;
      row.seconds += static_cast<double>(event.duration_ns) * 1e-9;
      row.flops += event.flops > 0 ? static_cast<double>(event.flops) : 0;
      ++row.calls;
      total += static_cast<double>(event.duration_ns) * 1e-9;
    }
  std::vector<Row> sorted;
  sorted.reserve(kernels.size());
  for (const auto &entry : kernels)
    sorted.push_back(entry.second);
  std::sort(sorted.begin(), sorted.end(),
            [](const Row &a, const Row &b) { return a.seconds > b.seconds; });
  double count = static_cast<double>(std::max<size_t>(runs.size(), 1));
  std::string text = "      ms  share   calls   GFLOP/s  kernel\n";
  for (size_t i = 0; i < std::min(rows, sorted.size()); ++i) {
    const Row &row = sorted[i];
    char line[96];
    snprintf(line, sizeof(line), "%8.4f %5.1f%% %7.0f %9.1f  ",
             row.seconds / count * 1e3,
             total > 0 ? row.seconds / total * 100 : 0.0,
             static_cast<double>(row.calls) / count,
             row.seconds > 0 ? row.flops / row.seconds * 1e-9 : 0.0);
    text += line + row.kernel + "\n";
  }
  return text;
}

} // namespace dl::tools
