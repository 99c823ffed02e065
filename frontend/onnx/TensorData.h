// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The data of onnx.TensorProto in one layout.

#ifndef DL_FRONTEND_ONNX_TENSORDATA_H
#define DL_FRONTEND_ONNX_TENSORDATA_H

#include "frontend/onnx/Model.h"

namespace dl::frontend {

/// Bits of an element of an ONNX data type; 0 for strings and unknown types.
unsigned getBitWidth(int32_t dataType);

/// ONNX's name of a data type, "type 99" for an unknown one.
std::string getDataTypeName(int32_t dataType);

/// How a tensor is called in messages: "tensor 'name'".
std::string describeTensor(const onnx::TensorProto &tensor);

/// Number of elements of a tensor that checkTensor has accepted.
int64_t getNumElements(const onnx::TensorProto &tensor);

/// Whether the type is known, the dimensions are valid, and the tensor has
/// exactly as much data as they demand.
llvm::Error checkTensor(const Model &model, const onnx::TensorProto &tensor);

/// The elements of a tensor that checkTensor has accepted, in the layout of
/// ONNX's raw_data: little endian, row-major, two or four elements of a narrow
/// type in a byte. A view of a mapped file or of the message where possible,
/// otherwise of `buffer`. Not for strings.
llvm::StringRef getTensorBytes(const Model &model,
                               const onnx::TensorProto &tensor,
                               std::string &buffer);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_TENSORDATA_H
