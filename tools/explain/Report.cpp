// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/explain/Report.h"

#include "tools/explain/Page.h"
#include "tools/explain/Training.h"
#include "tools/values/Value.h"

#include <algorithm>

namespace dl::tools {

using Json = nlohmann::ordered_json;

const char *getStateName(NodeState state) {
  switch (state) {
  case NodeState::Kernel:
    return "kernel";
  case NodeState::Host:
    return "host";
  case NodeState::View:
    return "view";
  case NodeState::Constant:
    return "constant";
  case NodeState::Removed:
    break;
  }
  return "removed";
}

namespace {

/// A step of the report: one of the module, with what it was made from, or one
/// of a body, of which the module's debug information tells nothing.
struct Item {
  int step = -1;   // of the module
  int traced = -1; // of the trace; -1 for a copy
};

/// What is told of one entry.
class EntryBuilder {
public:
  EntryBuilder(const Trace &trace, const TracedEntry &entry,
               const runtime::Module &module, std::string target,
               const EntryExample &given)
      : trace(trace), entry(entry), info(given.info), module(module),
        target(std::move(target)), example(given.example) {}

  Json build() {
    matchSteps();
    findLive();
    Json steps = Json::array();
    for (size_t i = 0; i < items.size(); ++i)
      steps.push_back(makeStep(i));
    Json nodes = Json::array();
    for (const NodeOutcome &node : entry.nodes)
      nodes.push_back(makeNode(node));
    Json result = {{"entry", entry.name},
                   {"symbols", listSymbols()},
                   {"measured", example.measured},
                   {"totals", makeTotals()},
                   {"memory", makeMemory()}};
    if (entry.trains())
      result["training"] =
          describeTraining(steps, info.values(), example.symbols);
    result["nodes"] = nodes;
    result["steps"] = steps;
    return result;
  }

private:
  const nlohmann::json *getKernel(const StepInfo &step) const {
    return step.kind == "kernel" ? &info.kernels()[step.kernelIndex] : nullptr;
  }

  void add(int step, int traced) {
    if (traced >= 0) {
      places.resize(std::max(places.size(), static_cast<size_t>(traced) + 1));
      places[traced].push_back(static_cast<int>(items.size()));
    }
    if (step >= 0)
      itemOf.push_back(static_cast<int>(items.size()));
    items.push_back({step, traced});
  }

  /// Adds the steps of bodies from this one on.
  void addBodies(size_t &next) {
    for (; next < entry.steps.size() && entry.steps[next].isInBody; ++next)
      add(-1, static_cast<int>(next));
  }

  /// The steps of the module are those of the trace, and copies between them; a
  /// device's kernel may have several stages.
  void matchSteps() {
    size_t next = 0;
    for (size_t i = 0; i < info.steps().size(); ++i) {
      const StepInfo &step = info.steps()[i];
      int at = static_cast<int>(i);
      if (step.kind == "copy") {
        add(at, -1);
        continue;
      }
      const nlohmann::json *kernel = getKernel(step);
      bool isStage = kernel && kernel->contains("stage");
      if (isStage && (*kernel)["stage"] > 0 && next > 0) {
        add(at, static_cast<int>(next) - 1);
        continue;
      }
      addBodies(next);
      const std::string name =
          isStage ? (*kernel)["kernel"].get<std::string>() : step.kernel;
      if (next >= entry.steps.size() || entry.steps[next].kernel != name)
        throw values::Failure(trace.model,
                              "the module has other steps than its schedule");
      add(at, static_cast<int>(next++));
    }
    addBodies(next);
    if (next != entry.steps.size())
      throw values::Failure(trace.model,
                            "the module has fewer steps than its schedule");
    executions.assign(info.steps().size(), 0);
    for (int step : info.order(example.symbols, size_t(1) << 24))
      executions[step] += 1;
  }

