// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "passes/Constants.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/quantize/QuantizedValue.h"

namespace dl {
#define GEN_PASS_DEF_FLOAT8PRODUCTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// Two operands of one type, whose scales differ along dimensions that are the
/// result's own.
struct Operands {
  QuantizedValue left, right;
};

class Converter {
public:
  explicit Converter(func::FuncOp function)
      : function(function), builder(function.getContext()) {}

  void run() {
    forEachProduct(
        function, [&](MatmulOp op) { convert(op); },
        [&](ConvOp op) { convert(op); });
  }

private:
  static std::optional<Operands> match(Value left, int64_t leftDim, Value right,
                                       int64_t rightDim) {
    auto a = matchFloat8(left), b = matchFloat8(right);
    auto fits = [](const QuantizedValue &value, int64_t dim) {
      return value.scale.axis < 0 || value.scale.axis == dim;
    };
    if (!a || !b || !fits(*a, leftDim) || !fits(*b, rightDim) ||
        typeOf(a->integers).getElementType() !=
            typeOf(b->integers).getElementType())
      return std::nullopt;
    return Operands{*a, *b};
  }

  /// The sums times both scales, which belong to dimensions of the result.
  void finish(Operation *op, Value sums, const Operands &operands,
              int64_t leftDim, int64_t rightDim) {
    Location loc = op->getLoc();
    int64_t rank = typeOf(sums).getRank();
    Type f32 = builder.getF32Type();
    Value scale = MulOp::create(
        builder, loc,
        operands.left.scale.materialize(builder, loc, f32, rank, leftDim),
        operands.right.scale.materialize(builder, loc, f32, rank, rightDim));
    op->replaceAllUsesWith(
        ValueRange(MulOp::create(builder, loc, sums, scale)->getResults()));
    op->erase();
  }

  void convert(MatmulOp op) {
    int64_t rank = op.getType().getRank();
    auto found = match(op.getLhs(), op.getLhs().getType().getRank() - 2,
                       op.getRhs(), op.getRhs().getType().getRank() - 1);
    if (!found || op.getWide())
      return;
    builder.setInsertionPoint(op);
    Value left = found->left.move(builder, found->left.integers),
          right = found->right.move(builder, found->right.integers);
    Value sums =
        MatmulOp::create(builder, op.getLoc(), left, right, /*wide=*/true);
    finish(op, sums, *found, rank - 2, rank - 1);
  }

  void convert(ConvOp op) {
    auto found =
        match(op.getInput(), -1, op.getFilter(), op.getFilterCountDim());
    if (!found || op.getWide() || op.getGroups() != 1)
      return;
    builder.setInsertionPoint(op);
    Value left = found->left.move(builder, found->left.integers),
          right = found->right.move(builder, found->right.integers);
    Value sums =
        ConvOp::create(builder, op.getLoc(), left, right, op.getStrides(),
                       op.getPadsLow(), op.getPadsHigh(), op.getDilations(),
                       op.getGroups(), op.getChannelsLast(),
                       /*wide=*/true);
    finish(op, sums, *found, 0, op.getChannelDim());
  }

  func::FuncOp function;
  OpBuilder builder;
};

class Float8Products : public ::dl::impl::Float8ProductsBase<Float8Products> {
  using Float8ProductsBase::Float8ProductsBase;

  void runOnOperation() override {
    forEachModelFunction(getOperation(), [](func::FuncOp function) {
      Converter(function).run();
    });
  }
};

} // namespace
