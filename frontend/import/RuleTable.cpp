// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Rules.h"
#include "llvm/ADT/STLExtras.h"

using namespace dl::frontend;
using llvm::StringRef;

/// One key for a domain and an operator.
static std::string getKey(StringRef domain, StringRef op) {
  return (domain + ":" + op).str();
}

void RuleTable::add(StringRef domain, StringRef op, int sinceOpset,
                    ImportRule rule) {
  rules[getKey(domain, op)].push_back({sinceOpset, rule});
}

ImportRule RuleTable::find(StringRef domain, StringRef op,
                           int64_t opset) const {
  auto versions = rules.find(getKey(domain, op));
  if (versions == rules.end())
    return nullptr;
  int best = 0;
  ImportRule rule = nullptr;
  for (auto [since, candidate] : versions->second)
    if (since <= opset && since > best) {
      best = since;
      rule = candidate;
    }
  return rule;
}

std::vector<std::string> RuleTable::listOperators(StringRef domain) const {
  std::string prefix = getKey(domain, "");
  std::vector<std::string> operators;
  for (StringRef key : rules.keys())
    if (key.consume_front(prefix))
      operators.push_back(key.str());
  llvm::sort(operators);
  return operators;
}