  /// Adds up what is in the arena at each step.
  void findLive() {
    live.assign(info.steps().size(), 0);
    for (const ArenaValue &value : info.values()) {
      int64_t bytes = evaluateFormula(value.bytes, example.symbols);
      for (int i = value.first; i <= value.last; ++i)
        live[static_cast<size_t>(i)] += bytes;
    }
  }

  /// Where most of the arena is in use, at the example sizes.
  Json makeMemory() const {
    Json result = {{"arena_bytes",
                    example.arenaBytes > 0 ? Json(example.arenaBytes) : Json()},
                   {"state_bytes", dlrt_module_state_bytes(module.get())},
                   {"live_bytes", 0},
                   {"live_step", nullptr}};
    auto most = std::max_element(live.begin(), live.end());
    if (most == live.end() || *most == 0)
      return result;
    result["live_bytes"] = *most;
    result["live_step"] = itemOf[static_cast<size_t>(most - live.begin())];
    return result;
  }

  /// Those of the model, without the terms of formulas.
  Json listSymbols() const {
    Json result = Json::object();
    for (const auto &[name, size] : example.symbols)
      if (name.front() != '%')
        result[name] = size;
    return result;
  }

  /// A formula and its value at the example sizes.
  Json quantity(const nlohmann::json &formula) const {
    if (formula.is_null())
      return nullptr;
    Json result = {{"value", evaluateFormula(formula, example.symbols)}};
    if (!formula.is_number())
      result["formula"] = printFormula(formula);
    return result;
  }

  /// At the peak of what the step multiplies with.
  double predictCompute(const StepInfo &step, const Work &work) const {
    double peak = example.machine.peak(step.products);
    return peak > 0 ? work.flops / peak : 0;
  }

  double predict(const StepInfo &step, const Work &work) const {
    double compute = predictCompute(step, work);
    double memory = example.machine.bandwidth > 0
                        ? work.bytes() / example.machine.bandwidth
                        : 0;
    return std::max(compute, memory);
  }

  static std::string makeLayout(const nlohmann::json &kernel,
                                const TracedStep &from) {
    std::string layout = from.layout;
    if (kernel.contains("packed"))
      for (const nlohmann::json &packed : kernel["packed"]) {
        std::string text = "weights ";
        if (packed["winograd"])
          text += "transformed, ";
        text += "in panels of " + std::to_string(packed["tile"].get<int>());
        if (layout.find(text) == std::string::npos)
          layout += (layout.empty() ? "" : ", ") + text;
      }
    return layout.empty() ? "row-major" : layout;
  }

  /// What is told of a kernel of the module.
  static void describeKernel(const TracedStep &from,
                             const nlohmann::json &kernel, Json &result) {
    result["generator"] = kernel.value("generator", "");
    result["layout"] = makeLayout(kernel, from);
    result["precision"] = {
        {"operands", kernel.value("operands", nlohmann::json::array())},
        {"results", kernel.value("results", nlohmann::json::array())},
        {"accumulator", kernel.value("accumulator", nlohmann::json())},
        {"products", kernel.value("products", nlohmann::json())}};
  }

  /// What a step was made from.
  void describeSource(const Item &item, Json &result) const {
    result["nodes"] = Json::array();
    result["producers"] = Json::array();
    if (item.traced < 0)
      return;
    const TracedStep &from = entry.steps[item.traced];
    for (const Member &member : from.members) {
      Json part = {{"node", member.node}, {"role", member.role}};
      if (!member.pass.empty())
        part["pass"] = member.pass;
      result["nodes"].push_back(part);
    }
    for (int producer : from.producers)
      result["producers"].push_back(places[producer].back());
    if (from.pass.empty())
      return;
    result["pass"] = from.pass;
    result["again"] = from.isAgain;
    result["updates"] = from.updates;
  }

