// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Conversion to and from integers of few bits, as several families build it.

#ifndef DL_FRONTEND_IMPORT_QUANTIZATION_H
#define DL_FRONTEND_IMPORT_QUANTIZATION_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// round(value / scale) + zero point, within the range of an integer or narrow
/// float type. `value` and `scale` are floats and broadcast; the zero point may
/// be null. The quotient is one of `precision`.
mlir::Value quantize(NodeContext &context, mlir::Value value, mlir::Value scale,
                     mlir::Value zeroPoint, mlir::Type target,
                     mlir::Type precision);

/// value - zero point, in i32; the zero point may be null.
mlir::Value center(NodeContext &context, mlir::Value value,
                   mlir::Value zeroPoint);

/// (value - zero point) * scale, in f32, for integers; the zero point may be
/// null. All broadcast.
mlir::Value dequantize(NodeContext &context, mlir::Value value,
                       mlir::Value scale, mlir::Value zeroPoint);

/// Of ONNX's default domain and of com.microsoft.
mlir::LogicalResult importQuantizeLinear(NodeContext &context);
mlir::LogicalResult importDequantizeLinear(NodeContext &context);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_QUANTIZATION_H
