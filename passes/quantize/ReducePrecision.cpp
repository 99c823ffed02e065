// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/Constants.h"
#include "passes/Passes.h"

namespace dl {
#define GEN_PASS_DEF_REDUCEPRECISION
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static bool isF32(Value value) {
  return typeOf(value).getElementType().isF32();
}

/// Ops that only move what they read: they commute with rounding.
static bool onlyMoves(Operation *op) {
  if (auto pad = dyn_cast_or_null<PadOp>(op))
    return pad.getMode() == PadMode::Constant;
  return isa_and_nonnull<ReshapeOp, TransposeOp, SliceOp, BroadcastOp,
                         ConcatOp>(op);
}

/// Whether elementwise operations make the value of a reduction over the same
/// elements, as normalizations do.
static bool isNormalized(Value value, int depth = 0) {
  // As long as normalizations are, with an affine part and a rectifier.
  constexpr int kDepth = 8;
  Operation *op = value.getDefiningOp();
  if (!op || depth > kDepth || isa<CastOp>(op))
    return false;
  if (isa<ReduceOp>(op))
    return true;
  return op->hasTrait<OpTrait::FusionElementwise>() &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           return isNormalized(operand, depth + 1);
         });
}

namespace {

class Rounder {
public:
  explicit Rounder(func::FuncOp function)
      : function(function), builder(function.getContext()),
        narrow(builder.getBF16Type()) {}

  void run() {
    SmallVector<Operation *> contractions;
    function.walk([&](Operation *op) {
      if (isa<MatmulOp, ConvOp>(op) && isF32(op->getOperand(0)))
        contractions.push_back(op);
    });
    for (Operation *op : contractions)
      if (auto conv = dyn_cast<ConvOp>(op))
        reduce(conv);
      else
        reduce(cast<MatmulOp>(op));
  }

private:
  void reduce(ConvOp op) {
    if (op.getGroups() != 1)
      return storeNarrow(op.getInputMutable());
    Value input = round(op.getInput()), filter = round(op.getFilter());
    builder.setInsertionPoint(op);
    Value result =
        ConvOp::create(builder, op.getLoc(), input, filter, op.getStrides(),
                       op.getPadsLow(), op.getPadsHigh(), op.getDilations(),
                       op.getGroups(), op.getChannelsLast(), /*wide=*/true);
    replace(op, result);
  }

  void reduce(MatmulOp op) {
    Value lhs = round(op.getLhs()), rhs = round(op.getRhs());
    builder.setInsertionPoint(op);
    replace(op,
            MatmulOp::create(builder, op.getLoc(), lhs, rhs, /*wide=*/true));
  }

  void replace(Operation *op, Value result) {
    op->replaceAllUsesWith(ValueRange(result));
    op->erase();
  }

  /// The op goes on computing in f32, with a rounded operand.
  void storeNarrow(OpOperand &operand) {
    Value value = operand.get();
    // A value that is in memory as it is gains nothing.
    if (isStoredConstant(value) || isa<BlockArgument>(value))
      return;
    Value rounded = round(value);
    builder.setInsertionPoint(operand.getOwner());
    operand.set(extend(rounded, value));
  }

  Value extend(Value rounded, Value like) {
    return CastOp::create(builder, like.getLoc(), like.getType(), rounded);
  }

  /// The value in bf16, for all that read it.
  Value round(Value value) {
    if (auto extension = value.getDefiningOp<CastOp>();
        extension && typeOf(extension.getOperand()).getElementType() == narrow)
      return extension.getOperand();
    Value &known = rounded[value];
    if (known)
      return known;
    Operation *op = value.getDefiningOp();
    if (onlyMoves(op) && !isStoredConstant(value) && !isStoredWide(value)) {
      SmallVector<Value> operands;
      for (Value operand : SmallVector<Value>(op->getOperands()))
        operands.push_back(isF32(operand) ? round(operand) : operand);
      builder.setInsertionPoint(op);
      Operation *moved = builder.clone(*op);
      moved->setOperands(operands);
      moved->getResult(0).setType(narrowType(value));
      return rounded[value] = moved->getResult(0);
    }
    builder.setInsertionPointAfterValue(value);
    Value result =
        CastOp::create(builder, value.getLoc(), narrowType(value), value,
                       /*saturate=*/true, /*approximate=*/true);
    rounded[value] = result;
    // What is normalized and added on, layer after layer, would be rounded each
    // time: it is stored both ways.
    if (op && !isStoredConstant(value) && !isStoredWide(value) &&
        !isNormalized(value)) {
      Value extended = extend(result, value);
      value.replaceUsesWithIf(extended, [&](OpOperand &use) {
        return use.getOwner() != result.getDefiningOp();
      });
    }
    return result;
  }

  Type narrowType(Value value) {
    return getTensorType(getDims(typeOf(value)), narrow);
  }

  /// Whether the value has to be in memory in f32 all the same.
  static bool isStoredWide(Value value) {
    return llvm::any_of(value.getUsers(), [](Operation *user) {
      return user->hasTrait<OpTrait::IsTerminator>() || user->getNumRegions() ||
             (onlyMoves(user) && isStoredWide(user->getResult(0)));
    });
  }

  func::FuncOp function;
  OpBuilder builder;
  Type narrow;
  DenseMap<Value, Value> rounded;
};

class ReducePrecision
    : public ::dl::impl::ReducePrecisionBase<ReducePrecision> {
  using ReducePrecisionBase::ReducePrecisionBase;

  void runOnOperation() override {
    getOperation()->walk([](func::FuncOp function) {
      if (!function.isExternal() && !function->hasAttr("dl.kernel"))
        Rounder(function).run();
    });
  }
};

} // namespace
