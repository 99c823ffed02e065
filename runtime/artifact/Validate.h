// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_VALIDATE_H
#define DLRT_ARTIFACT_VALIDATE_H

#include "runtime/artifact/Status.h"

#include <cstdint>

namespace dlrt {

namespace fb {
struct Module;
struct Entry;
struct Plan;
} // namespace fb

/// The most dimensions of a tensor, and the deepest nest of loops.
constexpr int kMaxRank = 64;
constexpr int kMaxLoopDepth = 8;

/// Checks everything about a header that the FlatBuffers verifier has accepted
/// and that readers rely on: indices in range, formulas in order, segments
/// inside the file of `fileSize` bytes, code pieces disjoint, kernels inside
/// executable code.
Status validateHeader(const fb::Module &module, uint64_t fileSize);

/// The part of validateHeader for one plan; `entry` has been validated.
Status validatePlan(const fb::Module &module, const fb::Entry &entry,
                    const fb::Plan &plan);

} // namespace dlrt

#endif // DLRT_ARTIFACT_VALIDATE_H
