// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_REDUCE_RENAME_H
#define DL_TOOLS_REDUCE_RENAME_H

#include "onnx/onnx_pb.h"

namespace dl::tools {

/// Gives all that a model names itself new names, the same for the same, other
/// texts to strings that it computes with, and drops what only tells about it.
void renameAll(onnx::ModelProto &proto);

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_RENAME_H
