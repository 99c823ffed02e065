// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/sparsify/ChosenZeros.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;

/// Routers are a few ops deep.
constexpr int kMaxDepth = 16;
/// Longer sums of masked values are hardly ever zero.
constexpr int64_t kMaxExpertsOfToken = 16;

/// The value behind ops that only move elements or repeat them.
static Value skipMovement(Value value) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    Operation *op = value.getDefiningOp();
    if (!isa_and_nonnull<ReshapeOp, TransposeOp, BroadcastOp, SliceOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

static bool isFilledWith(Value value, llvm::function_ref<bool(Attribute)> is) {
  DenseElementsAttr elements;
  return matchPattern(skipMovement(value), m_Constant(&elements)) &&
         elements.isSplat() && is(elements.getSplatValue<Attribute>());
}

bool mlir::dl::isZero(Value value) {
  return isFilledWith(value, [](Attribute element) {
    if (auto number = dyn_cast<FloatAttr>(element))
      return number.getValue().isZero();
    auto number = dyn_cast<IntegerAttr>(element);
    return number && number.getValue().isZero();
  });
}

/// Whether exp of it is zero beside a number of usual size: minus infinity, or
/// what exporters write for it.
static bool isVeryNegative(Value value) {
  return isFilledWith(value, [](Attribute element) {
    auto number = dyn_cast<FloatAttr>(element);
    return number && number.getValue().isNegative() &&
           !number.getValue().isNaN() &&
           number.getValue().convertToDouble() <= -1e9;
  });
}

static bool isZeroByChoice(Value value, int depth);

/// Whether softmax of the value is zero by choice.
static bool isMaskedLogit(Value value) {
  Operation *op = skipMovement(value).getDefiningOp();
  if (auto select = dyn_cast_or_null<SelectOp>(op))
    return isVeryNegative(select.getOnFalse()) ||
           isVeryNegative(select.getOnTrue());
  if (auto scatter = dyn_cast_or_null<ScatterElementsOp>(op))
    return isVeryNegative(scatter.getOperand());
  return false;
}

static bool isZeroByChoice(Value value, int depth) {
  if (depth > kMaxDepth || !value.getDefiningOp())
    return false;
  auto again = [&](Value operand) {
    return isZeroByChoice(operand, depth + 1);
  };
  return llvm::TypeSwitch<Operation *, bool>(value.getDefiningOp())
      .Case([&](CastOp op) {
        auto from = cast<RankedTensorType>(op.getOperand().getType());
        return from.getElementType().isInteger(1) || again(op.getOperand());
      })
      .Case([&](MulOp op) { return again(op.getLhs()) || again(op.getRhs()); })
      .Case([&](DivOp op) { return again(op.getLhs()); })
      .Case([&](AddOp op) { return again(op.getLhs()) && again(op.getRhs()); })
      .Case([&](SelectOp op) {
        return isZero(op.getOnTrue()) || isZero(op.getOnFalse());
      })
      .Case([&](ReduceOp op) {
        return op.getKind() != ReduceKind::Prod && again(op.getOperand());
      })
      .Case([&](MatmulOp op) {
        // Sums over the experts of one token.
        int64_t depth =
            cast<RankedTensorType>(op.getLhs().getType()).getShape().back();
        return !ShapedType::isDynamic(depth) && depth <= kMaxExpertsOfToken &&
               (again(op.getLhs()) || again(op.getRhs()));
      })
      .Case([&](SoftmaxOp op) {
        return !op.getLog() && isMaskedLogit(op.getOperand());
      })
      .Case<ScatterElementsOp, ScatterNdOp>(
          [&](auto op) { return isZero(op.getOperand()); })
      .Case<ReshapeOp, TransposeOp, BroadcastOp, SliceOp, GatherOp,
            GatherElementsOp>([&](auto op) { return again(op.getOperand()); })
      .Default([](Operation *) { return false; });
}

bool mlir::dl::isZeroByChoice(Value value) {
  return ::isZeroByChoice(value, 0);
}
