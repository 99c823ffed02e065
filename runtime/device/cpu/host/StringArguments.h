// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the functions on strings share.

#ifndef DLRT_DEVICE_CPU_HOST_STRINGARGUMENTS_H
#define DLRT_DEVICE_CPU_HOST_STRINGARGUMENTS_H

#include "runtime/artifact/module_generated.h"
#include "runtime/device/cpu/host/HostFunctions.h"

namespace dlrt {

inline const int64_t *stringsOf(const HostArgument &argument) {
  return static_cast<const int64_t *>(argument.data);
}

/// Fails unless a call has two arguments of as many elements, the first of
/// `from` and the second of `to` (fb::ElementType; None for any), and this
/// many attributes.
inline Status checkStringMap(const char *name, const HostCallFrame &frame,
                             int from, int to, int attributes) {
  auto fits = [&](int i, int type) {
    return type == fb::ElementType_None || frame.args[i].type == type;
  };
  if (frame.argCount == 2 && frame.attributeCount == attributes &&
      fits(0, from) && fits(1, to) &&
      frame.args[0].elements == frame.args[1].elements)
    return {};
  return {Code::BadModule,
          std::string(name) + " has arguments that do not agree"};
}

/// ASCII's white space.
inline bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_HOST_STRINGARGUMENTS_H
