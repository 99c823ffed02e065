// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Values that stand for 8-bit integers with a scale and a zero point.

#ifndef DL_PASSES_QUANTIZE_QUANTIZEDVALUE_H
#define DL_PASSES_QUANTIZE_QUANTIZEDVALUE_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// A scale or a zero point: one number, or one for each position along a
/// dimension of what it belongs to.
struct Parameter {
  Value value;                 // one number that a run finds; null: constant
  SmallVector<double> numbers; // of a constant
  int64_t axis = -1;           // -1: one number

  bool isZero() const {
    return !value && llvm::all_of(numbers, [](double v) { return v == 0; });
  }
  /// A tensor of `element` that broadcasts with one of rank `rank`, along its
  /// dimension `dim`.
  Value materialize(OpBuilder &builder, Location loc, Type element,
                    int64_t rank, int64_t dim) const;
};

/// A value `(integers - zeroPoint) * scale`, moved by `movement`, transposes
/// and reshapes, the last one first. The parameters' axis is that of the moved
/// value.
struct QuantizedValue {
  Value integers; // of i8 or ui8
  Parameter zeroPoint, scale;
  SmallVector<Operation *> movement;
  /// The dimension of `integers` that the parameters' axis, or any other
  /// dimension of the value, comes from; -1 if from none alone.
  int64_t getSource(int64_t dim) const;
  /// The moved integers.
  Value move(OpBuilder &builder, Value integers) const;
};

/// The value as one of these, if it is one of f32; of i32, without a scale
/// (1). Scales are positive.
std::optional<QuantizedValue> matchQuantized(Value value);

/// Likewise a value `floats * scale` of f32, of 8-bit floats that tensor cores
/// multiply (e4m3, e5m2): `integers` are these.
std::optional<QuantizedValue> matchFloat8(Value value);

/// Calls one or the other with each product and each convolution that a
/// function has now; they may replace it, and add others.
void forEachProduct(func::FuncOp function,
                    function_ref<void(MatmulOp)> convertMatmul,
                    function_ref<void(ConvOp)> convertConv);

/// The elements of a constant, be it reshaped; nothing for others, and for
/// more than `most`.
std::optional<SmallVector<double>> readNumbers(Value value, int64_t most);

} // namespace mlir::dl

#endif // DL_PASSES_QUANTIZE_QUANTIZEDVALUE_H
