// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_VALUES_PB_H
#define DL_TOOLS_VALUES_PB_H

#include "tools/values/Value.h"

namespace dl::values {

/// Whether this build reads and writes ONNX's protobuf: it needs ONNX's
/// library.
bool pbSupported();

/// Reads a tensor from the bytes of an ONNX TensorProto. Throws a Failure
/// located at `where`.
Value parsePb(const std::string &where, const unsigned char *bytes,
              size_t size);

/// A TensorProto with the tensor's data, as dlrt_tensor has it. Throws a
/// Failure where that is too large.
std::string writePb(const std::string &name, dlrt_type type,
                    const std::vector<int64_t> &dims, const void *data,
                    size_t bytes);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_PB_H
