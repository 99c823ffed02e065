// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_VALUES_PB_H
#define DL_TOOLS_VALUES_PB_H

#include "runtime/api/dlrt.hpp"
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

/// The keys and the values of an ONNX MapProto, each of rank 1. Throws a
/// Failure located at `where`.
std::pair<Value, Value> parsePbMap(const std::string &where,
                                   const unsigned char *bytes, size_t size);

/// A SequenceProto with a map for each row of a matrix of float32, from the
/// output's keys to the row's elements. Throws a Failure where these do not
/// agree, or are too large.
std::string writePbMaps(const runtime::Value &output,
                        const runtime::Tensor &rows);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_PB_H
