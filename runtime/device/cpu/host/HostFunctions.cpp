// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/HostFunctions.h"

#include "runtime/device/cpu/host/OptionalFunctions.h"

#include <cstring>

namespace dlrt {

Status findHostFunction(const char *name, const HostFunction *&function) {
  for (const HostFunction *known :
       {&kCopyFunction, &kRowOrderFunction, &kSuppressFunction, &kTopKFunction,
        &kStringConcatFunction, &kStringCaseFunction, &kStringCountFunction,
        &kStringSplitFunction, &kStringRankFunction, &kStringToNumberFunction,
        &kNumberToStringFunction, &kAllReduceStartFunction,
        &kAllReduceWaitFunction, &kAllReduceFunction, &kProcessRankFunction})
    if (strcmp(known->name, name) == 0) {
      function = known;
      return {};
    }
  if (isOptionalFunction(name))
    return findOptionalFunction(name, function);
  return {Code::Unsupported, "this runtime has no function '" +
                                 std::string(name) +
                                 "', which the module calls"};
}

} // namespace dlrt
