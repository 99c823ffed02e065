// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/MathBuilder.h"
#include "codegen/cpu/MathExpansion.h"
#include "codegen/cpu/RewriteOps.h"
#include "codegen/spirv/Expand.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using ::dl::cpu::FormulaBuilder;
using ::dl::cpu::Num;

namespace {

/// asin(x) = 2 atan(x / (1 + sqrt(1 - x^2))) and acos(x) = pi/2 - asin(x), for
/// devices without 64-bit floats: Vulkan allows GLSL's an error of 4096 units
/// in the last place, and Mesa takes a third of that.
template <typename Op> struct ExpandArcPattern : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    FormulaBuilder builder(op.getLoc(), rewriter);
    Num x(builder, op.getOperand());
    Num root = sqrt((1 - x) * (x + 1));
    Num half(builder, math::AtanOp::create(builder, (x / (root + 1)).get()));
    Num arc = half + half;
    if (std::is_same_v<Op, math::AcosOp>)
      arc = llvm::numbers::pi / 2 - arc;
    rewriter.replaceOp(op, arc.get());
    return success();
  }
};

/// math.trunc x  ->  copysign(floor |x|, x)
struct ExpandTruncPattern : OpRewritePattern<math::TruncOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TruncOp op,
                                PatternRewriter &rewriter) const override {
    FormulaBuilder builder(op.getLoc(), rewriter);
    Num x(builder, op.getOperand());
    Num whole(builder, math::FloorOp::create(builder, abs(x).get()));
    rewriter.replaceOp(op, copySign(whole, x).get());
    return success();
  }
};

/// A barrier that also orders what is stored into buffers; upstream's orders
/// the memory that a workgroup shares alone.
struct OrderBuffersPattern : OpRewritePattern<gpu::BarrierOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::BarrierOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<spirv::ControlBarrierOp>(
        op, spirv::Scope::Workgroup, spirv::Scope::Device,
        spirv::MemorySemantics::AcquireRelease |
            spirv::MemorySemantics::UniformMemory |
            spirv::MemorySemantics::WorkgroupMemory);
    return success();
  }
};

/// arith.extsi x : iN to i64  ->  (extui x xor 2^(N-1)) - 2^(N-1)
///
/// Mesa 22.3 compares a number that was extended with its sign to 64 bits
/// wrongly with constants.
struct ExtendSignPattern : OpRewritePattern<arith::ExtSIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtSIOp op,
                                PatternRewriter &rewriter) const override {
    unsigned width = op.getIn().getType().getIntOrFloatBitWidth();
    if (!op.getType().isInteger(64) || width == 1)
      return rewriter.notifyMatchFailure(op, "not to 64 bits");
    FormulaBuilder builder(op.getLoc(), rewriter);
    Num wide(builder,
             arith::ExtUIOp::create(builder, op.getType(), op.getIn()));
    Num sign = wide.integer(int64_t(1) << (width - 1));
    rewriter.replaceOp(op, ((wide ^ sign) - sign).get());
    return success();
  }
};

/// The same of an index, which has 32 bits.
struct ExtendIndexPattern : OpRewritePattern<arith::IndexCastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::IndexCastOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isInteger(64))
      return rewriter.notifyMatchFailure(op, "not to 64 bits");
    Value narrow = arith::IndexCastOp::create(
        rewriter, op.getLoc(), rewriter.getI32Type(), op.getIn());
    rewriter.replaceOpWithNewOp<arith::ExtSIOp>(op, op.getType(), narrow);
    return success();
  }
};

/// arith.remf by division of significands, some bits of the quotient at a time,
/// so that it is exact for all exponents. GLSL's is a - b * trunc(a / b).
class Remainder {
public:
  Remainder(FormulaBuilder &builder, Type type)
      : builder(builder), type(type), isDouble(type.isF64()),
        fraction(isDouble ? 52 : 23), bias(isDouble ? 1023 : 127) {}

