// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_VALIDATE_H
#define DLRT_ARTIFACT_VALIDATE_H

#include "runtime/artifact/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dlrt {

namespace fb {
struct DeviceCode;
struct Module;
struct Entry;
struct Perform;
struct Plan;
} // namespace fb

struct PlanStages;

/// The most dimensions of a tensor, and the deepest nest of loops.
constexpr int kMaxRank = 64;
constexpr int kMaxLoopDepth = 8;

/// The deepest nest of bodies.
constexpr int kMaxBodyDepth = 16;

/// Checks everything about a header that the FlatBuffers verifier has accepted
/// and that readers rely on: indices in range, formulas in order, segments
/// inside the file of `fileSize` bytes, code pieces disjoint, kernels inside
/// executable code.
Status validateHeader(const fb::Module &module, uint64_t fileSize);

/// What messages call a device's code: its architecture, or its target.
std::string codeName(const fb::DeviceCode &code);

/// The part of validateHeader for one plan; `entry` has been validated.
Status validatePlan(const fb::Module &module, const fb::Entry &entry,
                    const fb::Plan &plan);

/// The part of validatePlan for one step that begins stage `stage` + 1, but for
/// its views. `filled` tells of the slots that hold something, and learns of
/// what the step does to them.
Status validatePerform(const fb::Entry &entry, const PlanStages &stages,
                       const fb::Perform &perform, uint32_t stage,
                       std::vector<bool> &filled);

} // namespace dlrt

#endif // DLRT_ARTIFACT_VALIDATE_H
