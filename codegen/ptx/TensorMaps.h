// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operands of products as tensor maps: what the copy engine of sm_90 and later
// (TMA) needs to know of a tensor in memory to copy boxes of it.

#ifndef DL_CODEGEN_PTX_TENSORMAPS_H
#define DL_CODEGEN_PTX_TENSORMAPS_H

#include "codegen/cpu/Contraction.h"
#include "codegen/gpu/StageFunction.h"

namespace dl::ptx {

/// Bytes along a box's innermost dimension: those of the swizzle.
constexpr int64_t kBoxBytes = 128;

/// One dimension of a tensor map: what its positions count.
struct MapDimension {
  enum Kind { Lines, Depth, Batch } kind;
  mlir::AffineExpr position; ///< of Batch, as a formula of other loops
  mlir::AffineExpr extent;
  mlir::AffineExpr strideBytes; ///< not of the innermost
};

/// An operand as a tensor map; dimensions from the innermost on.
struct OperandMap {
  mlir::Type elementType;
  mlir::Value memory;
  llvm::SmallVector<MapDimension> dimensions;
  /// Where only some inner ones of the contracted loops lie one after another:
  /// their positions, a multiple of those of a box. The others have dimensions
  /// of kind Batch.
  std::optional<int64_t> innerDepth;
  /// The innermost dimension is the contracted one.
  bool alongDepth() const { return dimensions[0].kind == MapDimension::Depth; }
};

/// How boxes of an operand of a product are found in memory: of a tensor that
/// lies there, or of a view of one (slices, permutations, divided or joined
/// dimensions, repeated heads). `lines` are its rows or columns. Nothing where
/// it is computed, where the loops of lines, or the contracted ones of a box,
/// do not lie one after another in memory, or where strides are no multiples of
/// 16 bytes.
std::optional<OperandMap>
findOperandMap(gpucode::StageFunction &stage,
               const mlir::dl::cpu::Contraction &contraction,
               mlir::OpOperand *operand, llvm::ArrayRef<unsigned> lines);

/// On a function that has tensor maps: for each of its last parameters, a
/// dictionary with `arg` (the number of the buffer's parameter), `element` (its
/// type), `extents` and `strides` (maps over the sizes as symbols; of the
/// strides, in bytes, the innermost is left out), and `box`.
constexpr llvm::StringLiteral kTensorMapsName = "dl.tensor_maps";

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_TENSORMAPS_H
