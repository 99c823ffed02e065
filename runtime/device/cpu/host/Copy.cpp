// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/HostFunctions.h"

#include <cstring>

namespace dlrt {
namespace {

Status prepareCopy(const HostCallFrame &frame, int64_t &) {
  if (frame.argCount != 2)
    return {Code::BadModule, "copy has two arguments"};
  if (frame.args[0].bytes != frame.args[1].bytes)
    return {Code::BadModule,
            "copy has arguments of " + std::to_string(frame.args[0].bytes) +
                " and " + std::to_string(frame.args[1].bytes) + " bytes"};
  return {};
}

void runCopy(const HostCallFrame &frame, const HostResources &) {
  // Source and destination may overlap in the arena.
  memmove(frame.args[1].data, frame.args[0].data,
          static_cast<size_t>(frame.args[0].bytes));
}

} // namespace

const HostFunction kCopyFunction = {"copy", prepareCopy, runCopy};

} // namespace dlrt
