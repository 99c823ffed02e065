// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products by cooperative matrices (VK_KHR_cooperative_matrix).
//
// A workgroup, which is one subgroup, keeps the sums of a tile in matrices of
// 16 x 16. Both operands are loaded as matrices from where they lie, so that
// they must lie there in whole ones. Sums go through shared memory, 16 rows at
// a time, to what follows the product.

#ifndef DL_CODEGEN_SPIRV_COOPERATIVETILE_H
#define DL_CODEGEN_SPIRV_COOPERATIVETILE_H

#include "codegen/gpu/TileEmitter.h"
#include "codegen/spirv/Target.h"

namespace dl::spirv {

class CooperativeTile : public gpucode::TileEmitter {
public:
  /// Whether the target multiplies matrices of these types, and the operands
  /// lie in memory (`buffers`) in whole matrices.
  static bool
  fits(const mlir::dl::cpu::Contraction &contraction,
       const llvm::DenseMap<mlir::Value, mlir::dl::cpu::Buffer> &buffers,
       const SpirvTarget &target);
  static gpucode::TileShape
  chooseShape(const mlir::dl::cpu::Contraction &contraction,
              const SpirvTarget &target);

  using TileEmitter::TileEmitter;

protected:
  void layOut() override;
  void findPlace() override {}
  int64_t countSums() const override;
  llvm::SmallVector<mlir::Value>
  addPieces(llvm::ArrayRef<mlir::Value> start) override;
  int64_t countPasses() const override;
  void storeSums(llvm::ArrayRef<mlir::Value> values, int64_t pass) override;

private:
  llvm::SmallVector<mlir::Value> loadMatrices(const gpucode::Side &side,
                                              mlir::Value start);
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_COOPERATIVETILE_H
