// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_MEASURE_PROFILE_H
#define DL_TOOLS_MEASURE_PROFILE_H

#include "runtime/api/dlrt.hpp"

#include <functional>
#include <string>
#include <vector>

namespace dl::tools {

/// The steps of one run.
using ProfiledRun = std::vector<dlrt_profile_event>;

/// Lets a session's runs begin with `rows` rows in its caches, where its module
/// has some: to be called before each run, for else they fill up.
std::function<void()> keepPosition(const runtime::Module &module,
                                   runtime::Session &session, int64_t rows);

/// Runs a session `runs` times, `before` before each, and records the steps of
/// each run.
std::vector<ProfiledRun> profileRuns(
    runtime::Session &session, int runs,
    const std::function<void()> &before = [] {});

/// Records runs for about so long, at least 2 and at most 100 of them.
std::vector<ProfiledRun> profileFor(
    runtime::Session &session, double seconds,
    const std::function<void()> &before = [] {});

/// The runs as a trace in Chrome's format, which Perfetto opens: one event a
/// step, the runs one after another.
std::string chromeTrace(const std::vector<ProfiledRun> &runs);

/// A table of the kernels that take most of the time, mean over the runs.
std::string kernelTable(const std::vector<ProfiledRun> &runs, size_t rows);

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_PROFILE_H
