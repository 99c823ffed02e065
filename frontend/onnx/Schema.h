// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What ONNX's schemas say about one node.

#ifndef DL_FRONTEND_ONNX_SCHEMA_H
#define DL_FRONTEND_ONNX_SCHEMA_H

#include "llvm/ADT/StringRef.h"
#include <memory>
#include <string>
#include <vector>

namespace onnx {
class FunctionProto;
class NodeProto;
class TypeProto;
} // namespace onnx

namespace dl::frontend {

/// An input that the operator needs and the node leaves out, as "0, 'A'"; empty
/// where there is none. ONNX's checker counts an empty name as an input.
std::string findMissingInput(const onnx::NodeProto &node, int64_t opset);

/// What is wrong with the types of a node's inputs (one for each that it lists,
/// without a value for absent ones); empty where they are types that the
/// operator takes, and equal where they must be.
std::string findWrongType(const onnx::NodeProto &node, int64_t opset,
                          const std::vector<onnx::TypeProto> &inputs);

/// The node with the attributes that it leaves at ONNX's defaults.
onnx::NodeProto addDefaults(onnx::NodeProto node, int64_t opset);

/// Whether ONNX defines the operator by a function, for some types at least.
bool isDefinedByFunction(const onnx::NodeProto &node, int64_t opset);

/// The function by which ONNX defines the operator, with the node's attributes
/// in place; null where it has none for inputs of these types. Types are one
/// for each input that the node lists, without a value for unknown ones.
/// Parameters without an argument are empty names in the body.
std::unique_ptr<onnx::FunctionProto>
buildBody(const onnx::NodeProto &node, int64_t opset,
          const std::vector<onnx::TypeProto> &inputs);

/// The types of a node's outputs as ONNX infers them, without a value where it
/// does not.
std::vector<onnx::TypeProto>
inferOutputTypes(const onnx::NodeProto &node, int64_t opset,
                 std::vector<onnx::TypeProto> inputs);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_SCHEMA_H
