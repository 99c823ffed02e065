/* Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#ifndef DL_TEST_RUNTIME_KERNELS_H
#define DL_TEST_RUNTIME_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KERNEL_ARGUMENTS                                                       \
  void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end,      \
      void *scratch, const void *imports

typedef void (*TestKernel)(KERNEL_ARGUMENTS);

enum {
  kDouble,
  kAdd,
  kParts,
  kScan,
  kAddress,
  kWait,
  kScratch,
  kTriple,
  kKernelCount
};

/* The kernels of Kernels.c, and the bytes that hold them all. */
struct TestKernels {
  const unsigned char *begin, *end;
  TestKernel kernels[kKernelCount];
};
extern const struct TestKernels testKernels;

#ifdef __cplusplus
}
#endif

#endif
