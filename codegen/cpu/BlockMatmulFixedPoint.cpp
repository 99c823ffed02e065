// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products with weights of few bits in integers, where rows may be rounded.
// Each block of a row becomes multiples of a step, 256 * high + low with both
// in a byte, so that it has 15 bits and a sign; weights stay unsigned, and need
// a mask alone. vpdpbusd multiplies them with the high and the low bytes. With
// two instructions for four products of each lane in place of three for one, a
// single row waits for memory again.

#include "codegen/cpu/BlockMatmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::cpu;

/// The largest integer of a row: 127 * 256 + 127.
constexpr float kLargest = 32639;
/// Positions of a row that are rounded together.
constexpr int64_t kPart = 16;
/// Largest sums of a block stay in i32.
constexpr int64_t kLargestBlock = 256;

bool BlockMatmulEmitter::isFixedPoint() const {
  NarrowProducts products = kernel.machine.byteProducts;
  return match.form.fixedPoint && blockBytes % kWordBytes == 0 &&
         blockSize() % kPart == 0 && blockSize() <= kLargestBlock &&
         emitter.width() >= 8 &&
         (products == NarrowProducts::Quads ||
          products == NarrowProducts::Tiles);
}

void BlockMatmulEmitter::reserveFixedPoint() {
  auto reserve = [&](Type type, int64_t count) {
    return kernel.allocateScratch(type, index.constant(count));
  };
  rowBytes = reserve(builder.getI8Type(), 2 * range * blocks * blockSize());
  rowSteps = reserve(builder.getF32Type(), range * blocks);
  rowSums = reserve(builder.getI32Type(), range * blocks);
  newRows = reserve(builder.getI8Type(), 1);
}

Value BlockMatmulEmitter::getRowBlock(Value row, Value block) {
  return index.add(
      index.mul(index.sub(row, rangeLower), index.constant(blocks)), block);
}

void BlockMatmulEmitter::storeNewRows(bool value) {
  Value byte =
      arith::ConstantOp::create(builder, loc, builder.getI8IntegerAttr(value));
  memref::StoreOp::create(builder, loc, byte, newRows,
                          ValueRange{index.constant(0)});
}

Value BlockMatmulEmitter::loadNewRows() {
  Value byte = memref::LoadOp::create(builder, loc, newRows,
                                      ValueRange{index.constant(0)});
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI8IntegerAttr(0));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, byte,
                               zero);
}

