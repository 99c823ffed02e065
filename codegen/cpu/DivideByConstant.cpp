// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/DivideByConstant.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

using namespace mlir;

namespace dl::cpu {

#if defined(__x86_64__)
__attribute__((target("avx2,fma"), noinline))
#endif
static bool isExact(float divisor, SplitReciprocal by) {
  // Powers of two change no significand, so [1, 2) stands for all.
  constexpr uint32_t kOne = 0x3f800000, kSignificands = 1 << 23,
                     kPiece = 1 << 12;
  for (uint32_t from = 0; from < kSignificands; from += kPiece) {
    bool isSame = true;
    for (uint32_t i = from; i < from + kPiece; ++i) {
      uint32_t bits = kOne | i;
      float x;
      std::memcpy(&x, &bits, sizeof x);
      isSame &= __builtin_fmaf(x, by.high, x * by.low) == x / divisor;
    }
    if (!isSame)
      return false;
  }
  return true;
}

static std::optional<SplitReciprocal> findReciprocal(float divisor) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx2"))
    return std::nullopt;
#endif
  // Both parts are normal numbers, far from where they would not be.
  int exponent;
  float significand = std::frexp(divisor, &exponent);
  if (!std::isfinite(divisor) || std::abs(exponent) > 60 ||
      std::fabs(significand) == 0.5f)
    return std::nullopt;
  double reciprocal = 1.0 / double(divisor);
  auto high = float(reciprocal);
  if (std::fabs(double(high)) > std::fabs(reciprocal))
    high = std::nextafter(high, 0.0f);
  // What is left, exactly: 1 - divisor * high has no more than 48 bits.
  double rest = 1.0 - double(divisor) * double(high);
  SplitReciprocal result{high, float(rest / double(divisor))};
  if (result.low == 0 || !isExact(divisor, result))
    return std::nullopt;
  return result;
}

std::optional<SplitReciprocal> splitReciprocal(float divisor) {
  static std::mutex mutex;
  static std::map<uint32_t, std::optional<SplitReciprocal>> known;
  uint32_t bits;
  std::memcpy(&bits, &divisor, sizeof bits);
  std::lock_guard<std::mutex> lock(mutex);
  auto [entry, isNew] = known.try_emplace(bits);
  if (isNew)
    entry->second = findReciprocal(divisor);
  return entry->second;
}

/// The f32 that all lanes of a vector hold.
static std::optional<float> getConstant(Value vector) {
  if (auto broadcast = vector.getDefiningOp<vector::BroadcastOp>())
    vector = broadcast.getSource();
  FloatAttr scalar;
  SplatElementsAttr splat;
  if (matchPattern(vector, m_Constant(&splat)))
    scalar = dyn_cast<FloatAttr>(splat.getSplatValue<Attribute>());
  else if (!matchPattern(vector, m_Constant(&scalar)))
    return std::nullopt;
  if (!scalar || !scalar.getType().isF32())
    return std::nullopt;
  return scalar.getValue().convertToFloat();
}

bool isDivisionByConstant(Operation *op) {
  auto division = dyn_cast<arith::DivFOp>(op);
  return division && isa<VectorType>(division.getType()) &&
         getConstant(division.getRhs());
}

namespace {

struct DivideByConstant : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isDivisionByConstant(op))
      return rewriter.notifyMatchFailure(op, "no constant divides a vector");
    auto reciprocal = splitReciprocal(*getConstant(op.getRhs()));
    if (!reciprocal)
      return rewriter.notifyMatchFailure(op, "two products are not exact");
    Location loc = op.getLoc();
    auto type = cast<VectorType>(op.getType());
    auto splat = [&](float value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       DenseElementsAttr::get(type, value));
    };
    Value low = arith::MulFOp::create(rewriter, loc, op.getLhs(),
                                      splat(reciprocal->low));
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, op.getLhs(),
                                             splat(reciprocal->high), low);
    return success();
  }
};

} // namespace

void populateDivideByConstantPatterns(RewritePatternSet &patterns) {
  patterns.add<DivideByConstant>(patterns.getContext());
}

} // namespace dl::cpu
