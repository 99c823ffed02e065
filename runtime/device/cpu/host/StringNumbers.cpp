// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/StringArguments.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace dlrt {
namespace {

bool holdsNumbers(int type) {
  return type == fb::ElementType_F32 || type == fb::ElementType_F64 ||
         type == fb::ElementType_I64 || type == fb::ElementType_U64;
}

//===----------------------------------------------------------------------===//
// From strings
//===----------------------------------------------------------------------===//

std::string_view trim(std::string_view text) {
  while (!text.empty() && isSpace(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back()))
    text.remove_suffix(1);
  return text;
}

/// Whether the whole text, without a plus before it, is a number; stores it.
template <typename T> bool parseFloat(std::string_view text, T &number) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '-')
      return false;
  }
  const char *end = text.data() + text.size();
  auto [last, error] = std::from_chars(text.data(), end, number);
  if (last != end || text.empty() || error == std::errc::invalid_argument)
    return false;
  if (error == std::errc::result_out_of_range)
    // Too large or too small: strtod tells which.
    number = static_cast<T>(std::strtod(std::string(text).c_str(), nullptr));
  return true;
}

template <typename T> bool parse(std::string_view text, T &number) {
  if constexpr (std::is_floating_point_v<T>) {
    return parseFloat(text, number);
  } else {
    std::string_view digits = text;
    if (!digits.empty() && digits.front() == '+')
      digits.remove_prefix(1);
    const char *end = digits.data() + digits.size();
    auto [last, error] = std::from_chars(digits.data(), end, number);
    if (last == end && error == std::errc() && !digits.empty())
      return true;
    double value = 0;
    // 2^63 or 2^64, which the type does not hold.
    constexpr double kEnd = std::is_signed_v<T> ? 0x1p63 : 0x1p64;
    constexpr double kBegin = std::is_signed_v<T> ? -0x1p63 : 0;
    if (!parseFloat(text, value) || !(value >= kBegin && value < kEnd))
      return false;
    number = static_cast<T>(value);
    return true;
  }
}

Status prepareToNumber(const HostCallFrame &frame, int64_t &) {
  DLRT_RETURN_IF_ERROR(checkStringMap(
      "string_to_number", frame, fb::ElementType_I64, fb::ElementType_None, 0));
  if (!holdsNumbers(frame.args[1].type))
    return {Code::BadModule, "string_to_number gives no such type"};
  return {};
}

template <typename T>
void toNumbers(const HostCallFrame &frame, const HostResources &resources) {
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<T *>(frame.args[1].data);
  for (int64_t n = 0; n < frame.args[0].elements; ++n) {
    std::string_view text = resources.strings->text(from[n]);
    if (parse(trim(text), to[n]))
      continue;
    *resources.status = {Code::Mismatch, "'" + std::string(text) +
                                             "' is not a number of its type"};
    return;
  }
}

void runToNumber(const HostCallFrame &frame, const HostResources &resources) {
  switch (frame.args[1].type) {
  case fb::ElementType_F32:
    return toNumbers<float>(frame, resources);
  case fb::ElementType_F64:
    return toNumbers<double>(frame, resources);
  case fb::ElementType_I64:
    return toNumbers<int64_t>(frame, resources);
  default:
    return toNumbers<uint64_t>(frame, resources);
  }
}

//===----------------------------------------------------------------------===//
// To strings
//===----------------------------------------------------------------------===//

/// The fewest digits that give a float back; without an exponent from 1e-4 on
/// and below 1e16, and then with a point.
template <typename T> std::string_view write(T number, char (&text)[64]) {
  if (std::isnan(number))
    return "NaN";
  if (std::isinf(number))
    return number < 0 ? "-INF" : "INF";
  T size = std::fabs(number);
  bool isPlain = size == 0 || (size >= T(1e-4) && size < T(1e16));
  char *end = std::to_chars(text, text + 60, number,
                            isPlain ? std::chars_format::fixed
                                    : std::chars_format::scientific)
                  .ptr;
  std::string_view written(text, static_cast<size_t>(end - text));
  if (isPlain && written.find('.') == std::string_view::npos) {
    *end++ = '.';
    *end++ = '0';
  }
  return {text, static_cast<size_t>(end - text)};
}

std::string_view write(int64_t number, char (&text)[64]) {
  return {text, static_cast<size_t>(std::to_chars(text, text + 64, number).ptr -
                                    text)};
}
std::string_view write(uint64_t number, char (&text)[64]) {
  return {text, static_cast<size_t>(std::to_chars(text, text + 64, number).ptr -
                                    text)};
}

Status prepareToString(const HostCallFrame &frame, int64_t &) {
  DLRT_RETURN_IF_ERROR(checkStringMap(
      "number_to_string", frame, fb::ElementType_None, fb::ElementType_I64, 0));
  if (!holdsNumbers(frame.args[0].type))
    return {Code::BadModule, "number_to_string takes no such type"};
  return {};
}

template <typename T>
void toStrings(const HostCallFrame &frame, const HostResources &resources) {
  auto *from = static_cast<const T *>(frame.args[0].data);
  auto *to = static_cast<int64_t *>(frame.args[1].data);
  char text[64];
  for (int64_t n = 0; n < frame.args[0].elements; ++n)
    to[n] = resources.strings->number(write(from[n], text));
}

void runToString(const HostCallFrame &frame, const HostResources &resources) {
  switch (frame.args[0].type) {
  case fb::ElementType_F32:
    return toStrings<float>(frame, resources);
  case fb::ElementType_F64:
    return toStrings<double>(frame, resources);
  case fb::ElementType_I64:
    return toStrings<int64_t>(frame, resources);
  default:
    return toStrings<uint64_t>(frame, resources);
  }
}

} // namespace

const HostFunction kStringToNumberFunction = {"string_to_number",
                                              prepareToNumber, runToNumber};
const HostFunction kNumberToStringFunction = {"number_to_string",
                                              prepareToString, runToString};

} // namespace dlrt
