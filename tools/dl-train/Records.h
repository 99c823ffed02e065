// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What is kept of a training for people and other tools: lines of JSON, event
// files that TensorBoard reads, and a picture of the curves.

#ifndef DL_TOOLS_DL_TRAIN_RECORDS_H
#define DL_TOOLS_DL_TRAIN_RECORDS_H

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dl::train {

/// Named numbers of a step, in order.
using Metrics = std::vector<std::pair<std::string, double>>;

class Records {
public:
  /// A file of lines of JSON, a folder for event files, and an SVG; each may be
  /// empty. Lines are added to a log that is there where `append`. Throws a
  /// Failure located at what cannot be written.
  Records(const std::string &log, const std::string &events,
          const std::string &plot, bool append);
  ~Records();

  /// Notes what belongs to `step`, and, in the log alone, `details`. Throws as
  /// above.
  void add(int64_t step, const Metrics &metrics, const Metrics &details = {});
  /// Draws the curves.
  void finish();

private:
  using File = std::unique_ptr<FILE, int (*)(FILE *)>;
  void addEvent(int64_t step, const Metrics &metrics);
  void writeEvent(const std::string &event);

  std::string logPath, eventPath, plotPath;
  File log, events;
  std::map<std::string, std::vector<std::pair<int64_t, double>>> curves;
};

/// Curves over steps, those whose names contain "loss" in one panel and others
/// in another below, as SVG.
std::string
drawCurves(const std::map<std::string, std::vector<std::pair<int64_t, double>>>
               &curves);

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_RECORDS_H
