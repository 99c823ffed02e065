// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/StringArguments.h"
#include "runtime/device/cpu/host/optional/Functions.h"

#include <limits>
#include <unicode/ucasemap.h>

namespace dlrt {
namespace {

Status prepareCase(const HostCallFrame &frame, int64_t &) {
  return checkStringMap("unicode_case", frame, fb::ElementType_I64,
                        fb::ElementType_I64, 2);
}

void runCase(const HostCallFrame &frame, const HostResources &resources) {
  HostStrings &strings = *resources.strings;
  UErrorCode error = U_ZERO_ERROR;
  std::string locale(strings.text(frame.attributes[1]));
  UCaseMap *map = ucasemap_open(locale.c_str(), 0, &error);
  auto *change =
      frame.attributes[0] ? ucasemap_utf8ToUpper : ucasemap_utf8ToLower;
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<int64_t *>(frame.args[1].data);
  std::string changed;
  for (int64_t n = 0; n < frame.args[0].elements && U_SUCCESS(error); ++n) {
    std::string_view text = strings.text(from[n]);
    if (text.size() >= size_t(std::numeric_limits<int32_t>::max()) / 3) {
      error = U_INDEX_OUTOFBOUNDS_ERROR;
      break;
    }
    // Three bytes for one are the most that it grows by.
    changed.resize(text.size() * 3 + 1);
    int32_t length =
        change(map, changed.data(), static_cast<int32_t>(changed.size()),
               text.data(), static_cast<int32_t>(text.size()), &error);
    if (U_SUCCESS(error))
      to[n] = strings.number({changed.data(), static_cast<size_t>(length)});
  }
  ucasemap_close(map);
  if (U_FAILURE(error))
    *resources.status = {Code::Mismatch, std::string("ICU cannot change the "
                                                     "case of a string: ") +
                                             u_errorName(error)};
}

} // namespace

const HostFunction kUnicodeCaseFunction = {"unicode_case", prepareCase,
                                           runCase};

} // namespace dlrt
