// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ComputeHalves.h"
#include "codegen/cpu/MathBuilder.h"
#include "codegen/spirv/Expand.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

/// Whether values of the type are in SPIR-V as they are.
static bool hasForm(Type type, bool hasHalves) {
  if (!type.isIntOrFloat())
    return true;
  unsigned width = type.getIntOrFloatBitWidth();
  if (isa<FloatType>(type))
    return width > 16 || (type.isF16() && hasHalves);
  return width == 1 || width >= 8;
}

/// The type, or the integer of its width, of at least a byte.
static Type toForm(Type type, bool hasHalves) {
  if (hasForm(type, hasHalves))
    return type;
  return IntegerType::get(type.getContext(),
                          std::max(type.getIntOrFloatBitWidth(), 8u));
}

Type dl::spirv::getStoredType(Type type, const SpirvTarget &target) {
  return type.isInteger(1) ? IntegerType::get(type.getContext(), 8)
                           : toForm(type, target.float16);
}

namespace {

/// Values of types without a form become integers, in whose upper bits those of
/// less than a byte have zeros.
class Converter : public TypeConverter {
public:
  explicit Converter(bool hasHalves) {
    addConversion([=](Type type) { return toForm(type, hasHalves); });
  }
};

class Arithmetic {
public:
  Arithmetic(ConversionPatternRewriter &rewriter, Location loc)
      : rewriter(rewriter), loc(loc) {}

  Value constant(Type type, int64_t value) {
    return arith::ConstantOp::create(rewriter, loc,
                                     rewriter.getIntegerAttr(type, value));
  }
  /// The value with zeros above its `width` bits.
  Value mask(Value value, unsigned width) {
    Type type = value.getType();
    if (width >= type.getIntOrFloatBitWidth())
      return value;
    return arith::AndIOp::create(rewriter, loc, value,
                                 constant(type, (int64_t(1) << width) - 1));
  }
  /// The value with its sign above its `width` bits.
  Value extendSign(Value value, unsigned width) {
    Type type = value.getType();
    int64_t spare = int64_t(type.getIntOrFloatBitWidth()) - width;
    if (spare <= 0)
      return value;
    Value by = constant(type, spare);
    Value high = arith::ShLIOp::create(rewriter, loc, value, by);
    return arith::ShRSIOp::create(rewriter, loc, high, by);
  }
  Value resize(Value value, Type type, bool hasSign) {
    unsigned from = value.getType().getIntOrFloatBitWidth(),
             to = type.getIntOrFloatBitWidth();
    if (from == to)
      return value;
    if (from > to)
      return arith::TruncIOp::create(rewriter, loc, type, value);
    return hasSign ? Value(arith::ExtSIOp::create(rewriter, loc, type, value))
                   : Value(arith::ExtUIOp::create(rewriter, loc, type, value));
  }

private:
  ConversionPatternRewriter &rewriter;
  Location loc;
};

struct ConvertConstant : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    APInt bits;
    if (auto number = dyn_cast<FloatAttr>(op.getValue()))
      bits = number.getValue().bitcastToAPInt();
    else if (auto whole = dyn_cast<IntegerAttr>(op.getValue()))
      bits = whole.getValue();
    else
      return rewriter.notifyMatchFailure(op, "no scalar");
    Type type = getTypeConverter()->convertType(op.getType());
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(
        op, rewriter.getIntegerAttr(
                type, bits.zextOrTrunc(type.getIntOrFloatBitWidth())));
    return success();
  }
};

/// Between types that become the same integer.
struct ConvertBitcast : OpConversionPattern<arith::BitcastOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::BitcastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    if (adaptor.getIn().getType() == type)
      rewriter.replaceOp(op, adaptor.getIn());
    else
      rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, adaptor.getIn());
    return success();
  }
};

/// Between integers, of which one is narrower than a byte.
template <typename Op, bool hasSign>
struct ConvertResize : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Arithmetic arithmetic(rewriter, op.getLoc());
    unsigned from = op.getIn().getType().getIntOrFloatBitWidth(),
             to = op.getType().getIntOrFloatBitWidth();
    Value value = adaptor.getIn();
    if (hasSign)
      value = arithmetic.extendSign(value, from);
    Type type = this->getTypeConverter()->convertType(op.getType());
    value = arithmetic.resize(value, type, hasSign);
    rewriter.replaceOp(op, arithmetic.mask(value, to));
    return success();
  }
};

/// From an integer that is narrower than a byte to a float.
template <typename Op, bool hasSign>
struct ConvertToFloat : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value value = adaptor.getIn();
    if (hasSign)
      value =
          Arithmetic(rewriter, op.getLoc())
              .extendSign(value, op.getIn().getType().getIntOrFloatBitWidth());
    rewriter.replaceOpWithNewOp<Op>(op, op.getType(), value);
    return success();
  }
};

/// Arithmetic modulo 2^n.
template <typename Op> struct ConvertBinary : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value value =
        Op::create(rewriter, op.getLoc(), adaptor.getLhs(), adaptor.getRhs());
    rewriter.replaceOp(op,
                       Arithmetic(rewriter, op.getLoc())
                           .mask(value, op.getType().getIntOrFloatBitWidth()));
    return success();
  }
};

