// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Takes the weights out of a serialized model before ONNX's library reads it.

#ifndef DL_FRONTEND_ONNX_WEIGHTREFERENCES_H
#define DL_FRONTEND_ONNX_WEIGHTREFERENCES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace dl::frontend {

/// Key of the `external_data` entry of a tensor whose data is a reference; its
/// value is the reference's number.
constexpr llvm::StringLiteral kReferenceKey = "dl.reference";

/// Data of this many bytes and more is referenced.
constexpr size_t kReferenceThreshold = 1024;

/// Returns the serialized onnx.ModelProto `bytes` without the large data of its
/// tensors (in initializers, attributes, nested graphs and functions): each is
/// appended to `references` as a view of `bytes`, and the tensor becomes an
/// external one with a kReferenceKey entry. Entries of that key that the model
/// brings along are dropped. The error names the byte where reading ended.
llvm::Expected<std::string>
takeWeightsOut(llvm::StringRef bytes, std::vector<llvm::StringRef> &references);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_WEIGHTREFERENCES_H
