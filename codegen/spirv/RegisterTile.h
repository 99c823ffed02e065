// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions without shared memory.
//
// Each invocation of a workgroup keeps all rows of the tile for a few columns
// in registers. Neighbouring invocations have neighbouring columns, and all of
// a workgroup need the same elements of the row side: where invocations hand
// each other values, eight neighbours read one each and hand it to the others.
// A few rows each reads for itself. What lies side by side in memory,
// contracted positions or rows or columns, is read as vectors, for some
// contracted positions at once.
//
// Bytes are multiplied as float32, which holds four products of each sum
// exactly, or, where the device has such instructions, four products at once.

#ifndef DL_CODEGEN_SPIRV_REGISTERTILE_H
#define DL_CODEGEN_SPIRV_REGISTERTILE_H

#include "codegen/spirv/Target.h"
#include "codegen/spirv/VulkanTile.h"

namespace dl::spirv {

class RegisterTile : public VulkanTile {
public:
  static gpucode::TileShape
  chooseShape(const mlir::dl::cpu::Contraction &contraction,
              const SpirvTarget &target);

  /// Whether a product of few rows, of which no tile could be made, has columns
  /// enough to keep the device busy.
  static bool fitsFewRows(const mlir::dl::cpu::Contraction &contraction,
                          const SpirvTarget &target);

  RegisterTile(gpucode::StageFunction &stage,
               const mlir::dl::cpu::Contraction &contraction,
               const gpucode::TileShape &shape, const SpirvTarget &target);

  mlir::Value emit(mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer) override;

private:
  /// Invocations that read rows for each other: no more than the fewest that
  /// run in lockstep on a device with shuffles.
  static constexpr int64_t kSharing = 8;
  /// So many rows are read by each invocation for itself.
  static constexpr int64_t kFewRows = 4;

  /// Elements of some contracted positions, for each those of all lines.
  using Elements = llvm::SmallVector<llvm::SmallVector<mlir::Value>, 4>;
  /// Whether the tile covers so many lines without a rest.
  bool isWhole(mlir::Value extent, int64_t lines);

  void findRows(mlir::Value first);
  void findSharedRows(mlir::Value first);
  void findColumns(mlir::Value first);
  mlir::Value handOver(mlir::Value value, int64_t from);
  Elements readRows(const mlir::dl::cpu::Position &dims, int64_t count);
  Elements readColumns(const mlir::dl::cpu::Position &dims, int64_t count);
  mlir::dl::cpu::Position join(mlir::dl::cpu::Position dims,
                               const mlir::dl::cpu::Position &own,
                               llvm::ArrayRef<unsigned> loops, int64_t k);
  llvm::SmallVector<mlir::Value> addProducts(unsigned loop,
                                             mlir::dl::cpu::Position dims,
                                             mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value>
  addPositions(const mlir::dl::cpu::Position &dims, int64_t count,
               mlir::ValueRange sums);

  // Four bytes as a word; see DotProducts.cpp.
  mlir::Value readWord(mlir::OpOperand *operand,
                       const mlir::dl::cpu::Position &dims, unsigned along,
                       mlir::dl::cpu::ElementEmitter &by);
  llvm::SmallVector<mlir::Value>
  readRowWords(const mlir::dl::cpu::Position &dims);
  llvm::SmallVector<mlir::Value>
  readColumnWords(const mlir::dl::cpu::Position &dims);
  mlir::Value multiplyWords(mlir::Value row, mlir::Value column);
  llvm::SmallVector<mlir::Value> addWords(const mlir::dl::cpu::Position &dims,
                                          mlir::ValueRange sums);

  void storeTile(llvm::ArrayRef<mlir::Value> sums, mlir::Value result,
                 const mlir::dl::cpu::Buffer &buffer);
  /// Columns that an invocation has side by side.
  int64_t countAdjacent() const {
    return columnNeighbours == Neighbours::Lines || storesVectors
               ? across.width()
               : 1;
  }

  /// Positions of the row and column loops for each of the tile's own, and
  /// whether they lie inside; null where all do.
  llvm::SmallVector<mlir::dl::cpu::Position, 0> rowDims, columnDims;
  llvm::SmallVector<mlir::Value> isRow, isColumn;
  /// With shuffles, what this invocation reads of each eight rows, or vectors
  /// of rows; of which contracted position, where this depends on it.
  llvm::SmallVector<mlir::dl::cpu::Position, 0> sharedRows;
  llvm::SmallVector<mlir::Value> sharedDepths;
  bool shuffles;
  /// Whether four bytes of contracted positions are multiplied at once.
  bool multipliesWords;
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_REGISTERTILE_H
