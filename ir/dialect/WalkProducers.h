// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a value is computed from. Recursion over operands would look at a value
// once for each path to it: 2^n times in a chain of n ops that read twice.

#ifndef DL_IR_DIALECT_WALKPRODUCERS_H
#define DL_IR_DIALECT_WALKPRODUCERS_H

#include "mlir/IR/Value.h"
#include "mlir/IR/Visitors.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::dl {

/// Calls `visit` with a value, then with the operands of the op that makes it,
/// and so on, nearer ones first and each once, however many ops read it. Where
/// `visit` skips, it is not called with what lies behind the value for that
/// value's sake; where it interrupts, the walk ends, and says so.
WalkResult walkProducers(Value value,
                         llvm::function_ref<WalkResult(Value)> visit);

} // namespace mlir::dl

#endif // DL_IR_DIALECT_WALKPRODUCERS_H
