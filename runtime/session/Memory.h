// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_MEMORY_H
#define DLRT_SESSION_MEMORY_H

#include "runtime/artifact/Status.h"

#include <cstddef>

namespace dlrt {

/// Where a session gets its arena, scratch and outputs: the host's functions,
/// or the system's memory where they are null.
struct Allocator {
  void *context = nullptr;
  void *(*allocate)(void *context, size_t bytes, size_t alignment) = nullptr;
  void (*release)(void *context, void *memory, size_t bytes,
                  size_t alignment) = nullptr;
};

/// A block of 64-byte aligned memory that only grows. Its contents do not
/// survive growing.
class Block {
public:
  explicit Block(const Allocator &allocator) : allocator(allocator) {}
  ~Block();
  Block(Block &&other) noexcept;
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;

  /// Makes room for `bytes`; `what` is for the message when there is no memory.
  Status reserve(size_t bytes, const char *what);

  void release();

  /// Not null once `reserve` has succeeded, also for no bytes.
  std::byte *data() const { return memory; }
  size_t size() const { return bytes; }

private:
  Allocator allocator;
  std::byte *memory = nullptr;
  size_t bytes = 0;
  size_t alignment = 0;
};

} // namespace dlrt

#endif // DLRT_SESSION_MEMORY_H
