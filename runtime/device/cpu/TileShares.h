// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_TILESHARES_H
#define DLRT_DEVICE_CPU_TILESHARES_H

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dlrt {

/// The tiles of one part of a dispatch, handed out in pieces from the front: to
/// the thread that the part belongs to, and when others have finished theirs,
/// to them.
struct alignas(128) TileShare {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
  int64_t piece = 1;

  /// Takes the next piece; false when there is none left.
  bool take(int64_t &from, int64_t &to) {
    // Looking first keeps the line shared among the threads that find nothing.
    if (next.load(std::memory_order_relaxed) >= end)
      return false;
    from = next.fetch_add(piece, std::memory_order_relaxed);
    to = std::min(from + piece, end);
    return from < end;
  }
};

/// Divides `tiles` evenly into `parts` contiguous shares. Each is handed out in
/// a few pieces: whole enough for what neighbouring tiles have in common, small
/// enough that no thread waits long for the last one.
inline void divideTiles(int64_t tiles, int64_t parts, TileShare *shares) {
  constexpr int64_t kPieces = 4;
  int64_t each = tiles / parts, extra = tiles % parts, begin = 0;
  for (int64_t part = 0; part < parts; ++part) {
    int64_t size = each + (part < extra);
    shares[part].next.store(begin, std::memory_order_relaxed);
    shares[part].end = begin + size;
    shares[part].piece = (size + kPieces - 1) / kPieces;
    begin += size;
  }
}

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_TILESHARES_H
