// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t dlrt::hashBytes(const void *data, size_t size) {
  return XXH3_64bits(data, size);
}
