// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Maps, which stand at a function's border alone: to the function, they are
// tensors.

#ifndef DL_IR_DIALECT_MAPS_H
#define DL_IR_DIALECT_MAPS_H

#include "llvm/ADT/StringRef.h"

namespace mlir::dl {

/// Function attribute with the inputs that are maps: an i64 array of the
/// numbers of arguments that have a map's keys (i64 or strings, of rank 1),
/// each of which is followed by one with its values, of the same shape.
constexpr llvm::StringLiteral kInputMapsAttr = "dl.input_maps";

/// Function attribute with the keys of outputs that are sequences of maps: each
/// row of such a matrix of f32 has the values of a map. For each output an
/// array of strings or of i64, or unit where it is no such sequence.
constexpr llvm::StringLiteral kOutputKeysAttr = "dl.output_keys";

} // namespace mlir::dl

#endif // DL_IR_DIALECT_MAPS_H
