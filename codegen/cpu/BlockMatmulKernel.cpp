// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products with weights of few bits. The weights stay as they are in memory, in
// panels of lanes, four bytes of each lane side by side: a vector of words has
// a few contracted positions of all lanes. In registers they become f32, by a
// table of all the values that there are where a permutation of a register is
// one, else by conversion. A single row adds up each block before its scale is
// multiplied; for several, weights are multiplied first.

#include "codegen/cpu/BlockMatmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::cpu;

std::optional<BlockMatmul> BlockMatmul::match(func::FuncOp source) {
  BlockMatmul result;
  linalg::GenericOp op = findOnly(source, [](linalg::GenericOp candidate) {
    return getBlockMatmulForm(candidate).has_value();
  });
  if (!op)
    return std::nullopt;
  result.form = *getBlockMatmulForm(op);
  bool hasPoints = result.form.zeroPoint < 0;
  if (op.getNumDpsInputs() < (hasPoints ? 4 : 3))
    return std::nullopt;
  result.scales = op.getDpsInputOperand(2);
  if (hasPoints)
    result.zeroPoints = op.getDpsInputOperand(3);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  constexpr unsigned kRank = 2;
  if (out.getNumResults() != kRank || op.getNumLoops() != kRank + 3)
    return std::nullopt;
  Contraction &c = result.contraction;
  c.op = op;
  c.rowSide = op.getDpsInputOperand(0);
  c.laneSide = op.getDpsInputOperand(1);
  c.factorType = c.sumType = Float32Type::get(op.getContext());
  c.rows = {0};
  c.lanes = {1};
  c.reduced = {kRank, kRank + 1, kRank + 2};
  result.block = kRank;
  for (OpOperand *operand : {c.laneSide, result.scales, result.zeroPoints})
    if (operand && !Contraction::getConstantArgument(op, operand))
      return std::nullopt;
  if (hasPoints &&
      op.getMatchingIndexingMap(result.zeroPoints).getNumResults() != kRank)
    return std::nullopt;
  if (!resultsFollowElementwise(source, op))
    return std::nullopt;
  return result;
}

