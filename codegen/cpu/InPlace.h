// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_CODEGEN_CPU_INPLACE_H
#define DL_CODEGEN_CPU_INPLACE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::dl::cpu {

/// For each result of a kernel on tensors, an input whose memory it may take,
/// or -1: one of the same type of which the kernel reads an element only to
/// compute the elements of results at the same position, so that it is read
/// before it is overwritten. Then, as often as any result has another choice,
/// as many again. Among the first ones, no two results share an input; none may
/// in the end.
SmallVector<int64_t> findInPlaceInputs(func::FuncOp source);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_INPLACE_H
