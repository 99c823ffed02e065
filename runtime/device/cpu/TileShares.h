// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_TILESHARES_H
#define DLRT_DEVICE_CPU_TILESHARES_H

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dlrt {

/// The tiles of one part of a dispatch, handed out in pieces: to the thread
/// that the part belongs to, and when others have finished theirs, to them.
struct alignas(128) TileShare {
  std::atomic<int64_t> next{0}; ///< of the pieces
  int64_t begin = 0, end = 0;
  int64_t piece = 1, pieces = 0;
  bool backward = false;

  /// Takes the next piece; false when there is none left.
  bool take(int64_t &from, int64_t &to) {
    // Looking first keeps the line shared among the threads that find nothing.
    if (next.load(std::memory_order_relaxed) >= pieces)
      return false;
    int64_t number = next.fetch_add(1, std::memory_order_relaxed);
    if (number >= pieces)
      return false;
    from = begin + piece * (backward ? pieces - 1 - number : number);
    to = std::min(from + piece, end);
    return true;
  }
};

/// Divides `tiles` evenly into `parts` contiguous shares. Each is handed out in
/// a few pieces: whole enough for what neighbouring tiles have in common, small
/// enough that no thread waits long for the last one. `backward` hands out the
/// last piece first: a loop that alternates finds what it used last still in
/// the cache, where all of it would not fit.
inline void divideTiles(int64_t tiles, int64_t parts, TileShare *shares,
                        bool backward = false) {
  constexpr int64_t kPieces = 8;
  int64_t each = tiles / parts, extra = tiles % parts, begin = 0;
  for (int64_t part = 0; part < parts; ++part) {
    TileShare &share = shares[part];
    int64_t size = each + (part < extra);
    share.next.store(0, std::memory_order_relaxed);
    share.begin = begin;
    share.end = begin + size;
    share.piece = (size + kPieces - 1) / kPieces;
    share.pieces = size ? (size + share.piece - 1) / share.piece : 0;
    share.backward = backward;
    begin += size;
  }
}

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_TILESHARES_H