void BlockMatmulEmitter::roundNewRows(Value row, int64_t height, Value block) {
  auto ifOp = scf::IfOp::create(builder, loc, isNew, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  ElementEmitter::Scope scope(emitter);
  for (int64_t i = 0; i < height; ++i)
    roundBlock(index.add(row, index.constant(i)), block);
}

void BlockMatmulEmitter::roundBlock(Value row, Value block) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  auto floats = VectorType::get({kPart}, f32),
       integers = VectorType::get({kPart}, i32),
       bytes = VectorType::get({kPart}, builder.getI8Type());
  auto number = [&](float value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF32FloatAttr(value));
  };
  auto all = [&](Value scalar, VectorType type) -> Value {
    return vector::BroadcastOp::create(builder, loc, type, scalar);
  };
  auto word = [&](int32_t value) {
    return all(arith::ConstantOp::create(builder, loc,
                                         builder.getI32IntegerAttr(value)),
               integers);
  };
  Value from =
      index.add(index.add(rows->base, index.mul(row, rows->strides[rowLoop])),
                index.mul(block, index.constant(blockSize())));
  SmallVector<Value> parts;
  Value largest;
  for (int64_t at = 0; at < blockSize(); at += kPart) {
    Value part =
        vector::LoadOp::create(builder, loc, floats, rows->memory,
                               ValueRange{index.add(from, index.constant(at))});
    parts.push_back(part);
    Value size = math::AbsFOp::create(builder, loc, part);
    largest =
        largest ? Value(arith::MaximumFOp::create(builder, loc, largest, size))
                : size;
  }
  largest = vector::ReductionOp::create(
      builder, loc, vector::CombiningKind::MAXIMUMF, largest);
  // What is smaller has no inverse, and counts as zero.
  constexpr float kSmallest = 1e-30F;
  Value isZero = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                       largest, number(kSmallest));
  Value inverse =
      arith::DivFOp::create(builder, loc, number(kLargest), largest);
  inverse = arith::SelectOp::create(builder, loc, isZero, number(0), inverse);
  Value step =
      arith::MulFOp::create(builder, loc, largest, number(1 / kLargest));
  Value place = getRowBlock(row, block);
  memref::StoreOp::create(builder, loc, step, rowSteps, ValueRange{place});
  // Where words take their places from, of both bytes of a part: a word's
  // places one after the other, of each first the high bytes.
  int64_t inByte = 8 / bits;
  SmallVector<int64_t> order;
  for (int64_t w = 0; w < kPart / inWord(); ++w)
    for (int64_t p = 0; p < inByte; ++p)
      for (int64_t low : {0, 1})
        for (int64_t b = 0; b < kWordBytes; ++b)
          order.push_back(low * kPart + w * inWord() + b * inByte + p);
  Value to = index.mul(place, index.constant(2 * blockSize())), sum;
  for (auto [i, part] : llvm::enumerate(parts)) {
    Value scaled =
        arith::MulFOp::create(builder, loc, part, all(inverse, floats));
    scaled = math::RoundEvenOp::create(builder, loc, scaled);
    Value q = arith::FPToSIOp::create(builder, loc, integers, scaled);
    sum = sum ? Value(arith::AddIOp::create(builder, loc, sum, q)) : q;
    Value high = arith::ShRSIOp::create(
        builder, loc, arith::AddIOp::create(builder, loc, q, word(128)),
        word(8));
    Value low = arith::SubIOp::create(
        builder, loc, q, arith::ShLIOp::create(builder, loc, high, word(8)));
    Value ordered = vector::ShuffleOp::create(
        builder, loc, arith::TruncIOp::create(builder, loc, bytes, high),
        arith::TruncIOp::create(builder, loc, bytes, low), order);
    vector::StoreOp::create(
        builder, loc, ordered, rowBytes,
        ValueRange{index.add(
            to, index.constant(2 * kPart * static_cast<int64_t>(i)))});
  }
  sum = vector::ReductionOp::create(builder, loc, vector::CombiningKind::ADD,
                                    sum);
  memref::StoreOp::create(builder, loc, sum, rowSums, ValueRange{place});
}

