// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/WinogradTransform.h"
#include "ir/dialect/Winograd.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;
using namespace mlir::dl::winograd;

/// sum + factor * value; a null sum is zero.
static Value combine(ElementEmitter &emitter, Value sum, double factor,
                     Value value) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  if (factor == 0)
    return sum;
  VectorType type = emitter.vectorType(builder.getF32Type());
  auto constant = [&](double number) -> Value {
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(type, static_cast<float>(number)));
  };
  if (!sum)
    return factor == 1 ? value
                       : Value(arith::MulFOp::create(builder, loc, value,
                                                     constant(factor)));
  if (factor == 1)
    return arith::AddFOp::create(builder, loc, sum, value);
  if (factor == -1)
    return arith::SubFOp::create(builder, loc, sum, value);
  return vector::FMAOp::create(builder, loc, value, constant(factor), sum);
}

/// The matrix times the inputs. Neighbouring columns that are equal but for
/// signs are added and subtracted first, and of two such rows the common parts
/// computed once: all of these matrices consist of such pairs.
template <size_t Rows, size_t Columns>
static SmallVector<Value>
apply(ElementEmitter &emitter,
      const std::array<std::array<double, Columns>, Rows> &matrix,
      ArrayRef<Value> inputs) {
  // Inputs as sums and differences, with one coefficient for each row.
  SmallVector<std::pair<Value, std::array<double, Rows>>> terms;
  auto column = [&](size_t j) {
    std::array<double, Rows> result;
    for (size_t i = 0; i < Rows; ++i)
      result[i] = matrix[i][j];
    return result;
  };
  for (size_t j = 0; j < Columns; ++j) {
    bool isPair = j + 1 < Columns;
    std::array<double, Rows> even = column(j), odd = even;
    bool differs = false;
    for (size_t i = 0; isPair && i < Rows; ++i) {
      double a = matrix[i][j], b = matrix[i][j + 1];
      isPair = a == b || a == -b;
      (a == b ? odd : even)[i] = 0;
      differs |= a != b;
    }
    if (!isPair || !differs) {
      terms.push_back({inputs[j], column(j)});
      continue;
    }
    terms.push_back({combine(emitter, inputs[j], 1, inputs[j + 1]), even});
    terms.push_back({combine(emitter, inputs[j], -1, inputs[j + 1]), odd});
    ++j;
  }
  SmallVector<Value> results;
  for (size_t i = 0; i < Rows; ++i) {
    bool isPair = i + 1 < Rows;
    for (auto &[value, factors] : terms)
      isPair = isPair && std::abs(factors[i]) == std::abs(factors[i + 1]);
    Value same, opposite;
    for (auto &[value, factors] : terms) {
      bool flips = isPair && factors[i] != factors[i + 1];
      Value &part = flips ? opposite : same;
      part = combine(emitter, part, factors[i], value);
    }
    if (!isPair || !opposite || !same) {
      results.push_back(same ? same : opposite);
      if (isPair && (opposite || same)) {
        // Two rows that are equal, or each other's negative.
        Value other = same ? same : combine(emitter, Value(), -1, opposite);
        results.push_back(other);
        ++i;
      }
      continue;
    }
    results.push_back(combine(emitter, same, 1, opposite));
    results.push_back(combine(emitter, same, -1, opposite));
    ++i;
  }
  return results;
}

SmallVector<Value>
mlir::dl::cpu::transformWinogradInputs(ElementEmitter &emitter,
                                       ArrayRef<Value> inputs) {
  return apply(emitter, kInput, inputs);
}

SmallVector<Value>
mlir::dl::cpu::transformWinogradResults(ElementEmitter &emitter, int64_t taps,
                                        ArrayRef<Value> products) {
  return taps == 2 ? apply(emitter, kResult2, products)
                   : apply(emitter, kResult3, products);
}
