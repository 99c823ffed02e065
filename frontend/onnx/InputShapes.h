// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Shapes of a model's inputs that the user gives.

#ifndef DL_FRONTEND_ONNX_INPUTSHAPES_H
#define DL_FRONTEND_ONNX_INPUTSHAPES_H

#include "frontend/onnx/Model.h"
#include "llvm/ADT/ArrayRef.h"

#include <string>
#include <vector>

namespace dl::frontend {

/// Of each dimension, a size (a number) or a name.
struct InputShape {
  std::string input;
  std::vector<std::string> dims;
};

/// Declares the inputs' shapes. What the model itself declares must agree: its
/// rank, and sizes that are numbers. Fails where an input is none of the
/// model's or no tensor.
llvm::Error setInputShapes(Model &model, llvm::ArrayRef<InputShape> shapes);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_INPUTSHAPES_H
