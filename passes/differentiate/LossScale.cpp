// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/LossScale.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dl;

namespace dl {

Value buildAreFinite(const Calculus &math, ValueRange gradients) {
  Value largest;
  for (Value gradient : gradients) {
    Value size = math.abs(gradient);
    SmallVector<int64_t> axes =
        llvm::to_vector(llvm::seq<int64_t>(0, Calculus::rank(size)));
    if (!axes.empty())
      size = math.create<ReduceOp>(ReduceKind::Max, size, axes, false);
    // What float32 has no number for is a number all the same.
    if (Calculus::element(size).isF64())
      size = math.select(math.compare(Predicate::Lt, size, HUGE_VAL),
                         math.number(0, size), size);
    size = math.cast(size, math.builder.getF32Type());
    largest = largest ? math.max(largest, size) : size;
  }
  return math.compare(Predicate::Lt, largest, HUGE_VAL);
}

LossScale buildNextScale(const Calculus &math, const LossScale &last,
                         Value areFinite) {
  constexpr int64_t kGrowthInterval = 2000;
  constexpr double kLeast = 0x1p-24, kMost = 0x1p24;
  Value steps = math.add(last.steps, 1);
  Value grows = math.compare(Predicate::Ge, steps, kGrowthInterval);
  Value none = math.number(0, math.builder.getI64Type());
  Value twice =
      math.min(math.mul(last.scale, 2), math.number(kMost, last.scale));
  Value half =
      math.max(math.mul(last.scale, 0.5), math.number(kLeast, last.scale));
  Value kept = math.select(grows, twice, last.scale);
  return {math.select(areFinite, kept, half),
          math.select(areFinite, math.select(grows, none, steps), none)};
}

} // namespace dl
