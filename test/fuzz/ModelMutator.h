// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TEST_FUZZ_MODELMUTATOR_H
#define DL_TEST_FUZZ_MODELMUTATOR_H

#include <cstddef>
#include <string>

namespace dl::fuzz {

/// Changes some fields of a serialized ONNX model at random, so that it stays
/// a message of the format: fields and elements come, go, are exchanged and
/// take extreme values; names are replaced by other ones of the model, and
/// operators and attributes by those that ONNX knows. False, with `bytes`
/// unchanged, where they are no model or the result would exceed `maxSize`.
bool mutateModel(std::string &bytes, size_t maxSize, unsigned seed);

} // namespace dl::fuzz

#endif // DL_TEST_FUZZ_MODELMUTATOR_H
