// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_HASH_H
#define DLRT_ARTIFACT_HASH_H

#include <cstddef>
#include <cstdint>

namespace dlrt {

/// XXH3-64 of `size` bytes, the hash of the module file's header and segments.
uint64_t hashBytes(const void *data, size_t size);

} // namespace dlrt

#endif // DLRT_ARTIFACT_HASH_H
