// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions as the rules of several families build them.

#ifndef DL_FRONTEND_IMPORT_MATMUL_H
#define DL_FRONTEND_IMPORT_MATMUL_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// A product with numpy's rules: an operand of rank 1 is a row on the left, a
/// column on the right; leading dimensions are broadcast. Null, with the node
/// reported, where the sizes do not fit.
mlir::Value buildMatmul(NodeContext &context, mlir::Value a, mlir::Value b);

/// alpha * A' * B' + beta * C of the node's first inputs, with the attributes
/// of Gemm. Null, with the node reported, where they do not fit.
mlir::Value buildGemm(NodeContext &context);

/// The convolution of an input [N, C, spatial..] with a filter [M, C / group,
/// window..], with the node's attributes. Null, with the node reported, where
/// they are wrong.
mlir::Value buildConvolution(NodeContext &context, mlir::Value input,
                             mlir::Value filter);

/// `value` [N, C, spatial..] plus `bias` [C], which may be null.
mlir::Value addChannelBias(NodeContext &context, mlir::Value value,
                           mlir::Value bias);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_MATMUL_H
