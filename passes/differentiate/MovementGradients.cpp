// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

using Exprs = SmallVector<AffineExpr>;

static LogicalResult differentiate(ReshapeOp op,
                                   const GradientContext &context) {
  Value x = op.getOperand();
  context.addTo(
      x, context.reshape(context.getGradient(), getDims(Calculus::type(x))));
  return success();
}

static LogicalResult differentiate(TransposeOp op,
                                   const GradientContext &context) {
  SmallVector<int64_t> inverse(op.getPermutation().size());
  for (auto [i, d] : llvm::enumerate(op.getPermutation()))
    inverse[d] = static_cast<int64_t>(i);
  context.addTo(op.getOperand(),
                context.transpose(context.getGradient(), inverse));
  return success();
}

static LogicalResult differentiate(BroadcastOp op,
                                   const GradientContext &context) {
  context.addTo(op.getOperand(), context.getGradient());
  return success();
}

/// The gradient of the elements that a slice has taken goes back to their
/// places, among zeros.
static LogicalResult differentiate(SliceOp op, const GradientContext &context) {
  Value gradient = context.getGradient();
  RankedTensorType from = Calculus::type(op.getOperand());
  Exprs low(op.getOffsets().getResults());
  SmallVector<int64_t> directions(from.getRank(), 1);
  Exprs first(from.getRank(), context.constant(0));
  bool turns = false;
  for (auto [d, stride] : llvm::enumerate(op.getStrides())) {
    if (stride > 0)
      continue;
    // The offset is the highest position; in reverse, the lowest is first.
    AffineExpr last = getDim(Calculus::type(gradient), d) - 1;
    directions[d] = -1;
    first[d] = simplify(last);
    low[d] = simplify(low[d] + last * stride);
    turns = true;
  }
  if (turns)
    gradient =
        context.slice(gradient, first, directions, Calculus::type(gradient));
  for (auto [d, stride] : llvm::enumerate(op.getStrides()))
    gradient = context.dilate(gradient, static_cast<int64_t>(d),
                              stride < 0 ? -stride : stride);
  context.addTo(op.getOperand(), context.pad(gradient, low, from));
  return success();
}

/// Elements of the operand that stand for others in the border: padded like
/// the operand, their numbers along a dimension tell which.
static Value addBorders(PadOp op, const GradientContext &context) {
  Value gradient = context.getGradient();
  Type i64 = context.builder.getI64Type();
  Exprs dims = getDims(Calculus::type(gradient));
  for (auto [d, before] : llvm::enumerate(op.getLow().getResults())) {
    AffineExpr size = getDim(Calculus::type(op.getOperand()), d);
    if (before == 0 && provablyEqual(size, dims[d]))
      continue;
    Value numbers =
        context.create<IotaOp>(getTensorType({size}, i64), int64_t(0));
    Value indices = context.create<PadOp>(
        getTensorType({dims[d]}, i64), op.getMode(), numbers,
        context.number(0, i64),
        getSymbolMap({before}, context.builder.getContext()));
    dims[d] = size;
    gradient =
        context.addSlices(getTensorType(dims, Calculus::element(gradient)),
                          indices, static_cast<int64_t>(d), gradient);
  }
  return gradient;
}

static LogicalResult differentiate(PadOp op, const GradientContext &context) {
  if (op.getMode() != PadMode::Constant) {
    context.addTo(op.getOperand(), addBorders(op, context));
    return success();
  }
  Value gradient = context.getGradient();
  RankedTensorType from = Calculus::type(op.getOperand()),
                   to = Calculus::type(gradient);
  Exprs low(op.getLow().getResults()), back;
  // A slice, where nothing was cut off.
  bool isSlice = true;
  for (auto [d, before] : llvm::enumerate(low)) {
    isSlice &= provablyLessEqual(context.constant(0), before) &&
               provablyLessEqual(before + getDim(from, d), getDim(to, d));
    back.push_back(simplify(-before));
  }
  SmallVector<int64_t> ones(from.getRank(), 1);
  Value inner = isSlice ? context.slice(gradient, low, ones, from)
                        : context.pad(gradient, back, from);
  context.addTo(op.getOperand(), inner);
  if (context.wants(op.getValue()))
    context.addTo(op.getValue(),
                  context.sub(context.sumAll(gradient), context.sumAll(inner)));
  return success();
}

static LogicalResult differentiate(ConcatOp op,
                                   const GradientContext &context) {
  Value gradient = context.getGradient();
  int64_t rank = Calculus::rank(gradient), axis = op.getAxis();
  Exprs offsets(rank, context.constant(0));
  SmallVector<int64_t> ones(rank, 1);
  for (Value input : op.getInputs()) {
    RankedTensorType type = Calculus::type(input);
    if (context.wants(input))
      context.addTo(input, context.slice(gradient, offsets, ones, type));
    offsets[axis] = simplify(offsets[axis] + getDim(type, axis));
  }
  return success();
}

void addMovementGradients(GradientRules &rules) {
  rules.add<ReshapeOp>(differentiate);
  rules.add<TransposeOp>(differentiate);
  rules.add<BroadcastOp>(differentiate);
  rules.add<SliceOp>(differentiate);
  rules.add<PadOp>(differentiate);
  rules.add<ConcatOp>(differentiate);
}

} // namespace dl
