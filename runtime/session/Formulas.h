// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_FORMULAS_H
#define DLRT_SESSION_FORMULAS_H

#include "runtime/artifact/Status.h"

#include <cstdint>
#include <string>

namespace dlrt {

namespace fb {
struct Entry;
} // namespace fb

/// Evaluates every formula of `entry`. `symbols` has a value for each of its
/// symbols, `values` room for each of its formulas. Fails on overflow and on
/// division by a value that is not positive. Allocates nothing unless it fails.
Status evaluateFormulas(const fb::Entry &entry, const int64_t *symbols,
                        int64_t *values);

/// Evaluates those formulas of `entry` that have values from `stage` on; the
/// values of earlier ones are there. `stages` tells the stage of each.
Status evaluateFormulas(const fb::Entry &entry, const int64_t *symbols,
                        const uint32_t *stages, uint32_t stage,
                        int64_t *values);

/// The formula as text, with the symbols' names: "2 * (N + 1)". Text that would
/// grow beyond reason ends in "...".
std::string formulaText(const fb::Entry &entry, int32_t index);

/// Whether the formula is one number; stores it.
bool isConstantFormula(const fb::Entry &entry, int32_t index, int64_t &value);

} // namespace dlrt

#endif // DLRT_SESSION_FORMULAS_H
