// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

using Exprs = SmallVector<AffineExpr>;

/// A reduction's result or its gradient with the reduced dimensions as 1, to be
/// broadcast over the operand.
static Value keepReduced(const GradientContext &context, ReduceOp op,
                         Value value) {
  Exprs dims = getDims(Calculus::type(op.getOperand()));
  for (int64_t axis : op.getAxes())
    dims[axis] = context.constant(1);
  return context.reshape(value, dims);
}

/// Of a product: that of all other elements. Where an element is 0, that of the
/// elements that are not, if there is no other 0.
static Value differentiateProduct(const GradientContext &context, ReduceOp op,
                                  Value result) {
  Value x = op.getOperand();
  Value isZero = context.compare(Predicate::Eq, x, 0.0);
  Value one = context.number(1, x), zero = context.number(0, x);
  Value others = context.create<ReduceOp>(
      ReduceKind::Prod, context.select(isZero, one, x), op.getAxes(), true);
  Value zeros = context.sum(context.cast(isZero, Calculus::element(x)),
                            op.getAxes(), /*keepDims=*/true);
  Value single =
      context.select(context.compare(Predicate::Eq, zeros, 1.0), others, zero);
  return context.select(isZero, single, context.div(result, x));
}

static LogicalResult differentiate(ReduceOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand();
  RankedTensorType type = Calculus::type(x);
  Value gradient = keepReduced(context, op, context.getGradient());
  if (op.getKind() == ReduceKind::Sum) {
    context.addTo(x, context.broadcast(gradient, type));
    return success();
  }
  Value result = keepReduced(context, op, op.getResult());
  if (op.getKind() == ReduceKind::Prod) {
    context.addTo(
        x, context.mul(differentiateProduct(context, op, result), gradient));
    return success();
  }
  // Of a maximum or minimum, the elements that are it take equal shares.
  Value isExtreme = context.cast(context.compare(Predicate::Eq, x, result),
                                 Calculus::element(x));
  Value count = context.sum(isExtreme, op.getAxes(), /*keepDims=*/true);
  context.addTo(x, context.mul(isExtreme, context.div(gradient, count)));
  return success();
}

static LogicalResult differentiate(SoftmaxOp op,
                                   const GradientContext &context) {
  Value gradient = context.getGradient(), y = op.getResult();
  int64_t axis = op.getAxis();
  if (op.getLog()) {
    Value total = context.sum(gradient, axis, /*keepDims=*/true);
    context.addTo(op.getOperand(),
                  context.sub(gradient, context.mul(context.exp(y), total)));
    return success();
  }
  Value total = context.sum(context.mul(gradient, y), axis, /*keepDims=*/true);
  context.addTo(op.getOperand(), context.mul(context.sub(gradient, total), y));
  return success();
}

/// Each element counts in the sums from its place to the other end.
static LogicalResult differentiate(CumsumOp op,
                                   const GradientContext &context) {
  context.addTo(op.getOperand(),
                context.create<CumsumOp>(context.getGradient(), op.getAxis(),
                                         op.getExclusive(), !op.getReverse()));
  return success();
}

static LogicalResult differentiate(TopkOp op, const GradientContext &context) {
  Value x = op.getOperand();
  if (context.getGradient())
    context.addTo(x, context.create<ScatterElementsOp>(
                         ScatterKind::Add, context.zeros(Calculus::type(x)),
                         op.getIndices(), context.getGradient(), op.getAxis()));
  return success();
}

/// Of sums of windows: the sums of windows over the gradient, whose elements
/// stand a stride apart.
static Value differentiateWindowSum(const GradientContext &context,
                                    WindowReduceOp op) {
  RankedTensorType type = Calculus::type(op.getOperand());
  Value gradient = context.getGradient();
  int64_t rank = type.getRank(), count = op.getWindow().size();
  Exprs low(rank, context.constant(0)), dims = getDims(type);
  for (int64_t i = 0; i < count; ++i) {
    int64_t d = rank - count + i;
    int64_t reach = (op.getWindow()[i] - 1) * op.getDilations()[i];
    gradient = context.dilate(gradient, d, op.getStrides()[i]);
    low[d] = context.constant(reach);
    dims[d] = simplify(dims[d] + reach);
  }
  gradient =
      context.pad(gradient, low, getTensorType(dims, type.getElementType()));
  SmallVector<int64_t> ones(count, 1);
  return context.create<WindowReduceOp>(
      ReduceKind::Sum, gradient, op.getWindow(), ones, op.getDilations());
}

static LogicalResult differentiate(WindowReduceOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand();
  if (op.getKind() == ReduceKind::Sum) {
    context.addTo(x, differentiateWindowSum(context, op));
    return success();
  }
  if (op.getKind() == ReduceKind::Prod)
    return failure();
  context.addTo(x, context.create<WindowScatterOp>(
                       x.getType(), op.getKind(), x, context.getGradient(),
                       op.getWindow(), op.getStrides(), op.getDilations()));
  return success();
}

void addReductionGradients(GradientRules &rules) {
  rules.add<ReduceOp>(differentiate);
  rules.add<SoftmaxOp>(differentiate);
  rules.add<CumsumOp>(differentiate);
  rules.add<TopkOp>(differentiate);
  rules.add<WindowReduceOp>(differentiate);
}

} // namespace dl
