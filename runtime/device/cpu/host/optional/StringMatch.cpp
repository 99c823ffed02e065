// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/StringArguments.h"
#include "runtime/device/cpu/host/optional/Functions.h"

#include <re2/re2.h>

namespace dlrt {
namespace {

Status prepareMatch(const HostCallFrame &frame, int64_t &) {
  return checkStringMap("string_match", frame, fb::ElementType_I64,
                        fb::ElementType_Bool, 1);
}

re2::StringPiece toPiece(std::string_view text) {
  return {text.data(), text.size()};
}

void runMatch(const HostCallFrame &frame, const HostResources &resources) {
  const HostStrings &strings = *resources.strings;
  RE2::Options options;
  options.set_log_errors(false);
  std::string_view pattern = strings.text(frame.attributes[0]);
  RE2 expression(toPiece(pattern), options);
  if (!expression.ok()) {
    *resources.status = {Code::Mismatch,
                         "the pattern '" + std::string(pattern) +
                             "' is not valid: " + expression.error()};
    return;
  }
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<uint8_t *>(frame.args[1].data);
  for (int64_t n = 0; n < frame.args[0].elements; ++n)
    to[n] = RE2::FullMatch(toPiece(strings.text(from[n])), expression);
}

} // namespace

const HostFunction kStringMatchFunction = {"string_match", prepareMatch,
                                           runMatch};

} // namespace dlrt