  Value make(Value dividend, Value divisor) {
    Num a = abs(Num(builder, dividend)), b = abs(Num(builder, divisor));
    auto [aBits, aExponent] = split(a);
    auto [bBits, bExponent] = split(b);
    Num zero = integer(0), one = integer(1);
    // A divisor of 0 gives NaN below, whatever is computed here.
    Num by = pick(compare(arith::CmpIPredicate::eq, bBits, zero), one, bBits);
    Num rest = divide(aBits, by, aExponent - bExponent);
    Num scaled = toFloat(rest) * power(bExponent);
    Num result = ::dl::cpu::select(less(a, b), a, scaled);
    Num nan = a.constant(::dl::cpu::notANumber());
    Num isWrong = equal(b, 0.0) | notEqual(b, b) | notEqual(a, a) |
                  equal(a, ::dl::cpu::infinity());
    result = copySign(::dl::cpu::select(isWrong, nan, result),
                      Num(builder, dividend));
    return result.get();
  }

private:
  Num integer(int64_t value) {
    return {builder, arith::ConstantOp::create(
                         builder, builder.getI64IntegerAttr(value))};
  }
  Num compare(arith::CmpIPredicate predicate, Num a, Num b) {
    return {builder,
            arith::CmpIOp::create(builder, predicate, a.get(), b.get())};
  }
  Num pick(Num condition, Num a, Num b) {
    return {builder, arith::SelectOp::create(builder, condition.get(), a.get(),
                                             b.get())};
  }
  Num minimum(Num a, Num b) {
    return pick(compare(arith::CmpIPredicate::slt, a, b), a, b);
  }

  /// A positive number is significand * 2^(exponent - bias - fraction); both as
  /// i64.
  std::pair<Num, Num> split(Num x) {
    Value raw = x.bits().get();
    if (!isDouble)
      raw = arith::ExtUIOp::create(builder, builder.getI64Type(), raw);
    Num bits(builder, raw), one = integer(1);
    Num exponent = shiftRight(bits, fraction);
    Num low = bits & integer((int64_t(1) << fraction) - 1);
    Num isDenormal = compare(arith::CmpIPredicate::eq, exponent, integer(0));
    return {pick(isDenormal, low, low | integer(int64_t(1) << fraction)),
            pick(isDenormal, one, exponent)};
  }

  /// a * 2^count mod b.
  Num divide(Num a, Num b, Num count) {
    int64_t bits = 62 - fraction; // of the quotient, in a step
    int64_t most = (2 * (bias + fraction) + bits - 1) / bits;
    Value low = arith::ConstantIndexOp::create(builder, 0);
    Value high = arith::ConstantIndexOp::create(builder, most);
    Value step = arith::ConstantIndexOp::create(builder, 1);
    Num first = modulo(a, b), wide = integer(bits), zero = integer(0);
    auto loop = scf::ForOp::create(
        builder, low, high, step, ValueRange{first.get(), count.get()},
        [&](OpBuilder &nested, Location loc, Value, ValueRange state) {
          OpBuilder::InsertionGuard guard(builder);
          builder.setInsertionPoint(nested.getInsertionBlock(),
                                    nested.getInsertionPoint());
          Num rest(builder, state[0]), left(builder, state[1]);
          Num shift = minimum(left, wide);
          shift = pick(compare(arith::CmpIPredicate::slt, shift, zero), zero,
                       shift);
          Num moved(builder,
                    arith::ShLIOp::create(builder, rest.get(), shift.get()));
          scf::YieldOp::create(builder, ValueRange{modulo(moved, b).get(),
                                                   (left - shift).get()});
        });
    return {builder, loop.getResult(0)};
  }
  Num modulo(Num a, Num b) {
    return {builder, arith::RemUIOp::create(builder, a.get(), b.get())};
  }

  Num toFloat(Num whole) {
    return {builder, arith::SIToFPOp::create(builder, type, whole.get())};
  }

