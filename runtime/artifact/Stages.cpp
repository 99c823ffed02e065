// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Stages.h"

#include "runtime/artifact/module_generated.h"

#include <algorithm>
#include <string>

namespace dlrt {
namespace {

Status bad(const std::string &message) {
  return {Code::BadModule, "module header: " + message};
}

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

} // namespace

Status findStages(const fb::Entry &entry, const fb::Plan &plan,
                  PlanStages &stages) {
  uint32_t symbols = count(entry.symbols());
  constexpr uint32_t kUnbound = ~uint32_t(0);
  std::vector<uint32_t> bound(symbols, 0);
  bool late = false;
  for (uint32_t s = 0; s < symbols; ++s)
    if (entry.symbols()->Get(s)->input() == -1) {
      bound[s] = kUnbound;
      late = true;
    }
  for (uint32_t i = 0; i < count(plan.steps()); ++i) {
    const fb::Step *step = plan.steps()->Get(i);
    const fb::Bind *bind = step->action_as_Bind();
    const fb::Perform *perform = step->action_as_Perform();
    if (!bind && !perform)
      continue;
    stages.begins.push_back({bind, perform, i, {}});
    const auto *given = bind ? bind->symbols() : perform->symbols();
    for (uint32_t k = 0; k < count(given); ++k) {
      int32_t symbol = given->Get(k);
      if (symbol < 0 || static_cast<uint32_t>(symbol) >= symbols ||
          bound[static_cast<size_t>(symbol)] != kUnbound)
        return bad("step " + std::to_string(i) +
                   " binds a symbol that has a value");
      bound[static_cast<size_t>(symbol)] =
          static_cast<uint32_t>(stages.begins.size());
      stages.begins.back().symbols.push_back(static_cast<uint32_t>(symbol));
    }
  }
  if (late && std::find(bound.begin(), bound.end(), kUnbound) != bound.end())
    return bad("a symbol is bound to no dimension and by no step");
  if (stages.begins.empty())
    return {};
  stages.formulas.reserve(count(entry.exprs()));
  if (entry.exprs())
    for (const fb::Expr *expr : *entry.exprs()) {
      uint32_t stage = 0;
      if (expr->op() == fb::ExprOp_Symbol)
        stage = bound[static_cast<size_t>(expr->a())];
      else if (expr->op() != fb::ExprOp_Const)
        stage = std::max(stages.formulas[static_cast<size_t>(expr->a())],
                         stages.formulas[static_cast<size_t>(expr->b())]);
      stages.formulas.push_back(stage);
    }
  return {};
}

} // namespace dlrt
