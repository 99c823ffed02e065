// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ops on derivatives, apart from the others: what differentiates removes them.

#ifndef DL_IR_DIALECT_DERIVATIVEOPS_H
#define DL_IR_DIALECT_DERIVATIVEOPS_H

#include "ir/dialect/Dialect.h"

#define GET_OP_CLASSES
#include "ir/dialect/DerivativeOps.h.inc"

#endif // DL_IR_DIALECT_DERIVATIVEOPS_H
