// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/MathExpansion.h"
#include "codegen/cpu/MathFunctions.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace dl::cpu {

namespace {

/// In which type a function of f32 numbers is computed.
enum class Precision { Same, Double };

/// Widens operands to the type that a function is computed in, and rounds back.
class Computation {
public:
  Computation(PatternRewriter &rewriter, Location loc, Precision precision,
              bool hasScaling = false)
      : builder(loc, rewriter), precision(precision) {
    builder.hasScaling = hasScaling;
  }

  static bool isSupported(Type type) {
    return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(
        getElementTypeOrSelf(type));
  }

  Num widen(Value value) {
    Type type = value.getType();
    if (getElementTypeOrSelf(type).getIntOrFloatBitWidth() == 16)
      value = arith::ExtFOp::create(
          builder, withElement(type, builder.getF32Type()), value, mayFold());
    Num number(builder, value);
    return precision == Precision::Double ? number.toWidth(64) : number;
  }

  Value narrow(Num number, Type type) {
    if (number.get().getType() == type)
      return number.get();
    // Through f32, which the conversions to 16 bits start from.
    Value value = number.toWidth(32).get();
    if (value.getType() == type)
      return value;
    return arith::TruncFOp::create(builder, type, value, {}, mayFold());
  }

  static Type withElement(Type type, Type element) {
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(element);
    return element;
  }

private:
  /// Rounding to 16 bits and extending again may be left out.
  arith::FastMathFlagsAttr mayFold() {
    return arith::FastMathFlagsAttr::get(builder.getContext(),
                                         arith::FastMathFlags::contract);
  }

  FormulaBuilder builder;
  Precision precision;
};

template <typename Op> struct ExpandUnary : OpRewritePattern<Op> {
  ExpandUnary(MLIRContext *context, Num (*expand)(Num), Precision precision,
              bool hasScaling)
      : OpRewritePattern<Op>(context), expand(expand), precision(precision),
        hasScaling(hasScaling) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!Computation::isSupported(op.getType()))
      return rewriter.notifyMatchFailure(op, "not a type of the CPU");
    Computation computation(rewriter, op.getLoc(), precision, hasScaling);
    Num result = expand(computation.widen(op.getOperand()));
    rewriter.replaceOp(op, computation.narrow(result, op.getType()));
    return success();
  }

  Num (*expand)(Num);
  Precision precision;
  bool hasScaling;
};

template <typename Op> struct ExpandBinary : OpRewritePattern<Op> {
  ExpandBinary(MLIRContext *context, Num (*expand)(Num, Num))
      : OpRewritePattern<Op>(context), expand(expand) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!Computation::isSupported(op.getType()))
      return rewriter.notifyMatchFailure(op, "not a type of the CPU");
    Computation computation(rewriter, op.getLoc(), Precision::Double);
    Num left = computation.widen(op.getLhs());
    Num right = computation.widen(op.getRhs());
    rewriter.replaceOp(op,
                       computation.narrow(expand(left, right), op.getType()));
    return success();
  }

  Num (*expand)(Num, Num);
};

struct ExpandPowF : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::PowFOp op,
                                PatternRewriter &rewriter) const override {
    if (!Computation::isSupported(op.getType()))
      return rewriter.notifyMatchFailure(op, "not a type of the CPU");
    bool accurate = getElementTypeOrSelf(op.getType()).isF64();
    Computation computation(rewriter, op.getLoc(), Precision::Double);
    Num result = expandPow(computation.widen(op.getLhs()),
                           computation.widen(op.getRhs()), accurate);
    rewriter.replaceOp(op, computation.narrow(result, op.getType()));
    return success();
  }
};

/// math.fpowi x, n  ->  math.powf x, sitofp n
struct ExpandFPowI : OpRewritePattern<math::FPowIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FPowIOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    // In f64, which holds every exponent that matters.
    Type wide = Computation::withElement(op.getType(), rewriter.getF64Type());
    Value exponent = arith::SIToFPOp::create(rewriter, loc, wide, op.getRhs());
    Value base = op.getLhs();
    if (base.getType() != wide)
      base = arith::ExtFOp::create(rewriter, loc, wide, base);
    Value power = math::PowFOp::create(rewriter, loc, base, exponent);
    if (op.getType() != wide)
      power = arith::TruncFOp::create(rewriter, loc, op.getType(), power);
    rewriter.replaceOp(op, power);
    return success();
  }
};

