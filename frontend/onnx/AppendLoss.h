// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model and a second one, which computes its loss, as one.

#ifndef DL_FRONTEND_ONNX_APPENDLOSS_H
#define DL_FRONTEND_ONNX_APPENDLOSS_H

#include "frontend/onnx/Model.h"

namespace dl::frontend {

/// Appends the graph of `loss`, which computes one tensor of floats, to that of
/// `model`, whose operator sets its nodes are converted to. Its result becomes
/// the model's first output.
///
/// An input of the loss with the name of an output is that output, and then
/// others with the names of the model's inputs are these. Where none has an
/// output's name, its first inputs are the outputs, in order. The rest are
/// labels: inputs behind the model's, with names that the model does not have.
/// A symbolic dimension of an input that is an output is that output's. Initial
/// values of the loss are constants.
///
/// Both have been prepared (see prepareModel). Fails where
/// the loss has another number of outputs, or inputs of other types or shapes
/// than the outputs are declared with; the error does not say in which file.
llvm::Error appendLoss(Model &model, Model &loss);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_APPENDLOSS_H
