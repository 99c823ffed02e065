// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CodeMemory.h"

#include <cstring>

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace dlrt {

unsigned char *reserveCode(size_t size) {
  return static_cast<unsigned char *>(
      VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_NOACCESS));
}

void releaseCode(unsigned char *base, size_t) {
  VirtualFree(base, 0, MEM_RELEASE);
}

// A view of a file cannot be placed inside reserved addresses with 4096-byte
// granularity, so that code is copied.
bool mapCode(unsigned char *, size_t, const FileMapping &, uint64_t, bool) {
  return false;
}

Status copyCode(unsigned char *target, const void *source, size_t size,
                size_t memorySize, bool executable) {
  if (!VirtualAlloc(target, memorySize, MEM_COMMIT, PAGE_READWRITE))
    return {Code::OutOfMemory, "cannot map memory for code"};
  memcpy(target, source, size);
  DWORD before;
  if (!VirtualProtect(target, memorySize,
                      executable ? PAGE_EXECUTE_READ : PAGE_READONLY, &before))
    return {Code::Unsupported, "cannot make code executable"};
  FlushInstructionCache(GetCurrentProcess(), target, size);
  return {};
}

} // namespace dlrt
