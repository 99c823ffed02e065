// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/WeightFloats.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::WeightMatrix;

/// The largest number of FLOAT8E4M3FN is 1.75 x 2^8, the least 2^-9.
static constexpr int kFraction = 3, kMostExponent = 8, kLeastExponent = -6,
                     kBias = 7;

/// The byte of a number, nearest to it; nothing where that is none.
static std::optional<uint8_t> encode(double value) {
  constexpr int kMost = 0x7e; // beyond it is what is no number
  double magnitude = std::abs(value);
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (magnitude == 0)
    return sign;
  int exponent = std::max(std::ilogb(magnitude), kLeastExponent);
  auto steps = static_cast<int>(
      std::lround(std::ldexp(magnitude, kFraction - exponent)));
  // A fraction of 1 and more, which has its first bit in the exponent.
  int bits = ((exponent - kLeastExponent) << kFraction) + steps;
  if (bits > kMost)
    return std::nullopt;
  return static_cast<uint8_t>(sign | bits);
}

static float decode(uint8_t byte) {
  int exponent = byte >> kFraction & 15, fraction = byte & 7;
  double magnitude =
      exponent ? std::ldexp(8 + fraction, exponent - kBias - kFraction)
               : std::ldexp(fraction, kLeastExponent - kFraction);
  return static_cast<float>(byte & 0x80 ? -magnitude : magnitude);
}

/// The bytes of a column by a scale; false where they do not give its elements.
static bool encodeColumn(const WeightMatrix &matrix, int64_t column,
                         float scale, uint8_t *bytes) {
  for (int64_t k = 0; k < matrix.rows; ++k) {
    auto value = matrix.get<float>(k, column);
    auto byte = encode(static_cast<double>(value) / scale);
    if (!byte || decode(*byte) * scale != value)
      return false;
    bytes[k] = *byte;
  }
  return true;
}

/// The scale by which the largest element has one of the eight fractions, in
/// the highest place that there is for it.
static std::optional<float> findScale(const WeightMatrix &matrix,
                                      int64_t column, uint8_t *bytes) {
  float most = 0;
  for (int64_t k = 0; k < matrix.rows; ++k) {
    float magnitude = std::abs(matrix.get<float>(k, column));
    if (!(magnitude <= std::numeric_limits<float>::max()))
      return std::nullopt;
    most = std::max(most, magnitude);
  }
  if (most == 0)
    return encodeColumn(matrix, column, 1, bytes) ? std::optional(1.0f)
                                                  : std::nullopt;
  for (int fraction = 8; fraction < 16; ++fraction) {
    int exponent = fraction < 15 ? kMostExponent : kMostExponent - 1;
    auto scale =
        static_cast<float>(most / std::ldexp(fraction, exponent - kFraction));
    // The largest element was rounded.
    float infinity = std::numeric_limits<float>::infinity();
    for (float candidate :
         {scale, std::nextafter(scale, 0.0f), std::nextafter(scale, infinity)})
      if (std::isnormal(candidate) &&
          encodeColumn(matrix, column, candidate, bytes))
        return candidate;
  }
  return std::nullopt;
}

std::optional<WeightFloats> WeightFloats::find(const WeightMatrix &matrix) {
  constexpr int64_t kFew = 1 << 12;
  if (!matrix.type.isF32() || matrix.rows * matrix.columns < kFew)
    return std::nullopt;
  WeightFloats floats;
  floats.bytes.resize(matrix.rows * matrix.columns);
  for (int64_t n = 0; n < matrix.columns; ++n) {
    auto scale = findScale(matrix, n, &floats.bytes[n * matrix.rows]);
    if (!scale)
      return std::nullopt;
    floats.scales.push_back(*scale);
  }
  return floats;
}

std::pair<Value, Value> WeightFloats::create(OpBuilder &builder, Location loc,
                                             const WeightMatrix &matrix,
                                             bool isTransposed) const {
  std::vector<uint8_t> ordered = bytes;
  SmallVector<int64_t> shape{matrix.columns, matrix.rows};
  if (!isTransposed) {
    std::swap(shape[0], shape[1]);
    for (int64_t n = 0; n < matrix.columns; ++n)
      for (int64_t k = 0; k < matrix.rows; ++k)
        ordered[k * matrix.columns + n] = bytes[n * matrix.rows + k];
  }
  return {mlir::dl::createWeight(
              builder, loc, "bytes",
              RankedTensorType::get(shape, builder.getI8Type()), ordered),
          mlir::dl::createWeight(
              builder, loc, "scales",
              RankedTensorType::get({matrix.columns}, builder.getF32Type()),
              scales)};
}

//===----------------------------------------------------------------------===//
// In a kernel
//===----------------------------------------------------------------------===//

constexpr llvm::StringLiteral kFloatsAttr = "dl.floats";

namespace dl::gpucode {
bool hasFloatsForm(Operation *op) { return op->hasAttr(kFloatsAttr); }

/// The bits of a byte
/// are those of a wider float whose exponent is less by the difference of both
/// biases, also where the byte's exponent is zero.
Value createFloats(OpBuilder &builder, Location loc, Value bytes,
                   Type element) {
  auto type = cast<RankedTensorType>(bytes.getType());
  AffineMap map = builder.getMultiDimIdentityMap(type.getRank());
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(), element);
  // Those of bf16 are made of float32's.
  bool isHalf = element.isF16();
  Type wide = isHalf ? Type(builder.getF16Type()) : builder.getF32Type();
  int64_t width = wide.getIntOrFloatBitWidth();
  int64_t fraction = isHalf ? 10 : 23, bias = isHalf ? 15 : 127;
  auto matrix = linalg::GenericOp::create(
      builder, loc, init.getType(), ValueRange{bytes}, ValueRange{init},
      {map, map},
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [&](OpBuilder &b, Location at, ValueRange inputs) {
        Type bits = b.getIntegerType(width);
        auto number = [&](int64_t value) -> Value {
          return arith::ConstantOp::create(
              b, at,
              b.getIntegerAttr(bits, APInt(width, value, /*isSigned=*/false,
                                           /*implicitTrunc=*/true)));
        };
        int64_t shift = fraction - kFraction;
        Value value = arith::ExtSIOp::create(b, at, bits, inputs[0]);
        value = arith::ShLIOp::create(b, at, value, number(shift));
        int64_t sign = int64_t(1) << (width - 1);
        value = arith::AndIOp::create(b, at, value,
                                      number(sign | int64_t(0x7f) << shift));
        value = arith::BitcastOp::create(b, at, wide, value);
        Value factor = arith::ConstantOp::create(
            b, at,
            b.getFloatAttr(wide,
                           std::ldexp(1.0, static_cast<int>(bias - kBias))));
        value = arith::MulFOp::create(b, at, value, factor);
        if (wide != element)
          value = arith::TruncFOp::create(b, at, element, value);
        linalg::YieldOp::create(b, at, value);
      });
  matrix->setAttr(kFloatsAttr, builder.getUnitAttr());
  return matrix.getResult(0);
}
} // namespace dl::gpucode
