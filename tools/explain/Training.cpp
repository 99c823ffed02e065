// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/explain/Training.h"

#include <set>

namespace dl::tools {

using Json = nlohmann::ordered_json;

/// What a step runs for: "forward", "backward", "update" or, of a copy,
/// "other". What runs again does so for the backward pass.
static std::string getPass(const Json &step) {
  if (!step.contains("pass"))
    return "other";
  return step["again"].get<bool>() ? "backward" : step["pass"];
}

static void addTo(Json &sum, const Json &value) {
  if (!value.is_null())
    sum = (sum.is_null() ? 0.0 : sum.get<double>()) + value.get<double>();
}

/// Steps, work and times by pass, of one run.
static Json sumPasses(const Json &steps) {
  Json passes;
  for (const char *pass : {"forward", "backward", "update", "other"})
    passes[pass] = {{"steps", 0},
                    {"flops", 0.0},
                    {"moved_bytes", 0.0},
                    {"predicted_ms", 0.0},
                    {"measured_ms", nullptr}};
  for (const Json &step : steps) {
    Json &sum = passes[getPass(step)];
    sum["steps"] = sum["steps"].get<int64_t>() + 1;
    addTo(sum["predicted_ms"], step["predicted_ms"]);
    addTo(sum["measured_ms"], step["measured_ms"]);
    if (step["executions"].is_null())
      continue;
    auto times = step["executions"].get<double>();
    auto add = [&](const char *to, const char *key) {
      if (!step[key].is_null())
        addTo(sum[to], step[key]["value"].get<double>() * times);
    };
    add("flops", "flops");
    for (const char *key : {"parameter_bytes", "read_bytes", "written_bytes"})
      add("moved_bytes", key);
  }
  return passes;
}

/// The values that a step of the forward pass makes and that are in use when
/// the backward pass begins.
static Json findStored(const Json &steps, const std::vector<ArenaValue> &values,
                       const Symbols &symbols) {
  std::vector<size_t> places; // of the module's steps in the report
  for (size_t i = 0; i < steps.size(); ++i)
    if (!steps[i].contains("in_body"))
      places.push_back(i);
  size_t begin = 0;
  while (begin < places.size() && getPass(steps[places[begin]]) != "backward")
    ++begin;
  Json stored = Json::array();
  for (const ArenaValue &value : values) {
    auto first = static_cast<size_t>(value.first),
         last = static_cast<size_t>(value.last);
    if (value.last < value.first || first >= begin || last < begin ||
        getPass(steps[places[first]]) != "forward")
      continue;
    stored.push_back({{"step", places[first]},
                      {"until", places[last]},
                      {"bytes", evaluateFormula(value.bytes, symbols)}});
  }
  return stored;
}

/// The nodes that steps of the backward pass compute, though steps before have
/// done so.
static Json findRecomputed(const Json &steps) {
  Json recomputed = Json::array();
  std::set<int> computed;
  for (const Json &step : steps) {
    Json again = Json::array();
    std::set<int> now;
    for (const Json &member : step["nodes"])
      if (member.value("pass", "") == "forward") {
        int node = member["node"];
        now.insert(node);
        if (getPass(step) == "backward" && computed.count(node))
          again.push_back(node);
      }
    computed.insert(now.begin(), now.end());
    if (!again.empty())
      recomputed.push_back({{"step", step["index"]}, {"nodes", again}});
  }
  return recomputed;
}

Json describeTraining(const Json &steps, const std::vector<ArenaValue> &values,
                      const Symbols &symbols) {
  Json stored = findStored(steps, values, symbols);
  int64_t bytes = 0;
  for (const Json &value : stored)
    bytes += value["bytes"].get<int64_t>();
  return {{"passes", sumPasses(steps)},
          {"stored_bytes", bytes},
          {"stored", stored},
          {"recomputed", findRecomputed(steps)}};
}

} // namespace dl::tools
