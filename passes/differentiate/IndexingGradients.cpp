// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What was gathered is scattered, and what was scattered is gathered.

#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

using Exprs = SmallVector<AffineExpr>;

/// Slices of the gradient are added where they were taken from: along dimension
/// 0, to which `axis` is moved.
static LogicalResult differentiate(GatherOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand(), indices = op.getIndices();
  int64_t axis = op.getAxis(), rank = Calculus::rank(x),
          indexRank = Calculus::rank(indices);
  Exprs dims = getDims(Calculus::type(x));
  SmallVector<int64_t> gradientOrder, order, inverse(rank);
  for (int64_t i = 0; i < indexRank; ++i)
    gradientOrder.push_back(axis + i);
  order.push_back(axis);
  for (int64_t d = 0; d < rank; ++d) {
    if (d == axis)
      continue;
    order.push_back(d);
    gradientOrder.push_back(d < axis ? d : d + indexRank - 1);
  }
  Exprs turned;
  for (auto [i, d] : llvm::enumerate(order)) {
    turned.push_back(dims[d]);
    inverse[d] = static_cast<int64_t>(i);
  }
  Exprs tuples = getDims(Calculus::type(indices));
  tuples.push_back(context.constant(1));
  Value zeros = context.zeros(getTensorType(turned, Calculus::element(x)));
  Value updates = axis ? context.transpose(context.getGradient(), gradientOrder)
                       : context.getGradient();
  Value result = context.create<ScatterNdOp>(
      ScatterKind::Add, zeros, context.reshape(indices, tuples), updates);
  context.addTo(x, axis ? context.transpose(result, inverse) : result);
  return success();
}

static LogicalResult differentiate(GatherElementsOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand();
  context.addTo(x, context.create<ScatterElementsOp>(
                       ScatterKind::Add, context.zeros(Calculus::type(x)),
                       op.getIndices(), context.getGradient(), op.getAxis()));
  return success();
}

/// The batch's own positions come before those of the indices.
static Value addBatchPositions(const GradientContext &context, Value indices,
                               int64_t batchDims) {
  Exprs dims = getDims(Calculus::type(indices));
  SmallVector<Value> parts;
  dims.back() = context.constant(1);
  for (int64_t d = 0; d < batchDims; ++d) {
    Exprs ones(dims.size(), context.constant(1));
    ones[d] = dims[d];
    Type element = Calculus::element(indices);
    Value positions = context.create<IotaOp>(getTensorType(ones, element), d);
    parts.push_back(context.broadcast(positions, getTensorType(dims, element)));
  }
  parts.push_back(indices);
  return context.create<ConcatOp>(parts, static_cast<int64_t>(dims.size()) - 1);
}

static LogicalResult differentiate(GatherNdOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand(), indices = op.getIndices();
  if (int64_t batchDims = op.getBatchDims())
    indices = addBatchPositions(context, indices, batchDims);
  context.addTo(x, context.create<ScatterNdOp>(ScatterKind::Add,
                                               context.zeros(Calculus::type(x)),
                                               indices, context.getGradient()));
  return success();
}

/// Of an op that sets or adds elements: `scatter` makes one like it, of other
/// operands, `gather` what reads the same elements.
template <typename Op, typename Scatter, typename Gather>
static LogicalResult differentiateScatter(Op op, const GradientContext &context,
                                          Scatter scatter, Gather gather) {
  Value gradient = context.getGradient(), updates = op.getUpdates();
  bool isSet = op.getKind() == ScatterKind::Set;
  if (!isSet && op.getKind() != ScatterKind::Add)
    return failure();
  if (context.wants(op.getOperand()))
    context.addTo(
        op.getOperand(),
        isSet ? scatter(gradient, context.zeros(Calculus::type(updates)))
              : gradient);
  if (context.wants(updates))
    context.addTo(updates, gather(gradient));
  return success();
}

static LogicalResult differentiate(ScatterElementsOp op,
                                   const GradientContext &context) {
  return differentiateScatter(
      op, context,
      [&](Value onto, Value updates) {
        return context.create<ScatterElementsOp>(
            ScatterKind::Set, onto, op.getIndices(), updates, op.getAxis());
      },
      [&](Value from) {
        return context.create<GatherElementsOp>(from, op.getIndices(),
                                                op.getAxis());
      });
}

static LogicalResult differentiate(ScatterNdOp op,
                                   const GradientContext &context) {
  return differentiateScatter(
      op, context,
      [&](Value onto, Value updates) {
        return context.create<ScatterNdOp>(ScatterKind::Set, onto,
                                           op.getIndices(), updates);
      },
      [&](Value from) {
        return context.create<GatherNdOp>(from, op.getIndices(), int64_t(0));
      });
}

void addIndexingGradients(GradientRules &rules) {
  rules.add<GatherOp>(differentiate);
  rules.add<GatherElementsOp>(differentiate);
  rules.add<GatherNdOp>(differentiate);
  rules.add<ScatterElementsOp>(differentiate);
  rules.add<ScatterNdOp>(differentiate);
}

} // namespace dl
