// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions whose operands go through shared memory.
//
// Two pieces of each operand lie there as vectors of four lines, rows or
// columns of the result, at one contracted position. Where neighbours in an
// operand's memory are lines, an invocation reads such vectors; where they are
// contracted positions, it reads four vectors along them, of four lines, and
// transposes them in registers. Vector `line` of position `k` lies at place
// line ^ swizzle(k) of its row, so that invocations that store at neighbouring
// positions use different banks, as do those that read neighbouring lines.

#ifndef DL_CODEGEN_SPIRV_STAGEDTILE_H
#define DL_CODEGEN_SPIRV_STAGEDTILE_H

#include "codegen/spirv/Target.h"
#include "codegen/spirv/VulkanTile.h"

namespace dl::spirv {

class StagedTile : public VulkanTile {
public:
  static bool fits(const mlir::dl::cpu::Contraction &contraction,
                   const SpirvTarget &target);
  static gpucode::TileShape
  chooseShape(const mlir::dl::cpu::Contraction &contraction,
              const SpirvTarget &target);

  StagedTile(gpucode::StageFunction &stage,
             const mlir::dl::cpu::Contraction &contraction,
             const gpucode::TileShape &shape);

  mlir::Value emit(mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer) override;

protected:
  void layOut() override;
  llvm::SmallVector<mlir::Value>
  addPieces(llvm::ArrayRef<mlir::Value> start) override;
  llvm::SmallVector<mlir::Value> fetch(const gpucode::Side &side,
                                       mlir::Value start) override;
  void store(const gpucode::Side &side, llvm::ArrayRef<mlir::Value> values,
             mlir::Value half) override;
  llvm::SmallVector<mlir::Value> multiply(llvm::ArrayRef<mlir::Value> values,
                                          mlir::Value half) override;
  void finishTile(llvm::ArrayRef<mlir::Value> values, mlir::Value result,
                  const mlir::dl::cpu::Buffer &buffer) override;

private:
  /// What an invocation moves at once: a vector of lines at `depth` contracted
  /// positions, one or a vector of these.
  struct Share {
    mlir::Value line, k; ///< first ones within the piece, lines in vectors
    mlir::Value isOwn;   ///< null where no other invocation has the same
  };

  Neighbours getNeighbours(const gpucode::Side &side) const {
    return side.operand == contraction.rowSide ? rowNeighbours
                                               : columnNeighbours;
  }
  /// Contracted positions of a share.
  int64_t getShareDepth(const gpucode::Side &side) const {
    return getNeighbours(side) == Neighbours::Depth ? kVector : 1;
  }
  int64_t countShares(const gpucode::Side &side) const;
  Share getShare(const gpucode::Side &side, int64_t number);
  mlir::Value getPlace(const gpucode::Side &side, mlir::Value line,
                       mlir::Value k, mlir::Value half);
  llvm::SmallVector<mlir::Value> loadLines(const gpucode::Side &side,
                                           mlir::Value own, int64_t count,
                                           mlir::Value k, mlir::Value half);
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_STAGEDTILE_H
