// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Outcome.h"

#include "tools/quantize/Evaluate.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace dl::tools {

using frontend::ProductSite;
using Json = nlohmann::ordered_json;

std::string describeTimes(const std::string &type, const Comparison &kernels) {
  char text[112];
  std::snprintf(text, sizeof text,
                "its kernels are no faster in %s: %.3g us, in float32 %.3g us",
                type.c_str(), kernels.second * 1e6, kernels.first * 1e6);
  return text;
}

std::string describeRuns(const std::string &type, const Comparison &runs) {
  bool isOpen = runs.second < runs.first &&
                judge(runs.turns, kWorthwhile) == Verdict::Open;
  char text[112];
  std::snprintf(text, sizeof text,
                "%s is %s faster: a run takes %.3g ms, in float32 %.3g ms",
                type.c_str(), isOpen ? "not clearly" : "no", runs.second * 1e3,
                runs.first * 1e3);
  return text;
}

std::string summarize(const QuantizeOutcome &outcome) {
  std::string text = "quantized " + std::to_string(outcome.numQuantized) +
                     " of " + std::to_string(outcome.sites.size()) +
                     " products to " + outcome.type;
  if (outcome.numSamples)
    text += ", " + std::to_string(outcome.numSamples) + " samples";
  if (outcome.error >= 0) {
    char error[48];
    std::snprintf(error, sizeof error, ", relative error %.3g", outcome.error);
    text += error;
  }
  if (outcome.speed) {
    char times[64];
    std::snprintf(times, sizeof times, ", %.3g ms in place of %.3g ms",
                  outcome.speed->second * 1e3, outcome.speed->first * 1e3);
    text += times;
    if (outcome.isOpen)
      text += ", not measured well: others use this machine";
  }
  // Reasons with their numbers; names where few have them.
  std::map<std::string, std::vector<std::string>> kept;
  for (const ProductSite &site : outcome.sites)
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
  return text + "\n";
}

std::string makeReport(const QuantizeOutcome &outcome) {
  Json list = Json::array();
  for (size_t i = 0; i < outcome.sites.size(); ++i) {
    const ProductSite &site = outcome.sites[i];
    bool isQuantized = site.reason.empty();
    Json entry = {{"name", site.name},
                  {"op", site.op},
                  {"weight", site.weight},
                  {"dims", site.dims},
                  {"type", isQuantized ? outcome.type : "float32"}};
    if (!isQuantized)
      entry["reason"] = site.reason;
    if (i < outcome.noise.size() && outcome.noise[i] > 0)
      entry["relative_error"] = std::sqrt(outcome.noise[i]);
    if (auto times = outcome.productTimes.find(i);
        times != outcome.productTimes.end()) {
      entry["milliseconds"] = times->second.second * 1e3;
      entry["float32_milliseconds"] = times->second.first * 1e3;
    }
    list.push_back(entry);
  }
  Json report = {{"version", 1},
                 {"model", outcome.model},
                 {"type", outcome.type},
                 {"samples", outcome.numSamples}};
  if (outcome.error >= 0)
    report["relative_error"] = outcome.error;
  if (outcome.speed) {
    report["milliseconds"] = outcome.speed->second * 1e3;
    report["float32_milliseconds"] = outcome.speed->first * 1e3;
    report["times_decide"] = !outcome.isOpen;
  }
  report["products"] = list;
  return report.dump(2) + "\n";
}

} // namespace dl::tools
