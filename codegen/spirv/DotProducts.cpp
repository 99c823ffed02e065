// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of bytes, four contracted positions at once: both sides as words.

#include "codegen/spirv/RegisterTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::spirv;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Four neighbours along a loop.
Value RegisterTile::readWord(OpOperand *operand, const Position &dims,
                             unsigned along, ElementEmitter &by) {
  Type i32 = builder.getI32Type();
  Vector vector = load(operand, dims, along, by);
  Value word = vector::BitCastOp::create(
      builder, loc, VectorType::get({1}, i32), vector.loaded);
  word = vector::ExtractOp::create(builder, loc, word, 0);
  if (!vector.isInside)
    return word;
  constexpr int64_t kEachByte = 0x01010101;
  Value border = arith::ExtUIOp::create(builder, loc, i32, vector.border);
  Value ones = arith::ConstantOp::create(builder, loc,
                                         builder.getI32IntegerAttr(kEachByte));
  return orBorder(vector, word,
                  arith::MulIOp::create(builder, loc, border, ones));
}

SmallVector<Value> RegisterTile::readRowWords(const Position &dims) {
  SmallVector<Value> words;
  for (const Position &shared : sharedRows) {
    Value mine =
        readWord(contraction.rowSide, join(dims, shared, contraction.rows, 0),
                 contraction.reduced.back(), deep);
    for (int64_t i = 0; i < kSharing; ++i)
      words.push_back(handOver(mine, i));
  }
  return words;
}

/// Four words of four bytes each, of which word i of the result has bytes i:
/// first bytes go to those of the neighbouring word, then pairs to those of the
/// next but one.
static void transpose(OpBuilder &builder, Location loc,
                      MutableArrayRef<Value> words) {
  auto constant = [&](uint32_t value) -> Value {
    return arith::ConstantOp::create(
        builder, loc,
        builder.getIntegerAttr(builder.getI32Type(), int64_t(int32_t(value))));
  };
  auto exchange = [&](Value &first, Value &second, unsigned bits,
                      uint32_t low) {
    Value by = constant(bits), lower = constant(low), upper = constant(~low);
    auto mask = [&](Value value, Value bits) -> Value {
      return arith::AndIOp::create(builder, loc, value, bits);
    };
    Value up = arith::ShLIOp::create(builder, loc, second, by);
    Value down = arith::ShRUIOp::create(builder, loc, first, by);
    Value firsts =
        arith::OrIOp::create(builder, loc, mask(first, lower), mask(up, upper));
    second = arith::OrIOp::create(builder, loc, mask(down, lower),
                                  mask(second, upper));
    first = firsts;
  };
  for (unsigned i : {0, 2})
    exchange(words[i], words[i + 1], 8, 0x00ff00ff);
  for (unsigned i : {0, 1})
    exchange(words[i], words[i + 2], 16, 0x0000ffff);
}

SmallVector<Value> RegisterTile::readColumnWords(const Position &dims) {
  OpOperand *operand = contraction.laneSide;
  SmallVector<Value> words;
  if (columnNeighbours == Neighbours::Depth) {
    for (const Position &column : columnDims)
      words.push_back(readWord(operand, join(dims, column, columnLoops, 0),
                               contraction.reduced.back(), deep));
    return words;
  }
  for (int64_t j = 0; j < shape.ownColumns; j += kVector) {
    for (int64_t k = 0; k < kVector; ++k)
      words.push_back(readWord(operand,
                               join(dims, columnDims[j], columnLoops, k),
                               columnLoops.back(), across));
    transpose(builder, loc, MutableArrayRef(words).take_back(kVector));
  }
  return words;
}

/// The sum of the four products.
Value RegisterTile::multiplyWords(Value row, Value column) {
  auto bytes = mlir::spirv::PackedVectorFormatAttr::get(
      builder.getContext(),
      mlir::spirv::PackedVectorFormat::PackedVectorFormat4x8Bit);
  Type i32 = builder.getI32Type();
  bool areUnsigned = contraction.hasUnsignedRows;
  if (areUnsigned == contraction.hasUnsignedLanes)
    return areUnsigned ? Value(mlir::spirv::UDotOp::create(builder, loc, i32,
                                                           row, column, bytes))
                       : Value(mlir::spirv::SDotOp::create(builder, loc, i32,
                                                           row, column, bytes));
  if (areUnsigned) // the signed one comes first
    std::swap(row, column);
  return mlir::spirv::SUDotOp::create(builder, loc, i32, row, column, bytes);
}

SmallVector<Value> RegisterTile::addWords(const Position &dims,
                                          ValueRange sums) {
  SmallVector<Value> columns = readColumnWords(dims), rows = readRowWords(dims),
                     next(sums);
  for (auto [i, row] : llvm::enumerate(rows))
    for (auto [j, column] : llvm::enumerate(columns)) {
      Value &sum = next[i * shape.ownColumns + j];
      sum =
          arith::AddIOp::create(builder, loc, sum, multiplyWords(row, column));
    }
  return next;
}
