// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tiles of products with matrices of which zeros are left out.

#ifndef DL_CODEGEN_GPU_PANELTILE_H
#define DL_CODEGEN_GPU_PANELTILE_H

#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace dl::gpucode {

/// The widths of panels that there are tiles for.
constexpr int64_t kPanelWidths[] = {64, 32};

/// The roles of the loops of the form of passes/lower/SparseMatmulForm.h, if
/// its panels are as wide as tiles. Its row side are the positions.
std::optional<mlir::dl::cpu::Contraction>
matchPanels(mlir::linalg::GenericOp op);

/// The columns of a panel.
int64_t getPanelWidth(mlir::linalg::GenericOp op);
/// What reads the left matrix, in the body; null where there are several.
mlir::tensor::ExtractOp findLeftReader(mlir::linalg::GenericOp op);
/// Operands of the form.
enum PanelInput : unsigned { kPanelValues, kPanelPositions, kPanelCounts };

/// Tiles that are one panel each: of the left matrix, they bring what the kept
/// rows meet, and they end with the panel's last one.
class PanelTile : public TileEmitter {
public:
  PanelTile(StageFunction &stage,
            const mlir::dl::cpu::Contraction &contraction);

protected:
  llvm::SmallVector<mlir::Value> fetch(const Side &side,
                                       mlir::Value start) override;
  llvm::SmallVector<mlir::Value>
  addPieces(llvm::ArrayRef<mlir::Value> start) override;

private:
  mlir::Value readLeft(mlir::Value line, mlir::Value slot);

  mlir::tensor::ExtractOp reader; ///< reads the left matrix
  mlir::Value panel;              ///< of the tile
};

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_PANELTILE_H
