// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Vectors of neighbours as scalars.

#ifndef DL_CODEGEN_GPU_LANES_H
#define DL_CODEGEN_GPU_LANES_H

#include "mlir/IR/Operation.h"
#include "mlir/Support/LogicalResult.h"

namespace dl::gpucode {

/// Whether as many vectors are read in a function as single lanes of others.
bool readsVectors(mlir::Operation *function);

/// Computes the vectors of a function lane by lane, as a device's invocation
/// does. Of these are left vector.load, of which lanes are extracted or which
/// is taken as one word (vector.bitcast), vector.store of vector.from_elements,
/// and the same of memref.load and memref.store. Failure, which is not
/// reported, where one has no such form; the function is good for nothing then.
mlir::LogicalResult splitLanes(mlir::Operation *function);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_LANES_H
