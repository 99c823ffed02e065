// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The learning rate over the steps.

#ifndef DL_TOOLS_DL_TRAIN_SCHEDULE_H
#define DL_TOOLS_DL_TRAIN_SCHEDULE_H

#include <cstdint>
#include <string>

namespace dl::train {

struct Schedule {
  enum class Kind {
    Constant,
    Step,   ///< times `factor` every `every` steps
    Cosine, ///< half a cosine down to zero at the last step (I. Loshchilov, F.
            ///< Hutter, "SGDR", 2017)
    OneCycle, ///< up from 1/25 over the first 30 %, then a cosine down to
              ///< nearly zero (L. Smith, "Super-Convergence", 2018)
  } kind = Kind::Constant;
  double rate = 0;    ///< the highest
  int64_t warmup = 0; ///< steps of a linear rise, at the beginning
  int64_t every = 0;
  double factor = 0.1;
  int64_t total = 1; ///< steps of the whole training

  /// For step `step`, from 0 on.
  double at(int64_t step) const;
};

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_SCHEDULE_H
