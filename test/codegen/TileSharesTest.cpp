// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/TileShares.h"
#include "codegen/gpu/ContractionTile.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

using namespace ::dl::gpucode;

namespace {

constexpr TileShape kLarge{128, 128, 8, 8, 32, 1}, kSmall{64, 64, 4, 4, 32, 2};
constexpr int64_t kProcessors = 108, kPassSteps = 100;

/// The parts of a share lie in one or two tiles and have places of their own,
/// and all shares together have each piece of the tiles once, in order.
void expectDisjoint(const TileShares &shares) {
  std::set<int64_t> places;
  int64_t next = 0, total = shares.tiles * shares.pieces;
  for (int64_t share = 0; share < shares.count; ++share) {
    int64_t from = share * shares.countPieces(),
            to = std::min(from + shares.countPieces(), total);
    if (from >= total)
      continue;
    EXPECT_EQ(from, next);
    next = to;
    int64_t first = from / shares.pieces, last = (to - 1) / shares.pieces;
    EXPECT_LE(last, first + 1);
    for (int64_t tile = first; tile <= last; ++tile) {
      EXPECT_TRUE(places.insert(share + tile).second);
      EXPECT_LT(share + tile, shares.countParts());
    }
  }
  EXPECT_EQ(next, total);
}

TEST(TileShares, HaveEachPieceOnce) {
  int64_t chosen = 0;
  for (const TileShape &shape : {kLarge, kSmall})
    for (int64_t tiles = 1; tiles < 4 * kProcessors; tiles += 7)
      for (int64_t depth : {100, 1000, 3333, 20000})
        if (auto shares =
                chooseShares(shape, tiles, depth, kProcessors, kPassSteps)) {
          SCOPED_TRACE(testing::Message() << tiles << " tiles of " << depth);
          EXPECT_EQ(shares->tiles, tiles % kProcessors);
          expectDisjoint(*shares);
          ++chosen;
        }
  EXPECT_GT(chosen, 100);
}

TEST(TileShares, AreOfTheLastWaveAlone) {
  auto shares = chooseShares(kLarge, 256, 2048, kProcessors, kPassSteps);
  ASSERT_TRUE(shares);
  EXPECT_EQ(shares->tiles, 40);
  EXPECT_EQ(shares->pieces, 64);
}

TEST(TileShares, WholeWavesStay) {
  EXPECT_FALSE(chooseShares(kLarge, 3 * kProcessors, 4096, kProcessors, 1));
}

/// Of few steps, of parts that are dear, and of the last of many waves.
TEST(TileShares, SmallGainsStay) {
  EXPECT_TRUE(chooseShares(kLarge, 256, 4096, kProcessors, kPassSteps));
  EXPECT_FALSE(chooseShares(kLarge, 256, 256, kProcessors, kPassSteps));
  EXPECT_FALSE(chooseShares(kLarge, 256, 4096, kProcessors, 100 * kPassSteps));
  EXPECT_FALSE(chooseShares(kLarge, 30 * kProcessors - 9, 4096, kProcessors,
                            kPassSteps));
}

/// Of few tiles, fewer parts are made than there are workgroups.
TEST(TileShares, FewTilesHaveFewShares) {
  auto few =
           chooseShares(kSmall, kProcessors + 4, 4096, kProcessors, kPassSteps),
       many = chooseShares(kSmall, kProcessors + 80, 20000, kProcessors,
                           kPassSteps);
  ASSERT_TRUE(few && many);
  EXPECT_LT(few->count, kProcessors / 2);
  EXPECT_GE(many->count, kProcessors);
}

} // namespace
