// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_FILEMAPPING_H
#define DLRT_ARTIFACT_FILEMAPPING_H

#include "runtime/artifact/Status.h"

#include <cstddef>
#include <cstdint>

namespace dlrt {

/// A whole file mapped read-only. The file stays open, so that the code loader
/// can map pieces of it a second time, executable.
class FileMapping {
public:
  FileMapping() = default;
  ~FileMapping();
  FileMapping(const FileMapping &) = delete;
  FileMapping &operator=(const FileMapping &) = delete;

  /// Maps the regular file at `path` (UTF-8). An empty file maps to no bytes.
  Status open(const char *path);

  /// Lets the system take back the memory of whole pages in [from, from +
  /// size), a part of the mapping that is hardly read again: it would come from
  /// the file. Where the system has no such call, nothing happens.
  void release(const std::byte *from, uint64_t size) const;

  const std::byte *data() const { return base; }
  uint64_t size() const { return bytes; }
  bool isOpen() const { return handle != kNoHandle; }

  /// The open file: a descriptor on POSIX systems, a HANDLE on Windows.
  intptr_t nativeHandle() const { return handle; }

private:
  static constexpr intptr_t kNoHandle = -1;
  const std::byte *base = nullptr;
  uint64_t bytes = 0;
  intptr_t handle = kNoHandle;
};

} // namespace dlrt

#endif // DLRT_ARTIFACT_FILEMAPPING_H
