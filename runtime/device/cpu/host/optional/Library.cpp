// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/OptionalFunctions.h"
#include "runtime/device/cpu/host/optional/Functions.h"

#include <cstring>

using namespace dlrt;

extern "C" __attribute__((visibility("default"))) const HostFunction *const *
dlrt_host_ops(const char *version) {
  static const HostFunction *const functions[] = {
#ifdef DLRT_HAVE_ICU
      &kUnicodeCaseFunction,
#endif
#ifdef DLRT_HAVE_RE2
      &kStringMatchFunction,
#endif
#ifdef DLRT_HAVE_LEPTONICA
      &kImageSizeFunction, &kDecodeImageFunction,
#endif
      nullptr};
  return strcmp(version, DLRT_VERSION_TEXT) == 0 ? functions : nullptr;
}
