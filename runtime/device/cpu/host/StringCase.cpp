// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/OptionalFunctions.h"
#include "runtime/device/cpu/host/StringArguments.h"

#include <algorithm>

namespace dlrt {
namespace {

Status prepareCase(const HostCallFrame &frame, int64_t &) {
  return checkStringMap("string_case", frame, fb::ElementType_I64,
                        fb::ElementType_I64, 2);
}

bool isAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c & 0x80) == 0; });
}

/// Whether a language changes ASCII letters in a way of its own: Azerbaijani,
/// Lithuanian and Turkish do.
bool isSpecial(std::string_view locale) {
  std::string_view language = locale.substr(0, locale.find_first_of("_-.@"));
  return language == "az" || language == "lt" || language == "tr";
}

void runCase(const HostCallFrame &frame, const HostResources &resources) {
  HostStrings &strings = *resources.strings;
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<int64_t *>(frame.args[1].data);
  bool upper = frame.attributes[0] != 0;
  char first = upper ? 'a' : 'A', last = upper ? 'z' : 'Z';
  bool special = isSpecial(strings.text(frame.attributes[1]));
  std::string changed;
  for (int64_t n = 0; n < frame.args[0].elements; ++n) {
    std::string_view text = strings.text(from[n]);
    if (special || !isAscii(text)) {
      // All of them at once by Unicode's rules.
      const HostFunction *unicode = nullptr;
      *resources.status = findOptionalFunction("unicode_case", unicode);
      if (resources.status->ok())
        unicode->run(frame, resources);
      return;
    }
    changed = text;
    for (char &c : changed)
      if (c >= first && c <= last)
        c = static_cast<char>(c ^ 0x20);
    to[n] = strings.number(changed);
  }
}

} // namespace

const HostFunction kStringCaseFunction = {"string_case", prepareCase, runCase};

} // namespace dlrt
