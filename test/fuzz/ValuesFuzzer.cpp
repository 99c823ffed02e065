// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The tools' input files: .npy, recognized by its first bytes, or an ONNX
// tensor, sequence, optional or map. What is read has as many bytes as its type
// and shape take.

#include "tools/values/Npy.h"
#include "tools/values/Pb.h"

#include <cstdio>
#include <cstdlib>

using namespace dl::values;

template <typename Parse> static void tryParse(Parse parse) {
  try {
    Value value = parse();
    (void)describe(value.type, value.dims);
  } catch (const Failure &) {
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size && data[0] == 0x93) {
    tryParse([&] { return parseNpy("file", data, size); });
    return 0;
  }
  for (dlrt_value_kind kind :
       {DLRT_TENSOR, DLRT_SEQUENCE, DLRT_OPTIONAL_TENSOR})
    tryParse([&] { return parsePb("file", data, size, kind); });
  tryParse([&] { return parsePbMap("file", data, size).second; });
  return 0;
}
