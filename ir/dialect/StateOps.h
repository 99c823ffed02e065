// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ops on states, apart from the others: few passes know of them.

#ifndef DL_IR_DIALECT_STATEOPS_H
#define DL_IR_DIALECT_STATEOPS_H

#include "ir/dialect/Dialect.h"

#define GET_OP_CLASSES
#include "ir/dialect/StateOps.h.inc"

#endif // DL_IR_DIALECT_STATEOPS_H