void BlockMatmulEmitter::addFixedBlock(Value block, Value row,
                                       SmallVector<Value> &sums) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  VectorType words32 = emitter.vectorType(i32),
             bytes = VectorType::get({kWordBytes * emitter.width()},
                                     builder.getI8Type());
  auto height = static_cast<int64_t>(sums.size()) / vectors;
  prefetchBlock(block);
  roundNewRows(row, height, block);
  // Zero points leave each row's sum so many times.
  Value number = index.add(index.mul(panel, index.constant(blocks)), block);
  Value lanesAt = index.mul(number, index.constant(panelWidth()));
  SmallVector<Value> rowBlocks, negative;
  for (int64_t j = 0; j < vectors; ++j) {
    if (!zeroPoints) {
      negative.push_back(splat(-static_cast<int32_t>(match.form.zeroPoint)));
      continue;
    }
    Value points =
        load(builder.getI8Type(), zeroPoints,
             index.add(lanesAt, index.constant(j * emitter.width())));
    points = arith::ExtUIOp::create(builder, loc, words32, points);
    negative.push_back(arith::SubIOp::create(builder, loc, splat(0), points));
  }
  SmallVector<Value> start;
  for (int64_t i = 0; i < height; ++i) {
    rowBlocks.push_back(getRowBlock(index.add(row, index.constant(i)), block));
    Value sum = memref::LoadOp::create(builder, loc, rowSums,
                                       ValueRange{rowBlocks.back()});
    sum = vector::BroadcastOp::create(builder, loc, words32, sum);
    for (int64_t j = 0; j < vectors; ++j)
      start.push_back(arith::MulIOp::create(builder, loc, sum, negative[j]));
  }
  start.append(height * vectors, splat(0)); // of the high bytes
  int64_t inByte = 8 / bits;
  Value mask = splat(static_cast<int32_t>(0x01010101U * ((1U << bits) - 1)));
  auto multiply = [&](Value sum, Value weight, Value at) -> Value {
    // Four bytes of a row, for all lanes.
    Value four = vector::LoadOp::create(
        builder, loc, VectorType::get({kWordBytes}, builder.getI8Type()),
        rowBytes, ValueRange{at});
    four = vector::BitCastOp::create(builder, loc, VectorType::get({1}, i32),
                                     four);
    four = vector::ExtractOp::create(builder, loc, four, 0);
    four = vector::BroadcastOp::create(builder, loc, words32, four);
    StringRef name = emitter.width() == 16 ? "llvm.x86.avx512.vpdpbusd.512"
                                           : "llvm.x86.avx512.vpdpbusd.256";
    return LLVM::CallIntrinsicOp::create(
               builder, loc, words32, builder.getStringAttr(name),
               ValueRange{sum, weight,
                          vector::BitCastOp::create(builder, loc, bytes, four)})
        .getResult(0);
  };
  auto addWordOf = [&](Value word, SmallVector<Value> &totals) {
    SmallVector<Value> loaded = loadWords(block, word);
    for (int64_t p = 0; p < inByte; ++p) {
      SmallVector<Value> factors;
      for (Value words : loaded) {
        if (p)
          words = arith::ShRUIOp::create(builder, loc, words, splat(p * bits));
        if (bits < 8)
          words = arith::AndIOp::create(builder, loc, words, mask);
        factors.push_back(
            vector::BitCastOp::create(builder, loc, bytes, words));
      }
      Value place =
          index.add(index.mul(word, index.constant(inByte)), index.constant(p));
      for (int64_t i = 0; i < height; ++i)
        for (int64_t low : {0, 1}) {
          Value at = index.add(
              index.mul(rowBlocks[i], index.constant(2 * blockSize())),
              index.add(index.mul(place, index.constant(2 * kWordBytes)),
                        index.constant(low * kWordBytes)));
          for (int64_t j = 0; j < vectors; ++j) {
            Value &total =
                totals[(low ? 0 : height * vectors) + i * vectors + j];
            total = multiply(total, factors[j], at);
          }
        }
    }
  };
  constexpr int64_t kUnrolledWords = 8;
  SmallVector<Value> totals(start);
  if (words() <= kUnrolledWords)
    for (int64_t w = 0; w < words(); ++w)
      addWordOf(index.constant(w), totals);
  else
    totals =
        emitLoop(builder, loc, index.constant(0), index.constant(words()),
                 index.constant(1), totals, [&](Value w, ValueRange carried) {
                   SmallVector<Value> next(carried);
                   addWordOf(w, next);
                   return next;
                 });
  SmallVector<Value> scale;
  for (int64_t j = 0; j < vectors; ++j)
    scale.push_back(
        loadScales(index.add(lanesAt, index.constant(j * emitter.width()))));
  for (int64_t i = 0; i < height; ++i) {
    Value step = memref::LoadOp::create(builder, loc, rowSteps,
                                        ValueRange{rowBlocks[i]});
    step = vector::BroadcastOp::create(builder, loc, emitter.vectorType(f32),
                                       step);
    for (int64_t j = 0; j < vectors; ++j) {
      int64_t at = i * vectors + j;
      Value total = arith::ShLIOp::create(
          builder, loc, totals[height * vectors + at], splat(8));
      total = arith::AddIOp::create(builder, loc, total, totals[at]);
      Value part =
          arith::SIToFPOp::create(builder, loc, emitter.vectorType(f32), total);
      part = arith::MulFOp::create(builder, loc, part, step);
      sums[at] = vector::FMAOp::create(builder, loc, part, scale[j], sums[at]);
    }
  }
}