bool mlir::dl::cpu::isBlockMatmulKernel(func::FuncOp source) {
  return BlockMatmul::match(source).has_value();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void BlockMatmulEmitter::chooseBlockSize() {
  // Weights of a single row stream: accumulators of four vectors, and of each
  // block's sums, hide the latency of a multiply-add. For several rows, each
  // weight that became f32 serves all of them.
  bool isWide = kernel.machine.vectorRegisters >= 32;
  constexpr int64_t kWideRows = 8, kNarrowRows = 4;
  int64_t most = isWide && !isFixedPoint() ? kWideRows : kNarrowRows;
  bool isKnown = !ShapedType::isDynamic(rowCount);
  rowsInBlock = isKnown ? std::clamp<int64_t>(rowCount, 1, most) : most;
  vectors = rowsInBlock == 1 ? 4 : 2;
  kernel.report.made.rows = rowsInBlock;
  kernel.report.made.vectors = vectors;
}

/// An operand [N, blocks, ..] in panels of lanes.
Value BlockMatmulEmitter::packLanes(OpOperand *operand,
                                    ArrayRef<int64_t> tiles) {
  SmallVector<int64_t> permutation, inner{0};
  for (int64_t d = 0; d < cast<ShapedType>(operand->get().getType()).getRank();
       ++d)
    permutation.push_back(d);
  if (tiles.size() > 1)
    inner.push_back(permutation.back());
  return kernel.packArgument(cast<BlockArgument>(operand->get()), permutation,
                             inner, tiles);
}

void BlockMatmulEmitter::prepareRows() {
  rows = getLinearAccess(kernel, op, c.rowSide);
  if (rows && rows->liesAlong(c.reduced.back()))
    return;
  SmallVector<Value> extent;
  for (unsigned d = 0; d < op.getNumLoops(); ++d)
    extent.push_back(emitter.loopSize(op, d));
  extent[rowLoop] = index.constant(range);
  staged.emplace(kernel, op, c.rowSide, extent);
  rows = staged->access;
}

LogicalResult BlockMatmulEmitter::run() {
  outputs = kernel.getOutputs();
  rowLoop = c.rows.front();
  laneLoop = c.lanes.front();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  rowCount = ranges[rowLoop];
  ArrayRef<int64_t> shape =
      cast<ShapedType>(c.laneSide->get().getType()).getShape();
  blocks = shape[1];
  blockBytes = shape[2];
  chooseBlockSize();
  if (!ShapedType::isDynamic(rowCount))
    range = std::min(range, std::max<int64_t>(rowCount, 1));
  weights = packLanes(c.laneSide, {panelWidth(), kWordBytes});
  scales = packLanes(match.scales, {panelWidth()});
  if (match.zeroPoints)
    zeroPoints = packLanes(match.zeroPoints, {panelWidth()});
  scratch = kernel.allocateScratch(c.sumType,
                                   index.constant(rowsInBlock * panelWidth()));
  laneCount = emitter.loopSize(op, laneLoop);
  prepareRows();
  if (isFixedPoint())
    reserveFixedPoint();
  Value extent = emitter.loopSize(op, rowLoop);
  if (staged || isFixedPoint())
    kernel.reserveStamp();
  kernel.emitGroupedTiles(
      index.ceilDiv(extent, index.constant(range)),
      index.ceilDiv(laneCount, index.constant(panelWidth())),
      [&](Value group) { enterGroup(group); },
      [&](Value, Value item) { emitTile(item); });
  return success(!emitter.failed());
}

void BlockMatmulEmitter::enterGroup(Value group) {
  Value size = index.constant(range);
  rangeLower = index.mul(group, size);
  rangeUpper =
      index.min(index.add(rangeLower, size), emitter.loopSize(op, rowLoop));
  LoopBox box = getRowBox();
  if (staged) {
    staged->place(box);
    rows = staged->access;
  }
  if (staged || isFixedPoint())
    kernel.emitOnce(group, [&] {
      if (staged)
        staged->copy(box);
      if (isFixedPoint())
        storeNewRows(true);
    });
}

LoopBox BlockMatmulEmitter::getRowBox() {
  LoopBox box;
  for (unsigned d = 0; d < op.getNumLoops(); ++d) {
    box.lower.push_back(index.constant(0));
    box.extent.push_back(emitter.loopSize(op, d));
  }
  box.lower[rowLoop] = rangeLower;
  box.extent[rowLoop] = index.sub(rangeUpper, rangeLower);
  return box;
}

void BlockMatmulEmitter::emitTile(Value item) {
  Value width = index.constant(panelWidth());
  panel = item;
  first = index.mul(item, width);
  count = index.min(width, index.sub(laneCount, first));
  if (isFixedPoint())
    isNew = loadNewRows();
  Value from = rangeLower;
  for (int64_t height : {rowsInBlock, int64_t(1)}) {
    Value step = index.constant(height);
    Value left = index.sub(rangeUpper, from);
    Value to = index.add(from, index.sub(left, index.rem(left, step)));
    emitLoop(builder, loc, from, to, step, {},
             [&](Value row, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               emitRows(row, height);
               return {};
             });
    if (height == 1)
      break;
    from = to;
  }
  if (isFixedPoint())
    storeNewRows(false);
}

void BlockMatmulEmitter::emitRows(Value row, int64_t height) {
  SmallVector<Value> sums = emitSums(row, height);
  Position dims(op.getNumLoops());
  Epilogue epilogue{kernel, c,     outputs, dims,      (int)rowLoop,
                    row,    first, count,   laneCount, vectors};
  if (isShortEpilogue(c, outputs))
    return epilogue.emitFromValues(sums, height, scratch);
  storeBlock(kernel, scratch, sums, height, vectors);
  epilogue.emitFromMemory(scratch, index.constant(height));
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

SmallVector<Value> BlockMatmulEmitter::emitSums(Value row, int64_t height) {
  Type f32 = builder.getF32Type();
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(emitter.vectorType(f32)));
  SmallVector<Value> start(height * vectors, zero);
  Value rowAt = index.add(rows->base, index.mul(row, rows->strides[rowLoop]));
  return emitLoop(builder, loc, index.constant(0), index.constant(blocks),
                  index.constant(1), start,
                  [&](Value block, ValueRange carried) {
                    SmallVector<Value> sums(carried);
                    if (isFixedPoint())
                      addFixedBlock(block, row, sums);
                    else
                      addBlock(block, rowAt, sums);
                    return sums;
                  });
}

void BlockMatmulEmitter::addBlock(Value block, Value rowAt,
                                  SmallVector<Value> &sums) {
  Type f32 = builder.getF32Type();
  Value width = index.constant(panelWidth());
  // Where this block of the panel begins in what has a number for each lane.
  Value number = index.add(index.mul(panel, index.constant(blocks)), block);
  Value at = index.mul(number, width);
  SmallVector<Value> scale, zeroPoint(vectors);
  for (int64_t j = 0; j < vectors; ++j) {
    Value lane = index.add(at, index.constant(j * emitter.width()));
    scale.push_back(loadScales(lane));
    if (zeroPoints) {
      Value bytes = load(builder.getI8Type(), zeroPoints, lane);
      zeroPoint[j] =
          arith::UIToFPOp::create(builder, loc, emitter.vectorType(f32), bytes);
    }
  }
  prefetchBlock(block);
  bool isSingle = (int64_t)sums.size() == vectors;
  SmallVector<Value> inBlock(sums);
  if (isSingle)
    inBlock.assign(vectors, arith::ConstantOp::create(
                                builder, loc,
                                builder.getZeroAttr(emitter.vectorType(f32))));
  // What is left over in the last word is known where words are unrolled.
  constexpr int64_t kUnrolledWords = 4;
  if (words() <= kUnrolledWords || blockBytes % kWordBytes) {
    for (int64_t w = 0; w < words(); ++w)
      addWord(block, index.constant(w), rowAt, scale, zeroPoint, inBlock);
  } else {
    inBlock =
        emitLoop(builder, loc, index.constant(0), index.constant(words()),
                 index.constant(1), inBlock, [&](Value w, ValueRange carried) {
                   SmallVector<Value> next(carried);
                   addWord(block, w, rowAt, scale, zeroPoint, next);
                   return next;
                 });
  }
  if (!isSingle) {
    sums = inBlock;
    return;
  }
  for (auto [sum, part, factor] : llvm::zip(sums, inBlock, scale))
    sum = vector::FMAOp::create(builder, loc, part, factor, sum);
}

Value BlockMatmulEmitter::constant(ArrayRef<float> values) {
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(emitter.vectorType(builder.getF32Type()), values));
}

