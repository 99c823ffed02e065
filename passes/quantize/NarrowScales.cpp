// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/ElementBytes.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"

#include "llvm/ADT/bit.h"

namespace dl {
#define GEN_PASS_DEF_NARROWSCALES
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// The f16 of that value, if there is one that is normal or zero.
static std::optional<uint16_t> toHalf(float value) {
  constexpr unsigned kMantissa = 23, kHalfMantissa = 10,
                     kCut = kMantissa - kHalfMantissa;
  constexpr int32_t kBias = 127, kHalfBias = 15;
  auto bits = llvm::bit_cast<uint32_t>(value);
  auto sign = static_cast<uint16_t>(bits >> 31 << 15);
  if (value == 0)
    return sign;
  int32_t exponent =
      static_cast<int32_t>(bits >> kMantissa & 0xff) - kBias + kHalfBias;
  if (bits & ((1U << kCut) - 1) || exponent < 1 || exponent > 2 * kHalfBias)
    return std::nullopt;
  uint32_t mantissa = bits >> kCut & ((1U << kHalfMantissa) - 1);
  return static_cast<uint16_t>(sign | exponent << kHalfMantissa | mantissa);
}

/// The elements of a constant of f32 as f16; empty where one would change.
static std::vector<uint16_t> readHalves(ConstantOp constant) {
  ArrayRef<char> bytes = getElementBytes(constant.getValue());
  const auto *values = reinterpret_cast<const float *>(bytes.data());
  std::vector<uint16_t> halves(bytes.size() / sizeof(float));
  for (size_t i = 0; i < halves.size(); ++i) {
    std::optional<uint16_t> half = toHalf(values[i]);
    if (!half)
      return {};
    halves[i] = *half;
  }
  return halves;
}

namespace {

class NarrowScales : public ::dl::impl::NarrowScalesBase<NarrowScales> {
  void runOnOperation() override {
    forEachModelFunction(getOperation(), [](func::FuncOp function) {
      function.walk([](BlockMatmulOp op) { visit(op); });
    });
  }

  static void visit(BlockMatmulOp op) {
    Value source = op.getScales();
    while (auto reshape = source.getDefiningOp<ReshapeOp>())
      source = reshape.getOperand();
    auto constant = source.getDefiningOp<ConstantOp>();
    RankedTensorType type = op.getScales().getType();
    if (!constant || !type.getElementType().isF32())
      return;
    std::vector<uint16_t> halves = readHalves(constant);
    if (halves.empty())
      return;
    OpBuilder builder(op);
    auto narrow = storeElementBytes(
        type.clone(builder.getF16Type()), "scales",
        ArrayRef(reinterpret_cast<const char *>(halves.data()),
                 halves.size() * sizeof(uint16_t)));
    op.getScalesMutable().assign(
        ConstantOp::create(builder, constant.getLoc(), narrow));
  }
};

} // namespace
