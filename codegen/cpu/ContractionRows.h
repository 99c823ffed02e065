// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The row side of a contraction as memory: where each element lies, as a sum of
// strides of the contraction's loops.

#ifndef DL_CODEGEN_CPU_CONTRACTIONROWS_H
#define DL_CODEGEN_CPU_CONTRACTIONROWS_H

#include "codegen/cpu/Contraction.h"

namespace mlir::dl::cpu {

/// Memory whose element at a position of the loops is
/// `memory[base + sum over the loops of position * stride]`.
struct LinearAccess {
  Value memory, base;
  /// For each loop; constant 0 where the element does not depend on it.
  SmallVector<Value> strides;

  /// Whether neighbouring positions of a loop are neighbours in memory.
  bool liesAlong(unsigned loop) const;

  /// Where the memory starts for the positions that `dims` has of `loops`.
  Value getBase(IndexBuilder &index, ArrayRef<unsigned> loops,
                ArrayRef<LaneIndex> dims) const;
};

/// A contracted loop that runs across the border of a padded row side: position
/// k of it, for position r of loop `row` (-1: none), reads position
/// `rowFactor * r + tapFactor * k + offset` of what was padded, or a zero where
/// that is not in [0, size).
struct Border {
  int tap = -1, row = -1;
  int64_t rowFactor = 0, tapFactor = 0, offset = 0, size = 0;

  /// The border of a dimension that is read by `map`, of which `low` of `size`
  /// positions were added in front; nothing where it is no such sum.
  static std::optional<Border> match(AffineMap map, int64_t dimension,
                                     int64_t low, int64_t size,
                                     const Contraction &contraction);

  /// Of `rows` x `taps` positions, how many read what was padded.
  int64_t countInside(int64_t rows, int64_t taps) const;
};

/// The coefficients of the dimensions in `expr`, then the constant; nothing
/// where it is no sum.
std::optional<SmallVector<int64_t>> getSum(AffineExpr expr, unsigned dims);

/// How `operand` lies in memory, if it is the kernel's memory read through
/// slices and permutations alone, with expressions that do not divide. Where
/// `conversion` is given, the memory may have bytes, of which that op, else
/// null, makes floats. With `withoutBorder`, a padded operand is what was
/// padded; its border must not be read.
std::optional<LinearAccess> getLinearAccess(KernelFunction &kernel,
                                            linalg::GenericOp op,
                                            OpOperand *operand,
                                            Operation **conversion = nullptr,
                                            bool withoutBorder = false);

/// Some positions of a contraction's loops: of each loop, those from `lower`,
/// `extent` of them.
struct LoopBox {
  SmallVector<Value> lower, extent;
};

/// The part of an operand that a box of loops reads, copied to this thread's
/// scratch, dense. So what is no memory, as a border or a reordered image, is
/// computed once for all that read it.
class StagedOperand {
public:
  /// Whether an operand can be copied: its indexing expressions are sums.
  static bool isPossible(linalg::GenericOp op, OpOperand *operand);

  /// Whether it can, and then lies along a loop.
  static bool liesAlong(linalg::GenericOp op, OpOperand *operand,
                        unsigned loop);

  /// Reserves scratch for boxes of `extent`. The last dimension has a multiple
  /// of `group` elements, the added ones being zero, which clear() sees to.
  StagedOperand(KernelFunction &kernel, linalg::GenericOp op,
                OpOperand *operand, ArrayRef<Value> extent, int64_t group = 1);

  /// Fills the scratch with zeros.
  void clear();

  /// Sets the base of `access` for a copy of what a box reads: loops are then
  /// at their positions.
  void place(const LoopBox &box);

  /// Copies what a box reads, no larger than the reserved one.
  void copy(const LoopBox &box);

  LinearAccess access;

private:
  void copyInterleaved(const Position &start, ArrayRef<Value> sizes);

  KernelFunction &kernel;
  linalg::GenericOp op;
  OpOperand *operand;
  Buffer buffer;
  bool mayInterleave = false; // copyInterleaved
  Value elements;             // of the scratch
};

/// The bytes that boxes of `extents` positions (of each loop) read of an
/// operand; nothing where an expression divides.
std::optional<int64_t> getBytesRead(linalg::GenericOp op, OpOperand *operand,
                                    ArrayRef<int64_t> extents);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_CONTRACTIONROWS_H
