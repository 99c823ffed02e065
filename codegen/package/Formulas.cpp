// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Formulas.h"
#include <limits>
#include <numeric>
#include <utility>

using namespace dl::package;

/// `a op b`; nothing on overflow and on division by a value that is not
/// positive.
static std::optional<int64_t> apply(FormulaOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
  case FormulaOp::Add:
    return __builtin_add_overflow(a, b, &result) ? std::nullopt
                                                 : std::optional(result);
  case FormulaOp::Sub:
    return __builtin_sub_overflow(a, b, &result) ? std::nullopt
                                                 : std::optional(result);
  case FormulaOp::Mul:
    return __builtin_mul_overflow(a, b, &result) ? std::nullopt
                                                 : std::optional(result);
  case FormulaOp::FloorDiv:
  case FormulaOp::CeilDiv:
  case FormulaOp::Mod: {
    if (b <= 0)
      return std::nullopt;
    int64_t quotient = a / b, remainder = a % b;
    if (remainder < 0) {
      --quotient;
      remainder += b;
    }
    if (op == FormulaOp::Mod)
      return remainder;
    return quotient + (op == FormulaOp::CeilDiv && remainder != 0);
  }
  case FormulaOp::Min:
    return std::min(a, b);
  case FormulaOp::Max:
    return std::max(a, b);
  case FormulaOp::Const:
  case FormulaOp::Symbol:
    break;
  }
  return std::nullopt;
}

FormulaId Formulas::insert(Node node) {
  auto [it, inserted] = ids.try_emplace({node.op, node.a, node.b, node.value},
                                        static_cast<FormulaId>(nodes.size()));
  if (inserted)
    nodes.push_back(node);
  return it->second;
}

FormulaId Formulas::constant(int64_t value) {
  return insert({FormulaOp::Const, 0, 0, value});
}

FormulaId Formulas::symbol(int32_t number) {
  return insert({FormulaOp::Symbol, number, 0, 0});
}

std::optional<int64_t> Formulas::getConstant(FormulaId id) const {
  if (nodes[id].op == FormulaOp::Const)
    return nodes[id].value;
  return std::nullopt;
}

std::pair<FormulaId, int64_t> Formulas::split(FormulaId a) const {
  const Node &node = nodes[a];
  if (node.op == FormulaOp::Const)
    return {kNoFormula, node.value};
  if (node.op == FormulaOp::Mul && nodes[node.b].op == FormulaOp::Const)
    return {node.a, nodes[node.b].value};
  return {a, 1};
}

FormulaId Formulas::add(FormulaId a, FormulaId b) {
  auto [baseA, factorA] = split(a);
  auto [baseB, factorB] = split(b);
  if (baseA == kNoFormula && baseB == kNoFormula) {
    if (auto sum = apply(FormulaOp::Add, factorA, factorB))
      return constant(*sum);
    return insert({FormulaOp::Add, a, b, 0});
  }
  if (baseA == kNoFormula)
    return add(b, a);
  if (baseB == kNoFormula && factorB == 0)
    return a;
  if (baseA == baseB)
    if (auto sum = apply(FormulaOp::Add, factorA, factorB))
      return scale(baseA, *sum);
  // (x + c) + d: constants come together.
  const Node node = nodes[a];
  if (baseB == kNoFormula && node.op == FormulaOp::Add)
    if (auto constantA = getConstant(node.b))
      if (auto sum = apply(FormulaOp::Add, *constantA, factorB))
        return add(node.a, constant(*sum));
  int64_t common = std::numeric_limits<int64_t>::min();
  if (factorA != common && factorB != common)
    if ((common = std::gcd(factorA, factorB)) > 1) {
      FormulaId right = baseB == kNoFormula ? constant(factorB / common)
                                            : scale(baseB, factorB / common);
      return scale(add(scale(baseA, factorA / common), right), common);
    }
  // A constant stands on the right, other operands in the order of the table.
  if (baseB != kNoFormula && a > b)
    std::swap(a, b);
  return insert({FormulaOp::Add, a, b, 0});
}

FormulaId Formulas::mul(FormulaId a, FormulaId b) {
  auto [baseA, factorA] = split(a);
  auto [baseB, factorB] = split(b);
  auto factor = apply(FormulaOp::Mul, factorA, factorB);
  if (!factor)
    return insert({FormulaOp::Mul, a, b, 0});
  if (*factor == 0)
    return constant(0);
  if (baseA == kNoFormula && baseB == kNoFormula)
    return constant(*factor);
  FormulaId base = baseA == kNoFormula ? baseB
                   : baseB == kNoFormula
                       ? baseA
                       : insert({FormulaOp::Mul, std::min(baseA, baseB),
                                 std::max(baseA, baseB), 0});
  if (*factor == 1)
    return base;
  return insert({FormulaOp::Mul, base, constant(*factor), 0});
}

