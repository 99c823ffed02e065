// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// 16-bit floats of IEEE 754 for devices that have none: a sign, five bits of
// exponent (bias 15, where float32 has 127) and ten of significand.

#include "codegen/cpu/MathBuilder.h"
#include "codegen/spirv/Expand.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using ::dl::cpu::FormulaBuilder;
using ::dl::cpu::Num;
using ::dl::cpu::select;

/// Whether one integer is less than another.
static Num below(Num a, Num b) {
  FormulaBuilder &builder = a.getBuilder();
  return {builder, arith::CmpIOp::create(builder, arith::CmpIPredicate::slt,
                                         a.get(), b.get())};
}

namespace {

constexpr unsigned kNarrower = 23 - 10;            // bits of significand
constexpr int64_t kBias = int64_t(127 - 15) << 23; // as bits of float32
constexpr int64_t kInfinity = 0x7f800000;          // of float32
constexpr int64_t kHalfInfinity = 0x7c00, kQuiet = 0x200, kHalfSign = 0x8000;

/// arith.extf x : f16 to f32
struct ExtendHalf : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getIn().getType().isF16() || !op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not from f16 to f32");
    FormulaBuilder builder(op.getLoc(), rewriter);
    Value half =
        arith::BitcastOp::create(builder, builder.getI16Type(), op.getIn());
    Num bits(builder,
             arith::ExtUIOp::create(builder, builder.getI32Type(), half));
    Num magnitude = bits & bits.integer(kHalfSign - 1);
    Num moved = shiftLeft(magnitude, kNarrower);
    // Subnormal numbers count units of 2^-24.
    Num subnormal = (magnitude.toFloat() * 0x1p-24).bits();
    Num normal = moved + bits.integer(kBias);
    Num finite =
        select(below(magnitude, bits.integer(1 << 10)), subnormal, normal);
    Num result = select(below(magnitude, bits.integer(kHalfInfinity)), finite,
                        moved | bits.integer(kInfinity));
    Num sign = shiftLeft(bits & bits.integer(kHalfSign), 16);
    rewriter.replaceOp(op, (result | sign).asFloat().get());
    return success();
  }
};

/// arith.truncf x : f32 to f16, to nearest, ties to even
struct TruncateToHalf : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getIn().getType().isF32() || !op.getType().isF16())
      return rewriter.notifyMatchFailure(op, "not from f32 to f16");
    FormulaBuilder builder(op.getLoc(), rewriter);
    Num bits = Num(builder, op.getIn()).bits();
    Num magnitude = bits & bits.integer(0x7fffffff);
    // Half a unit is added, less the last bit where that is even.
    Num last = shiftRight(magnitude, kNarrower) & bits.integer(1);
    Num normal = shiftRight(magnitude - bits.integer(kBias) +
                                bits.integer((1 << (kNarrower - 1)) - 1) + last,
                            kNarrower);
    // The last bit of numbers in [0.5, 1) is 2^-24, the unit of subnormal ones:
    // the sum rounds.
    Num subnormal =
        (magnitude.asFloat() + 0.5).bits() - bits.integer(0x3f000000);
    constexpr int64_t kLeastNormal = 0x38800000, // 2^-14
        kPastLargest = 0x477ff000;               // 65520, which is rounded up
    Num finite =
        select(below(magnitude, bits.integer(kLeastNormal)), subnormal, normal);
    Num nan = (shiftRight(magnitude, kNarrower) & bits.integer(kQuiet - 1)) |
              bits.integer(kHalfInfinity | kQuiet);
    Num infinite = select(below(bits.integer(kInfinity), magnitude), nan,
                          bits.integer(kHalfInfinity));
    Num result =
        select(below(magnitude, bits.integer(kPastLargest)), finite, infinite);
    Num sign = shiftRight(bits, 16) & bits.integer(kHalfSign);
    Value narrow = arith::TruncIOp::create(builder, builder.getI16Type(),
                                           (result | sign).get());
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), narrow);
    return success();
  }
};

} // namespace

void ::dl::spirv::populateExpandHalfPatterns(RewritePatternSet &patterns) {
  patterns.add<ExtendHalf, TruncateToHalf>(patterns.getContext());
}
