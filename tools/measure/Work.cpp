// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/Work.h"

#include <algorithm>
#include <stdexcept>

namespace dl::tools {

using Json = nlohmann::json;

Work &Work::operator+=(const Work &other) {
  flops += other.flops;
  parameterBytes += other.parameterBytes;
  readBytes += other.readBytes;
  writtenBytes += other.writtenBytes;
  return *this;
}

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

int64_t evaluateFormula(const Json &formula, const Symbols &symbols) {
  if (formula.is_number())
    return formula;
  if (formula.is_string())
    return symbols.at(formula.get<std::string>());
  std::string op = formula.at(0);
  int64_t a = evaluateFormula(formula.at(1), symbols);
  int64_t b = evaluateFormula(formula.at(2), symbols);
  if (op == "+")
    return a + b;
  if (op == "-")
    return a - b;
  if (op == "*")
    return a * b;
  if (op == "min")
    return std::min(a, b);
  if (op == "max")
    return std::max(a, b);
  if (b <= 0)
    throw std::domain_error("a formula divides by a size that is not positive");
  int64_t quotient = a / b - (a % b < 0);
  if (op == "floordiv")
    return quotient;
  if (op == "ceildiv")
    return quotient + (a != quotient * b);
  if (op == "mod")
    return a - quotient * b;
  throw std::domain_error("a formula has an unknown operator " + op);
}

static std::string print(const Json &formula, int around) {
  if (formula.is_number())
    return std::to_string(formula.get<int64_t>());
  if (formula.is_string())
    return formula;
  std::string op = formula.at(0);
  if (op == "min" || op == "max")
    return op + "(" + print(formula.at(1), 0) + ", " + print(formula.at(2), 0) +
           ")";
  int strength = op == "+" || op == "-" ? 1 : op == "*" ? 2 : 3;
  // A number stands before what it multiplies, as in written formulas.
  bool swaps = op == "*" && formula.at(2).is_number();
  std::string a = print(formula.at(swaps ? 2 : 1), strength);
  std::string b =
      print(formula.at(swaps ? 1 : 2), strength + (op == "-" || strength == 3));
  std::string text = a;
  text += " ";
  text += op;
  text += " ";
  text += b;
  return strength < around ? "(" + text + ")" : text;
}

std::string printFormula(const Json &formula) { return print(formula, 0); }

Symbols findSymbols(const runtime::Session &session,
                    const runtime::Module &module, uint32_t entry) {
  Symbols symbols;
  uint32_t count = dlrt_module_symbol_count(module.get(), entry);
  for (uint32_t i = 0; i < count; ++i) {
    runtime::detail::Sized<dlrt_symbol_info> symbol;
    runtime::detail::check(dlrt_module_symbol, module.get(), entry, i,
                           static_cast<dlrt_symbol_info *>(&symbol));
    symbols[symbol.name] = session.symbol(i);
  }
  return symbols;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

std::optional<WorkInfo> WorkInfo::parse(const std::string &debugInfo,
                                        const std::string &entry,
                                        const std::string &target) {
  WorkInfo result;
  std::string plan = target.substr(0, target.find(':'));
  result.info = Json::parse(debugInfo, nullptr, false);
  // An older compiler noted sources alone.
  if (!result.info.is_object() || !result.info.contains("entries") ||
      !result.info.contains("parameters"))
    return std::nullopt;
  for (const Json &found : result.info["entries"])
    if (found["name"] == entry &&
        (plan.empty() || found.value("target", plan) == plan)) {
      result.terms = found.value("terms", Json::array());
      result.nodes = result.addSteps(found["steps"], -1);
      for (const Json &value : found.value("values", Json::array()))
        result.arena.push_back({value["first"], value["last"], value["bytes"]});
      return result;
    }
  return std::nullopt;
}

std::vector<WorkInfo::Node> WorkInfo::addSteps(const Json &steps, int loop) {
  std::vector<Node> result;
  for (const Json &step : steps) {
    Node node;
    StepInfo found;
    found.kind = step["kind"];
    if (found.kind == "loop") {
      node.count = step["count"];
      int number = loops++;
      node.body = addSteps(step["steps"], number);
      result.push_back(std::move(node));
      continue;
    }
    found.name = step["name"];
    found.kernel =
        found.kind == "host" ? step["function"].get<std::string>() : found.kind;
    if (found.kind == "kernel") {
      found.kernelIndex = step["kernel"];
      const Json &kernel = kernels().at(found.kernelIndex);
      found.kernel = kernel["name"];
      found.onHost = step.value("on_host", false);
      found.products = parseProducts(kernel.value("products", ""));
    }
    found.loop = loop;
    found.flops = step.value("flops", Json());
    found.parameterBytes = step["parameter_bytes"];
    found.readBytes = step["read_bytes"];
    found.writtenBytes = step["written_bytes"];
    node.step = static_cast<int>(list.size());
    list.push_back(std::move(found));
    result.push_back(std::move(node));
  }
  return result;
}

void WorkInfo::addTerms(Symbols &symbols) const {
  for (size_t i = 0; i < terms.size(); ++i)
    symbols["%" + std::to_string(i)] = evaluateFormula(terms[i], symbols);
}

std::set<Products> WorkInfo::products() const {
  std::set<Products> result;
  for (const StepInfo &step : list)
    result.insert(step.products);
  return result;
}

Work WorkInfo::evaluate(const StepInfo &step, const Symbols &symbols) {
  auto value = [&](const Json &formula) {
    return formula.is_null()
               ? 0.0
               : static_cast<double>(evaluateFormula(formula, symbols));
  };
  return {value(step.flops), value(step.parameterBytes), value(step.readBytes),
          value(step.writtenBytes)};
}

void WorkInfo::expand(const std::vector<Node> &nodes, const Symbols &symbols,
                      size_t limit, std::vector<int> &order) {
  for (const Node &node : nodes) {
    if (order.size() >= limit)
      return;
    if (node.step >= 0) {
      order.push_back(node.step);
      continue;
    }
    int64_t count = evaluateFormula(node.count, symbols);
    for (int64_t i = 0; i < count && order.size() < limit; ++i)
      expand(node.body, symbols, limit, order);
  }
}

std::vector<int> WorkInfo::order(const Symbols &symbols, size_t limit) const {
  std::vector<int> result;
  expand(nodes, symbols, limit, result);
  return result;
}

//===----------------------------------------------------------------------===//
// Measured steps
//===----------------------------------------------------------------------===//

nlohmann::ordered_json describeMachine(const MachineLimits &machine) {
  nlohmann::ordered_json result = {{"peak_gflops", machine.flops * 1e-9}};
  if (machine.pairFlops > 0)
    result["bf16_pairs_peak_gflops"] = machine.pairFlops * 1e-9;
  if (machine.tileFlops > 0)
    result["bf16_tiles_peak_gflops"] = machine.tileFlops * 1e-9;
  if (machine.quadOps > 0)
    result["i8_quads_peak_gops"] = machine.quadOps * 1e-9;
  if (machine.byteTileOps > 0)
    result["i8_tiles_peak_gops"] = machine.byteTileOps * 1e-9;
  result["bandwidth_gbytes_per_s"] = machine.bandwidth * 1e-9;
  result["threads"] = machine.threads;
  return result;
}

static double seconds(const dlrt_profile_event &event) {
  return static_cast<double>(event.duration_ns) * 1e-9;
}

/// Whether the events are those of the steps in `order`.
static bool fits(const ProfiledRun &run, const std::vector<int> &order,
                 const WorkInfo &info) {
  if (run.size() > order.size())
    return false;
  for (size_t i = 0; i < run.size(); ++i)
    if (info.steps()[order[i]].kernel != run[i].kernel)
      return false;
  return true;
}

std::vector<MeasuredWork> measureSteps(const std::vector<ProfiledRun> &runs,
                                       const WorkInfo &info,
                                       const Symbols &symbols) {
  std::vector<MeasuredWork> result;
  for (const StepInfo &step : info.steps()) {
    MeasuredWork item;
    item.name = step.name;
    item.knowsFlops = !step.flops.is_null();
    item.knowsBytes = true;
    item.products = step.products;
    result.push_back(std::move(item));
  }
  size_t events = runs.empty() ? size_t(1) << 20 : runs.front().size();
  std::vector<int> order = info.order(symbols, events);
  for (int step : order) {
    result[step].calls += 1;
    result[step].work += WorkInfo::evaluate(info.steps()[step], symbols);
  }
  double count = static_cast<double>(std::max<size_t>(runs.size(), 1));
  for (const ProfiledRun &run : runs) {
    if (!fits(run, order, info))
      continue;
    for (size_t i = 0; i < run.size(); ++i)
      result[order[i]].seconds += seconds(run[i]) / count;
  }
  return result;
}

std::vector<MeasuredWork> measureKernels(const std::vector<ProfiledRun> &runs,
                                         const WorkInfo *info,
                                         const Symbols &symbols) {
  std::vector<int> order;
  if (info && !runs.empty())
    order = info->order(symbols, runs.front().size());
  std::map<std::string, MeasuredWork> kernels;
  double count = static_cast<double>(std::max<size_t>(runs.size(), 1));
  for (const ProfiledRun &run : runs) {
    bool known = info && fits(run, order, *info);
    for (size_t i = 0; i < run.size(); ++i) {
      MeasuredWork &item = kernels[run[i].kernel];
      item.name = run[i].kernel;
      item.seconds += seconds(run[i]) / count;
      item.calls += 1 / count;
      Work work;
      if (known) {
        work = WorkInfo::evaluate(info->steps()[order[i]], symbols);
        item.products = info->steps()[order[i]].products;
      }
      work.flops = std::max(0.0, static_cast<double>(run[i].flops));
      item.knowsFlops |= run[i].flops >= 0;
      item.knowsBytes |= known;
      Work share = {work.flops / count, work.parameterBytes / count,
                    work.readBytes / count, work.writtenBytes / count};
      item.work += share;
    }
  }
  std::vector<MeasuredWork> sorted;
  sorted.reserve(kernels.size());
  for (const auto &kernel : kernels)
    sorted.push_back(kernel.second);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto &a, const auto &b) { return a.seconds > b.seconds; });
  return sorted;
}

} // namespace dl::tools
