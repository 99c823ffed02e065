// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Formulas.h"

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/module_generated.h"

#include <algorithm>

namespace dlrt {
namespace {

bool evaluate(const fb::Expr &expr, const int64_t *symbols,
              const int64_t *values, int64_t &result) {
  switch (expr.op()) {
  case fb::ExprOp_Const:
    result = expr.value();
    return true;
  case fb::ExprOp_Symbol:
    result = symbols[expr.a()];
    return true;
  default:
    break;
  }
  int64_t a = values[expr.a()], b = values[expr.b()];
  switch (expr.op()) {
  case fb::ExprOp_Add:
    return checkedAdd(a, b, result);
  case fb::ExprOp_Sub:
    return checkedSub(a, b, result);
  case fb::ExprOp_Mul:
    return checkedMul(a, b, result);
  case fb::ExprOp_Min:
    result = std::min(a, b);
    return true;
  case fb::ExprOp_Max:
    result = std::max(a, b);
    return true;
  default:
    break;
  }
  if (b <= 0)
    return false;
  // C++ rounds to zero: correct downwards or upwards by the remainder's sign.
  int64_t quotient = a / b, remainder = a % b;
  switch (expr.op()) {
  case fb::ExprOp_FloorDiv:
    result = quotient - (remainder < 0);
    return true;
  case fb::ExprOp_CeilDiv:
    result = quotient + (remainder > 0);
    return true;
  default: // Mod
    result = remainder + (remainder < 0 ? b : 0);
    return true;
  }
}

const char *operatorText(fb::ExprOp op) {
  switch (op) {
  case fb::ExprOp_Add:
    return " + ";
  case fb::ExprOp_Sub:
    return " - ";
  case fb::ExprOp_Mul:
    return " * ";
  case fb::ExprOp_FloorDiv:
    return " floordiv ";
  case fb::ExprOp_CeilDiv:
    return " ceildiv ";
  case fb::ExprOp_Mod:
    return " mod ";
  default:
    return ", ";
  }
}

/// How tightly an operator binds; operands that bind less get parentheses.
int precedence(fb::ExprOp op) {
  switch (op) {
  case fb::ExprOp_Add:
  case fb::ExprOp_Sub:
    return 1;
  case fb::ExprOp_Mul:
    return 2;
  case fb::ExprOp_FloorDiv:
  case fb::ExprOp_CeilDiv:
  case fb::ExprOp_Mod:
    return 3;
  default:
    return 4;
  }
}

/// Formulas share operands, so that their text can grow exponentially, and may
/// have as many in one another as a file has.
constexpr size_t kMaxText = 200;
constexpr int kMaxDepth = 100;

void print(const fb::Entry &entry, int32_t index, int outer, std::string &text,
           int depth) {
  if (text.size() > kMaxText)
    return;
  const fb::Expr &expr = *entry.exprs()->Get(static_cast<uint32_t>(index));
  if (expr.op() == fb::ExprOp_Const) {
    text += std::to_string(expr.value());
    return;
  }
  if (expr.op() == fb::ExprOp_Symbol) {
    text +=
        entry.symbols()->Get(static_cast<uint32_t>(expr.a()))->name()->str();
    return;
  }
  if (depth > kMaxDepth) {
    text += "..";
    return;
  }
  bool call = expr.op() == fb::ExprOp_Min || expr.op() == fb::ExprOp_Max;
  int own = precedence(expr.op());
  bool enclose = !call && own < outer;
  if (call)
    text += expr.op() == fb::ExprOp_Min ? "min" : "max";
  text += call || enclose ? "(" : "";
  // The right operand of all but + and * needs parentheses at the same level,
  // and divisions never chain.
  bool associates = expr.op() == fb::ExprOp_Add || expr.op() == fb::ExprOp_Mul;
  print(entry, expr.a(), call ? 0 : own == 3 ? 4 : own, text, depth + 1);
  text += operatorText(expr.op());
  print(entry, expr.b(),
        call         ? 0
        : associates ? own
                     : own + 1,
        text, depth + 1);
  text += call || enclose ? ")" : "";
}

} // namespace

Status evaluateFormulas(const fb::Entry &entry, const int64_t *symbols,
                        int64_t *values) {
  return evaluateFormulas(entry, symbols, nullptr, 0, values);
}

Status evaluateFormulas(const fb::Entry &entry, const int64_t *symbols,
                        const uint32_t *stages, uint32_t stage,
                        int64_t *values) {
  if (!entry.exprs())
    return {};
  int32_t index = -1;
  for (const fb::Expr *expr : *entry.exprs()) {
    ++index;
    if (stages && stages[index] != stage)
      continue;
    if (!evaluate(*expr, symbols, values, values[index]))
      return {Code::Mismatch,
              std::string(stage == 0 ? "these input shapes"
                                     : "sizes that the run has found") +
                  " are out of range: " + formulaText(entry, index) +
                  " overflows or divides by zero"};
  }
  return {};
}

std::string formulaText(const fb::Entry &entry, int32_t index) {
  std::string text;
  print(entry, index, 0, text, 0);
  if (text.size() > kMaxText)
    text = text.substr(0, kMaxText) + "...";
  return text;
}

bool isConstantFormula(const fb::Entry &entry, int32_t index, int64_t &value) {
  const fb::Expr &expr = *entry.exprs()->Get(static_cast<uint32_t>(index));
  value = expr.value();
  return expr.op() == fb::ExprOp_Const;
}

} // namespace dlrt
