// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The form of a product with weights of few bits, for generators that keep the
// weights as they are.

#ifndef DL_PASSES_LOWER_BLOCKMATMULFORM_H
#define DL_PASSES_LOWER_BLOCKMATMULFORM_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::dl {

/// Of dl.block_matmul.
struct BlockMatmulForm {
  int64_t bits = 0;
  int64_t zeroPoint = -1; // of all weights; -1: it is an operand
  bool fixedPoint = false;
};

/// The name of the attribute of a linalg.generic that is a dl.block_matmul. Its
/// operands are those of the op, but a zero point that is a number; what is
/// contracted are blocks, bytes in a block and weights in a byte.
constexpr llvm::StringLiteral kBlockMatmulAttr = "dl.block_matmul";

inline void setBlockMatmulForm(Operation *op, const BlockMatmulForm &form) {
  op->setAttr(
      kBlockMatmulAttr,
      DenseI64ArrayAttr::get(op->getContext(),
                             {form.bits, form.zeroPoint, form.fixedPoint}));
}

inline std::optional<BlockMatmulForm> getBlockMatmulForm(Operation *op) {
  auto values = op->getAttrOfType<DenseI64ArrayAttr>(kBlockMatmulAttr);
  if (!values || values.size() != 3)
    return std::nullopt;
  return BlockMatmulForm{values[0], values[1], values[2] != 0};
}

} // namespace mlir::dl

#endif // DL_PASSES_LOWER_BLOCKMATMULFORM_H
