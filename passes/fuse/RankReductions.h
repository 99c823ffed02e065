// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The runtime's functions that reduce buckets of gradients over ranks; see
// runtime/device/cpu/host/HostFunctions.h.

#ifndef DL_PASSES_FUSE_RANKREDUCTIONS_H
#define DL_PASSES_FUSE_RANKREDUCTIONS_H

#include "llvm/ADT/StringRef.h"

namespace mlir::dl::fuse {

constexpr llvm::StringLiteral kAllReduceStart = "all_reduce_start";
constexpr llvm::StringLiteral kAllReduceWait = "all_reduce_wait";
/// The same at once.
constexpr llvm::StringLiteral kAllReduce = "all_reduce";

} // namespace mlir::dl::fuse

#endif // DL_PASSES_FUSE_RANKREDUCTIONS_H
