// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The meaning of elementwise ops at one element, for folding and the reference.

#ifndef DL_IR_OPS_SCALARS_H
#define DL_IR_OPS_SCALARS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"
#include <functional>

namespace mlir::dl {

/// An op on floats: takes each operand's element as a double, which holds every
/// element type of at most 64 bits exactly, and gives the result, which is to
/// be rounded once to the element type; 0 or 1 where the op answers a question.
using FloatFunction = std::function<double(const double *operands)>;

/// The function of an elementwise op with operands of floats; empty for other
/// ops.
FloatFunction getFloatFunction(Operation *op);

/// An op on integers: takes elements extended to 64 bits by their signedness
/// (bool is 0 or 1); the result's low bits are the element.
using IntFunction = std::function<int64_t(const int64_t *operands)>;

/// The function of an elementwise op with operands of integers; empty for
/// others.
IntFunction getIntFunction(Operation *op, bool isUnsigned);

/// Whether integers of this type are extended with zeros: unsigned ones and
/// bool.
bool isUnsignedElement(Type elementType);

/// `value` rounded to nearest, ties to even. With `saturate`, what an 8-bit
/// float cannot hold becomes its largest value.
llvm::APFloat roundToFloat(double value, const llvm::fltSemantics &semantics,
                           bool saturate = false);

/// The integer of `width` bits that `value` truncates to: of those narrower
/// than 32 bits, the low bits of one of 32. The nearest one where that is out
/// of range; 0 for NaN. To bool: whether `value` is not zero.
llvm::APInt truncateToInt(double value, unsigned width, bool isUnsigned);

} // namespace mlir::dl

#endif // DL_IR_OPS_SCALARS_H
