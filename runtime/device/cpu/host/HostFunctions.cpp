// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/HostFunctions.h"

#include <cstring>

namespace dlrt {

const HostFunction *findHostFunction(const char *name) {
  for (const HostFunction *function :
       {&kCopyFunction, &kRowOrderFunction, &kSuppressFunction, &kTopKFunction})
    if (strcmp(function->name, name) == 0)
      return function;
  return nullptr;
}

} // namespace dlrt