bool Formulas::isMultipleOf(FormulaId id, int64_t divisor) const {
  const Node &node = nodes[id];
  switch (node.op) {
  case FormulaOp::Const:
    return node.value % divisor == 0;
  case FormulaOp::Mul: {
    auto [base, factor] = split(id);
    int64_t rest = divisor / std::gcd(divisor, factor);
    return rest == 1 || (base != id && isMultipleOf(base, rest));
  }
  case FormulaOp::Add:
  case FormulaOp::Sub:
  case FormulaOp::Min:
  case FormulaOp::Max:
    return isMultipleOf(node.a, divisor) && isMultipleOf(node.b, divisor);
  default:
    return divisor == 1;
  }
}

FormulaId Formulas::divide(FormulaOp op, FormulaId a, FormulaId b) {
  auto constantA = getConstant(a), constantB = getConstant(b);
  if (constantA && constantB)
    if (auto result = apply(op, *constantA, *constantB))
      return constant(*result);
  if (constantB && *constantB > 0) {
    auto [base, factor] = split(a);
    if (factor % *constantB == 0)
      return op == FormulaOp::Mod ? constant(0)
                                  : scale(base, factor / *constantB);
  }
  return insert({op, a, b, 0});
}

FormulaId Formulas::floorDiv(FormulaId a, FormulaId b) {
  return divide(FormulaOp::FloorDiv, a, b);
}
FormulaId Formulas::addOffsets(FormulaId a, FormulaId b) {
  if (a == kNoFormula || b == kNoFormula)
    return a == kNoFormula ? b : a;
  FormulaId sum = add(a, b);
  return getConstant(sum) == 0 ? kNoFormula : sum;
}

FormulaId Formulas::ceilDiv(FormulaId a, FormulaId b) {
  return divide(FormulaOp::CeilDiv, a, b);
}
FormulaId Formulas::mod(FormulaId a, FormulaId b) {
  return divide(FormulaOp::Mod, a, b);
}

FormulaId Formulas::maxSize(FormulaId a, FormulaId b) {
  if (a == b)
    return a;
  auto [baseA, factorA] = split(a);
  auto [baseB, factorB] = split(b);
  if (baseA == baseB)
    return factorA < factorB ? b : a;
  if (baseA == kNoFormula && factorA <= 0)
    return b;
  if (baseB == kNoFormula && factorB <= 0)
    return a;
  return insert({FormulaOp::Max, std::min(a, b), std::max(a, b), 0});
}

FormulaId Formulas::minSize(FormulaId a, FormulaId b) {
  FormulaId larger = maxSize(a, b);
  if (larger == a || larger == b)
    return larger == a ? b : a;
  return insert({FormulaOp::Min, std::min(a, b), std::max(a, b), 0});
}

FormulaId Formulas::roundUp(FormulaId a, int64_t multiple) {
  if (isMultipleOf(a, multiple))
    return a;
  return scale(ceilDiv(a, constant(multiple)), multiple);
}

std::optional<std::vector<int64_t>>
Formulas::evaluate(const std::vector<int64_t> &symbols) const {
  std::vector<int64_t> values;
  values.reserve(nodes.size());
  for (const Node &node : nodes) {
    if (node.op == FormulaOp::Const) {
      values.push_back(node.value);
    } else if (node.op == FormulaOp::Symbol) {
      values.push_back(symbols[node.a]);
    } else {
      auto value = apply(node.op, values[node.a], values[node.b]);
      if (!value)
        return std::nullopt;
      values.push_back(*value);
    }
  }
  return values;
}

std::string Formulas::print(FormulaId id) const {
  if (id == kNoFormula)
    return "none";
  const Node &node = nodes[id];
  auto infix = [&](const char *name) {
    return "(" + print(node.a) + name + print(node.b) + ")";
  };
  switch (node.op) {
  case FormulaOp::Const:
    return std::to_string(node.value);
  case FormulaOp::Symbol:
    return "s" + std::to_string(node.a);
  case FormulaOp::Add:
    return infix(" + ");
  case FormulaOp::Sub:
    return infix(" - ");
  case FormulaOp::Mul:
    return print(node.a) + "*" + print(node.b);
  case FormulaOp::FloorDiv:
    return infix(" floordiv ");
  case FormulaOp::CeilDiv:
    return infix(" ceildiv ");
  case FormulaOp::Mod:
    return infix(" mod ");
  case FormulaOp::Min:
    return "min(" + print(node.a) + ", " + print(node.b) + ")";
  case FormulaOp::Max:
    return "max(" + print(node.a) + ", " + print(node.b) + ")";
  }
  return "";
}
