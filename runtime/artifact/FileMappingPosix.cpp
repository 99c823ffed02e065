// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/FileMapping.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dlrt {

FileMapping::~FileMapping() {
  if (base)
    munmap(const_cast<std::byte *>(base), bytes);
  if (isOpen())
    close(static_cast<int>(handle));
}

Status FileMapping::open(const char *path) {
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return {Code::IoError, std::string("cannot open: ") + strerror(errno)};
  handle = file;
  struct stat info;
  if (fstat(file, &info) != 0)
    return {Code::IoError, std::string("cannot stat: ") + strerror(errno)};
  if (!S_ISREG(info.st_mode))
    return {Code::IoError, "is not a regular file"};
  bytes = static_cast<uint64_t>(info.st_size);
  if (bytes == 0)
    return {};
  void *mapped = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED)
    return {Code::IoError, std::string("cannot map: ") + strerror(errno)};
  base = static_cast<const std::byte *>(mapped);
  return {};
}

void FileMapping::release(const std::byte *from, uint64_t size) const {
#ifdef MADV_DONTNEED
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto start = reinterpret_cast<uintptr_t>(from), end = start + size;
  start = (start + page - 1) / page * page;
  end = end / page * page;
  if (start < end)
    madvise(reinterpret_cast<void *>(start), end - start, MADV_DONTNEED);
#endif
}

} // namespace dlrt
