// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_CODEMEMORY_H
#define DLRT_DEVICE_CPU_CODEMEMORY_H

#include "runtime/artifact/FileMapping.h"

#include <cstddef>

namespace dlrt {

/// The operating system's part of the code loader. Sizes are in bytes;
/// addresses and offsets are multiples of 4096.

/// Reserves inaccessible addresses; null on failure.
unsigned char *reserveCode(size_t size);

/// Returns what reserveCode gave, and everything mapped into it.
void releaseCode(unsigned char *base, size_t size);

/// Maps `size` bytes of `file` at `offset` to `target`, read-only or
/// executable. False where the system does not permit that; copyCode then does
/// the same.
bool mapCode(unsigned char *target, size_t size, const FileMapping &file,
             uint64_t offset, bool executable);

/// Copies `size` bytes into fresh zeroed pages at `target`, `memorySize` bytes
/// in all, and then makes them read-only or executable.
Status copyCode(unsigned char *target, const void *source, size_t size,
                size_t memorySize, bool executable);

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_CODEMEMORY_H
