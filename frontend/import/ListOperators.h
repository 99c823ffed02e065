// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_FRONTEND_IMPORT_LISTOPERATORS_H
#define DL_FRONTEND_IMPORT_LISTOPERATORS_H

#include <string>

namespace dl::frontend {

/// What the importer does with each version of each operator that ONNX defines,
/// as JSON: "operators", objects with
///  - "domain" ("" for ONNX's own), "name", "since" (the version that brought
///    this form), "deprecated" where ONNX has removed it;
///  - "by": "rule", "control flow", "function" (ONNX defines the operator by
///    one) or "nothing";
///  - "types": for each type variable, the types that are "taken", and those of
///    the schema that are "refused", because the dialect does not have them, or
///    only moves what the operator would compute with.
/// Those of com.microsoft, of which ONNX has no schema, follow, without types.
std::string listOperators();

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_LISTOPERATORS_H
