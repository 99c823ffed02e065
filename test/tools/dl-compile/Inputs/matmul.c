// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Multiplies matrices with a generated kernel and checks every element.
#include "matmul.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { K = 64, N = 96 };

int main(void) {
  for (int64_t m = 1; m < 40; m += 6) {
    float *a = aligned_alloc(64, (size_t)m * K * 4),
          *b = aligned_alloc(64, K * N * 4);
    float *c = aligned_alloc(64, (size_t)m * N * 4);
    for (int64_t i = 0; i < m * K; ++i)
      a[i] = (float)(i % 7 - 3);
    for (int64_t i = 0; i < K * N; ++i)
      b[i] = (float)(i % 5 - 2);
    void *buffers[] = {a, b, c};
    int64_t sizes[] = {m, m};
    void *scratch =
        aligned_alloc(64, (size_t)(matmul_scratch_bytes(sizes) / 64 * 64 + 64));
    matmul(buffers, sizes, 0, matmul_tiles(sizes), scratch, 0);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < N; ++j) {
        float sum = 0;
        for (int64_t k = 0; k < K; ++k)
          sum += a[i * K + k] * b[k * N + j];
        if (fabsf(sum - c[i * N + j]) > 1e-3f) {
          printf("wrong at %d %d\n", (int)i, (int)j);
          return 1;
        }
      }
    free(a), free(b), free(c), free(scratch);
  }
  printf("right\n");
  return 0;
}
