// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which tensors of a kernel are kept in memory, and in which order they are
// computed.

#ifndef DL_CODEGEN_GPU_STRATEGY_H
#define DL_CODEGEN_GPU_STRATEGY_H

#include "codegen/gpu/TileShares.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"

namespace dl::gpucode {

/// One run over all elements of a tensor: each is computed, with everything
/// that is not in memory yet, and stored.
struct Stage {
  mlir::Value value;
  /// Where it is stored: the number of a tensor argument, or after these of a
  /// temporary.
  unsigned buffer;
  /// Set where `value` is one part of the buffer: the tensor.insert_slice that
  /// says which.
  mlir::Operation *part = nullptr;
  /// What `buffer` holds once this stage has run; null where nothing new.
  mlir::Value result;
  /// Set where `value` comes of loops whose steps read what earlier ones have
  /// stored, and `buffer` holds what they start with.
  bool sequential = false;
  /// Set where some of a product's tiles are shared among workgroups: on the
  /// stage that stores their parts, whose `result` are the parts, and on the
  /// one that adds them up.
  std::optional<TileShares> shares = std::nullopt;

  bool storesParts() const { return shares && result == shares->sums; }
};

struct Plan {
  llvm::SmallVector<Stage> stages;
  /// Tensors that live in memory between two stages, in the order of their
  /// buffers.
  llvm::SmallVector<mlir::Value> temporaries;
};

/// Stages synchronize, elements of one stage do not. So a tensor is kept in
/// memory if it is dear to compute and would be computed more than once, and
/// everything else is computed where it is used: bias, activation and residual
/// at the element of the contraction that they follow, movement as index
/// arithmetic. With `divides`, long reductions are stages of their own.
Plan choosePlan(mlir::func::FuncOp kernel, bool divides);

/// A stage for each result, in order: of a sequential kernel, or of one that a
/// stage computes whole.
Plan planOutputs(mlir::func::FuncOp kernel, bool sequential = true);

/// The same with a stage for each of the statements that make a result, loops
/// around others being one.
Plan planStatements(mlir::func::FuncOp kernel);

/// Whether a reduction has more steps, or may have, than a stage should do at
/// once.
bool isLong(mlir::linalg::GenericOp op);

/// Whether a reduction goes over windows of few steps, so that neighbours of
/// its result read some of the same elements.
bool isWindow(mlir::linalg::GenericOp op);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_STRATEGY_H
