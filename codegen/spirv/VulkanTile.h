// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What tiles of Vulkan devices share: operands that are read as vectors, and
// results that are stored as such.

#ifndef DL_CODEGEN_SPIRV_VULKANTILE_H
#define DL_CODEGEN_SPIRV_VULKANTILE_H

#include "codegen/gpu/TileEmitter.h"

namespace dl::spirv {

class VulkanTile : public gpucode::TileEmitter {
protected:
  /// Elements of a vector, and contracted positions that vectors are read for.
  static constexpr int64_t kVector = 4;

  /// What of an operand lies side by side in memory, in whole vectors.
  enum class Neighbours { None, Depth, Lines };
  /// Neighbours as they lie in memory; null where there is no border.
  struct Vector {
    mlir::Value loaded, isInside, border;
  };

  /// `width` is that of vectors of columns.
  VulkanTile(gpucode::StageFunction &stage,
             const mlir::dl::cpu::Contraction &contraction,
             const gpucode::TileShape &shape, int64_t width);

  static bool hasPanels(const mlir::dl::cpu::Contraction &contraction);
  static Neighbours
  findNeighbours(const mlir::dl::cpu::Contraction &contraction,
                 mlir::OpOperand *operand, llvm::ArrayRef<unsigned> loops,
                 int64_t width);
  /// Lets vectors be read from where the emitter reads, and takes both sides
  /// for what they are: of operands that are computed, only those that are
  /// made wider on the way have neighbours, where what has vectors is split.
  void prepareVectors();

  /// Iterations of a contracted loop: of panels, the slots that this tile's
  /// has.
  mlir::Value getExtent(unsigned loop);

  mlir::Value read(mlir::OpOperand *operand,
                   const mlir::dl::cpu::Position &dims);
  bool isUnsigned(mlir::OpOperand *operand) const {
    return operand == contraction.rowSide ? contraction.hasUnsignedRows
                                          : contraction.hasUnsignedLanes;
  }
  mlir::Value toFactor(mlir::OpOperand *operand, mlir::Value value);
  Vector load(mlir::OpOperand *operand, mlir::dl::cpu::Position dims,
              unsigned along, mlir::dl::cpu::ElementEmitter &by);
  mlir::Value orBorder(const Vector &vector, mlir::Value inside,
                       mlir::Value border);
  llvm::SmallVector<mlir::Value> readVector(mlir::OpOperand *operand,
                                            const mlir::dl::cpu::Position &dims,
                                            unsigned along,
                                            mlir::dl::cpu::ElementEmitter &by);

  /// Whether neighbouring columns are vectors of the contraction's result.
  bool hasVectorsOfColumns();
  /// Stores what follows the sums of neighbouring columns of a row, where they
  /// are inside: null where they are for certain. `dims` is the first one.
  void storeElements(mlir::dl::cpu::Position dims, mlir::Value isInside,
                     llvm::ArrayRef<mlir::Value> sums, mlir::Value result,
                     const mlir::dl::cpu::Buffer &buffer);

  /// Read the vectors; those of columns are written, too.
  mlir::dl::cpu::ElementEmitter deep, across;
  Neighbours rowNeighbours, columnNeighbours;
  bool storesVectors;
  /// Of the tile, which is as wide; set by the tile before operands are read.
  mlir::Value panel;

private:
  mlir::Value getTensor(mlir::OpOperand *operand);
  mlir::dl::cpu::Position getPosition(mlir::OpOperand *operand,
                                      const mlir::dl::cpu::Position &dims,
                                      mlir::dl::cpu::ElementEmitter &by);
  mlir::dl::cpu::LaneIndex readRow(const mlir::dl::cpu::Position &dims);
  bool isInMemory(mlir::Value tensor);
  bool isWidened(mlir::Value tensor);
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_VULKANTILE_H
