// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The elementwise part of a kernel that one of its results comes from.

#ifndef DL_PASSES_FUSE_SLICE_H
#define DL_PASSES_FUSE_SLICE_H

#include "passes/fuse/Structure.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dl::fuse {

/// What a result of a kernel is computed from: ops of the kernel, none of them
/// twice, and what these read, which are values outside of it and other results
/// of it.
struct Slice {
  SmallVector<Operation *> ops;
  llvm::SetVector<Value> inputs;
  /// Instructions for each vector, about.
  int64_t cost = 0;
};

/// The part of a kernel that makes `result`, if that is elementwise, of the
/// result's dimensions, down to what is outside or another result; null
/// otherwise, and where the result is none of an op of the kernel.
std::optional<Slice> getElementwiseSlice(OpResult result);

} // namespace mlir::dl::fuse

#endif // DL_PASSES_FUSE_SLICE_H
