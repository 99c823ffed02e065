// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Folders of elementwise operations: identities, and arithmetic on the integer
// tensors that hold sizes.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

namespace {
using Exprs = SmallVector<AffineExpr>;
using Combine = function_ref<AffineExpr(AffineExpr, AffineExpr)>;
} // namespace

/// Applies `combine` to the elements of two tensors that hold sizes; a single
/// element is repeated. Null where an operand is none, or `combine` gives null.
static Attribute foldSizes(Attribute lhs, Attribute rhs, Type resultType,
                           Combine combine) {
  auto type = cast<RankedTensorType>(resultType);
  if (!isa<IntegerType>(type.getElementType()) || type.getRank() > 1 ||
      !type.hasStaticShape())
    return {};
  auto a = getSizeValues(lhs), b = getSizeValues(rhs);
  if (!a || !b)
    return {};
  Exprs result;
  for (int64_t i = 0, e = type.getNumElements(); i < e; ++i) {
    AffineExpr value =
        combine((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    if (!value)
      return {};
    result.push_back(simplify(value));
  }
  return getSizeAttr(result, type);
}

static std::optional<int64_t> asConstant(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

/// Whether an attribute is a splat of this number.
static bool isSplatOf(Attribute attribute, double number) {
  auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute);
  if (!splat)
    return false;
  if (auto value = dyn_cast<FloatAttr>(splat.getSplatValue<Attribute>()))
    return value.getValueAsDouble() == number;
  if (auto value = dyn_cast<IntegerAttr>(splat.getSplatValue<Attribute>()))
    return value.getValue() == APInt(value.getValue().getBitWidth(),
                                     (int64_t)number, /*isSigned=*/true,
                                     /*implicitTrunc=*/true);
  return false;
}

/// `value` if it already has the result's type, so that it may stand for it.
static OpFoldResult sameType(Value value, Type type) {
  return value.getType() == type ? OpFoldResult(value) : OpFoldResult();
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(adaptor.getRhs(), 0) &&
      isa<IntegerType>(getElementTypeOrSelf(getType())))
    if (OpFoldResult same = sameType(getLhs(), getType()))
      return same;
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [](AffineExpr a, AffineExpr b) { return a + b; });
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(adaptor.getRhs(), 0))
    if (OpFoldResult same = sameType(getLhs(), getType()))
      return same;
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [](AffineExpr a, AffineExpr b) { return a - b; });
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  for (auto [constant, other] :
       {std::pair(adaptor.getRhs(), getLhs()), {adaptor.getLhs(), getRhs()}})
    if (isSplatOf(constant, 1))
      if (OpFoldResult same = sameType(other, getType()))
        return same;
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [](AffineExpr a, AffineExpr b) { return a * b; });
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(adaptor.getRhs(), 1))
    if (OpFoldResult same = sameType(getLhs(), getType()))
      return same;
  // Toward zero; as floorDiv where the dividend cannot be negative.
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [](AffineExpr a, AffineExpr b) -> AffineExpr {
                     auto x = asConstant(a), y = asConstant(b);
                     if (y == 0)
                       return {};
                     if (x && y)
                       return getAffineConstantExpr(*x / *y, a.getContext());
                     AffineExpr zero = getAffineConstantExpr(0, a.getContext());
                     if (!provablyLessEqual(zero, a) || (y && *y < 0) ||
                         !provablyLessEqual(zero, b))
                       return {};
                     return a.floorDiv(b);
                   });
}

OpFoldResult ModOp::fold(FoldAdaptor adaptor) {
  bool fmod = getFmod();
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [&](AffineExpr a, AffineExpr b) -> AffineExpr {
                     auto x = asConstant(a), y = asConstant(b);
                     if (y && *y == 0)
                       return {};
                     if (x && y) {
                       int64_t rest = *x % *y;
                       if (!fmod && rest && (rest < 0) != (*y < 0))
                         rest += *y;
                       return getAffineConstantExpr(rest, a.getContext());
                     }
                     AffineExpr zero = getAffineConstantExpr(0, a.getContext());
                     if (!y || *y < 0 || !provablyLessEqual(zero, a))
                       return {};
                     return a % b;
                   });
}

OpFoldResult MaxOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return sameType(getLhs(), getType());
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [](AffineExpr a, AffineExpr b) -> AffineExpr {
                     if (provablyLessEqual(a, b))
                       return b;
                     return provablyLessEqual(b, a) ? a : AffineExpr();
                   });
}

OpFoldResult MinOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return sameType(getLhs(), getType());
  return foldSizes(adaptor.getLhs(), adaptor.getRhs(), getType(),
                   [](AffineExpr a, AffineExpr b) -> AffineExpr {
                     if (provablyLessEqual(a, b))
                       return a;
                     return provablyLessEqual(b, a) ? b : AffineExpr();
                   });
}

OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  return foldSizes(adaptor.getOperand(), adaptor.getOperand(), getType(),
                   [](AffineExpr a, AffineExpr) { return -a; });
}

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  auto from =
      dyn_cast<IntegerType>(getElementTypeOrSelf(getOperand().getType()));
  auto to = dyn_cast<IntegerType>(getElementTypeOrSelf(getType()));
  if (!from || !to || from.getWidth() < 32 || to.getWidth() < 32)
    return {};
  return foldSizes(adaptor.getOperand(), adaptor.getOperand(), getType(),
                   [](AffineExpr a, AffineExpr) { return a; });
}

OpFoldResult CompareOp::fold(FoldAdaptor adaptor) {
  Predicate predicate = getPredicate();
  return foldSizes(
      adaptor.getLhs(), adaptor.getRhs(), getType(),
      [&](AffineExpr a, AffineExpr b) -> AffineExpr {
        auto answer = [&](bool value) {
          return getAffineConstantExpr(value, a.getContext());
        };
        if (predicate == Predicate::Gt || predicate == Predicate::Ge)
          std::swap(a, b);
        bool strict = predicate == Predicate::Lt || predicate == Predicate::Gt;
        bool equality =
            predicate == Predicate::Eq || predicate == Predicate::Ne;
        if (equality) {
          if (provablyEqual(a, b))
            return answer(predicate == Predicate::Eq);
          if (provablyLessEqual(a + 1, b) || provablyLessEqual(b + 1, a))
            return answer(predicate == Predicate::Ne);
          return {};
        }
        if (provablyLessEqual(strict ? a + 1 : a, b))
          return answer(true);
        if (provablyLessEqual(strict ? b : b + 1, a))
          return answer(false);
        return {};
      });
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(adaptor.getCondition(), 1))
    return sameType(getOnTrue(), getType());
  if (isSplatOf(adaptor.getCondition(), 0))
    return sameType(getOnFalse(), getType());
  auto condition = getSizeValues(adaptor.getCondition());
  auto type = cast<RankedTensorType>(getType());
  auto a = getSizeValues(adaptor.getOnTrue());
  auto b = getSizeValues(adaptor.getOnFalse());
  if (!condition || !a || !b || type.getRank() > 1 || !type.hasStaticShape() ||
      !isa<IntegerType>(type.getElementType()))
    return {};
  Exprs result;
  for (int64_t i = 0, e = type.getNumElements(); i < e; ++i) {
    auto at = [&](Exprs &values) { return values[values.size() == 1 ? 0 : i]; };
    auto choice = asConstant(at(*condition));
    if (!choice)
      return {};
    result.push_back(*choice ? at(*a) : at(*b));
  }
  return getSizeAttr(result, type);
}
