// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/python/src/Arrays.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace nb = nanobind;

namespace dl::python {

void fail(dlrt_status status, const std::string &message) {
  dlrt_error error = {};
  error.struct_size = sizeof error;
  error.status = status;
  std::snprintf(error.message, sizeof error.message, "%s", message.c_str());
  throw runtime::Error(error);
}

namespace {

using Code = nb::dlpack::dtype_code;

struct TypeRow {
  dlrt_type type;
  Code code;
  uint8_t bits;
};

constexpr TypeRow types[] = {
    {DLRT_FLOAT32, Code::Float, 32},
    {DLRT_FLOAT64, Code::Float, 64},
    {DLRT_FLOAT16, Code::Float, 16},
    {DLRT_BFLOAT16, Code::Bfloat, 16},
    {DLRT_INT8, Code::Int, 8},
    {DLRT_INT16, Code::Int, 16},
    {DLRT_INT32, Code::Int, 32},
    {DLRT_INT64, Code::Int, 64},
    {DLRT_UINT8, Code::UInt, 8},
    {DLRT_UINT16, Code::UInt, 16},
    {DLRT_UINT32, Code::UInt, 32},
    {DLRT_UINT64, Code::UInt, 64},
    {DLRT_BOOL, Code::Bool, 8},
    {DLRT_FLOAT8E4M3FN, Code::Float8_E4M3FN, 8},
    {DLRT_FLOAT8E4M3FNUZ, Code::Float8_E4M3FNUZ, 8},
    {DLRT_FLOAT8E5M2, Code::Float8_E5M2, 8},
    {DLRT_FLOAT8E5M2FNUZ, Code::Float8_E5M2FNUZ, 8},
    {DLRT_FLOAT8E8M0, Code::Float8_E8M0FNU, 8},
    {DLRT_COMPLEX64, Code::Complex, 64},
    {DLRT_COMPLEX128, Code::Complex, 128},
};

dlrt_type findType(nb::dlpack::dtype given) {
  for (const TypeRow &row : types)
    if (given.code == uint8_t(row.code) && given.bits == row.bits &&
        given.lanes == 1)
      return row.type;
  return DLRT_NONE;
}

/// The same type for DLPack; without bits where it has none.
nb::dlpack::dtype toDLPack(dlrt_type type) {
  for (const TypeRow &row : types)
    if (row.type == type)
      return {uint8_t(row.code), row.bits, 1};
  return {};
}

bool isDense(const nb::ndarray<nb::ro> &array) {
  int64_t expected = 1;
  for (size_t axis = array.ndim(); axis-- > 0;) {
    if (array.shape(axis) == 0)
      return true;
    if (array.shape(axis) != 1 && array.stride(axis) != expected)
      return false;
    expected *= int64_t(array.shape(axis));
  }
  return true;
}

/// Copies a block of `array`, from `axis` on, to `to`, which advances.
void copyBlock(const nb::ndarray<nb::ro> &array, size_t axis, const char *from,
               char *&to) {
  size_t item = array.itemsize();
  if (axis == array.ndim()) {
    std::memcpy(to, from, item);
    to += item;
    return;
  }
  for (size_t i = 0; i < array.shape(axis); ++i)
    copyBlock(array, axis + 1,
              from + int64_t(i) * array.stride(axis) * int64_t(item), to);
}

} // namespace

/// (list of bytes, type, dims) of strings.
static Array readStrings(const nb::tuple &parts) {
  Array result;
  result.type = DLRT_STRING;
  result.texts = nb::cast<nb::list>(parts[0]);
  result.dims = nb::cast<std::vector<int64_t>>(parts[2]);
  for (nb::handle text : result.texts) {
    nb::bytes bytes = nb::cast<nb::bytes>(text);
    result.strings.push_back({bytes.c_str(), bytes.size()});
  }
  result.data = result.strings.data();
  result.bytes = result.strings.size() * sizeof(dlrt_string);
  return result;
}

Array readArray(nb::handle given, const std::string &what) {
  nb::tuple parts = nb::cast<nb::tuple>(given);
  if (nb::cast<int>(parts[1]) == DLRT_STRING)
    return readStrings(parts);
  Array result;
  if (!nb::try_cast(parts[0], result.owner) || !result.owner.is_valid())
    fail(DLRT_INVALID_ARGUMENT,
         what + ": not an array: " +
             nb::cast<std::string>(nb::str(parts[0].type())));
  const nb::ndarray<nb::ro> &array = result.owner;
  if (array.device_type() != nb::device::cpu::value)
    fail(DLRT_UNSUPPORTED, what + ": its memory is not the CPU's");
  result.type = dlrt_type(nb::cast<int>(parts[1]));
  if (result.type == DLRT_NONE)
    result.type = findType(array.dtype());
  if (result.type == DLRT_NONE)
    fail(DLRT_UNSUPPORTED, what + ": elements of a type that no tensor has");
  if (parts[2].is_none())
    for (size_t axis = 0; axis < array.ndim(); ++axis)
      result.dims.push_back(int64_t(array.shape(axis)));
  else
    result.dims = nb::cast<std::vector<int64_t>>(parts[2]);
  result.bytes = array.nbytes();
  result.data = array.data();
  if (!isDense(array)) {
    result.copy.reset(new char[result.bytes]);
    char *to = result.copy.get();
    copyBlock(array, 0, static_cast<const char *>(array.data()), to);
    result.data = result.copy.get();
  }
  return result;
}

Array readOutput(nb::handle given, const std::string &what) {
  nb::tuple parts = nb::cast<nb::tuple>(given);
  nb::ndarray<> writable;
  if (!nb::try_cast(parts[0], writable))
    fail(DLRT_INVALID_ARGUMENT, what + ": not an array that can be written");
  Array result = readArray(given, what);
  if (result.copy)
    fail(DLRT_INVALID_ARGUMENT, what + ": its elements do not lie in order");
  return result;
}

void Buffer::Release::operator()(void *memory) const { std::free(memory); }

static constexpr size_t alignment = 64;

Buffer::Buffer(dlrt_type type, std::vector<int64_t> dims, size_t bytes)
    : type(type), dims(std::move(dims)), bytes(bytes) {
  size_t rounded = (bytes / alignment + 1) * alignment;
  memory.reset(std::aligned_alloc(alignment, rounded));
  if (!memory)
    fail(DLRT_OUT_OF_MEMORY,
         "an output of " + std::to_string(bytes) + " bytes: out of memory");
}

Buffer::Buffer(std::vector<int64_t> dims, std::vector<std::string> texts)
    : type(DLRT_STRING), dims(std::move(dims)),
      bytes(texts.size() * sizeof(dlrt_string)), texts(std::move(texts)) {}

nb::list Buffer::strings() const {
  nb::list result;
  for (const std::string &text : texts)
    result.append(nb::bytes(text.data(), text.size()));
  return result;
}

nb::object Buffer::exchange(nb::handle self) {
  const Buffer &buffer = nb::cast<const Buffer &>(self);
  if (buffer.type == DLRT_STRING)
    fail(DLRT_UNSUPPORTED, "DLPack does not exchange strings");
  nb::dlpack::dtype type = toDLPack(buffer.type);
  if (type.bits == 0)
    fail(DLRT_UNSUPPORTED,
         std::string(dlrt_type_name(buffer.type)) +
             " elements are packed, which DLPack does not exchange");
  std::vector<size_t> dims(buffer.dims.begin(), buffer.dims.end());
  return nb::cast(nb::ndarray<nb::array_api>(buffer.data(), dims.size(),
                                             dims.data(), self, nullptr, type,
                                             nb::device::cpu::value));
}

nb::object Buffer::array(nb::handle self) {
  const Buffer &buffer = nb::cast<const Buffer &>(self);
  nb::dlpack::dtype type = toDLPack(buffer.type);
  std::vector<size_t> dims(buffer.dims.begin(), buffer.dims.end());
  if (type.bits == 0) {
    type = {uint8_t(Code::UInt), 8, 1};
    dims = {buffer.bytes};
  } else if (type.code == uint8_t(Code::Bfloat) ||
             (type.code > uint8_t(Code::Bool))) {
    type.code = uint8_t(Code::UInt);
  }
  return nb::cast(nb::ndarray<nb::numpy>(buffer.data(), dims.size(),
                                         dims.data(), self, nullptr, type));
}

} // namespace dl::python
