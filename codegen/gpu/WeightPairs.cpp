// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/WeightPairs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::RoundBalancedOp;
using mlir::dl::WeightMatrix;

/// Whether all bits are zero but a float's sign.
static bool isZero(const WeightMatrix &matrix, int64_t row, int64_t column) {
  uint64_t bits = 0;
  memcpy(&bits, matrix.at(row, column), matrix.getBytes());
  if (isa<FloatType>(matrix.type))
    bits &= ~(uint64_t(1) << (8 * matrix.getBytes() - 1));
  return bits == 0;
}

/// The two places of a group that hold all that is not zero, in ascending
/// order; nothing where there are more.
static std::optional<std::pair<int, int>>
findPlaces(const WeightMatrix &matrix, int64_t firstRow, int64_t column) {
  SmallVector<int, 4> places;
  for (int i = 0; i < WeightPairs::kGroup; ++i)
    if (!isZero(matrix, firstRow + i, column))
      places.push_back(i);
  if (places.size() > WeightPairs::kKept)
    return std::nullopt;
  if (places.empty())
    return std::pair(0, 1);
  // A single one is the first, but in the last place.
  if (places.size() == 1)
    return places[0] == WeightPairs::kGroup - 1
               ? std::pair(0, places[0])
               : std::pair(places[0],
                           static_cast<int>(WeightPairs::kGroup - 1));
  return std::pair(places[0], places[1]);
}

std::optional<WeightPairs> WeightPairs::find(const WeightMatrix &matrix) {
  int64_t bytes = matrix.getBytes(), groups = matrix.rows / kGroup;
  WeightPairs pairs;
  pairs.kept.reserve(matrix.columns * groups * kKept * bytes);
  pairs.places.assign(matrix.columns * groups / (kOfWord / kGroup), 0);
  for (int64_t n = 0; n < matrix.columns; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      auto places = findPlaces(matrix, kGroup * g, n);
      if (!places)
        return std::nullopt;
      auto [first, second] = *places;
      for (int place : {first, second}) {
        const char *from = matrix.at(kGroup * g + place, n);
        pairs.kept.insert(pairs.kept.end(), from, from + bytes);
      }
      constexpr int64_t kBits = 4;
      pairs.places[(n * groups + g) / (kOfWord / kGroup)] |=
          static_cast<uint16_t>((first | second << 2)
                                << kBits * (g % (kOfWord / kGroup)));
    }
  return pairs;
}

/// Rounds what is kept as the whole matrix was rounded.
static Value roundKept(OpBuilder &builder, Value kept, Operation *rounding) {
  auto type = cast<RankedTensorType>(kept.getType())
                  .clone(getElementTypeOrSelf(rounding->getResult(0)));
  if (isa<RoundBalancedOp>(rounding))
    return RoundBalancedOp::create(builder, rounding->getLoc(), type, kept,
                                   ArrayRef<int64_t>{1});
  Operation *cast = builder.clone(*rounding);
  cast->setOperand(0, kept);
  cast->getResult(0).setType(type);
  return cast->getResult(0);
}

std::pair<Value, Value> WeightPairs::create(OpBuilder &builder, Location loc,
                                            const WeightMatrix &matrix) const {
  auto getType = [&](int64_t columns, Type element) {
    return RankedTensorType::get({matrix.columns, columns}, element);
  };
  Value values = mlir::dl::createWeight(
      builder, loc, "kept", getType(matrix.rows / kGroup * kKept, matrix.type),
      ArrayRef<char>(kept));
  if (matrix.rounding)
    values = roundKept(builder, values, matrix.rounding);
  Value words = mlir::dl::createWeight(
      builder, loc, "places",
      getType(matrix.rows / kOfWord,
              builder.getIntegerType(16, /*isSigned=*/false)),
      places);
  return {values, words};
}

//===----------------------------------------------------------------------===//
// In a kernel
//===----------------------------------------------------------------------===//

constexpr llvm::StringLiteral kPairsAttr = "dl.pairs";

namespace dl::gpucode {
bool hasPairsForm(Operation *op) { return op->hasAttr(kPairsAttr); }

Value createPairs(OpBuilder &builder, Location loc, Value kept, Value places) {
  auto type = cast<RankedTensorType>(kept.getType());
  Type element = type.getElementType();
  int64_t columns = type.getDimSize(0), depth = 2 * type.getDimSize(1);
  AffineExpr n = builder.getAffineDimExpr(0), k = builder.getAffineDimExpr(1);
  auto getMap = [&](AffineExpr at) {
    return AffineMap::get(2, 0, {n, at}, builder.getContext());
  };
  AffineExpr first = k.floorDiv(WeightPairs::kGroup) * WeightPairs::kKept;
  Value init = tensor::EmptyOp::create(builder, loc, {columns, depth}, element);
  auto matrix = linalg::GenericOp::create(
      builder, loc, init.getType(), ValueRange{kept, kept, places},
      ValueRange{init},
      {getMap(first), getMap(first + 1),
       getMap(k.floorDiv(WeightPairs::kOfWord)), getMap(k)},
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [&](OpBuilder &b, Location at, ValueRange inputs) {
        Type i16 = b.getI16Type();
        auto number = [&](int16_t value) -> Value {
          return arith::ConstantOp::create(b, at, b.getI16IntegerAttr(value));
        };
        Value column = arith::IndexCastOp::create(
            b, at, i16, linalg::IndexOp::create(b, at, 1));
        // Four bits for each four columns.
        Value shift = arith::AndIOp::create(b, at, column, number(12));
        Value pair = arith::ShRUIOp::create(b, at, inputs[2], shift);
        Value place = arith::AndIOp::create(b, at, column, number(3));
        auto isAt = [&](Value bits) -> Value {
          return arith::CmpIOp::create(
              b, at, arith::CmpIPredicate::eq, place,
              arith::AndIOp::create(b, at, bits, number(3)));
        };
        Value zero = arith::ConstantOp::create(b, at, b.getZeroAttr(element));
        Value second = arith::SelectOp::create(
            b, at, isAt(arith::ShRUIOp::create(b, at, pair, number(2))),
            inputs[1], zero);
        Value both =
            arith::SelectOp::create(b, at, isAt(pair), inputs[0], second);
        linalg::YieldOp::create(b, at, both);
      });
  matrix->setAttr(kPairsAttr, builder.getUnitAttr());
  return matrix.getResult(0);
}
} // namespace dl::gpucode
