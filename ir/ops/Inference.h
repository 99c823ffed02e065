// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the type inference of all families of operations reads.

#ifndef DL_IR_OPS_INFERENCE_H
#define DL_IR_OPS_INFERENCE_H

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::dl {

inline RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The size of a sliding window's result along a dimension:
/// (size - (window - 1) * dilation - 1) / stride + 1.
inline AffineExpr getWindowedDim(AffineExpr size, int64_t window,
                                 int64_t stride, int64_t dilation) {
  AffineExpr last = size - ((window - 1) * dilation + 1);
  return simplify((stride == 1 ? last : last.floorDiv(stride)) + 1);
}

} // namespace mlir::dl

#endif // DL_IR_OPS_INFERENCE_H
