// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "sized.h"
#include <inttypes.h>
#include <stdio.h>

int main(void) {
  for (int64_t n = 1; n < 200; n += 37) {
    int64_t dims[3];
    dl_main_output_0_dims(n, n + 3, 2, 1, dims);
    printf("%" PRId64 " %" PRId64 " %" PRId64 "x%" PRId64 "x%" PRId64 "\n", n,
           dl_main_arena_bytes(n, n + 3, 2, 1), dims[0], dims[1], dims[2]);
  }
  printf("%s %d\n", DL_MAIN_INPUT_1_NAME, DL_MAIN_INPUT_1_TYPE);
  return 0;
}
