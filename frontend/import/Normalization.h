// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Normalization by statistics of the data, as several families build it.

#ifndef DL_FRONTEND_IMPORT_NORMALIZATION_H
#define DL_FRONTEND_IMPORT_NORMALIZATION_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// What a normalization gives: `mean` and `inverseDeviation` keep the reduced
/// dimensions, with size 1.
struct Normalized {
  mlir::Value value, mean, inverseDeviation;
};

/// The type in which statistics are computed: at least f32.
mlir::Type getStatisticsType(NodeContext &context, mlir::Type type);

/// (x - mean) / sqrt(variance + epsilon) along `axes`.
Normalized normalize(NodeContext &context, mlir::Value x,
                     llvm::ArrayRef<int64_t> axes, double epsilon);

/// x / sqrt(mean square + epsilon) along `axes`; there is no mean.
Normalized normalizeByRootMeanSquare(NodeContext &context, mlir::Value x,
                                     llvm::ArrayRef<int64_t> axes,
                                     double epsilon);

/// x [N, C, spatial..], normalized over groups of channels and all positions,
/// as [N, groups, C / groups, spatial..]. Null, with the node reported, where
/// the channels cannot be divided.
mlir::Value normalizeGroups(NodeContext &context, mlir::Value x, int64_t groups,
                            double epsilon);

/// Of ONNX's default domain, and as ONNX Runtime had it there before.
mlir::LogicalResult importLayerNormalization(NodeContext &context);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_NORMALIZATION_H
