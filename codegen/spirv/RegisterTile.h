// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions without shared memory.
//
// Each invocation of a workgroup keeps all rows of the tile for a few columns
// in registers. Neighbouring invocations have neighbouring columns, and all of
// a workgroup read the same elements of the row side: one load for as many
// invocations as the device runs in lockstep.

#ifndef DL_CODEGEN_SPIRV_REGISTERTILE_H
#define DL_CODEGEN_SPIRV_REGISTERTILE_H

#include "codegen/gpu/TileEmitter.h"

namespace dl::spirv {

class RegisterTile : public gpucode::TileEmitter {
public:
  /// The tile for a contraction, by at most `invocations` of a workgroup.
  static gpucode::TileShape
  chooseShape(const mlir::dl::cpu::Contraction &contraction,
              int64_t invocations);

  using TileEmitter::TileEmitter;

  mlir::Value emit(mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer) override;

private:
  void findRows(mlir::Value first);
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
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_REGISTERTILE_H
