// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_FRONTEND_IMPORT_RESIZE_H
#define DL_FRONTEND_IMPORT_RESIZE_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// The attributes of a Resize.
/// A `nearest_mode` that no model has: what ONNX leaves open for opset 10, as
/// its cases and ONNX Runtime have it: down where the scale enlarges, up where
/// it shrinks.
constexpr llvm::StringLiteral kNearestOfOpset10 = "opset 10";

struct ResizeMode {
  std::string interpolation, coordinates, nearest;
  double cubicA, extrapolation;
  bool excludeOutside, antialias;
};

/// The inputs of a Resize, null where absent, and the dimensions that they are
/// for. Scales or sizes are given.
struct ResizeInputs {
  mlir::Value x, region, scales, sizes;
  llvm::SmallVector<int64_t> axes;
};

/// Resizes by positions and weights that the running model computes: for sizes
/// that are not constant, and scales, sizes or regions that depend on data.
mlir::LogicalResult importLateResize(NodeContext &context,
                                     const ResizeMode &mode,
                                     const ResizeInputs &inputs);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_RESIZE_H