struct ConvertCompare : OpConversionPattern<arith::CmpIOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::CmpIOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Arithmetic arithmetic(rewriter, op.getLoc());
    unsigned width = op.getLhs().getType().getIntOrFloatBitWidth();
    rewriter.replaceOpWithNewOp<arith::CmpIOp>(
        op, op.getPredicate(), arithmetic.extendSign(adaptor.getLhs(), width),
        arithmetic.extendSign(adaptor.getRhs(), width));
    return success();
  }
};

struct ConvertSelect : OpConversionPattern<arith::SelectOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::SelectOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, adaptor.getCondition(),
                                                 adaptor.getTrueValue(),
                                                 adaptor.getFalseValue());
    return success();
  }
};

/// arith.extf x : bf16 to f64  ->  through f32, which holds every bf16 and f16
struct ExtendToDouble : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getIn().getType().getIntOrFloatBitWidth() != 16 ||
        !op.getType().isF64())
      return rewriter.notifyMatchFailure(op, "not from 16 to 64 bits");
    Value single = arith::ExtFOp::create(rewriter, op.getLoc(),
                                         rewriter.getF32Type(), op.getIn());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), single);
    return success();
  }
};

/// arith.truncf x : f64 to bf16 or f16  ->  through the f32 whose last bit
/// tells that something was cut off (rounding to odd), so that it is rounded
/// once.
struct TruncateDouble : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getType().getIntOrFloatBitWidth() != 16 ||
        !op.getIn().getType().isF64())
      return rewriter.notifyMatchFailure(op, "not from 64 to 16 bits");
    ::dl::cpu::FormulaBuilder builder(op.getLoc(), rewriter);
    ::dl::cpu::Num x(builder, op.getIn());
    ::dl::cpu::Num single = x.toWidth(32), back = single.toWidth(64);
    ::dl::cpu::Num bits = single.bits(), one = bits.integer(1);
    // Towards x, where it is not there and the last bit is 0. NaN is unequal to
    // nothing here.
    ::dl::cpu::Num moved =
        ::dl::cpu::select(less(abs(back), abs(x)), bits + one, bits - one);
    ::dl::cpu::Num isInexact = less(back, x) | less(x, back);
    ::dl::cpu::Num isOdd = isSet(bits & one);
    ::dl::cpu::Num odd = ::dl::cpu::select(
        isInexact, ::dl::cpu::select(isOdd, bits, moved), bits);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(),
                                                 odd.asFloat().get());
    return success();
  }
};

struct ExpandTypesPass
    : PassWrapper<ExpandTypesPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandTypesPass)

  explicit ExpandTypesPass(bool hasHalves) { halves = hasHalves; }
  ExpandTypesPass(const ExpandTypesPass &other) : PassWrapper(other) {
    halves = other.halves;
  }

  StringRef getArgument() const override { return "spirv-expand-types"; }
  StringRef getDescription() const override {
    return "makes floats and integers that SPIR-V has not integers that it has";
  }

  void runOnOperation() override {
    auto isHalf = [](Type type) { return type.isF16() || type.isBF16(); };
    auto isOther = [&](Type type) { return !hasForm(type, halves); };
    if (uses(isHalf) &&
        failed(::dl::cpu::computeHalvesAsFloats(getOperation())))
      return signalPassFailure();
    if (uses(isOther) && (failed(expandConversions()) || failed(convert())))
      signalPassFailure();
  }

private:
  bool uses(function_ref<bool(Type)> isIt) {
    return getOperation()
        ->walk([&](Operation *op) {
          return llvm::any_of(op->getOperandTypes(), isIt) ||
                         llvm::any_of(op->getResultTypes(), isIt)
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  }

  LogicalResult expandConversions() {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExtendToDouble, TruncateDouble>(&getContext(), /*benefit=*/2);
    if (!halves)
      ::dl::spirv::populateExpandHalfPatterns(patterns);
    arith::populateExpandBFloat16Patterns(patterns);
    arith::populateExpandF8E8M0Patterns(patterns);
    arith::populateExpandF4E2M1Patterns(patterns);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  LogicalResult convert() {
    MLIRContext *context = &getContext();
    Converter converter(halves);
    RewritePatternSet patterns(context);
    patterns.add<ConvertConstant, ConvertBitcast, ConvertCompare, ConvertSelect,
                 ConvertResize<arith::TruncIOp, false>,
                 ConvertResize<arith::ExtUIOp, false>,
                 ConvertResize<arith::ExtSIOp, true>,
                 ConvertToFloat<arith::UIToFPOp, false>,
                 ConvertToFloat<arith::SIToFPOp, true>,
                 ConvertBinary<arith::AddIOp>, ConvertBinary<arith::SubIOp>,
                 ConvertBinary<arith::MulIOp>, ConvertBinary<arith::AndIOp>,
                 ConvertBinary<arith::OrIOp>, ConvertBinary<arith::XOrIOp>,
                 ConvertBinary<arith::ShLIOp>, ConvertBinary<arith::ShRUIOp>>(
        converter, context);
    ConversionTarget target(*context);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      return converter.isLegal(op) &&
             llvm::all_of(op->getRegions(), [&](Region &region) {
               return converter.isLegal(&region);
             });
    });
    return applyFullConversion(getOperation(), target, std::move(patterns));
  }

  Option<bool> halves{*this, "halves",
                      llvm::cl::desc("the device has 16-bit floats"),
                      llvm::cl::init(true)};
};

} // namespace

std::unique_ptr<Pass>
dl::spirv::createExpandTypesPass(const SpirvTarget &target) {
  return std::make_unique<ExpandTypesPass>(target.float16);
}
