// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_ALIGNEDMEMORY_H
#define DLRT_ARTIFACT_ALIGNEDMEMORY_H

#include <cstddef>
#include <new>

namespace dlrt {

/// Memory at a multiple of `alignment`, a power of two; null when there is
/// none.
inline void *allocateAligned(size_t bytes, size_t alignment) {
  return ::operator new(bytes, std::align_val_t(alignment), std::nothrow);
}

/// Frees memory from allocateAligned with the same alignment; null is
/// permitted.
inline void freeAligned(void *memory, size_t alignment) {
  ::operator delete(memory, std::align_val_t(alignment));
}

} // namespace dlrt

#endif // DLRT_ARTIFACT_ALIGNEDMEMORY_H
