// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_ELEMENTTYPES_H
#define DLRT_ARTIFACT_ELEMENTTYPES_H

#include <cstddef>
#include <cstdint>

namespace dlrt {

/// An element of a caller's tensor of strings: dlrt_string of dlrt.h.
struct StringRange {
  const char *data;
  size_t size;
};

/// The number of element types that the format knows (fb::ElementType).
constexpr int kElementTypeCount = 26; // with "none", without strings

/// "float32", "bfloat16", ...; "none" for 0 and for numbers outside the format.
const char *elementTypeName(int type);

/// Bits of one element in memory: 8 for bool; 2 and 4 for the sub-byte types,
/// which are packed from the low bits up; for strings, those of a StringRange;
/// 0 for unknown types.
int elementTypeBits(int type);

/// Stores the bytes of `count` elements in `bytes`; false when that overflows
/// or the type has no size.
bool elementBytes(int type, int64_t count, int64_t &bytes);

/// Stores the product of `rank` sizes in `count`; false when a size is negative
/// or the product overflows.
bool elementCount(const int64_t *dims, int rank, int64_t &count);

} // namespace dlrt

#endif // DLRT_ARTIFACT_ELEMENTTYPES_H
