// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_ARTIFACT_H
#define DLRT_ARTIFACT_ARTIFACT_H

#include "runtime/artifact/FileMapping.h"
#include "runtime/artifact/Status.h"
#include "runtime/artifact/module_generated.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dlrt {

/// A module file that has been opened and found sound: every index, offset and
/// formula of its header is in range and every code segment has its hash, so
/// that readers need no checks of their own. Immutable, so safe for any thread.
///
/// A hash finds damage, not malice: a module is a program, to be loaded from a
/// trusted source only.
class Artifact {
public:
  /// Maps the file at `path` (UTF-8).
  static Status openFile(const char *path, std::unique_ptr<Artifact> &result);

  /// Reads a module of `size` bytes at `data`, which must outlive the artifact.
  /// Data that is not 64-byte aligned is copied.
  static Status openMemory(const void *data, uint64_t size,
                           std::unique_ptr<Artifact> &result);

  ~Artifact();
  Artifact(const Artifact &) = delete;
  Artifact &operator=(const Artifact &) = delete;

  const fb::Module &header() const { return *module; }
  const std::byte *bytes(const fb::Segment &segment) const {
    return base + segment.offset();
  }
  const std::byte *data() const { return base; }
  uint64_t size() const { return fileBytes; }
  uint64_t headerSize() const { return headerBytes; }
  uint32_t formatVersion() const { return version; }

  /// The path, or "<memory>".
  const std::string &name() const { return origin; }

  /// The mapped file; null for a module in memory.
  const FileMapping *file() const { return mapping.get(); }

  /// Compares every segment's hash with its bytes, and the bytes between
  /// segments with zero. Reads the whole file.
  Status verifySegments() const;

private:
  Artifact() = default;
  Status check(uint64_t size);

  std::string origin;
  std::unique_ptr<FileMapping> mapping;
  void *copy = nullptr;
  const std::byte *base = nullptr;
  uint64_t fileBytes = 0;
  uint64_t headerBytes = 0;
  uint32_t version = 0;
  const fb::Module *module = nullptr;
};

} // namespace dlrt

#endif // DLRT_ARTIFACT_ARTIFACT_H