Value BlockMatmulEmitter::splat(int32_t value) {
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(emitter.vectorType(builder.getI32Type()), value));
}

Value BlockMatmulEmitter::load(Type element, Value memory, Value at) {
  return vector::LoadOp::create(builder, loc, emitter.vectorType(element),
                                memory, ValueRange{at});
}

Value BlockMatmulEmitter::loadScales(Value at) {
  Type element = getElementTypeOrSelf(match.scales->get().getType());
  Value loaded = load(element, scales, at);
  if (element.isF32())
    return loaded;
  return arith::ExtFOp::create(
      builder, loc, emitter.vectorType(builder.getF32Type()), loaded);
}

SmallVector<Value> BlockMatmulEmitter::loadWords(Value block, Value word) {
  int64_t width = emitter.width();
  VectorType wordType = emitter.vectorType(builder.getI32Type());
  auto byteType = VectorType::get({kWordBytes * width}, builder.getI8Type());
  Value number = index.add(index.mul(panel, index.constant(blocks)), block);
  number = index.add(index.mul(number, index.constant(words())), word);
  Value at = index.mul(number, index.constant(panelWidth() * kWordBytes));
  SmallVector<Value> loaded;
  for (int64_t j = 0; j < vectors; ++j) {
    Value place = index.add(at, index.constant(j * width * kWordBytes));
    Value bytes = vector::LoadOp::create(builder, loc, byteType, weights,
                                         ValueRange{place});
    loaded.push_back(vector::BitCastOp::create(builder, loc, wordType, bytes));
  }
  return loaded;
}

