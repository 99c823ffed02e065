// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Schedule.h"

#include <algorithm>
#include <cmath>

namespace dl::train {

/// From `first` to `last` along half a cosine.
static double anneal(double first, double last, double share) {
  return last +
         (first - last) * (1 + std::cos(M_PI * std::min(share, 1.0))) / 2;
}

double Schedule::at(int64_t step) const {
  if (step < warmup)
    return rate * double(step + 1) / double(warmup);
  double done = double(step - warmup),
         whole = double(std::max<int64_t>(total - warmup, 1));
  switch (kind) {
  case Kind::Constant:
    return rate;
  case Kind::Step:
    return rate *
           std::pow(factor,
                    std::floor(done / double(std::max<int64_t>(every, 1))));
  case Kind::Cosine:
    return anneal(rate, 0, done / whole);
  case Kind::OneCycle: {
    constexpr double kRise = 0.3, kFirst = 1 / 25.0, kLast = 1 / 250000.0;
    double share = done / whole;
    return share < kRise
               ? anneal(rate * kFirst, rate, share / kRise)
               : anneal(rate, rate * kLast, (share - kRise) / (1 - kRise));
  }
  }
  return rate;
}

} // namespace dl::train
