// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TEST_CODEGEN_FLOATS_H
#define DL_TEST_CODEGEN_FLOATS_H

#include <cstddef>
#include <cstdint>
#include <vector>

using Floats = std::vector<float>;

/// Numbers in [-1, 1) that look random, the same in each run.
inline Floats makeFloats(size_t count, uint32_t seed) {
  Floats values(count);
  for (float &value : values) {
    seed = seed * 1664525 + 1013904223;
    value = float(seed >> 8) / float(1 << 23) - 1;
  }
  return values;
}

#endif // DL_TEST_CODEGEN_FLOATS_H