/// Fetches what a single row reads a little later.
void BlockMatmulEmitter::prefetchBlock(Value block) {
  if (rowCount != 1)
    return;
  int64_t bytes = words() * panelWidth() * kWordBytes;
  Value number = index.add(index.mul(panel, index.constant(blocks)), block);
  emitPrefetch(kernel, weights,
               index.add(index.mul(number, index.constant(bytes)),
                         index.constant(kStreamAhead)),
               bytes / kLineBytes);
}

void BlockMatmulEmitter::addWord(Value block, Value word, Value rowAt,
                                 ArrayRef<Value> scales,
                                 ArrayRef<Value> zeroPoints,
                                 SmallVectorImpl<Value> &sums) {
  bool isSingle = (int64_t)sums.size() == vectors;
  SmallVector<Value> loaded = loadWords(block, word);
  int64_t places = inWord();
  if (auto known = IndexBuilder::getConstant(word))
    places = std::min(places, blockSize() - *known * inWord());
  Value position = index.add(index.mul(block, index.constant(blockSize())),
                             index.mul(word, index.constant(inWord())));
  Value stride = rows->strides[rowLoop];
  for (int64_t p = 0; p < places; ++p) {
    SmallVector<Value> factors;
    for (int64_t j = 0; j < vectors; ++j) {
      Value factor = decode(loaded[j], p, zeroPoints[j]);
      if (!isSingle)
        factor = arith::MulFOp::create(builder, loc, factor, scales[j]);
      factors.push_back(factor);
    }
    Value here = index.add(rowAt, index.add(position, index.constant(p)));
    for (int64_t i = 0; i < (int64_t)sums.size() / vectors; ++i) {
      Value element = memref::LoadOp::create(
          builder, loc, rows->memory,
          ValueRange{index.add(here, index.mul(stride, index.constant(i)))});
      Value row = vector::BroadcastOp::create(
          builder, loc, emitter.vectorType(element.getType()), element);
      for (int64_t j = 0; j < vectors; ++j) {
        Value &sum = sums[i * vectors + j];
        sum = vector::FMAOp::create(builder, loc, row, factors[j], sum);
      }
    }
  }
}

Value BlockMatmulEmitter::decode(Value words, int64_t place, Value zeroPoint) {
  VectorType type = emitter.vectorType(builder.getF32Type());
  float offset = match.form.zeroPoint < 0
                     ? 0.0F
                     : static_cast<float>(match.form.zeroPoint);
  Value shifted = place ? Value(arith::ShRUIOp::create(builder, loc, words,
                                                       splat(place * bits)))
                        : words;
  Value result;
  if (hasTable()) {
    // The permutation looks at the four lowest bits alone.
    SmallVector<float> table;
    for (int64_t i = 0; i < emitter.width(); ++i)
      table.push_back(static_cast<float>(i % (1 << bits)) - offset);
    result = LLVM::CallIntrinsicOp::create(
                 builder, loc, type,
                 builder.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
                 ValueRange{constant(table), shifted})
                 .getResult(0);
  } else {
    Value value =
        arith::AndIOp::create(builder, loc, shifted, splat((1 << bits) - 1));
    result = arith::SIToFPOp::create(builder, loc, type, value);
    if (offset != 0)
      result = arith::SubFOp::create(
          builder, loc, result,
          constant(SmallVector<float>(emitter.width(), offset)));
  }
  return zeroPoint
             ? Value(arith::SubFOp::create(builder, loc, result, zeroPoint))
             : result;
}

LogicalResult mlir::dl::cpu::emitBlockMatmulKernel(KernelFunction &kernel) {
  auto match = BlockMatmul::match(kernel.source);
  if (!match)
    return failure();
  return BlockMatmulEmitter(kernel, *match).run();
}
