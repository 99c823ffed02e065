/* Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Kernels for modules made in tests. They stand in a section of their own, call
 * nothing and use no data, so that the bytes of the section are an image. */

#include "test/runtime/Kernels.h"

#define KERNEL __attribute__((section("dlkernels"), used, noinline))

/* y[i] = x[i] + x[i]; one element a tile. */
KERNEL void kernelDouble(KERNEL_ARGUMENTS) {
  const float *x = buffers[0];
  float *y = buffers[1];
  for (int64_t i = begin; i < end; ++i)
    y[i] = x[i] + x[i];
}

/* y[i] = x[i] + x[i] + x[i]; one element a tile. */
KERNEL void kernelTriple(KERNEL_ARGUMENTS) {
  const float *x = buffers[0];
  float *y = buffers[1];
  for (int64_t i = begin; i < end; ++i)
    y[i] = x[i] + x[i] + x[i];
}

/* y[i] = a[i] + b[i]; sizes[0] elements in tiles of 16. */
KERNEL void kernelAdd(KERNEL_ARGUMENTS) {
  const float *a = buffers[0], *b = buffers[1];
  float *y = buffers[2];
  int64_t last = end * 16 < sizes[0] ? end * 16 : sizes[0];
  for (int64_t i = begin * 16; i < last; ++i)
    y[i] = a[i] + b[i];
}

/* Writes a part's number of tiles to its first tile, and 0 to the others. */
KERNEL void kernelParts(KERNEL_ARGUMENTS) {
  int64_t *y = buffers[0];
  for (int64_t i = begin; i < end; ++i)
    y[i] = i == begin ? end - begin : 0;
}

/* y[0] = carry[0] + x[0]; carry[0] = y[0]. */
KERNEL void kernelScan(KERNEL_ARGUMENTS) {
  const float *x = buffers[0];
  float *carry = buffers[1], *y = buffers[2];
  *carry = *y = *carry + *x;
}

/* y[0..1] = the low and high half of the first argument's address. */
KERNEL void kernelAddress(KERNEL_ARGUMENTS) {
  int64_t *y = buffers[1];
  *y = (int64_t)buffers[0];
}

/* Waits for ever until x[0], which the host changes, is not 0; then y[0] =
 * x[0]. */
KERNEL void kernelWait(KERNEL_ARGUMENTS) {
  const volatile int64_t *x = buffers[0];
  int64_t *y = buffers[1];
  while (*x == 0) {
  }
  *y = *x;
}

/* Sums sizes[0] numbers through scratch, each tile its own copy: y[tile]. */
KERNEL void kernelScratch(KERNEL_ARGUMENTS) {
  const float *x = buffers[0];
  float *y = buffers[1], *own = scratch;
  for (int64_t tile = begin; tile < end; ++tile) {
    for (int64_t i = 0; i < sizes[0]; ++i)
      own[i] = x[i];
    float sum = own[0];
    for (int64_t i = 1; i < sizes[0]; ++i)
      sum += own[i];
    y[tile] = sum;
  }
}

extern const unsigned char __start_dlkernels[], __stop_dlkernels[];

const struct TestKernels testKernels = {
    __start_dlkernels,
    __stop_dlkernels,
    {kernelDouble, kernelAdd, kernelParts, kernelScan, kernelAddress,
     kernelWait, kernelScratch, kernelTriple},
};
