// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/BorderValues.h"

#include "runtime/artifact/ElementTypes.h"
#include "runtime/session/Session.h"

#include <cstring>

namespace dlrt {
namespace {

/// Applies `convert(const TensorValue &, TensorRef &)` to all tensors.
template <typename Convert>
Status convertTensors(const HostValue &given, HostValue &result,
                      Convert convert) {
  HostValue converted;
  if (given.tensor)
    DLRT_RETURN_IF_ERROR(convert(*given.tensor, converted.tensor));
  if (given.elements) {
    converted.elements = std::make_shared<TensorList>(given.elements->size());
    for (size_t i = 0; i < given.elements->size(); ++i)
      DLRT_RETURN_IF_ERROR(
          convert(*(*given.elements)[i], (*converted.elements)[i]));
  }
  result = std::move(converted);
  return {};
}

Status numberStrings(const Allocator &allocator, StringTable &strings,
                     const TensorValue &texts, TensorRef &numbers) {
  DLRT_RETURN_IF_ERROR(
      makeTensor(allocator, fb::ElementType_I64, texts.dims, numbers));
  auto *to = reinterpret_cast<int64_t *>(numbers->memory.data());
  auto *from = static_cast<const std::byte *>(texts.data);
  int64_t count = texts.bytes / int64_t(sizeof(StringRange));
  for (int64_t i = 0; i < count; ++i, from += sizeof(StringRange)) {
    StringRange range;
    memcpy(&range, from, sizeof(range));
    to[i] = strings.number({range.data, range.size});
  }
  return {};
}

Status writeTexts(const Allocator &allocator, const StringTable &strings,
                  const TensorValue &numbers, TensorRef &texts) {
  DLRT_RETURN_IF_ERROR(
      makeTensor(allocator, fb::ElementType_String, numbers.dims, texts));
  std::byte *to = texts->memory.data();
  auto *from = static_cast<const std::byte *>(numbers.data);
  int64_t count = numbers.bytes / int64_t(sizeof(int64_t));
  for (int64_t i = 0; i < count; ++i, to += sizeof(StringRange)) {
    int64_t number = 0;
    memcpy(&number, from + i * int64_t(sizeof(number)), sizeof(number));
    std::string_view text = strings.text(number);
    StringRange range = {text.data(), text.size()};
    memcpy(to, &range, sizeof(range));
  }
  return {};
}

} // namespace

int stepElement(int declared) {
  return declared == fb::ElementType_String || declared == fb::ElementType_C64
             ? fb::ElementType_I64
             : declared;
}

Status toStepValue(const Allocator &allocator, StringTable &strings,
                   int declared, const HostValue &given, HostValue &result) {
  int element = stepElement(declared);
  if (element == declared) {
    result = given;
    return {};
  }
  return convertTensors(
      given, result, [&](const TensorValue &from, TensorRef &to) -> Status {
        if (declared == fb::ElementType_String)
          return numberStrings(allocator, strings, from, to);
        return borrowTensor(allocator, element, from.dims, from.data, to);
      });
}

Status toCallerValue(const Allocator &allocator, const StringTable &strings,
                     int declared, HostValue &value) {
  int element = stepElement(declared);
  if (element == declared)
    return {};
  return convertTensors(
      value, value, [&](const TensorValue &from, TensorRef &to) -> Status {
        if (from.type != element)
          return {Code::BadModule, "an output has elements of another type"};
        if (declared == fb::ElementType_String)
          return writeTexts(allocator, strings, from, to);
        return copyTensor(allocator, declared, from.dims, from.data, to);
      });
}

//===----------------------------------------------------------------------===//
// Of a session
//===----------------------------------------------------------------------===//

/// Numbers the strings of the inputs; those of the last run are gone.
Status Session::readStrings() {
  strings.reset();
  for (Input &input : inputs) {
    if (!input.isString)
      continue;
    int64_t elements = 0;
    (void)elementCount(input.dims.data(), static_cast<int>(input.dims.size()),
                       elements);
    DLRT_RETURN_IF_ERROR(input.numbers.reserve(
        static_cast<size_t>(elements) * sizeof(int64_t), "an input"));
    auto *to = reinterpret_cast<int64_t *>(input.numbers.data());
    auto *from = static_cast<const std::byte *>(input.data);
    for (int64_t i = 0; i < elements; ++i, from += sizeof(StringRange)) {
      StringRange range;
      memcpy(&range, from, sizeof(range));
      to[i] = strings.number({range.data, range.size});
    }
  }
  return {};
}

/// Tells the caller the texts of the outputs.
void Session::writeStrings() {
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].isString)
      continue;
    auto *numbers =
        reinterpret_cast<const int64_t *>(outputs[i].numbers.data());
    auto *to = static_cast<std::byte *>(outputs[i].written);
    int64_t elements = outputBytes(i) / int64_t(sizeof(StringRange));
    for (int64_t n = 0; n < elements; ++n, to += sizeof(StringRange)) {
      std::string_view text = strings.text(numbers[n]);
      StringRange range = {text.data(), text.size()};
      memcpy(to, &range, sizeof(range));
    }
  }
}

} // namespace dlrt