  /// 2^(exponent - bias - fraction), in two factors that are normal numbers.
  Num power(Num exponent) {
    Num e = exponent - integer(bias + fraction);
    Num half = shiftRight(e, 1);
    return ofExponent(half) * ofExponent(e - half);
  }
  Num ofExponent(Num e) {
    Num bits = shiftLeft(e + integer(bias), fraction);
    Value raw = bits.get();
    if (!isDouble)
      raw = arith::TruncIOp::create(builder, builder.getI32Type(), raw);
    return Num(builder, raw).asFloat();
  }

  FormulaBuilder &builder;
  Type type;
  bool isDouble;
  int64_t fraction, bias;
};

struct ExpandRemainderPattern : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::RemFOp op,
                                PatternRewriter &rewriter) const override {
    FormulaBuilder builder(op.getLoc(), rewriter);
    Type type = op.getType(), single = rewriter.getF32Type();
    bool isNarrow = type.getIntOrFloatBitWidth() < 32;
    auto widen = [&](Value value) -> Value {
      return isNarrow ? arith::ExtFOp::create(builder, single, value) : value;
    };
    Value rest = Remainder(builder, isNarrow ? single : type)
                     .make(widen(op.getLhs()), widen(op.getRhs()));
    if (isNarrow) // exact: the remainder is a multiple of the operands' units
      rest = arith::TruncFOp::create(builder, type, rest);
    rewriter.replaceOp(op, rest);
    return success();
  }
};

struct ExpandFunctionsPass
    : PassWrapper<ExpandFunctionsPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandFunctionsPass)

  ExpandFunctionsPass() = default;
  ExpandFunctionsPass(const ExpandFunctionsPass &other) : PassWrapper(other) {}
  explicit ExpandFunctionsPass(bool hasDoubles) { doubles = hasDoubles; }

  StringRef getArgument() const override { return "spirv-expand-functions"; }
  StringRef getDescription() const override {
    return "expands math functions, remainders, powers and rounding divisions";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect, scf::SCFDialect,
                    spirv::SPIRVDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet functions(context);
    ::dl::cpu::populateMathExpansionPatterns(functions);
    functions.add<ExpandTruncPattern, ExpandRemainderPattern>(context);
    if (!doubles)
      functions
          .add<ExpandArcPattern<math::AsinOp>, ExpandArcPattern<math::AcosOp>>(
              context, /*benefit=*/2);
    auto isFunction = [&](Operation *op) { return isExpanded(op); };
    if (failed(::dl::cpu::rewriteOps(getOperation(), isFunction,
                                     std::move(functions))))
      return signalPassFailure();
    RewritePatternSet others(context);
    others.add<OrderBuffersPattern, ExtendSignPattern, ExtendIndexPattern>(
        context);
    arith::populateCeilFloorDivExpandOpsPatterns(others);
    if (failed(applyPatternsGreedily(getOperation(), std::move(others))))
      signalPassFailure();
  }

private:
  bool isExpanded(Operation *op) const {
    if (isa<arith::RemFOp>(op))
      return true;
    // Exact in GLSL.
    if (!isa<math::MathDialect>(op->getDialect()) ||
        isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::FloorOp,
            math::FmaOp, math::RoundEvenOp, math::SqrtOp, math::CopySignOp>(op))
      return false;
    // What the CPU computes in 64 bits is GLSL's where there are none.
    return doubles ||
           isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::TanhOp,
               math::LogOp, math::ErfOp, math::RsqrtOp, math::IPowIOp,
               math::TruncOp, math::AsinOp, math::AcosOp>(op);
  }

  Option<bool> doubles{*this, "doubles",
                       llvm::cl::desc("the device computes in 64-bit floats"),
                       llvm::cl::init(true)};
};

} // namespace

namespace dl::spirv {

std::unique_ptr<Pass> createExpandFunctionsPass(const SpirvTarget &target) {
  return std::make_unique<ExpandFunctionsPass>(target.float64);
}

void registerExpandPasses() {
  PassRegistration<ExpandFunctionsPass>();
  registerPass([] { return createExpandTypesPass({}); });
}

} // namespace dl::spirv
