// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/CacheBytes.h"
#include "ir/dialect/WalkProducers.h"

using namespace ::dl;
using namespace mlir;
using namespace mlir::dl;

ByteRows mlir::dl::makeBytes(const Calculus &math, Value rows,
                             int64_t dimension) {
  // Rows of zeros are zero with any scale.
  constexpr double kLargest = 127, kSmallest = 1e-30;
  Value wide = math.cast(rows, math.builder.getF32Type());
  Value largest = math.create<ReduceOp>(ReduceKind::Max, math.abs(wide),
                                        ArrayRef<int64_t>{dimension},
                                        /*keepdims=*/true);
  Value scales = math.mul(math.max(largest, math.number(kSmallest, largest)),
                          1 / kLargest);
  Value whole = math.create<RoundOp>(math.div(wide, scales));
  whole = math.max(math.min(whole, math.number(kLargest, whole)),
                   math.number(-kLargest, whole));
  return {math.cast(whole, math.builder.getI8Type()), scales};
}

Value mlir::dl::readBytes(const Calculus &math, const ByteRows &rows,
                          Type element) {
  Value values = math.cast(rows.bytes, math.builder.getF32Type());
  return math.cast(math.mul(values, rows.scales), element);
}

/// Whether all elements along a dimension, counted from the last, are equal.
static bool isRepeated(Value value, int64_t fromEnd) {
  auto visit = [&](Value from) {
    int64_t dimension = Calculus::rank(from) - 1 - fromEnd;
    if (dimension < 0 || Calculus::type(from).getDimSize(dimension) == 1)
      return WalkResult::skip();
    Operation *op = from.getDefiningOp();
    bool broadcasts =
        op && op->getNumOperands() &&
        (isa<BroadcastOp>(op) || op->hasTrait<OpTrait::FusionElementwise>());
    return broadcasts ? WalkResult::advance() : WalkResult::interrupt();
  };
  return !walkProducers(value, visit).wasInterrupted();
}

std::optional<int64_t> mlir::dl::findScaledDimension(Operation *scatter) {
  if (auto nd = dyn_cast<ScatterNdOp>(scatter)) {
    int64_t last = Calculus::rank(nd.getOperand()) - 1;
    bool isWhole = Calculus::type(nd.getIndices()).getShape().back() <= last;
    return isWhole && nd.getKind() == ScatterKind::Set ? std::optional(last)
                                                       : std::nullopt;
  }
  auto elements = dyn_cast<ScatterElementsOp>(scatter);
  if (!elements || elements.getKind() != ScatterKind::Set)
    return std::nullopt;
  Value indices = elements.getIndices();
  int64_t last = Calculus::rank(indices) - 1,
          axis = static_cast<int64_t>(elements.getAxis()),
          dimension = last == axis ? last - 1 : last;
  RankedTensorType operand = Calculus::type(elements.getOperand());
  bool isWhole = dimension >= 0 && !operand.isDynamicDim(dimension) &&
                 operand.getDimSize(dimension) ==
                     Calculus::type(indices).getDimSize(dimension) &&
                 isRepeated(indices, last - dimension);
  return isWhole ? std::optional(dimension) : std::nullopt;
}

/// The first of equal elements along a dimension.
static Value takeFirst(const Calculus &math, Value value, int64_t dimension) {
  RankedTensorType type = Calculus::type(value);
  SmallVector<AffineExpr> dims = getDims(type),
                          zeros(dims.size(), math.constant(0));
  dims[dimension] = math.constant(1);
  return math.slice(value, zeros, SmallVector<int64_t>(dims.size(), 1),
                    getTensorType(dims, type.getElementType()));
}

ByteRows mlir::dl::scatterBytes(const Calculus &math, Operation *scatter,
                                const ByteRows &into, int64_t dimension) {
  if (auto nd = dyn_cast<ScatterNdOp>(scatter)) {
    int64_t fromEnd = Calculus::rank(nd.getOperand()) - 1 - dimension;
    ByteRows rows = makeBytes(math, nd.getUpdates(),
                              Calculus::rank(nd.getUpdates()) - 1 - fromEnd);
    return {math.create<ScatterNdOp>(ScatterKind::Set, into.bytes,
                                     nd.getIndices(), rows.bytes),
            math.create<ScatterNdOp>(ScatterKind::Set, into.scales,
                                     nd.getIndices(), rows.scales)};
  }
  auto elements = cast<ScatterElementsOp>(scatter);
  ByteRows rows = makeBytes(math, elements.getUpdates(), dimension);
  int64_t axis = elements.getAxis();
  return {math.create<ScatterElementsOp>(ScatterKind::Set, into.bytes,
                                         elements.getIndices(), rows.bytes,
                                         axis),
          math.create<ScatterElementsOp>(
              ScatterKind::Set, into.scales,
              takeFirst(math, elements.getIndices(), dimension), rows.scales,
              axis)};
}
