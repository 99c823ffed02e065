// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Adapters of low rank beside weights that stay as they are (E. Hu and others,
// "LoRA: Low-Rank Adaptation of Large Language Models", 2021).

#ifndef DL_PASSES_DIFFERENTIATE_LOWRANK_H
#define DL_PASSES_DIFFERENTIATE_LOWRANK_H

#include "passes/differentiate/States.h"

namespace dl {

struct AdapterOptions {
  int64_t rank = 0;
  std::string pattern; ///< of the names of weights
  uint64_t seed = 0;
};

/// Whether a state is part of an adapter.
bool isAdapter(const State &state);

/// Beside each weight w [m, n] of a matching name that products alone read, as
/// it is or transposed, stand two more parameters, w.lora_A [m, r] and w.lora_B
/// [r, n], and each product is one with w + w.lora_A * w.lora_B, computed from
/// what it multiplies. The one of the two that the product's operand meets
/// first has normal random values of variance 1 / (their number of sums), which
/// follow from the seed and the name; the other is zero. Fails, with a
/// diagnostic, where no weight gets one.
mlir::LogicalResult
addAdapters(llvm::MutableArrayRef<StateFunction *> functions,
            llvm::SmallVector<State> &states, const AdapterOptions &options);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_LOWRANK_H
