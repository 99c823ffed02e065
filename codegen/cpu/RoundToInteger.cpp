// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/RoundToInteger.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;

/// The integer that a constant, or all of its elements, is; small enough for
/// sums with others to be exact in f32.
static std::optional<int64_t> getInteger(Value value) {
  while (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
    value = broadcast.getSource();
  FloatAttr number;
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)))
    number = dyn_cast<FloatAttr>(splat.getSplatValue<Attribute>());
  else if (!matchPattern(value, m_Constant(&number)))
    return std::nullopt;
  constexpr double kMost = 1 << 20;
  double known = number ? number.getValueAsDouble() : 0.5;
  if (std::abs(known) > kMost || std::trunc(known) != known)
    return std::nullopt;
  return static_cast<int64_t>(known);
}

/// The conversions to f32 of the byte that `integer` is cut to, for which that
/// is the number itself, since it lies in [low, high].
static SmallVector<Operation *> findDequantizations(Value integer, int64_t low,
                                                    int64_t high) {
  SmallVector<Operation *> found;
  for (Operation *cut : integer.getUsers()) {
    if (!isa<arith::TruncIOp>(cut) ||
        !getElementTypeOrSelf(cut->getResult(0)).isInteger(8))
      continue;
    for (Operation *user : cut->getUsers())
      if ((isa<arith::UIToFPOp>(user) && low >= 0 && high <= 255) ||
          (isa<arith::SIToFPOp>(user) && low >= -128 && high <= 127))
        found.push_back(user);
  }
  return found;
}

namespace {

struct RoundToInteger : OpRewritePattern<arith::FPToSIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::FPToSIOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getIn().getType(), target = op.getType();
    auto highest = op.getIn().getDefiningOp<arith::MinimumFOp>();
    auto lowest = highest ? highest.getLhs().getDefiningOp<arith::MaximumFOp>()
                          : arith::MaximumFOp();
    if (!lowest || !getElementTypeOrSelf(type).isF32() ||
        !getElementTypeOrSelf(target).isInteger(32))
      return rewriter.notifyMatchFailure(op, "it has no limits");
    auto high = getInteger(highest.getRhs()), low = getInteger(lowest.getRhs());
    Value value = lowest.getLhs();
    std::optional<int64_t> zeroPoint = 0;
    if (auto sum = value.getDefiningOp<arith::AddFOp>()) {
      zeroPoint = getInteger(sum.getRhs());
      value = sum.getLhs();
    }
    auto rounded = value.getDefiningOp<math::RoundEvenOp>();
    if (!high || !low || !zeroPoint || !rounded)
      return rewriter.notifyMatchFailure(op, "nothing is rounded");
    Location loc = op.getLoc();
    auto constant = [&](Type of, Attribute number) -> Value {
      TypedAttr attr = cast<TypedAttr>(number);
      if (auto vector = dyn_cast<VectorType>(of))
        attr = SplatElementsAttr::get(vector, number);
      return arith::ConstantOp::create(rewriter, loc, attr);
    };
    // In the form of the CPU's maximum and minimum, which give the second one
    // where the first is NaN.
    auto limit = [&](Value x, int64_t to, arith::CmpFPredicate isBeyond,
                     bool takesNaN) {
      Value bound = constant(
          type, rewriter.getF32FloatAttr(static_cast<float>(to - *zeroPoint)));
      Value first = takesNaN ? x : bound, second = takesNaN ? bound : x;
      Value beyond =
          arith::CmpFOp::create(rewriter, loc, isBeyond, first, second);
      return Value(
          arith::SelectOp::create(rewriter, loc, beyond, first, second));
    };
    SmallVector<Operation *> dequantizations =
        findDequantizations(op.getResult(), *low, *high);
    // NaN becomes the least i32, whose byte is zero, or, where a zero point
    // would be added to that or it is no byte, the lowest value.
    Value x = limit(rounded.getOperand(), *low, arith::CmpFPredicate::OGT,
                    /*takesNaN=*/*zeroPoint != 0 || !dequantizations.empty());
    x = limit(x, *high, arith::CmpFPredicate::OLT, /*takesNaN=*/false);
    Value integer = LLVM::LrintOp::create(rewriter, loc, target, x);
    if (*zeroPoint)
      integer = arith::AddIOp::create(
          rewriter, loc, integer,
          constant(target, rewriter.getI32IntegerAttr(
                               static_cast<int32_t>(*zeroPoint))));
    for (Operation *user : dequantizations)
      rewriter.replaceOpWithNewOp<arith::SIToFPOp>(
          user, user->getResult(0).getType(), integer);
    rewriter.replaceOp(op, integer);
    return success();
  }
};

} // namespace

void dl::cpu::populateRoundToIntegerPatterns(RewritePatternSet &patterns) {
  patterns.add<RoundToInteger>(patterns.getContext());
}
