// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Memory.h"

#include "runtime/artifact/AlignedMemory.h"
#include "runtime/artifact/Format.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace dlrt {
namespace {

/// Blocks of this size and above are aligned for huge pages.
constexpr size_t kHugePage = size_t(2) << 20;

} // namespace

Block::~Block() { release(); }

Block::Block(Block &&other) noexcept
    : allocator(other.allocator), memory(other.memory), bytes(other.bytes),
      alignment(other.alignment) {
  other.memory = nullptr;
}

void Block::release() {
  if (!memory)
    return;
  if (allocator.release)
    allocator.release(allocator.context, memory, bytes, alignment);
  else if (!allocator.allocate)
    freeAligned(memory, alignment);
  memory = nullptr;
  bytes = 0;
}

Status Block::reserve(size_t wanted, const char *what) {
  if (memory && wanted <= bytes)
    return {};
  release();
  bytes = wanted ? wanted : 1;
  alignment = kConstantAlignment;
  void *fresh = nullptr;
  if (allocator.allocate) {
    fresh = allocator.allocate(allocator.context, bytes, alignment);
  } else {
    if (bytes >= kHugePage)
      alignment = kHugePage;
    fresh = allocateAligned(bytes, alignment);
#if defined(__linux__)
    // Fewer misses of the address cache; no harm where it is refused.
    if (fresh && alignment == kHugePage)
      madvise(fresh, bytes, MADV_HUGEPAGE);
#endif
  }
  memory = static_cast<std::byte *>(fresh);
  if (memory)
    return {};
  size_t failed = bytes;
  bytes = 0;
  return {Code::OutOfMemory,
          "no memory for " + std::to_string(failed) + " bytes of " + what};
}

} // namespace dlrt
