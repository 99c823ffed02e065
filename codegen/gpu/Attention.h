// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels of attention that need no scores in memory.

#ifndef DL_CODEGEN_GPU_ATTENTION_H
#define DL_CODEGEN_GPU_ATTENTION_H

#include "codegen/cpu/Contraction.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::gpucode {

/// softmax(logits) values, where the logits follow a product elementwise: the
/// weights of a row may be computed for some columns after others, and what was
/// added up before is corrected when a larger logit appears.
///
/// Source: M. Milakov and N. Gimelshein, "Online normalizer calculation for
/// softmax", 2018; T. Dao, "FlashAttention-2", 2023.
struct OnlineAttention {
  mlir::dl::cpu::Contraction scores, mix;
  mlir::Value logits; ///< of the shape of the scores
  /// The logits of a row r are minus infinity beyond column r + reach; nothing
  /// where that is not known.
  std::optional<int64_t> reach;

  /// The loops of one of the contractions at a position in the scores.
  mlir::dl::cpu::Position
  getDims(const mlir::dl::cpu::Contraction &contraction,
          llvm::ArrayRef<mlir::dl::cpu::LaneIndex> position) const;
};

/// The structure of a kernel with one result, which follows the second product
/// elementwise; nothing for other kernels.
std::optional<OnlineAttention> findAttention(mlir::func::FuncOp kernel);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_ATTENTION_H
