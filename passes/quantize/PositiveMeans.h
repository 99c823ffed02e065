// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which values' elements have a mean above zero.

#ifndef DL_PASSES_QUANTIZE_POSITIVEMEANS_H
#define DL_PASSES_QUANTIZE_POSITIVEMEANS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <array>

namespace mlir::dl {

/// What the ops of a function say about the means of its values, without
/// running it. A value that nothing is known of is taken to be distributed
/// normally about zero, as after a normalization; what elementwise ops make of
/// one such value (a rectifier, GELU, SiLU, a clip) is computed at points of
/// that distribution. Sums, products, maxima, pooling and what moves elements
/// follow from their operands' signs.
class PositiveMeans {
public:
  /// Reads the function as it is; later changes to it are not seen.
  explicit PositiveMeans(func::FuncOp function);

  /// Whether the mean is clearly above zero, in terms of the values' spread.
  bool isPositive(Value value) const;

private:
  /// In ascending order of what is known.
  enum class Sign { Unknown, PositiveMean, NonNegative };

  static constexpr int kPoints = 32;
  struct Samples {
    Value base; // that this is a function of; none for a number
    std::array<double, kPoints> values;
  };

  void visit(Operation *op);
  void visitConstant(Operation *op);
  std::optional<Samples> evaluate(Operation *op) const;
  Sign combine(Operation *op) const;
  Samples getSamples(Value value) const;
  Sign getSign(Value value) const;

  static double getPoint(int i);
  static Samples distribute(Value base, Sign sign);
  static Sign getSign(const Samples &samples);

  DenseMap<Value, Samples> known;
  DenseMap<Value, double> scales; // means of constants
};

} // namespace mlir::dl

#endif // DL_PASSES_QUANTIZE_POSITIVEMEANS_H
