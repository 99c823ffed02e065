// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of operators and functions that ONNX functions give: `Op_grad` of
// the same domain is that of `Op`. It takes Op's inputs, its outputs and the
// gradients of its outputs, and gives the gradients of the inputs, the first
// ones at least; it has Op's attributes.

#ifndef DL_FRONTEND_ONNX_GIVENGRADIENTS_H
#define DL_FRONTEND_ONNX_GIVENGRADIENTS_H

#include "frontend/onnx/Model.h"

namespace dl::frontend {

/// The key of an operator or function in Model::gradientFunctions.
std::string getGradientKey(llvm::StringRef domain, llvm::StringRef name);

/// Takes note of the gradients of the model's functions that are among its
/// functions, in `model.gradientFunctions`.
void findGradients(Model &model);

/// Likewise of all functions of a file, which may be of operators, too, and
/// precede the model's. Fails where one is no gradient.
llvm::Error takeGradients(Model &model, const Model &file);

/// Notes in `model.gradients` which nodes of the graph, and of those nested in
/// it, have a gradient of their own. Fails where that takes or gives another
/// number of values.
llvm::Error bindGradients(Model &model);

/// Fails where no node has had the gradient of a file.
llvm::Error checkGradientsUsed(const Model &model);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_GIVENGRADIENTS_H
