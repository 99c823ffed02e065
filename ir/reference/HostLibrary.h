// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the interpreter leaves to libraries that not every program has: regular
// expressions, images, the case of letters beyond ASCII.

#ifndef DL_IR_REFERENCE_HOSTLIBRARY_H
#define DL_IR_REFERENCE_HOSTLIBRARY_H

#include "ir/reference/Tensor.h"

namespace mlir::dl::reference {

/// The type and the shape of a result.
struct HostResult {
  Type elementType;
  ArrayRef<int64_t> shape;
};

class HostLibrary {
public:
  virtual ~HostLibrary() = default;

  /// The result of the runtime's optional function `name`, which computes `op`.
  /// `attributes` are integers and strings, in the function's order. Fails with
  /// a diagnostic at `op`.
  virtual FailureOr<Tensor> call(Operation *op, StringRef name,
                                 ArrayRef<Tensor> operands,
                                 const HostResult &result,
                                 ArrayRef<Attribute> attributes) const = 0;

  /// The results of a dl.host_call, whose strings are numbers already. Fails
  /// where the library keeps no table of them.
  virtual FailureOr<SmallVector<Tensor>>
  callNumbered(Operation *op, StringRef name, ArrayRef<Tensor> operands,
               ArrayRef<HostResult> results,
               ArrayRef<int64_t> attributes) const = 0;
};

} // namespace mlir::dl::reference

#endif // DL_IR_REFERENCE_HOSTLIBRARY_H
