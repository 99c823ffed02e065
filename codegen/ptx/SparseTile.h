// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tiles of products whose right operand keeps two of four neighbours.

#ifndef DL_CODEGEN_PTX_SPARSETILE_H
#define DL_CODEGEN_PTX_SPARSETILE_H

#include "codegen/ptx/TensorTile.h"

namespace dl::ptx {

/// Tiles of products of f16, bf16 and bytes with a matrix of pairs (see
/// codegen/gpu/CompressWeights.h), by mma.sp (m16n8k32, of bytes m16n8k64):
/// what is kept goes to the shared memory as it lies in memory, with the
/// places. The instruction takes the sparse operand
/// from the left: its rows are the columns of the result.
class SparseTile : public TensorTile {
public:
  /// Whether TensorTile has the contraction, and its right operand is kept so
  /// in memory.
  static bool fits(const mlir::dl::cpu::Contraction &contraction,
                   const PtxTarget &target);

  SparseTile(gpucode::StageFunction &stage,
             const mlir::dl::cpu::Contraction &contraction,
             CudaParameters &parameters, const PtxTarget &target);

protected:
  void layOut() override;
  llvm::SmallVector<mlir::Value> copy(const gpucode::Side &side,
                                      mlir::Value piece,
                                      mlir::Value stage) override;
  void store(const gpucode::Side &side, llvm::ArrayRef<mlir::Value> values,
             mlir::Value stage) override;
  llvm::SmallVector<mlir::Value> multiply(llvm::ArrayRef<mlir::Value> values,
                                          mlir::Value half) override;
  void storeSums(llvm::ArrayRef<mlir::Value> values, int64_t pass) override;
  int64_t getDepth(const gpucode::Side &side) const override;
  mlir::Value readShare(const gpucode::Side &side, mlir::Value line,
                        mlir::Value k) override;

private:
  /// Words of places that belong to a channel's part of a piece, and those that
  /// an invocation brings.
  int64_t countWords() const;
  int64_t countShareOfWords() const;
  std::pair<mlir::Value, mlir::Value> getShareOfWords();
  mlir::Value readWords(mlir::Value piece);
  mlir::Value loadPlaces(mlir::Value stage, mlir::Value channel, int64_t step);

  mlir::linalg::GenericOp matrix; ///< of pairs
  mlir::dl::cpu::ElementEmitter words;
  mlir::Value places; ///< shared memory
  bool isOrdered;     ///< the metadata
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_SPARSETILE_H
