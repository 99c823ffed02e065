// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What was gathered is scattered, and what was scattered is gathered.

#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

using Exprs = SmallVector<AffineExpr>;

static LogicalResult differentiate(GatherOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand();
  context.addTo(x, context.addSlices(Calculus::type(x), op.getIndices(),
                                     op.getAxis(), context.getGradient()));
  return success();
}

/// The elements of windows are gathered, some of them several times.
static LogicalResult differentiate(UnfoldOp op,
                                   const GradientContext &context) {
  int64_t axis = op.getAxis();
  Type i64 = context.builder.getI64Type();
  AffineExpr windows = getDim(op.getType(), axis),
             size = context.constant(static_cast<int64_t>(op.getSize()));
  Value window = context.create<IotaOp>(
      getTensorType({windows, context.constant(1)}, i64), int64_t(0));
  Value element = context.create<IotaOp>(
      getTensorType({context.constant(1), size}, i64), int64_t(1));
  Value first = context.mul(window, static_cast<double>(op.getStep()));
  Value x = op.getOperand();
  context.addTo(x, context.addSlices(Calculus::type(x),
                                     context.add(first, element), axis,
                                     context.getGradient()));
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

/// What is the extreme of its element, in the operand or in the updates, takes
/// an equal share.
template <typename Op, typename Scatter, typename Gather>
static void shareExtremes(Op op, const GradientContext &context,
                          Scatter scatter, Gather gather) {
  Value x = op.getOperand(), updates = op.getUpdates(), y = op.getResult();
  Type element = Calculus::element(x);
  auto isExtreme = [&](Value value, Value extreme) {
    return context.cast(context.compare(Predicate::Eq, value, extreme),
                        element);
  };
  Value own = isExtreme(x, y), others = isExtreme(updates, gather(y));
  Value count = scatter(ScatterKind::Add, own, others);
  Value share = context.div(context.getGradient(), count);
  context.addTo(x, context.mul(own, share));
  if (context.wants(updates))
    context.addTo(updates, context.mul(others, gather(share)));
}

/// Each factor takes the product of the others: where it is 0, that of those
/// that are not, if there is no other 0.
template <typename Op, typename Scatter, typename Gather>
static void shareProducts(Op op, const GradientContext &context,
                          Scatter scatter, Gather gather) {
  Value x = op.getOperand(), updates = op.getUpdates();
  Value one = context.number(1, x), zero = context.number(0, x);
  auto isZero = [&](Value v) { return context.compare(Predicate::Eq, v, 0.0); };
  auto withoutZeros = [&](Value v) {
    return context.select(isZero(v), one, v);
  };
  auto countZeros = [&](Value v) {
    return context.cast(isZero(v), Calculus::element(x));
  };
  Value product =
      scatter(ScatterKind::Mul, withoutZeros(x), withoutZeros(updates));
  Value zeros = scatter(ScatterKind::Add, countZeros(x), countZeros(updates));
  auto differentiateBy = [&](Value v, Value whole, Value number,
                             Value gradient) {
    Value others = context.div(whole, withoutZeros(v));
    Value left = context.sub(number, countZeros(v));
    return context.mul(gradient, context.select(isZero(left), others, zero));
  };
  Value gradient = context.getGradient();
  if (context.wants(x))
    context.addTo(x, differentiateBy(x, product, zeros, gradient));
  if (context.wants(updates))
    context.addTo(updates, differentiateBy(updates, gather(product),
                                           gather(zeros), gather(gradient)));
}

/// `scatter` makes an op like this one, of another kind and operands, `gather`
/// what reads the same elements.
template <typename Op, typename Scatter, typename Gather>
static LogicalResult differentiateScatter(Op op, const GradientContext &context,
                                          Scatter scatter, Gather gather) {
  Value gradient = context.getGradient(), updates = op.getUpdates();
  ScatterKind kind = op.getKind();
  bool isSet = kind == ScatterKind::Set;
  if (kind == ScatterKind::Max || kind == ScatterKind::Min) {
    shareExtremes(op, context, scatter, gather);
    return success();
  }
  if (kind == ScatterKind::Mul) {
    shareProducts(op, context, scatter, gather);
    return success();
  }
  if (context.wants(op.getOperand()))
    context.addTo(op.getOperand(),
                  isSet ? scatter(ScatterKind::Set, gradient,
                                  context.zeros(Calculus::type(updates)))
                        : gradient);
  if (context.wants(updates))
    context.addTo(updates, gather(gradient));
  return success();
}

static LogicalResult differentiate(ScatterElementsOp op,
                                   const GradientContext &context) {
  return differentiateScatter(
      op, context,
      [&](ScatterKind kind, Value onto, Value updates) {
        return context.create<ScatterElementsOp>(kind, onto, op.getIndices(),
                                                 updates, op.getAxis());
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
      [&](ScatterKind kind, Value onto, Value updates) {
        return context.create<ScatterNdOp>(kind, onto, op.getIndices(),
                                           updates);
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
  rules.add<UnfoldOp>(differentiate);
}

} // namespace dl
