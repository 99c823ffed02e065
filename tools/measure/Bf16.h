// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of bf16 and of bytes on registers alone, as fast as they go.

#ifndef DL_TOOLS_MEASURE_BF16_H
#define DL_TOOLS_MEASURE_BF16_H

#include <cstdint>

namespace dl::tools {

/// Whether the CPU multiplies pairs of bf16 in vectors (AVX512-BF16).
bool hasPairProducts();
/// Whether it does so in tile registers (AMX), and the system lets this process
/// use them. Asks the system for that: to be called before threads begin.
bool hasTileProducts();
/// The same of bytes: four in each lane of a vector (AVX512-VNNI), and in
/// tiles.
bool hasQuadProducts();
bool hasByteTileProducts();

/// Run some products for each of `steps`; return the operations, an addition
/// and a multiplication counting one each.
double multiplyPairs(int64_t steps);
double multiplyTiles(int64_t steps);
double multiplyQuads(int64_t steps);
double multiplyByteTiles(int64_t steps);

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_BF16_H
