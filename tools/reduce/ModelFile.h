// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ONNX models that tools change and write again.

#ifndef DL_TOOLS_REDUCE_MODELFILE_H
#define DL_TOOLS_REDUCE_MODELFILE_H

#include "frontend/onnx/Model.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace dl::tools {

/// The bytes of a file for a model whose large data may be references of
/// `model`. An error for more than protobuf holds.
llvm::Expected<std::string> serialize(const frontend::Model &model,
                                      const onnx::ModelProto &proto);

/// Gives a tensor its data, where that is a reference.
void fillIn(const frontend::Model &model, onnx::TensorProto &tensor);

/// The types of the main graph's values, as far as the model declares them or
/// ONNX infers them. A crash of ONNX's inference leaves those that are
/// declared.
std::map<std::string, onnx::TypeProto>
inferTypes(const onnx::ModelProto &proto);

/// Calls `visit` for each name of a value that a node reads, those that its
/// nested graphs take from outside included.
void forEachUse(const onnx::NodeProto &node,
                llvm::function_ref<void(const std::string &name)> visit);

/// Removes nodes, initializers, inputs, functions and operator sets that the
/// graph's outputs do not need, and what tells about values that are gone.
void removeUnused(onnx::ModelProto &proto);

/// All names that a message about the model may hold.
llvm::StringSet<> collectNames(const onnx::ModelProto &proto);

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_MODELFILE_H
