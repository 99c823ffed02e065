// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/Target.h"

namespace dl::ptx {

int64_t PtxTarget::countProcessors() const {
  constexpr std::pair<unsigned, int64_t> kProcessors[] = {
      {70, 80}, {75, 72}, {80, 108}, {86, 84}, {89, 142}, {90, 132}};
  constexpr int64_t kNewer = 148;
  for (auto [most, processors] : kProcessors)
    if (capability <= most)
      return processors;
  return kNewer;
}

std::optional<PtxTarget> parseTarget(llvm::StringRef arch) {
  constexpr unsigned kLeast = 70, kFirstSpecial = 90, kMost = 129;
  PtxTarget target;
  if (!arch.consume_front("sm_"))
    return std::nullopt;
  target.isSpecial = arch.consume_back("a");
  if (arch.getAsInteger(10, target.capability) || target.capability < kLeast ||
      target.capability > kMost ||
      (target.isSpecial && target.capability < kFirstSpecial))
    return std::nullopt;
  return target;
}

} // namespace dl::ptx
