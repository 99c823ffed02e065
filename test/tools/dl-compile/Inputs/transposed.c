// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Calls a kernel tile by tile. What tiles have in common, a copy of rows, is
// made by each call, or once where the calls are told to belong together.
#include "transposed.h"

#include <stdio.h>
#include <stdlib.h>

enum { K = 256, N = 512 };

static float *a, *b, *c;
static void *scratch;

static void fill(float value) {
  for (int64_t i = 0; i < K * N; ++i)
    a[i] = value * (float)(i % 7 - 3);
}

/// Runs tiles [begin, end), and whether an element of each is right: `factor`
/// times the product with rows filled with 1.
static int runs(int64_t begin, int64_t end, float factor, uint64_t dispatch) {
  uint64_t imports[] = {16, dispatch};
  void *buffers[] = {a, b, c};
  for (int64_t i = 0; i < N * N; ++i)
    c[i] = -1e9f;
  for (int64_t tile = begin; tile < end; ++tile)
    transposed(buffers, 0, tile, tile + 1, scratch, dispatch ? imports : 0);
  int64_t found = 0, right = 0;
  for (int64_t m = 0; m < N; ++m)
    for (int64_t n = 0; n < N; ++n) {
      if (c[m * N + n] == -1e9f)
        continue;
      float sum = 0;
      for (int64_t k = 0; k < K; ++k)
        sum += (float)((k * N + m) % 7 - 3) * b[k * N + n];
      ++found;
      right += factor * sum == c[m * N + n];
    }
  return found > 0 && found == right;
}

int main(void) {
  a = aligned_alloc(64, K * N * 4), b = aligned_alloc(64, K * N * 4);
  c = aligned_alloc(64, N * N * 4);
  scratch =
      aligned_alloc(64, (size_t)(transposed_scratch_bytes(0) / 64 * 64 + 64));
  int64_t tiles = transposed_tiles(0);
  for (int64_t i = 0; i < K * N; ++i)
    b[i] = (float)(i % 5 - 2);
  fill(1);
  printf("alone: %d\n", runs(0, tiles, 1, 0));
  fill(2);
  printf("alone, other rows: %d\n", runs(0, tiles, 2, 0));
  printf("together: %d\n", runs(0, tiles, 2, 7));
  // The copy of the last group's rows is still there.
  fill(4);
  printf("the same dispatch: %d\n", runs(tiles - 1, tiles, 2, 7));
  printf("another one: %d\n", runs(0, tiles, 4, 8));
  free(a), free(b), free(c), free(scratch);
  return 0;
}
