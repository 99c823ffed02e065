// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants that a module holds entropy-coded, for devices with little flash.
//
// Elements are coded in blocks of kCodedBlock (the last one may have fewer),
// one after the other:
//
//   Plain    the elements as they are
//   Planes   the first bytes of all elements as a plane, then their second
//            ones, ..: a float's exponent is worth coding, the end of its
//            mantissa is not
//   Palette  a byte, one less than the number of entries; the entries; each
//            element's number among them, as a plane
//
// and a plane of one byte for each element
//
//   Plain    the bytes as they are
//   Same     the one byte that all are
//   Coded    frequencies: 32 bytes, in which bit s % 8 of byte s / 8 says
//            whether there is a symbol s; for each one that there is, its
//            frequency of 4096, less than 128 in a byte, others as two, the
//            low seven bits first, with the highest bit set. Then the states
//            of kCodedLanes range coders (J. Duda, "Asymmetric numeral
//            systems", 2013), which take turns, in four bytes each, and the
//            words of two bytes that these read.
//
// Kinds are a byte before each block and plane. All numbers are little endian.

#ifndef DLRT_ARTIFACT_CODING_H
#define DLRT_ARTIFACT_CODING_H

#include "runtime/artifact/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace dlrt {

constexpr size_t kCodedBlock = 65536;
constexpr unsigned kCodedLanes = 4;
constexpr unsigned kFrequencyBits = 12;
constexpr uint32_t kFrequencies = 1U << kFrequencyBits;
/// A state is at least this; in the end it is this again.
constexpr uint32_t kLeastState = 1U << 16;
constexpr size_t kMostPalette = 256;
/// No coding is shorter than its elements by more.
constexpr uint64_t kMostExpansion = 1U << 15;

enum class BlockKind : uint8_t { Plain = 0, Planes, Palette };
enum class PlaneKind : uint8_t { Plain = 0, Same, Coded };

/// Makes the `bytes` bytes at `to`, elements of `elementBytes`, from the `size`
/// coded ones at `coded`. Fails with BadModule, at `what`, where these say
/// anything else; `to` then has any bytes.
Status decodeConstant(const std::byte *coded, size_t size,
                      unsigned elementBytes, std::byte *to, size_t bytes,
                      const std::string &what);

} // namespace dlrt

#endif // DLRT_ARTIFACT_CODING_H
