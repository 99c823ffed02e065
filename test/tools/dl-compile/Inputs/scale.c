// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A program with a kernel of its own.
#include "scale.h"

#include <stdio.h>

int main(void) {
  float x[32], y[32];
  for (int i = 0; i < 32; ++i)
    x[i] = (float)i;
  void *buffers[] = {x, y};
  scale(buffers, 0, 0, 2, 0, 0);
  printf("%.3f %.3f %.4e\n", y[0], y[1], y[31]);
  return 0;
}
