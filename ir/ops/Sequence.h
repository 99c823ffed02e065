// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifiers of sequences and of control flow share.

#ifndef DL_IR_OPS_SEQUENCE_H
#define DL_IR_OPS_SEQUENCE_H

#include "ir/ops/Inference.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::dl {

/// Fails unless the symbols differ and each is a dimension of one of the types.
/// `label` names the constraint.
LogicalResult checkBoundSymbols(const Reporter &report, StringRef label,
                                ArrayRef<int64_t> symbols, TypeRange types);

} // namespace mlir::dl

#endif // DL_IR_OPS_SEQUENCE_H
