// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tiles whose products tensor cores make.

#ifndef DL_CODEGEN_PTX_TENSORTILE_H
#define DL_CODEGEN_PTX_TENSORTILE_H

#include "codegen/gpu/TileEmitter.h"
#include "codegen/ptx/CudaParameters.h"
#include "codegen/ptx/MatrixOps.h"
#include "codegen/ptx/Target.h"

namespace dl::ptx {

/// Tiles of products of f16 or bf16 with float32 sums, by mma.sync.m16n8k16
/// (sm_80 and later), of float32 rounded to tf32, by m16n8k8, of 8-bit integers
/// with sums of 32 bits, and of 8-bit floats (sm_89), by m16n8k32: eight warps,
/// two by four, each with its part of the tile in registers. Operands are read
/// eight neighbours at a time and go from the shared memory to the registers by
/// ldmatrix, which transposes 16 bits where neighbours are rows or columns.
/// Pieces of the operands lie in a ring of stages: while one is multiplied, the
/// next ones are on their way, by cp.async where an operand lies in memory as
/// it is.
class TensorTile : public gpucode::TileEmitter {
public:
  /// Whether a contraction has the types for it, and neighbours in eights.
  static bool fits(const mlir::dl::cpu::Contraction &contraction,
                   const PtxTarget &target);

  TensorTile(gpucode::StageFunction &stage,
             const mlir::dl::cpu::Contraction &contraction,
             CudaParameters &parameters);

protected:
  void layOut() override;
  void findPlace() override;
  void store(const gpucode::Side &side, llvm::ArrayRef<mlir::Value> values,
             mlir::Value stage) override;
  llvm::SmallVector<mlir::Value> multiply(llvm::ArrayRef<mlir::Value> values,
                                          mlir::Value half) override;
  llvm::SmallVector<mlir::Value>
  addPieces(llvm::ArrayRef<mlir::Value> start) override;
  int64_t countPasses() const override;
  int64_t countPassSteps() const override;
  void storeSums(llvm::ArrayRef<mlir::Value> values, int64_t pass) override;

  /// Tiles with so many bytes of a row of each piece, of which `stages` lie in
  /// shared memory.
  TensorTile(gpucode::StageFunction &stage,
             const mlir::dl::cpu::Contraction &contraction,
             CudaParameters &parameters, int64_t pieceBytes, int64_t stages);

  /// Warps of a workgroup, across rows and columns.
  static constexpr int64_t kWarpsDown = 2, kWarpsAcross = 4, kWarp = 32;
  /// The address space of shared memory.
  static constexpr unsigned kSharedSpace = 3;

  /// Contracted positions of a piece, as an operand lies in memory.
  virtual int64_t getDepth(const gpucode::Side &) const { return shape.depth; }
  /// Places the operands' pieces, with so many bytes behind them, whose address
  /// is returned.
  mlir::Value layOutOperands(int64_t more);
  /// Copies this invocation's share of a piece into a stage, as far as it can
  /// be copied; returns the rest, null where there is none.
  virtual llvm::SmallVector<mlir::Value>
  copy(const gpucode::Side &side, mlir::Value piece, mlir::Value stage);
  /// Elements of 16 bytes, from where the operand lies.
  virtual mlir::Value readShare(const gpucode::Side &side, mlir::Value line,
                                mlir::Value k);
  llvm::SmallVector<mlir::Value> loadMatrices(const gpucode::Side &side,
                                              mlir::Value half,
                                              mlir::Value line, int64_t k,
                                              bool linesFirst);

  int64_t width; ///< elements of 16 bytes
  mlir::dl::cpu::ElementEmitter wide;
  MatrixOps matrices;
  mlir::Value warpRow, warpColumn, lane;

private:
  std::pair<mlir::Value, mlir::Value> getShare(const gpucode::Side &side,
                                               int64_t number);
  int64_t countShare(const gpucode::Side &side) const;
  llvm::SmallVector<mlir::Value> loadTransposed(const gpucode::Side &side,
                                                mlir::Value half,
                                                mlir::Value line, int64_t k,
                                                bool linesFirst);

  bool isByBlocks(const gpucode::Side &side) const;
  mlir::Value readBlock(const gpucode::Side &side, mlir::Value line,
                        mlir::Value k);
  mlir::Value gatherShare(const gpucode::Side &side, mlir::Value line,
                          mlir::Value k);
  mlir::Value getOffset(const gpucode::Side &side, int64_t number,
                        mlir::Value stage);

  CudaParameters &parameters;
  int64_t stages; ///< of the ring
  mlir::dl::cpu::ElementEmitter fours;
  mlir::Value leftPointer, rightPointer;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_TENSORTILE_H
