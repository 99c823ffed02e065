// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model of a fixed batch as one of a part of it.

#ifndef DL_FRONTEND_ONNX_MICROBATCH_H
#define DL_FRONTEND_ONNX_MICROBATCH_H

#include "frontend/onnx/Model.h"

#include <cstdint>

namespace dl::frontend {

/// Divides the first dimension of the model's first input, the batch, by
/// `parts`, and that of the inputs that have the same one. Shapes that nodes
/// give to values with a batch, and that begin with it, are divided, too; where
/// others hold the batch, import finds that sizes do not fit. A batch that is
/// symbolic stays. Fails where the batch is no multiple of `parts`.
llvm::Error divideBatch(Model &model, int64_t parts);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_MICROBATCH_H
