// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/ElementTypes.h"

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/module_generated.h"

namespace dlrt {
namespace {

struct TypeRow {
  const char *name;
  int bits;
};

// In the order of fb::ElementType.
constexpr TypeRow kTypes[kElementTypeCount] = {
    {"none", 0},           {"float32", 32},     {"float64", 64},
    {"float16", 16},       {"bfloat16", 16},    {"int8", 8},
    {"int16", 16},         {"int32", 32},       {"int64", 64},
    {"uint8", 8},          {"uint16", 16},      {"uint32", 32},
    {"uint64", 64},        {"bool", 8},         {"float8e4m3fn", 8},
    {"float8e4m3fnuz", 8}, {"float8e5m2", 8},   {"float8e5m2fnuz", 8},
    {"float8e8m0", 8},     {"int4", 4},         {"uint4", 4},
    {"int2", 2},           {"uint2", 2},        {"float4e2m1", 4},
    {"complex64", 64},     {"complex128", 128},
};
static_assert(int(fb::ElementType_C128) == kElementTypeCount - 1,
              "the table follows the order of fb::ElementType");

} // namespace

const char *elementTypeName(int type) {
  if (type == int(fb::ElementType_String))
    return "string";
  return type > 0 && type < kElementTypeCount ? kTypes[type].name : "none";
}

int elementTypeBits(int type) {
  if (type == int(fb::ElementType_String))
    return 8 * int(sizeof(StringRange));
  return type > 0 && type < kElementTypeCount ? kTypes[type].bits : 0;
}

bool elementBytes(int type, int64_t count, int64_t &bytes) {
  int64_t bits = elementTypeBits(type);
  if (bits == 0)
    return false;
  if (bits >= 8)
    return checkedMul(count, bits / 8, bytes);
  int64_t perByte = 8 / bits;
  bytes = count / perByte + (count % perByte != 0);
  return true;
}

bool elementCount(const int64_t *dims, int rank, int64_t &count) {
  // A zero makes the product zero whatever the other sizes are.
  bool empty = false;
  for (int d = 0; d < rank; ++d) {
    if (dims[d] < 0)
      return false;
    empty |= dims[d] == 0;
  }
  count = empty ? 0 : 1;
  for (int d = 0; d < rank && !empty; ++d)
    if (!checkedMul(count, dims[d], count))
      return false;
  return true;
}

} // namespace dlrt
