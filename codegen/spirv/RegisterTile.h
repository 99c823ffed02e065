// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions without shared memory.
//
// Each invocation of a workgroup keeps all rows of the tile for a few columns
// in registers. Neighbouring invocations have neighbouring columns, and all of
// a workgroup need the same elements of the row side: where the target has
// broadcasts, eight neighbours read one each and hand it to the others.

#ifndef DL_CODEGEN_SPIRV_REGISTERTILE_H
#define DL_CODEGEN_SPIRV_REGISTERTILE_H

#include "codegen/gpu/TileEmitter.h"
#include "codegen/spirv/Target.h"

namespace dl::spirv {

class RegisterTile : public gpucode::TileEmitter {
public:
  static gpucode::TileShape
  chooseShape(const mlir::dl::cpu::Contraction &contraction,
              const SpirvTarget &target);

  RegisterTile(gpucode::StageFunction &stage,
               const mlir::dl::cpu::Contraction &contraction,
               const gpucode::TileShape &shape, bool broadcasts)
      : TileEmitter(stage, contraction, shape), broadcasts(broadcasts) {}

  mlir::Value emit(mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer) override;

private:
  void findRows(mlir::Value first);
  void findSharedRows(mlir::Value first);
  llvm::SmallVector<mlir::Value> readRows(
      llvm::function_ref<mlir::Value(const mlir::dl::cpu::Position &)> read);
  void findColumns(mlir::Value first);
  llvm::SmallVector<mlir::Value> addProducts(unsigned loop,
                                             mlir::dl::cpu::Position dims,
                                             mlir::ValueRange sums);
  void storeTile(llvm::ArrayRef<mlir::Value> sums, mlir::Value result,
                 const mlir::dl::cpu::Buffer &buffer);

  /// Positions of the row and column loops for each of the tile's own, and
  /// whether they lie inside.
  llvm::SmallVector<mlir::dl::cpu::Position, 0> rowDims, columnDims;
  llvm::SmallVector<mlir::Value> isRow, isColumn;
  /// With broadcasts, the row that this invocation reads of each eight.
  llvm::SmallVector<mlir::dl::cpu::Position, 0> sharedRows;
  bool broadcasts;
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_REGISTERTILE_H
