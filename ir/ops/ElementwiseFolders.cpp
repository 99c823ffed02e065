// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Folders of elementwise ops that only rearrange what is known: identities, and
// the choice between operands. ConstantFolders.cpp has arithmetic on constants.

#include "ir/ops/ConstantFolders.h"
#include "ir/ops/Elementwise.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Identities
//===----------------------------------------------------------------------===//

namespace {
/// The one value of a splat constant, as the question it is asked needs it.
class SplatValue {
public:
  explicit SplatValue(Attribute attribute) {
    auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute);
    if (!splat)
      return;
    if (isa<FloatType>(splat.getElementType()))
      number = splat.getSplatValue<APFloat>();
    else if (isa<IntegerType>(splat.getElementType()))
      integer = splat.getSplatValue<APInt>();
  }
  /// The neutral element of x + ?: adding +0.0 would change -0.0.
  bool isAddZero() const {
    return integer ? integer->isZero() : number && number->isNegZero();
  }
  bool isSubZero() const {
    return integer ? integer->isZero() : number && number->isPosZero();
  }
  bool isIntegerZero() const { return integer && integer->isZero(); }
  bool isAllOnes() const { return integer && integer->isAllOnes(); }
  bool isOne() const {
    return integer ? integer->isOne() : number && number->isExactlyValue(1.0);
  }
  /// The neutral element of max (or of min).
  bool isLowest(bool isUnsigned) const {
    return integer
               ? (isUnsigned ? integer->isZero() : integer->isMinSignedValue())
               : number && number->isInfinity() && number->isNegative();
  }
  bool isHighest(bool isUnsigned) const {
    return integer ? (isUnsigned ? integer->isAllOnes()
                                 : integer->isMaxSignedValue())
                   : number && number->isInfinity() && !number->isNegative();
  }

private:
  std::optional<APFloat> number;
  std::optional<APInt> integer;
};
} // namespace

/// Whether `rhs` changes nothing as the op's right operand.
static bool isRightIdentity(Operation *op, const SplatValue &rhs) {
  bool isUnsigned =
      typeOf(op->getResult(0)).getElementType().isUnsignedInteger();
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<AddOp>([&](auto) { return rhs.isAddZero(); })
      .Case<SubOp>([&](auto) { return rhs.isSubZero(); })
      .Case<MulOp, DivOp, PowOp>([&](auto) { return rhs.isOne(); })
      .Case<MaxOp>([&](auto) { return rhs.isLowest(isUnsigned); })
      .Case<MinOp>([&](auto) { return rhs.isHighest(isUnsigned); })
      .Case<OrOp, XorOp, ShlOp, ShrOp>(
          [&](auto) { return rhs.isIntegerZero(); })
      .Case<AndOp>([&](auto) { return rhs.isAllOnes(); })
      .Default(false);
}

/// The value that an op gives back unchanged; null where there is none.
static Value getUnchanged(Operation *op, ArrayRef<Attribute> operands) {
  if (isa<NegOp, NotOp>(op)) {
    Operation *inner = op->getOperand(0).getDefiningOp();
    return inner && inner->getName() == op->getName() ? inner->getOperand(0)
                                                      : Value();
  }
  if (op->getNumOperands() != 2)
    return {};
  if (isa<MaxOp, MinOp, AndOp, OrOp>(op) &&
      op->getOperand(0) == op->getOperand(1))
    return op->getOperand(0);
  if (isRightIdentity(op, SplatValue(operands[1])))
    return op->getOperand(0);
  return op->hasTrait<OpTrait::IsCommutative>() &&
                 isRightIdentity(op, SplatValue(operands[0]))
             ? op->getOperand(1)
             : Value();
}

OpFoldResult mlir::dl::foldElementwise(Operation *op,
                                       ArrayRef<Attribute> operands) {
  Type type = op->getResult(0).getType();
  if (Value value = getUnchanged(op, operands);
      value && value.getType() == type)
    return value;
  if (Attribute sizes = foldSizes(op, operands))
    return sizes;
  if (Attribute constant = foldConstants(op, operands))
    return constant;
  // Zero times an integer is zero, whatever the integer is.
  if (isa<MulOp>(op) && cast<RankedTensorType>(type).hasStaticShape())
    for (Attribute operand : operands)
      if (SplatValue(operand).isIntegerZero())
        return cast<SplatElementsAttr>(operand).resizeSplat(
            cast<ShapedType>(type));
  return {};
}

//===----------------------------------------------------------------------===//
// SelectOp, CastOp
//===----------------------------------------------------------------------===//

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  RankedTensorType type = typeOf(getResult());
  if (getOnTrue() == getOnFalse() && getOnTrue().getType() == type)
    return getOnTrue();
  if (auto splat =
          dyn_cast_or_null<SplatElementsAttr>(adaptor.getCondition())) {
    bool condition = splat.getSplatValue<bool>();
    Value chosen = condition ? getOnTrue() : getOnFalse();
    if (chosen.getType() == type)
      return chosen;
  }
  return foldSelect(adaptor.getOperands(), type);
}

/// Whether `to` holds every value of `from`.
static bool isWider(Type from, Type to) {
  if (auto a = dyn_cast<FloatType>(from), b = dyn_cast<FloatType>(to); a && b)
    return (a.isF16() || a.isBF16() || a.isF32()) && (b.isF32() || b.isF64()) &&
           a.getWidth() < b.getWidth();
  auto a = dyn_cast<IntegerType>(from), b = dyn_cast<IntegerType>(to);
  return a && b && a.getWidth() > 1 && a.getWidth() < b.getWidth() &&
         a.getSignedness() == b.getSignedness();
}

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (auto inner = getOperand().getDefiningOp<CastOp>())
    if (inner.getOperand().getType() == getType() &&
        isWider(typeOf(inner.getOperand()).getElementType(),
                typeOf(getOperand()).getElementType()))
      return inner.getOperand();
  return foldCast(adaptor.getOperand(), typeOf(getResult()), getSaturate());
}
