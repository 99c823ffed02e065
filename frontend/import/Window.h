// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sliding windows of convolutions and pools.

#ifndef DL_FRONTEND_IMPORT_WINDOW_H
#define DL_FRONTEND_IMPORT_WINDOW_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// One number for each spatial dimension in each list.
struct Window {
  llvm::SmallVector<int64_t> sizes, strides, dilations;
  /// Positions beside the tensor that the node asks for.
  llvm::SmallVector<int64_t> low, high;
  /// What the last window reaches beyond them, with ceil_mode.
  llvm::SmallVector<int64_t> beyond;
  /// The same for dimensions where these follow from a size that is not
  /// constant, and the numbers above are 0; null for the others.
  llvm::SmallVector<mlir::AffineExpr> sizedLow, sizedHigh, sizedBeyond;

  /// Whether the numbers say all.
  bool isConstant() const;
  /// Positions before the tensor, after it, and with ceil_mode beyond these.
  llvm::SmallVector<mlir::AffineExpr> getLow(NodeContext &context) const {
    return combine(context, low, sizedLow);
  }
  llvm::SmallVector<mlir::AffineExpr> getHigh(NodeContext &context) const {
    return combine(context, high, sizedHigh);
  }
  llvm::SmallVector<mlir::AffineExpr> getBeyond(NodeContext &context) const {
    return combine(context, beyond, sizedBeyond);
  }

private:
  static llvm::SmallVector<mlir::AffineExpr>
  combine(NodeContext &context, llvm::ArrayRef<int64_t> numbers,
          llvm::ArrayRef<mlir::AffineExpr> sized);
};

/// Positions from the first to the last that a window covers.
inline int64_t getReach(int64_t size, int64_t dilation) {
  return (size - 1) * dilation + 1;
}

/// The attributes `strides`, `dilations` and `pads` for windows of these sizes;
/// `low` and `high` are zero with another auto_pad than NOTSET. Nothing, with
/// the node reported, where they are wrong.
std::optional<Window> getWindowAttributes(NodeContext &context,
                                          llvm::ArrayRef<int64_t> sizes);

/// The same, with the padding of auto_pad and of ceil_mode for a tensor
/// [N, C, spatial..] with these spatial dimensions.
std::optional<Window> getWindow(NodeContext &context,
                                llvm::ArrayRef<int64_t> sizes,
                                llvm::ArrayRef<mlir::AffineExpr> spatial);

/// `value` with `low` and `high` positions of `fill` beside its last
/// dimensions.
mlir::Value padSpatial(NodeContext &context, mlir::Value value,
                       mlir::Value fill, llvm::ArrayRef<mlir::AffineExpr> low,
                       llvm::ArrayRef<mlir::AffineExpr> high);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_WINDOW_H
