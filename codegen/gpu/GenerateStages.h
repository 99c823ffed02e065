// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From kernels on tensors to functions that threads of a GPU run.

#ifndef DL_CODEGEN_GPU_GENERATESTAGES_H
#define DL_CODEGEN_GPU_GENERATESTAGES_H

#include "codegen/gpu/EntryBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace dl::gpucode {

/// Generates a `dl.kernel` function on tensors as stages: functions that are
/// put into `functions`. A kernel's buffers are its tensor arguments, in order,
/// then the temporaries. Arguments of a stage are buffers, then all sizes of
/// the kernel: the dynamic dimensions of the tensor arguments in order, then
/// the index arguments. Any number of workgroups does all elements of a stage.
/// A stage reads what earlier ones have written, and writes one buffer.
///
/// Of the kernel a declaration is left, with the attributes
/// - `dl.stages`: for each, in order, `entry` (its name), `buffers` (which it
///   takes; the last one is written, and completely where it is not among the
///   others), `elements` (how many there are to compute, a map over the sizes
///   as symbols), `workgroup` (how many a workgroup computes at a time),
///   `offsets` (bytes from which on it takes each buffer) where not all are 0,
///   `alignment` (bytes at whose multiples buffers begin) where it is not 1,
///   and, where the target divides loops, `iterations` (the most that loops do
///   in an invocation, missing where that depends on data) and `trips`: the
///   steps of a loop that is divided, of which a dispatch does those from the
///   first of two more sizes to the second, and `iterations` in each;
/// - `dl.temporaries`: the bytes of each, maps over the sizes.
///
/// A kernel's `dl.in_place` must not be used with this code: a stage may read
/// an input after a result was written. Failure is reported; the kernel is as
/// it was then, apart from its named operations, which are generic.
mlir::LogicalResult generateStages(mlir::func::FuncOp kernel,
                                   mlir::SymbolTable &functions,
                                   EntryBuilder &entry);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_GENERATESTAGES_H
