// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/Constants.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/quantize/PositiveMeans.h"

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

/// The constant that a stored constant's elements come from.
static Value getRoot(Value value) {
  while (!isa<ConstantOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// The multiplications of a product of known sizes.
static std::optional<int64_t> countMultiplications(Operation *op) {
  RankedTensorType result = typeOf(op->getResult(0)),
                   factor = typeOf(op->getOperand(1));
  if (!result.hasStaticShape() || !factor.hasStaticShape())
    return std::nullopt;
  int64_t summed = 1;
  if (auto conv = dyn_cast<ConvOp>(op))
    summed = factor.getNumElements() /
             std::max<int64_t>(factor.getDimSize(conv.getFilterCountDim()), 1);
  else
    summed = factor.getDimSize(std::max<int64_t>(factor.getRank() - 2, 0));
  return result.getNumElements() * summed;
}

/// Whether a product has fewer multiplications than that, whatever the sizes.
static bool isSmall(Operation *op, int64_t multiplications) {
  std::optional<int64_t> count = countMultiplications(op);
  return count && *count < multiplications;
}

/// Whether a product multiplies each element of its larger operand more often,
/// on average, as far as is known.
static bool isUsedMore(Operation *op, int64_t times) {
  std::optional<int64_t> count = countMultiplications(op);
  if (!count || !typeOf(op->getOperand(0)).hasStaticShape())
    return true;
  return *count > times * std::max(typeOf(op->getOperand(0)).getNumElements(),
                                   typeOf(op->getOperand(1)).getNumElements());
}

namespace {

/// A product's operand that is a constant, the dimensions of it that the
/// product sums over, and the other operand.
struct Weights {
  Value value;
  SmallVector<int64_t> axes;
  Value factor;
};

class Rounder {
public:
  Rounder(func::FuncOp function, Type narrow, int64_t minMultiplications,
          int64_t mostUses)
      : function(function), builder(function.getContext()), narrow(narrow),
        minMultiplications(minMultiplications), mostUses(mostUses) {}

  void run() {
    SmallVector<Operation *> contractions;
    function.walk([&](Operation *op) {
      if (isa<MatmulOp, ConvOp>(op) && isF32(op->getOperand(0)) &&
          !isSmall(op, minMultiplications) &&
          !(mostUses >= 0 && isUsedMore(op, mostUses)))
        contractions.push_back(op);
    });
    // Float16 is near enough as it is.
    if (narrow.isBF16())
      chooseBalanced(contractions);
    for (Operation *op : contractions)
      if (auto conv = dyn_cast<ConvOp>(op))
        reduce(conv);
      else
        reduce(cast<MatmulOp>(op));
  }

private:
  /// Nothing where no operand or each is a constant, or sums have one element.
  static std::optional<Weights> getWeights(Operation *op) {
    Value lhs = op->getOperand(0), rhs = op->getOperand(1);
    bool isRight = isStoredConstant(rhs);
    if (isRight == isStoredConstant(lhs))
      return std::nullopt;
    Weights weights{isRight ? rhs : lhs, {}, isRight ? lhs : rhs};
    int64_t rank = typeOf(weights.value).getRank(), count = 1;
    if (auto conv = dyn_cast<ConvOp>(op)) {
      // With groups, it goes on computing in f32.
      if (!isRight || conv.getGroups() != 1)
        return std::nullopt;
      for (int64_t d = 0; d < rank; ++d)
        if (d != conv.getFilterCountDim())
          weights.axes.push_back(d);
    } else {
      weights.axes.push_back(isRight ? rank - 2 : rank - 1);
    }
    for (int64_t axis : weights.axes)
      count *= typeOf(weights.value).getDimSize(axis);
    return count > 1 ? std::optional(weights) : std::nullopt;
  }

  /// Weights whose errors would add up by the mean of what they are multiplied
  /// with. Those that also serve another purpose are stored once, to nearest,
  /// and those of one value as one.
  void chooseBalanced(ArrayRef<Operation *> contractions) {
    PositiveMeans means(function);
    DenseSet<Value> others;
    for (Operation *op : contractions) {
      std::optional<Weights> weights = getWeights(op);
      for (Value operand : op->getOperands())
        if (isStoredConstant(operand) &&
            !(weights && means.isPositive(weights->factor)))
          others.insert(getRoot(operand));
    }
    for (Operation *op : contractions)
      if (std::optional<Weights> weights = getWeights(op)) {
        Value root = getRoot(weights->value);
        if (!others.contains(root) &&
            !isa<SplatElementsAttr>(
                root.getDefiningOp<ConstantOp>().getValue()))
          balanced[op] = weights->axes;
      }
  }

  /// A narrow operand of a product.
  Value roundOperand(OpOperand &operand) {
    Value value = operand.get();
    auto it = balanced.find(operand.getOwner());
    if (it == balanced.end() || !isStoredConstant(value))
      return round(value);
    builder.setInsertionPointAfterValue(value);
    return RoundBalancedOp::create(builder, value.getLoc(), narrowType(value),
                                   value, it->second);
  }

  void reduce(ConvOp op) {
    if (op.getGroups() != 1)
      return storeNarrow(op.getInputMutable());
    Value input = roundOperand(op.getInputMutable()),
          filter = roundOperand(op.getFilterMutable());
    builder.setInsertionPoint(op);
    Value result =
        ConvOp::create(builder, op.getLoc(), input, filter, op.getStrides(),
                       op.getPadsLow(), op.getPadsHigh(), op.getDilations(),
                       op.getGroups(), op.getChannelsLast(), /*wide=*/true);
    replace(op, result);
  }

  void reduce(MatmulOp op) {
    Value lhs = roundOperand(op.getLhsMutable()),
          rhs = roundOperand(op.getRhsMutable());
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

  /// The narrow value, for all that read it.
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
    llvm::SmallSetVector<Value, 8> moved;
    moved.insert(value);
    for (size_t i = 0; i < moved.size(); ++i)
      for (Operation *user : moved[i].getUsers()) {
        if (user->hasTrait<OpTrait::IsTerminator>() || user->getNumRegions())
          return true;
        if (onlyMoves(user))
          moved.insert(user->getResult(0));
      }
    return false;
  }

  func::FuncOp function;
  OpBuilder builder;
  Type narrow;
  int64_t minMultiplications, mostUses;
  DenseMap<Value, Value> rounded;
  DenseMap<Operation *, SmallVector<int64_t>> balanced; // their axes
};

class ReducePrecision
    : public ::dl::impl::ReducePrecisionBase<ReducePrecision> {
  using ReducePrecisionBase::ReducePrecisionBase;

  void runOnOperation() override {
    Builder builder(&getContext());
    if (type != "bf16" && type != "f16") {
      getOperation()->emitError("unknown type '") << type << "'";
      return signalPassFailure();
    }
    Type narrow = type == "f16" ? Type(builder.getF16Type())
                                : Type(builder.getBF16Type());
    forEachModelFunction(getOperation(), [&](func::FuncOp function) {
      Rounder(function, narrow, minMultiplications, mostUses).run();
    });
  }
};

} // namespace
