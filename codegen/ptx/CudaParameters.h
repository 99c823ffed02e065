// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What tiles on CUDA devices need of their function beside buffers and sizes.

#ifndef DL_CODEGEN_PTX_CUDAPARAMETERS_H
#define DL_CODEGEN_PTX_CUDAPARAMETERS_H

#include "mlir/IR/Value.h"

namespace dl::ptx {

struct OperandMap;

class CudaParameters {
public:
  virtual ~CudaParameters() = default;

  /// A parameter of the function, by value: the map for boxes of these sizes,
  /// from the innermost dimension on. A pointer.
  virtual mlir::Value addTensorMap(const OperandMap &map,
                                   llvm::ArrayRef<int64_t> box) = 0;
  /// The function's shared memory, as a pointer: so many bytes, which begin at
  /// a multiple of 1024, and whose number the launch gives. All calls for a
  /// function name the same memory.
  virtual mlir::Value getDynamicShared(int64_t bytes) = 0;
  /// Makes the function one of so many threads, of which no more workgroups are
  /// launched than there are processors.
  virtual void setPersistent(int64_t threads) = 0;
  /// Where a vector of 16 bytes was loaded from, if it is the last that was
  /// generated and one load of the function's buffers, at a multiple of 16
  /// bytes: a pointer to global memory. The load is gone then. Null for others.
  virtual mlir::Value takeSource(mlir::Value vector) = 0;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_CUDAPARAMETERS_H