/// math.ipowi by squaring, one bit of the exponent an iteration. A negative
/// exponent gives the reciprocal's whole part, which is not 0 for 1 and -1
/// alone.
struct ExpandIPowI : OpRewritePattern<math::IPowIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::IPowIOp op,
                                PatternRewriter &rewriter) const override {
    FormulaBuilder builder(op.getLoc(), rewriter);
    Num base(builder, op.getLhs()), exponent(builder, op.getRhs());
    Num one = base.integer(1);
    Value low = arith::ConstantIndexOp::create(builder, 0);
    Value high = arith::ConstantIndexOp::create(builder, base.width());
    Value step = arith::ConstantIndexOp::create(builder, 1);
    auto loop = scf::ForOp::create(
        builder, low, high, step,
        ValueRange{one.get(), base.get(), exponent.get()},
        [&](OpBuilder &nested, Location loc, Value, ValueRange state) {
          FormulaBuilder inner(loc, nested);
          Num result(inner, state[0]), power(inner, state[1]);
          Num bits(inner, state[2]);
          Num isOdd = isSet(bits & bits.integer(1));
          scf::YieldOp::create(
              inner,
              ValueRange{select(isOdd, result * power, result).get(),
                         (power * power).get(), shiftRight(bits, 1).get()});
        });
    Num result(builder, loop.getResult(0));
    // (-1)^n is right from the exponent's low bit, also for a negative
    // exponent.
    Num sign = select(isSet(exponent & one), base, one);
    Num isOther = isSet(base - one) & isSet(base + one);
    Num reciprocal = select(isOther, base.integer(0), sign);
    rewriter.replaceOp(op,
                       select(isNegative(exponent), reciprocal, result).get());
    return success();
  }
};

/// math.rsqrt x  ->  1 / math.sqrt x, each rounded correctly
Num expandRsqrt(Num x) { return 1 / sqrt(x); }

struct ExpandSincos : OpRewritePattern<math::SincosOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::SincosOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value sine = math::SinOp::create(rewriter, loc, op.getOperand());
    Value cosine = math::CosOp::create(rewriter, loc, op.getOperand());
    rewriter.replaceOp(op, {sine, cosine});
    return success();
  }
};

} // namespace

template <typename Op>
static void addUnary(RewritePatternSet &patterns, Num (*expand)(Num),
                     Precision precision = Precision::Double,
                     bool hasScaling = false) {
  patterns.add<ExpandUnary<Op>>(patterns.getContext(), expand, precision,
                                hasScaling);
}

void populateMathExpansionPatterns(RewritePatternSet &patterns,
                                   bool hasScaling) {
  addUnary<math::ExpOp>(patterns, expandExp, Precision::Same, hasScaling);
  addUnary<math::Exp2Op>(patterns, expandExp2, Precision::Same, hasScaling);
  addUnary<math::ExpM1Op>(patterns, expandExpM1, Precision::Same, hasScaling);
  addUnary<math::TanhOp>(patterns, expandTanh, Precision::Same, hasScaling);
  addUnary<math::LogOp>(patterns, expandLog, Precision::Same);
  addUnary<math::ErfOp>(patterns, expandErf, Precision::Same, hasScaling);
  addUnary<math::RsqrtOp>(patterns, expandRsqrt, Precision::Same);
  addUnary<math::SinhOp>(patterns, expandSinh);
  addUnary<math::CoshOp>(patterns, expandCosh);
  addUnary<math::AsinhOp>(patterns, expandAsinh);
  addUnary<math::AcoshOp>(patterns, expandAcosh);
  addUnary<math::AtanhOp>(patterns, expandAtanh);
  addUnary<math::Log2Op>(patterns, expandLog2);
  addUnary<math::Log10Op>(patterns, expandLog10);
  addUnary<math::Log1pOp>(patterns, expandLog1p);
  addUnary<math::CbrtOp>(patterns, expandCbrt);
  addUnary<math::ErfcOp>(patterns, expandErfc);
  addUnary<math::SinOp>(patterns, expandSin);
  addUnary<math::CosOp>(patterns, expandCos);
  addUnary<math::TanOp>(patterns, expandTan);
  addUnary<math::AsinOp>(patterns, expandAsin);
  addUnary<math::AcosOp>(patterns, expandAcos);
  addUnary<math::AtanOp>(patterns, expandAtan);
  MLIRContext *context = patterns.getContext();
  patterns.add<ExpandBinary<math::Atan2Op>>(context, expandAtan2);
  patterns.add<ExpandPowF, ExpandFPowI, ExpandIPowI, ExpandSincos>(context);
  math::populateExpansionPatterns(patterns, {"clampf"});
}

} // namespace dl::cpu
