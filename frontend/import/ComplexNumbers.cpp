// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Rules.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringSet.h"

bool dl::frontend::isComplexNumber(int32_t onnxDataType) {
  return onnxDataType == onnx::TensorProto::COMPLEX64 ||
         onnxDataType == onnx::TensorProto::COMPLEX128;
}

bool dl::frontend::refusesComplexNumbers(llvm::StringRef domain,
                                         llvm::StringRef op) {
  static const llvm::StringSet<> known = {"Col2Im", "GridSample", "NonZero",
                                          "Unique"};
  return domain.empty() && known.contains(op);
}
