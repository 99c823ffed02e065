// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_VALUES_PB_H
#define DL_TOOLS_VALUES_PB_H

#include "tools/values/Value.h"

namespace dl::values {

/// Whether this build reads and writes ONNX's protobuf: it needs ONNX's
/// library.
bool pbSupported();

/// Reads a value from the bytes of an ONNX TensorProto, SequenceProto or
/// OptionalProto, as `kind` says. Throws a Failure located at `where`.
Value parsePb(const std::string &where, const unsigned char *bytes, size_t size,
              dlrt_value_kind kind = DLRT_TENSOR);

/// A proto of that kind with the tensors' data; null for an optional without a
/// value. Throws a Failure where that is too large.
std::string writePb(const std::string &name, dlrt_value_kind kind,
                    const std::vector<runtime::Tensor> *tensors);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_PB_H
