// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/ProductTimes.h"

#include <algorithm>
#include <filesystem>

namespace dl::tools {

TracedModule compileTraced(CompileOptions options, const std::string &model,
                           const std::string &path) {
  TracedModule result{path, {}};
  options.trace = &result.trace;
  std::filesystem::rename(compileModel(options, model), path);
  return result;
}

static bool isProduct(const TracedNode &node,
                      const frontend::ProductSite &product) {
  return node.name == product.name ||
         std::find(node.outputs.begin(), node.outputs.end(), product.output) !=
             node.outputs.end();
}

/// Whether a step does nothing but quantize.
static bool onlyQuantizes(const Trace &trace, const TracedStep &step) {
  return !step.members.empty() &&
         std::all_of(step.members.begin(), step.members.end(),
                     [&](const Member &member) {
                       const std::string &op = trace.nodes[member.node].op;
                       return op == "QuantizeLinear" ||
                              op == "DequantizeLinear" ||
                              op == "DynamicQuantizeLinear";
                     });
}

/// The product's number that each step of a run counts for, as text; empty
/// where the run has other steps than the trace.
static std::vector<std::string>
getKeys(const Trace &trace, const Contestant &contestant,
        const std::vector<frontend::ProductSite> &products) {
  const TracedEntry &entry = trace.entries.front();
  std::vector<std::string> keys(entry.steps.size());
  if (contestant.kernels().size() != keys.size())
    return {};
  for (size_t s = 0; s < keys.size(); ++s)
    if (contestant.kernels()[s] != entry.steps[s].kernel)
      return {};
  for (size_t p = 0; p < products.size(); ++p)
    for (size_t n = 0; n < trace.nodes.size(); ++n) {
      const NodeOutcome &node = entry.nodes[n];
      if (node.state != NodeState::Kernel ||
          !isProduct(trace.nodes[n], products[p]))
        continue;
      for (int step : node.steps) {
        keys[step] = std::to_string(p);
        for (int producer : entry.steps[step].producers)
          if (onlyQuantizes(trace, entry.steps[producer]))
            keys[producer] = std::to_string(p);
      }
    }
  return keys;
}

std::map<size_t, Comparison>
compareProducts(const TracedModule &plain, const TracedModule &quantized,
                const std::vector<frontend::ProductSite> &products) {
  constexpr double kLimit = 4;
  Contestant first(plain.path, 0), second(quantized.path, 0);
  auto ofFirst = getKeys(plain.trace, first, products),
       ofSecond = getKeys(quantized.trace, second, products);
  std::map<size_t, Comparison> result;
  if (ofFirst.empty() || ofSecond.empty())
    return result;
  for (const auto &[key, times] :
       compareSteps(first, second, chooseRounds(first.run(1), kLimit), ofFirst,
                    ofSecond))
    if (times.first > 0 && times.second > 0)
      result[std::stoul(key)] = times;
  return result;
}

std::vector<size_t> findLosing(const std::map<size_t, Comparison> &times,
                               const std::function<bool(size_t)> &isLarge) {
  std::vector<size_t> losing;
  for (const auto &[product, comparison] : times)
    if (!comparison.isBelow(1) &&
        (!isLarge(product) || judge(comparison.turns, 1) == Verdict::NotLess))
      losing.push_back(product);
  auto getLoss = [&](size_t product) {
    return times.at(product).second - times.at(product).first;
  };
  std::sort(losing.begin(), losing.end(), [&](size_t a, size_t b) {
    return std::pair(getLoss(b), a) < std::pair(getLoss(a), b);
  });
  return losing;
}

} // namespace dl::tools