  Json makeStep(size_t i) {
    const Item &item = items[i];
    if (item.step < 0)
      return makeBodyStep(i);
    const StepInfo &step = info.steps()[item.step];
    Json result = {{"index", i}, {"kind", step.kind}, {"kernel", step.kernel}};
    if (target != "cpu") {
      std::string why = explainHost(step);
      result["runs_on"] = why.empty() ? target : "host";
      if (!why.empty())
        result["why_host"] = why;
    }
    if (item.traced >= 0) {
      const TracedStep &from = entry.steps[item.traced];
      result["group"] = from.kind;
      if (const nlohmann::json *kernel = getKernel(step))
        describeKernel(from, *kernel, result);
    }
    describeSource(item, result);
    result["live_bytes"] = live[item.step];
    addCosts(item.step, result);
    return result;
  }

  /// How often a body runs, and with what sizes, only a run tells.
  Json makeBodyStep(size_t i) const {
    const TracedStep &from = entry.steps[items[i].traced];
    Json result = {{"index", i},
                   {"kind", from.kind == "host" ? "host" : "kernel"},
                   {"kernel", from.kernel},
                   {"group", from.kind},
                   {"in_body", true}};
    describeSource(items[i], result);
    for (const char *key : {"loop", "executions", "flops", "parameter_bytes",
                            "read_bytes", "written_bytes", "bound",
                            "predicted_ms", "measured_ms", "share_of_limit"})
      result[key] = nullptr;
    return result;
  }

  /// Adds work and times of a module's step.
  void addCosts(int i, Json &result) {
    const StepInfo &step = info.steps()[i];
    Work work = WorkInfo::evaluate(step, example.symbols);
    result["loop"] = step.loop >= 0 ? Json(step.loop) : Json();
    result["executions"] = executions[i];
    result["flops"] = quantity(step.flops);
    result["parameter_bytes"] = quantity(step.parameterBytes);
    result["read_bytes"] = quantity(step.readBytes);
    result["written_bytes"] = quantity(step.writtenBytes);
    double times = static_cast<double>(executions[i]);
    double compute = predictCompute(step, work);
    double predicted = predict(step, work);
    result["bound"] =
        predicted > 0 && compute >= predicted ? "compute" : "memory";
    result["predicted_ms"] = predicted * times * 1e3;
    Json measured, share;
    if (!example.steps.empty() && example.steps[i].calls > 0) {
      measured = example.steps[i].seconds * 1e3;
      if (example.steps[i].seconds > 0)
        share = predicted * times / example.steps[i].seconds;
    }
    result["measured_ms"] = measured;
    result["share_of_limit"] = share;

    Work all = {work.flops * times, work.parameterBytes * times,
                work.readBytes * times, work.writtenBytes * times};
    total += all;
    predictedSeconds += predicted * times;
  }

  /// Why a step of a device's plan runs on the host; empty where it does not.
  std::string explainHost(const StepInfo &step) const {
    if (step.kind == "host")
      return "a call of the runtime";
    const nlohmann::json *kernel = getKernel(step);
    return step.onHost ? kernel->value("why_host", "it has no form there") : "";
  }

  Json makeNode(const NodeOutcome &node) const {
    Json steps = Json::array();
    std::string why = node.why;
    for (int traced : node.steps)
      for (int place : places[traced]) {
        steps.push_back(place);
        int step = items[static_cast<size_t>(place)].step;
        if (step < 0)
          continue;
        const StepInfo &at = info.steps()[static_cast<size_t>(step)];
        if (at.onHost && why.find("; on the host") == std::string::npos)
          why += "; on the host: " + explainHost(at);
      }
    return {
        {"state", getStateName(node.state)}, {"why", why}, {"steps", steps}};
  }

