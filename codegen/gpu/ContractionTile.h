// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions by workgroups.
//
// A workgroup computes a tile of the result. The tiles of both operands go
// through memory that its invocations share, piece by piece along the
// contracted dimensions; while one piece is multiplied, the next one is on its
// way. Each invocation keeps its part of the result in registers. Operands are
// read element by element, whatever they are made of, so that a convolution's
// window or a padded border is index arithmetic.
//
// Source of the scheme: V. Volkov and J. Demmel, "Benchmarking GPUs to tune
// dense linear algebra", SC 2008.

#ifndef DL_CODEGEN_GPU_CONTRACTIONTILE_H
#define DL_CODEGEN_GPU_CONTRACTIONTILE_H

#include "codegen/cpu/Contraction.h"

namespace dl::gpucode {

/// Whether an earlier stage has stored a tensor.
using IsStored = llvm::function_ref<bool(mlir::Value)>;

/// Sizes of the tile: of the workgroup's result, of the part that one
/// invocation keeps, and of a piece of the contracted dimension.
struct TileShape {
  int64_t rows, columns;
  int64_t ownRows, ownColumns;
  int64_t depth;
  unsigned resident; ///< workgroups that a processor should hold at once

  int64_t getInvocations() const {
    return rows / ownRows * (columns / ownColumns);
  }
};

/// The contraction whose tiles a stage that stores `value` can be computed by:
/// what follows it is elementwise, and not stored already. Null where there is
/// none.
std::optional<mlir::dl::cpu::Contraction> findContraction(mlir::Value value,
                                                          IsStored isStored);

/// Whether there are rows and columns enough for tiles; otherwise the products
/// of each result are added up by several invocations.
bool isByTiles(const mlir::dl::cpu::Contraction &contraction);

/// The tile for a contraction, by workgroups of 256 invocations.
TileShape chooseTile(const mlir::dl::cpu::Contraction &contraction);

/// The loops of the result's columns, outermost first.
llvm::SmallVector<unsigned>
getColumnLoops(const mlir::dl::cpu::Contraction &contraction);

/// The product of the sizes of some loops; ShapedType::kDynamic where one is
/// not known.
int64_t getStaticSize(mlir::linalg::GenericOp op,
                      llvm::ArrayRef<unsigned> loops);

/// Whether the last of some loops is known to run a multiple of `count` times,
/// and once at least.
bool hasWholeRuns(mlir::linalg::GenericOp op, llvm::ArrayRef<unsigned> loops,
                  int64_t count);

/// Whether it does, and its steps are neighbours in an operand's memory.
bool readsWholeRuns(mlir::linalg::GenericOp op, mlir::OpOperand *operand,
                    llvm::ArrayRef<unsigned> loops, int64_t count);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_CONTRACTIONTILE_H
