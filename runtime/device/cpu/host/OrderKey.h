// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Elements of any number type in one order.

#ifndef DLRT_DEVICE_CPU_HOST_ORDERKEY_H
#define DLRT_DEVICE_CPU_HOST_ORDERKEY_H

#include "runtime/artifact/module_generated.h"

#include <cstdint>
#include <cstring>

namespace dlrt {

/// Floating-point bits in their numbers' order: both zeros alike, NaN above
/// all.
template <typename Bits> inline uint64_t floatKey(Bits bits, Bits infinity) {
  constexpr Bits sign = Bits(Bits(1) << (8 * sizeof(Bits) - 1));
  Bits magnitude = Bits(bits & Bits(~sign));
  if (magnitude > infinity)
    return ~uint64_t(0);
  if (magnitude == 0 || bits == magnitude)
    return uint64_t(sign) + magnitude;
  return uint64_t(sign) - magnitude;
}

template <typename T> inline T loadElement(const void *data, int64_t index) {
  T value;
  memcpy(&value, static_cast<const char *>(data) + index * int64_t(sizeof(T)),
         sizeof(T));
  return value;
}

template <typename T>
inline uint64_t integerKey(const void *data, int64_t index) {
  return uint64_t(int64_t(loadElement<T>(data, index))) ^ (uint64_t(1) << 63);
}

/// Element `i` as an integer in the order of the elements: a NaN above all
/// numbers, both zeros alike.
inline uint64_t orderKey(const void *data, int type, int64_t i) {
  switch (type) {
  case fb::ElementType_F32:
    return floatKey<uint32_t>(loadElement<uint32_t>(data, i), 0x7f800000u);
  case fb::ElementType_F64:
    return floatKey<uint64_t>(loadElement<uint64_t>(data, i), uint64_t(0x7ff)
                                                                  << 52);
  case fb::ElementType_F16:
    return floatKey<uint16_t>(loadElement<uint16_t>(data, i), 0x7c00);
  case fb::ElementType_BF16:
    return floatKey<uint16_t>(loadElement<uint16_t>(data, i), 0x7f80);
  case fb::ElementType_I8:
    return integerKey<int8_t>(data, i);
  case fb::ElementType_I16:
    return integerKey<int16_t>(data, i);
  case fb::ElementType_I32:
    return integerKey<int32_t>(data, i);
  case fb::ElementType_I64:
    return integerKey<int64_t>(data, i);
  case fb::ElementType_U16:
    return loadElement<uint16_t>(data, i);
  case fb::ElementType_U32:
    return loadElement<uint32_t>(data, i);
  case fb::ElementType_U64:
    return loadElement<uint64_t>(data, i);
  default: // U8, Bool
    return loadElement<uint8_t>(data, i);
  }
}

/// Whether elements of a type (fb::ElementType) have keys.
inline bool hasOrder(int type) {
  return (type >= fb::ElementType_F32 && type <= fb::ElementType_Bool);
}

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_HOST_ORDERKEY_H
