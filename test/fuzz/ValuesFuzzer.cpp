// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The tools' input files: .npy, recognized by its first bytes, or an ONNX
// tensor. What is read has as many bytes as its type and shape take.

#include "tools/values/Npy.h"
#include "tools/values/Pb.h"

#include <cstdio>
#include <cstdlib>

using namespace dl::values;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    bool isNpy = size && data[0] == 0x93;
    Value value =
        isNpy ? parseNpy("file", data, size) : parsePb("file", data, size);
    (void)describe(value.type, value.dims);
  } catch (const Failure &) {
  }
  return 0;
}
