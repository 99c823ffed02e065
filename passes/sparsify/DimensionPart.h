// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// One position of a dimension of a value, computed by itself: an expert's part
// of what is computed for all experts in one product.

#ifndef DL_PASSES_SPARSIFY_DIMENSIONPART_H
#define DL_PASSES_SPARSIFY_DIMENSIONPART_H

#include "ir/dialect/Dialect.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::dl {

/// Where the positions lie in a value: dimension `dim` is [outer, count,
/// inner].
struct PartPlace {
  int64_t dim, inner;
  bool operator==(const PartPlace &other) const {
    return dim == other.dim && inner == other.inner;
  }
};

/// What an op reads of an operand for one position of its result.
struct PartOperand {
  enum Kind {
    Whole,   ///< all of it
    UnitDim, ///< all of it, without the dimension `place.dim`, of size 1
    Part,    ///< the same position, which lies at `place`
  } kind;
  PartPlace place = {0, 1};
};

/// The ops before `root`, in its block, that only feed `root`, and in which
/// positions of the dimension do not meet.
class DimensionPart {
public:
  /// Dimension `dim` of `root` is [count, inner].
  DimensionPart(Value root, int64_t dim, int64_t count, int64_t inner = 1);

  /// Computes `root` at one position: without the dimension, or with `inner` of
  /// its elements. What no op of this part gives is sliced.
  Value create(OpBuilder &builder, int64_t position);

private:
  std::optional<SmallVector<PartOperand>> getOperands(Operation *op,
                                                      PartPlace place) const;
  std::optional<SmallVector<PartOperand>> getOfMatmul(MatmulOp op,
                                                      PartPlace place) const;
  std::optional<PartOperand> getOfBroadcast(Value operand, int64_t resultRank,
                                            PartPlace place) const;
  std::optional<PartPlace> getBeforeReshape(ReshapeOp op,
                                            PartPlace place) const;
  SmallVector<AffineExpr> getPartDims(Value value, PartPlace place) const;
  bool isDropped(Value value, PartPlace place) const;

  Value get(OpBuilder &builder, Value value, PartPlace place);
  Value slice(OpBuilder &builder, Value value, PartPlace place) const;
  Value copy(OpBuilder &builder, Operation *op, PartPlace place,
             ArrayRef<PartOperand> roles, ValueRange operands) const;

  Value root;
  int64_t count;
  PartPlace rootPlace;
  llvm::DenseMap<Operation *, PartPlace> included;
  // Of the position that is being created.
  int64_t position = 0;
  llvm::DenseMap<Value, Value> made;
};

} // namespace mlir::dl

#endif // DL_PASSES_SPARSIFY_DIMENSIONPART_H
