// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants that a module holds in the order of another plan's kernels.

#ifndef DLRT_ARTIFACT_UNPACK_H
#define DLRT_ARTIFACT_UNPACK_H

#include "runtime/artifact/Status.h"
#include "runtime/artifact/module_generated.h"

#include <cstddef>
#include <string>

namespace dlrt {

/// Whether `packedBytes` bytes can be unpacked so; BadModule, at `what`, where
/// not.
Status checkUnpack(const fb::Unpack &unpack, uint64_t packedBytes,
                   const std::string &what);

/// Makes the `unpack.bytes()` bytes at `to` from the packed ones. Only what
/// checkUnpack has accepted.
void unpackConstant(const fb::Unpack &unpack, const std::byte *packed,
                    std::byte *to);

} // namespace dlrt

#endif // DLRT_ARTIFACT_UNPACK_H
