// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What models of ai.onnx.ml that multiply features with coefficients share.

#ifndef DL_FRONTEND_IMPORT_LINEAR_H
#define DL_FRONTEND_IMPORT_LINEAR_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// An attribute's floats; empty where it is absent.
llvm::SmallVector<double> getFloatList(NodeContext &context,
                                       llvm::StringRef name);

/// The input as rows [N, features] of f32; null where it has no such form,
/// which is reported.
mlir::Value getFeatureRows(NodeContext &context);

/// x * weights + bias, [N, targets]; `weights` is target by target. Null, with
/// the node reported, where the numbers do not agree.
mlir::Value applyLinear(NodeContext &context, mlir::Value x,
                        llvm::ArrayRef<double> weights,
                        llvm::ArrayRef<double> bias, int64_t targets);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_LINEAR_H
