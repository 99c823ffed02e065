// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A report on a compiled model: what became of each source node, and what each
// kernel costs.

#ifndef DL_TOOLS_EXPLAIN_EXPLAIN_H
#define DL_TOOLS_EXPLAIN_EXPLAIN_H

#include "tools/explain/Trace.h"

#include <cstdint>
#include <map>

namespace dl::tools {

struct ExplainOptions {
  /// FILE.html or FILE.json; any other name stands for both FILE.html and
  /// FILE.json.
  std::string output;
  /// Of a module with plans for several targets, the one that the report is on.
  std::string target = "cpu";
  /// The target's limits: float32 operations and bytes a second; 0: as this
  /// machine is measured. Of bf16's own instructions, 0: as this machine is
  /// measured or, where `peakFlops` is given, the same as that.
  double peakFlops = 0, bandwidth = 0, bf16PeakFlops = 0;
  /// How long to run the module for measured times; 0 for not at all.
  double seconds = 0.5;
  /// Threads to measure with; 0: the CPUs that this process may use.
  int threads = 0;
  /// Example sizes of symbolic dimensions. Others are as exampleSizes has them
  /// (tools/measure/RandomInputs.h).
  std::map<std::string, int64_t> sizes;
};

/// Whether the report's files can be written; otherwise `error` says
/// "WHERE: WHAT".
bool canWriteReport(const ExplainOptions &options, std::string &error);

/// Writes the report on the module at `modulePath`, which was compiled with
/// this trace. Both files appear whole or not at all. On failure, returns false
/// and `error` says "WHERE: WHAT".
bool writeReport(const Trace &trace, const std::string &modulePath,
                 const ExplainOptions &options, std::string &error);

} // namespace dl::tools

#endif // DL_TOOLS_EXPLAIN_EXPLAIN_H
