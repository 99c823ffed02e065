// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tiles of a product that do not fill the processors' last wave.
//
// Where a processor more or less has a tile to compute, all others wait for it.
// So the tiles that are left beyond full waves are cut into pieces of the
// contracted loops, and an earlier stage gives each workgroup an equal share of
// these, which ends in the middle of one tile and begins in that of another. It
// stores the sums of each part of a tile, and the stage that has the other
// tiles adds the parts up, in the order of the contracted loops: bits are the
// same in each run.
//
// Source: M. Osama et al., "Stream-K: Work-centric Parallel Decomposition for
// Dense Matrix-Matrix Multiplication on the GPU", PPoPP 2023; "data-parallel
// with one-tile stream-K" there, in two stages in place of flags that
// workgroups wait for.

#ifndef DL_CODEGEN_GPU_TILESHARES_H
#define DL_CODEGEN_GPU_TILESHARES_H

#include "mlir/IR/Value.h"
#include <cstdint>
#include <optional>

namespace dl::gpucode {

struct TileShape;

/// How some tiles are shared among workgroups. A share has parts of two tiles
/// at most. Sums of the part that share `s` has of tile `t` are part `s + t` of
/// `sums`: from one part to the next, one of both numbers grows, or both do.
struct TileShares {
  int64_t tiles = 0;  ///< the first ones of the product
  int64_t pieces = 0; ///< of the contracted loops, for each
  int64_t count = 0;  ///< of shares
  mlir::Value sums;   ///< the tensor of parts; null until it is made

  int64_t countPieces() const; ///< of a share; the last ones may have fewer
  int64_t countParts() const { return tiles + count - 1; }
};

/// Shares of the tiles that are left beyond full waves of `processors`, where
/// an estimate says that these are worth storing parts. Writing, or reading,
/// a tile's sums takes as long as `passSteps` contracted steps.
std::optional<TileShares> chooseShares(const TileShape &shape, int64_t tiles,
                                       int64_t depth, int64_t processors,
                                       int64_t passSteps);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_TILESHARES_H
