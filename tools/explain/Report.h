// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The parts of a report; see Explain.h.

#ifndef DL_TOOLS_EXPLAIN_REPORT_H
#define DL_TOOLS_EXPLAIN_REPORT_H

#include "tools/explain/Explain.h"
#include "tools/measure/Machine.h"
#include "tools/measure/Work.h"

namespace dl::tools {

/// The module at the example sizes, and its measured times if there are any.
struct Example {
  Symbols symbols;
  MachineLimits machine;
  std::string machineSource; // where the limits come from
  /// One for each step of the module; empty where nothing was measured.
  std::vector<MeasuredWork> steps;
  double runSeconds = 0; // of the fastest whole run; 0 where not measured
  int threads = 0;
  uint64_t arenaBytes = 0; // 0 where the entry was not run, or needs none
  std::string measured;    // how, or why not
};

/// One of the module's entries.
struct EntryExample {
  WorkInfo info;
  Example example;
};

/// Runs an entry of the module as the options say. The machine's limits are not
/// measured.
Example measureExample(const runtime::Module &module, uint32_t entry,
                       const WorkInfo &info, const ExplainOptions &options);

/// The report's JSON, as tools/explain/README.md describes it. There is an
/// example for each entry of the trace.
nlohmann::ordered_json makeReport(const Trace &trace,
                                  const runtime::Module &module,
                                  const std::string &target,
                                  const std::vector<EntryExample> &examples);

/// The report as one HTML page, which needs nothing else.
std::string makePage(const nlohmann::ordered_json &report);

} // namespace dl::tools

#endif // DL_TOOLS_EXPLAIN_REPORT_H
