// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Activation functions, as operators and within recurrent operators.

#ifndef DL_FRONTEND_IMPORT_ACTIVATIONS_H
#define DL_FRONTEND_IMPORT_ACTIVATIONS_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// An activation with its parameters: alpha and beta, where it has them.
struct Activation {
  std::string name;
  std::optional<float> alpha, beta;
};

/// Applies an activation by its ONNX name, in lower case; defaults are those of
/// the recurrent operators. Null, with the node reported, for an unknown name.
mlir::Value applyActivation(NodeContext &context, const Activation &activation,
                            mlir::Value value);

/// x / 2 * (1 + erf(x / sqrt(2)))
mlir::Value buildGelu(NodeContext &context, mlir::Value x);
/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
mlir::Value buildGeluByTanh(NodeContext &context, mlir::Value x);
/// x * sigmoid(alpha * x)
mlir::Value buildSwish(NodeContext &context, mlir::Value x, double alpha);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_ACTIVATIONS_H
