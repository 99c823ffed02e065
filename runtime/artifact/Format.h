// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layout of a module file (.dlm), shared by the packager that writes it and
// the runtime that maps it:
//
//   [0, 64)                        FilePrefix
//   [headerOffset, +headerSize)    a FlatBuffer, module.fbs
//   segments                       code, weights, debug names; each at a
//   multiple
//                                  of kSegmentAlignment (code) or
//                                  kConstantAlignment (weights)
//
// All integers are little endian. Bytes between these ranges are zero.

#ifndef DLRT_ARTIFACT_FORMAT_H
#define DLRT_ARTIFACT_FORMAT_H

#include <cstddef>
#include <cstdint>

namespace dlrt {

/// The newest version that the runtime reads. A change that an older runtime
/// would misread raises it, and a golden module of each version stays in
/// test/runtime/golden. The packager writes the oldest that has what a module
/// needs: 4 for constants that are coded, 3 for constants that are unpacked and
/// kernels of a device's plan that run on the host, else 2.
constexpr uint32_t kFormatVersion = 4;
constexpr uint32_t kUnpackFormatVersion = 3;
constexpr uint32_t kPlainFormatVersion = 2;

/// Code segments start at multiples of this; so do their addresses in the
/// image.
constexpr uint64_t kSegmentAlignment = 4096;

/// Weights start at multiples of this at least (the packager aligns large ones
/// to kSegmentAlignment); arena offsets and scratch have this alignment too.
constexpr uint64_t kConstantAlignment = 64;

constexpr unsigned char kMagic[8] = {0x7f, 'D',  'L',  'M',
                                     '\r', '\n', 0x1a, '\n'};

/// The target whose entries are programs for the reference interpreter, a
/// tool's.
constexpr char kReferenceTarget[] = "reference";

/// The first 64 bytes of a module file.
struct FilePrefix {
  unsigned char magic[8];
  uint32_t formatVersion;
  uint32_t prefixSize;   ///< 64
  uint64_t headerOffset; ///< a multiple of 16
  uint64_t headerSize;
  uint64_t headerHash;  ///< XXH3-64 of the header's bytes
  uint64_t fileSize;    ///< of the whole file
  uint64_t reserved[2]; ///< zero
};
static_assert(sizeof(FilePrefix) == 64,
              "the prefix is part of the file format");

} // namespace dlrt

#endif // DLRT_ARTIFACT_FORMAT_H
