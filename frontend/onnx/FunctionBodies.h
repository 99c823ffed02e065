// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Functions replaced by their bodies. May throw what ONNX's library throws.

#ifndef DL_FRONTEND_ONNX_FUNCTIONBODIES_H
#define DL_FRONTEND_ONNX_FUNCTIONBODIES_H

#include "frontend/onnx/Model.h"

namespace dl::frontend {

/// Replaces calls of the model's functions. Functions for other operator sets
/// than the model's stay where ONNX's converter cannot raise them.
void inlineFunctions(Model &model);

/// Replaces operators that ONNX defines by functions and no rule imports; those
/// whose body cannot be built stay.
void expandOperators(Model &model, HasRule hasRule);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_FUNCTIONBODIES_H