  Json makeTotals() const {
    size_t steps = std::count_if(
        info.steps().begin(), info.steps().end(),
        [](const StepInfo &step) { return step.kind == "kernel"; });
    Json states = {{"kernel", 0},
                   {"host", 0},
                   {"view", 0},
                   {"constant", 0},
                   {"removed", 0}};
    for (const NodeOutcome &node : entry.nodes) {
      Json &count = states[getStateName(node.state)];
      count = count.get<int>() + 1;
    }
    return {{"nodes", trace.nodes.size()},
            {"nodes_by_state", states},
            {"kernel_calls", steps},
            {"host_calls",
             std::count_if(info.steps().begin(), info.steps().end(),
                           [](const StepInfo &step) {
                             return step.kind == "host" || step.onHost;
                           })},
            {"kernels", info.kernels().size()},
            {"parameters", info.parameterCount()},
            {"parameter_bytes", info.parameterBytes()},
            {"flops", total.flops},
            {"moved_parameter_bytes", total.parameterBytes},
            {"read_bytes", total.readBytes},
            {"written_bytes", total.writtenBytes},
            {"predicted_ms", predictedSeconds * 1e3},
            {"measured_ms",
             example.runSeconds > 0 ? Json(example.runSeconds * 1e3) : Json()}};
  }

  const Trace &trace;
  const TracedEntry &entry;
  const WorkInfo &info;
  const runtime::Module &module;
  std::string target;
  const Example &example;
  std::vector<Item> items;
  /// By the trace's step, those of the report: several where a device's kernel
  /// has stages, of which the last gives the result.
  std::vector<std::vector<int>> places;
  std::vector<int> itemOf; // by the module's step: that of the report
  std::vector<int64_t> executions, live; // by the module's step
  Work total;
  double predictedSeconds = 0;
};

Json makeTarget(const runtime::Module &module, const std::string &target) {
  if (target != "cpu")
    return {{"kind", target}};
  Json levels = Json::array();
  for (uint32_t i = 0; i < module.info().code_count; ++i) {
    runtime::detail::Sized<dlrt_code_info> code;
    runtime::detail::check(dlrt_module_code, module.get(), i,
                           static_cast<dlrt_code_info *>(&code));
    levels.push_back({{"cpu", code.cpu},
                      {"triple", code.triple},
                      {"runs_here", code.supported != 0}});
  }
  return {{"kind", "cpu"}, {"levels", levels}};
}

Json makeMachine(const Example &example) {
  Json result = describeMachine(example.machine);
  result["source"] = example.machineSource;
  return result;
}

/// The nodes of the file, with what became of them.
Json makeNodes(const Trace &trace, const Json &outcomes) {
  Json nodes = Json::array();
  for (size_t i = 0; i < trace.nodes.size(); ++i) {
    const TracedNode &node = trace.nodes[i];
    Json told = {{"graph", node.graph},
                 {"name", node.name},
                 {"op", node.op},
                 {"inputs", node.inputs},
                 {"outputs", node.outputs}};
    told.update(outcomes[i]);
    nodes.push_back(told);
  }
  return nodes;
}

} // namespace

Json makeReport(const Trace &trace, const runtime::Module &module,
                const std::string &target,
                const std::vector<EntryExample> &examples) {
  Json result = {{"version", 1},
                 {"producer", trace.producer},
                 {"model", trace.model},
                 {"target", makeTarget(module, target)},
                 {"assumptions", trace.assumptions}};
  Json more = Json::array();
  for (size_t i = 0; i < trace.entries.size(); ++i) {
    Json entry =
        EntryBuilder(trace, trace.entries[i], module, target, examples[i])
            .build();
    if (i > 0) {
      more.push_back(entry);
      continue;
    }
    entry["nodes"] = makeNodes(trace, entry["nodes"]);
    result["entry"] = entry["entry"];
    result["symbols"] = entry["symbols"];
    result["machine"] = makeMachine(examples[i].example);
    result.update(entry);
  }
  result["more_entries"] = more;
  return result;
}

std::string makePage(const Json &report) {
  std::string data = report.dump(-1, ' ', true, Json::error_handler_t::replace);
  // Within a script, a name must not close it.
  std::string safe;
  for (char c : data)
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  std::string page = getPageTemplate();
  const std::string mark = "@REPORT@";
  page.replace(page.find(mark), mark.size(), safe);
  return page;
}

} // namespace dl::tools
