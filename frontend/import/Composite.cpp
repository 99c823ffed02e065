// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Rules.h"
#include "llvm/ADT/StringSet.h"

bool dl::frontend::isComposite(llvm::StringRef domain, llvm::StringRef op) {
  // Normalizations over layers have stash_type for it; products add in f32 by
  // themselves.
  static const llvm::StringSet<> known = {
      "AffineGrid",
      "AveragePool",
      "Celu",
      "DFT",
      "Det",
      "Elu",
      "Gelu",
      "GlobalAveragePool",
      "GlobalLpPool",
      "GridSample",
      "HardSigmoid",
      "HardSwish",
      "InstanceNormalization",
      "LRN",
      "LpNormalization",
      "LpPool",
      "Mean",
      "MeanVarianceNormalization",
      "Mish",
      "Pow",
      "ReduceL1",
      "ReduceL2",
      "ReduceLogSum",
      "ReduceLogSumExp",
      "ReduceMean",
      "ReduceSumSquare",
      "Resize",
      "STFT",
      "Selu",
      "Shrink",
      "Softplus",
      "Softsign",
      "Swish",
      "Upsample",
  };
  return domain.empty() && known.contains(op);
}
