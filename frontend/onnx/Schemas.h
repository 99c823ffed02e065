// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// All operators that ONNX defines.

#ifndef DL_FRONTEND_ONNX_SCHEMAS_H
#define DL_FRONTEND_ONNX_SCHEMAS_H

#include <cstdint>
#include <string>
#include <vector>

namespace dl::frontend {

struct OperatorSchema {
  std::string domain, name;
  /// The version of the domain's operators that brought this form of it.
  int since = 0;
  /// ONNX has removed it in this version.
  bool isDeprecated = false;
  /// ONNX defines it by a function, for some types and attributes at least.
  bool hasFunction = false;
  /// Whether an attribute is a graph.
  bool hasGraphs = false;

  struct Type {
    /// As in the schema: "tensor(float)".
    std::string name;
    /// ONNX's number of the elements' type, of a sequence, an optional or a map
    /// that of its tensors; 0 where these are not dense.
    int32_t element = 0;
  };
  struct TypeVariable {
    /// "T", or the type itself where the schema has no variable for it.
    std::string name;
    std::vector<Type> types;
  };
  /// Those of inputs and outputs.
  std::vector<TypeVariable> variables;
};

/// Every version of every operator of ONNX's own domains, sorted by domain,
/// name and version.
std::vector<OperatorSchema> listSchemas();

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_SCHEMAS_H
