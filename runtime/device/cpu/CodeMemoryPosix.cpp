// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CodeMemory.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

namespace dlrt {
namespace {

int protection(bool executable) {
  return executable ? PROT_READ | PROT_EXEC : PROT_READ;
}

} // namespace

unsigned char *reserveCode(size_t size) {
  void *base =
      mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return base == MAP_FAILED ? nullptr : static_cast<unsigned char *>(base);
}

void releaseCode(unsigned char *base, size_t size) { munmap(base, size); }

bool mapCode(unsigned char *target, size_t size, const FileMapping &file,
             uint64_t offset, bool executable) {
  // Systems with pages above 4096 bytes may hold no offset of ours.
  if (offset % static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) != 0)
    return false;
  // Fails with EPERM on a file system mounted noexec.
  return mmap(target, size, protection(executable), MAP_PRIVATE | MAP_FIXED,
              static_cast<int>(file.nativeHandle()),
              static_cast<off_t>(offset)) != MAP_FAILED;
}

Status copyCode(unsigned char *target, const void *source, size_t size,
                size_t memorySize, bool executable) {
  void *pages = mmap(target, memorySize, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (pages == MAP_FAILED)
    return {Code::OutOfMemory,
            std::string("cannot map memory for code: ") + strerror(errno)};
  memcpy(target, source, size);
  if (mprotect(target, memorySize, protection(executable)) != 0)
    return {Code::Unsupported,
            std::string("cannot make code executable: ") + strerror(errno)};
#if defined(__aarch64__)
  __builtin___clear_cache(reinterpret_cast<char *>(target),
                          reinterpret_cast<char *>(target) + size);
#endif
  return {};
}

} // namespace dlrt
