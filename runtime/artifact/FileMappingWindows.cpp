// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/FileMapping.h"

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <string>

namespace dlrt {

FileMapping::~FileMapping() {
  if (base)
    UnmapViewOfFile(base);
  if (isOpen())
    CloseHandle(reinterpret_cast<HANDLE>(handle));
}

static Status failure(const char *what) {
  return {Code::IoError, std::string(what) + ": Windows error " +
                             std::to_string(GetLastError())};
}

Status FileMapping::open(const char *path) {
  int length = MultiByteToWideChar(CP_UTF8, 0, path, -1, nullptr, 0);
  std::wstring wide(length > 0 ? length : 1, L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path, -1, wide.data(), length);
  // Executable access, so that the code loader can map pieces for execution.
  HANDLE file =
      CreateFileW(wide.c_str(), GENERIC_READ | GENERIC_EXECUTE, FILE_SHARE_READ,
                  nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE)
    return failure("cannot open");
  handle = reinterpret_cast<intptr_t>(file);
  LARGE_INTEGER size;
  if (!GetFileSizeEx(file, &size))
    return failure("cannot stat");
  bytes = static_cast<uint64_t>(size.QuadPart);
  if (bytes == 0)
    return {};
  HANDLE mapping =
      CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (!mapping)
    return failure("cannot map");
  void *view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  CloseHandle(mapping); // the view keeps the mapping alive
  if (!view)
    return failure("cannot map");
  base = static_cast<const std::byte *>(view);
  return {};
}

void FileMapping::release(const std::byte *, uint64_t) const {}

} // namespace dlrt
