// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/explain/Report.h"

#include "tools/explain/Page.h"
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

class ReportBuilder {
public:
  ReportBuilder(const Trace &trace, const WorkInfo &info,
                const runtime::Module &module, std::string target,
                const Example &example)
      : trace(trace), info(info), module(module), target(std::move(target)),
        example(example) {}

  Json build() {
    matchSteps();
    Json steps = Json::array();
    for (size_t i = 0; i < info.steps().size(); ++i)
      steps.push_back(makeStep(i));
    Json nodes = Json::array();
    for (const TracedNode &node : trace.nodes)
      nodes.push_back(makeNode(node));
    return {{"version", 1},
            {"producer", trace.producer},
            {"model", trace.model},
            {"target", makeTarget()},
            {"assumptions", trace.assumptions},
            {"symbols", listSymbols()},
            {"machine", makeMachine()},
            {"measured", example.measured},
            {"totals", makeTotals()},
            {"nodes", nodes},
            {"steps", steps}};
  }

private:
  const nlohmann::json *getKernel(const StepInfo &step) const {
    return step.kind == "kernel" ? &info.kernels()[step.kernelIndex] : nullptr;
  }

  /// The steps of the module are those of the trace, and copies between them; a
  /// device's kernel may have several stages.
  void matchSteps() {
    size_t next = 0;
    for (const StepInfo &step : info.steps()) {
      if (step.kind == "copy") {
        traced.push_back(-1);
        continue;
      }
      const nlohmann::json *kernel = getKernel(step);
      bool isStage = kernel && kernel->contains("stage");
      if (isStage && (*kernel)["stage"] > 0 && next > 0) {
        traced.push_back(static_cast<int>(next) - 1);
        continue;
      }
      traced.push_back(static_cast<int>(next++));
      number.push_back(static_cast<int>(traced.size()) - 1);
      const std::string name =
          isStage ? (*kernel)["kernel"].get<std::string>() : step.kernel;
      if (next > trace.steps.size() || trace.steps[next - 1].kernel != name)
        throw values::Failure(trace.model,
                              "the module has other steps than its schedule");
    }
    if (next != trace.steps.size())
      throw values::Failure(trace.model,
                            "the module has fewer steps than its schedule");
    executions.assign(info.steps().size(), 0);
    for (int step : info.order(example.symbols, size_t(1) << 24))
      executions[step] += 1;
  }

  /// Those of the model, without the terms of formulas.
  Json listSymbols() const {
    Json result = Json::object();
    for (const auto &[name, size] : example.symbols)
      if (name.front() != '%')
        result[name] = size;
    return result;
  }

  Json makeMachine() const {
    Json result = describeMachine(example.machine);
    result["source"] = example.machineSource;
    return result;
  }

  Json makeTarget() const {
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

  std::string makeLayout(const StepInfo &step, const TracedStep &from) const {
    std::string layout = from.layout;
    const nlohmann::json &kernel = info.kernels()[step.kernelIndex];
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

  Json makeStep(size_t i) {
    const StepInfo &step = info.steps()[i];
    Work work = WorkInfo::evaluate(step, example.symbols);
    Json result = {{"index", i}, {"kind", step.kind}, {"kernel", step.kernel}};
    if (target != "cpu") {
      std::string why = explainHost(step);
      result["runs_on"] = why.empty() ? target : "host";
      if (!why.empty())
        result["why_host"] = why;
    }
    if (traced[i] >= 0) {
      const TracedStep &from = trace.steps[traced[i]];
      result["group"] = from.kind;
      if (step.kind == "kernel") {
        const nlohmann::json &kernel = info.kernels()[step.kernelIndex];
        result["generator"] = kernel.value("generator", "");
        result["layout"] = makeLayout(step, from);
        result["precision"] = {
            {"operands", kernel.value("operands", nlohmann::json::array())},
            {"results", kernel.value("results", nlohmann::json::array())},
            {"accumulator", kernel.value("accumulator", nlohmann::json())},
            {"products", kernel.value("products", nlohmann::json())}};
      }
      result["nodes"] = Json::array();
      for (const Member &member : from.members)
        result["nodes"].push_back(
            {{"node", member.node}, {"role", member.role}});
      result["producers"] = Json::array();
      for (int producer : from.producers)
        result["producers"].push_back(number[producer]);
    } else {
      result["nodes"] = Json::array();
      result["producers"] = Json::array();
    }
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
    return result;
  }

  /// Why a step of a device's plan runs on the host; empty where it does not.
  std::string explainHost(const StepInfo &step) const {
    if (step.kind == "host")
      return "a call of the runtime";
    const nlohmann::json *kernel = getKernel(step);
    return step.onHost ? kernel->value("why_host", "it has no form there") : "";
  }

  static Json makeNode(const TracedNode &node, const std::vector<int> &steps) {
    return {{"graph", node.graph},     {"name", node.name},
            {"op", node.op},           {"inputs", node.inputs},
            {"outputs", node.outputs}, {"state", getStateName(node.state)},
            {"why", node.why},         {"steps", steps}};
  }
  Json makeNode(const TracedNode &node) const {
    std::vector<int> steps;
    steps.reserve(node.steps.size());
    TracedNode told = node;
    for (int step : node.steps) {
      steps.push_back(number[step]);
      const StepInfo &place = info.steps()[static_cast<size_t>(number[step])];
      if (place.onHost && told.why.find("; on the host") == std::string::npos)
        told.why += "; on the host: " + explainHost(place);
    }
    return makeNode(told, steps);
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
    for (const TracedNode &node : trace.nodes) {
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
  const WorkInfo &info;
  const runtime::Module &module;
  std::string target;
  const Example &example;
  std::vector<int> traced; // by the module's step: the trace's, -1 for a copy
  std::vector<int> number; // the other way
  std::vector<int64_t> executions;
  Work total;
  double predictedSeconds = 0;
};

} // namespace

Json makeReport(const Trace &trace, const WorkInfo &info,
                const runtime::Module &module, const std::string &target,
                const Example &example) {
  return ReportBuilder(trace, info, module, target, example).build();
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
