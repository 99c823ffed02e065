// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

using Exprs = SmallVector<AffineExpr>;

/// The leading dimensions joined with the rows.
static Value joinRows(const GradientContext &context, Value value) {
  RankedTensorType type = Calculus::type(value);
  if (type.getRank() == 2)
    return value;
  AffineExpr columns = getDim(type, type.getRank() - 1);
  AffineExpr rows = context.constant(1);
  for (AffineExpr dim : ArrayRef<AffineExpr>(getDims(type)).drop_back())
    rows = rows * dim;
  return context.reshape(value, {simplify(rows), columns});
}

static LogicalResult differentiate(MatmulOp op,
                                   const GradientContext &context) {
  Value a = op.getLhs(), b = op.getRhs(), gradient = context.getGradient();
  if (op.getWide())
    gradient = context.cast(gradient, Calculus::element(a));
  if (context.wants(a))
    context.addTo(a, context.matmul(gradient, context.transposeMatrix(b)));
  if (!context.wants(b))
    return success();
  // One matrix for a whole batch: the batch is a part of what is summed.
  bool isShared = Calculus::rank(b) == 2;
  if (isShared && Calculus::rank(a) > 2)
    context.addTo(b,
                  context.matmul(context.transposeMatrix(joinRows(context, a)),
                                 joinRows(context, gradient)));
  else
    context.addTo(b, context.matmul(context.transposeMatrix(a), gradient));
  return success();
}

static LogicalResult differentiate(ConvOp op, const GradientContext &context) {
  if (op.getChannelsLast() || op.getWide())
    return failure();
  Value input = op.getInput(), filter = op.getFilter(),
        gradient = context.getGradient();
  if (context.wants(input))
    context.addTo(input,
                  context.create<ConvTransposeOp>(
                      input.getType(), gradient, filter, op.getStrides(),
                      op.getPadsLow(), op.getDilations(), op.getGroups()));
  if (context.wants(filter))
    context.addTo(filter,
                  context.create<ConvFilterGradientOp>(
                      filter.getType(), input, gradient, op.getStrides(),
                      op.getPadsLow(), op.getDilations(), op.getGroups(),
                      /*channels_last=*/false));
  return success();
}

/// What the positions of a convolution's result `small` reach of its input, of
/// type `big`, beyond it or short of it.
template <typename Op>
static Value padToReach(const GradientContext &context, Value value,
                        RankedTensorType big, RankedTensorType small,
                        RankedTensorType window, Op op) {
  Exprs low(big.getRank(), context.constant(0)), dims = getDims(big);
  for (int64_t i = 0; i + 2 < big.getRank(); ++i) {
    low[i + 2] = context.constant(op.getPadsLow()[i]);
    dims[i + 2] =
        simplify((getDim(small, i + 2) - 1) * op.getStrides()[i] +
                 (getDim(window, i + 2) - 1) * op.getDilations()[i] + 1);
  }
  return context.pad(value, low, getTensorType(dims, big.getElementType()));
}

/// The transposed convolution's input is the result of a convolution of its
/// result, padded so far that it has just that many positions.
static LogicalResult differentiate(ConvTransposeOp op,
                                   const GradientContext &context) {
  Value input = op.getInput(), filter = op.getFilter(),
        gradient = context.getGradient();
  RankedTensorType small = Calculus::type(input),
                   big = Calculus::type(gradient),
                   window = Calculus::type(filter);
  if (context.wants(filter))
    context.addTo(filter,
                  context.create<ConvFilterGradientOp>(
                      filter.getType(), gradient, input, op.getStrides(),
                      op.getPadsLow(), op.getDilations(), op.getGroups(),
                      /*channels_last=*/false));
  if (!context.wants(input))
    return success();
  Value padded = padToReach(context, gradient, big, small, window, op);
  SmallVector<int64_t> none(big.getRank() - 2, 0);
  context.addTo(input,
                context.create<ConvOp>(padded, filter, op.getStrides(), none,
                                       none, op.getDilations(), op.getGroups(),
                                       /*channels_last=*/false));
  return success();
}

/// The op is linear in both operands: one meets, in place of the other, a
/// filter that is what comes back.
static LogicalResult differentiate(ConvFilterGradientOp op,
                                   const GradientContext &context) {
  if (op.getChannelsLast() || op.getWide())
    return failure();
  Value input = op.getInput(), given = op.getGradient(),
        filter = context.getGradient();
  RankedTensorType small = Calculus::type(given), big = Calculus::type(input),
                   window = Calculus::type(filter);
  if (context.wants(input))
    context.addTo(input,
                  context.create<ConvTransposeOp>(
                      input.getType(), given, filter, op.getStrides(),
                      op.getPadsLow(), op.getDilations(), op.getGroups()));
  if (!context.wants(given))
    return success();
  context.addTo(given,
                context.create<ConvOp>(
                    padToReach(context, input, big, small, window, op), filter,
                    op.getStrides(), SmallVector<int64_t>(big.getRank() - 2, 0),
                    SmallVector<int64_t>(big.getRank() - 2, 0),
                    op.getDilations(), op.getGroups(),
                    /*channels_last=*/false));
  return success();
}

void addContractionGradients(GradientRules &rules) {
  rules.add<MatmulOp>(differentiate);
  rules.add<ConvFilterGradientOp>(differentiate);
  rules.add<ConvOp>(differentiate);
  rules.add<ConvTransposeOp>(differentiate);
}

} // namespace dl
