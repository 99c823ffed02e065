// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The blocks of a contraction's tile: rows x vectors accumulators.

#include "codegen/cpu/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

/// Bytes as integers of `type`'s elements.
static Value extendBytes(OpBuilder &builder, Location loc, Type type,
                         Value bytes, bool isUnsigned) {
  if (isUnsigned)
    return arith::ExtUIOp::create(builder, loc, type, bytes);
  return arith::ExtSIOp::create(builder, loc, type, bytes);
}

/// Four bytes, or two bf16, from `at` on, for all lanes; two bytes as pairs of
/// i16; one as i32.
Value ContractionEmitter::readGroup(Value memory, Value at) {
  Type word = builder.getI32Type(), element = c.factorType;
  Value loaded;
  if (!hasGroups()) {
    loaded = memref::LoadOp::create(builder, loc, memory, ValueRange{at});
    Value scalar = extendBytes(builder, loc, word, loaded, c.hasUnsignedRows);
    return vector::BroadcastOp::create(builder, loc, emitter.vectorType(word),
                                       scalar);
  }
  auto type = VectorType::get({getGroup()}, element);
  loaded = vector::LoadOp::create(builder, loc, type, memory, ValueRange{at});
  if (c.isInteger() && products == NarrowProducts::Pairs) {
    element = builder.getI16Type();
    loaded = extendBytes(builder, loc, type.clone(element), loaded,
                         c.hasUnsignedRows);
  }
  Value bits = vector::BitCastOp::create(builder, loc,
                                         VectorType::get({1}, word), loaded);
  Value scalar = vector::ExtractOp::create(builder, loc, bits, 0);
  Value lanes = vector::BroadcastOp::create(builder, loc,
                                            emitter.vectorType(word), scalar);
  return vector::BitCastOp::create(
      builder, loc, VectorType::get({getGroup() * emitter.width()}, element),
      lanes);
}

Value ContractionEmitter::readLanes(Value at, VectorType type) {
  Value loaded =
      vector::LoadOp::create(builder, loc, type, panel, ValueRange{at});
  if (!c.isInteger() || products == NarrowProducts::Quads)
    return loaded;
  Type element = hasGroups() ? Type(builder.getI16Type()) : c.sumType;
  return extendBytes(builder, loc, type.clone(element), loaded,
                     c.hasUnsignedLanes);
}

Value ContractionEmitter::multiplyBytes(Value sum, Value row, Value lanes) {
  Type type = sum.getType();
  bool isWide = emitter.width() == 16;
  auto call = [&](StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                         builder.getStringAttr(name), operands)
        .getResult(0);
  };
  if (products == NarrowProducts::Quads)
    return call(isWide ? "llvm.x86.avx512.vpdpbusd.512"
                       : "llvm.x86.avx512.vpdpbusd.256",
                {sum, row, lanes});
  Value product =
      hasGroups() ? call(isWide ? "llvm.x86.avx512.pmaddw.d.512"
                                : "llvm.x86.avx2.pmadd.wd",
                         {row, lanes})
                  : arith::MulIOp::create(builder, loc, row, lanes).getResult();
  return arith::AddIOp::create(builder, loc, sum, product);
}

void ContractionEmitter::emitRowBlocks(const Position &dims, BlockBody body) {
  Value zero = index.constant(0), one = index.constant(1);
  if (rowLoop < 0)
    return body(dims, zero, 1, one, zero);
  auto boundsOf = [&](unsigned d) {
    return (int)d == rangeLoop ? std::pair(rangeLower, rangeUpper)
                               : std::pair(zero, emitter.loopSize(op, d));
  };
  auto [lower, upper] = boundsOf(rowLoop);
  Value height = index.constant(block.rows);
  Value rowsInRow =
      index.mul(index.ceilDiv(index.sub(upper, lower), height), height);
  auto loop = [&, first = lower](const Position &at, Value slot, Value from,
                                 Value to, int64_t step) {
    emitLoop(builder, loc, from, to, index.constant(step), {},
             [&](Value row, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               Value valid = index.constant(step);
               if (packedRows || hasTiles())
                 valid = index.min(valid, index.sub(to, row));
               Position position = at;
               position[rowLoop] = index.uniform(row);
               body(position, row, step, valid,
                    index.add(slot, index.sub(row, first)));
               return {};
             });
  };
  auto emitRow = [&, from = lower, to = upper](const Position &at, Value slot) {
    // Packed rows are padded to whole blocks, and tile registers take any
    // number of rows; otherwise smaller blocks take what is left.
    if (packedRows || hasTiles())
      return loop(at, slot, from, to, block.rows);
    SmallVector<int64_t> steps{block.rows};
    int64_t extent = staticExtent({(unsigned)rowLoop});
    if (!ShapedType::isDynamic(extent)) {
      if (extent < block.rows)
        steps.clear();
      if (extent % block.rows)
        steps.push_back(extent % block.rows);
    } else {
      for (int64_t step : {block.rows > 6 ? 4 : block.rows / 2, int64_t(1)})
        if (step > 0 && step < steps.back())
          steps.push_back(step);
    }
    Value done = from;
    for (int64_t step : steps) {
      Value left = index.sub(to, done);
      Value limit = index.add(
          done, index.sub(left, index.rem(left, index.constant(step))));
      loop(at, slot, done, limit, step);
      done = limit;
    }
  };
  std::function<void(size_t, Position, Value)> nest = [&](size_t i, Position at,
                                                          Value number) {
    unsigned d = c.rows[i];
    if (llvm::is_contained(groupLoops, d))
      return nest(i + 1, at, number);
    if ((int)d == rowLoop)
      return emitRow(at, index.mul(number, rowsInRow));
    auto [from, to] = boundsOf(d);
    if ((int)d == flat.outerLoop) {
      // Both loops as one, whose last row is the last that counts.
      flat.lower = from;
      Value pitch = index.constant(flat.pitch);
      Value all = index.sub(index.mul(index.sub(to, from), pitch),
                            index.constant(flat.pitch - flat.extent));
      at[d] = index.uniform(from);
      Value inTile = index.mul(number, index.constant(flatSlots));
      return loop(at, inTile, zero, all, block.rows);
    }
    emitLoop(builder, loc, from, to, one, {},
             [&, start = from, end = to](Value position,
                                         ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               at[d] = index.uniform(position);
               Value next = index.add(index.mul(number, index.sub(end, start)),
                                      index.sub(position, start));
               nest(i + 1, at, next);
               return {};
             });
  };
  nest(0, dims, zero);
}

Value ContractionEmitter::countSteps(Value firstOuter, Value endOuter,
                                     int64_t positions) {
  Value count = index.sub(endOuter, firstOuter);
  for (const ReducedLoop &loop : ArrayRef<ReducedLoop>(reduced).drop_front())
    count = index.mul(count, loop.extent);
  return index.div(count, index.constant(positions));
}

/// Fetches a part of the next panel: what falls to step `step`, in the piece of
/// `steps` that starts at `start` of a panel, of the block at `slot`. A single
/// block fetches what comes a little later, be it of this panel or the next.
void ContractionEmitter::prefetchNextPanel(const Position &dims, Value slot,
                                           Value start, Value step,
                                           Value steps) {
  if (laneSource)
    return prefetchNextSource(dims, slot, step, steps);
  if (!prefetchLines)
    return;
  Value number = index.div(slot, index.constant(block.rows));
  Value line =
      index.mul(index.add(index.mul(number, steps), step),
                index.constant(prefetchLines * kLineBytes / c.factorBytes()));
  Value next = nextPiece;
  if (!next || hasSingleBlock) {
    Value ahead = hasSingleBlock
                      ? index.constant(kStreamAhead / c.factorBytes())
                      : index.mul(depth, index.constant(panelWidth()));
    next = index.add(index.add(panelBase, ahead), start);
  }
  Value at = index.add(next, line);
  emitPrefetch(kernel, panel, at, prefetchLines);
}

/// Runs `body`, which fetches, for lines [number * lines, .. + lines) while
/// they are fewer than `all`. In a basic block of its own, it does not move the
/// loads around it. Returns whether `body` has something to fetch.
static bool emitLines(ElementEmitter &emitter, Value number, int64_t lines,
                      Value all, function_ref<bool(Value line)> body) {
  IndexBuilder &index = emitter.index;
  OpBuilder &builder = emitter.builder;
  Value line = index.mul(number, index.constant(lines));
  auto ifOp =
      scf::IfOp::create(builder, emitter.loc, index.less(line, all), false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  for (int64_t i = 0; i < lines; ++i)
    if (!body(index.add(line, index.constant(i)))) {
      ifOp.erase();
      return false;
    }
  return true;
}

/// Fetches a part of what the next panel will be copied from.
void ContractionEmitter::prefetchNextSource(const Position &dims, Value slot,
                                            Value step, Value steps) {
  Value elements = index.constant(kLineBytes / c.factorBytes());
  Value width = index.constant(panelWidth());
  Value linesInRun = index.ceilDiv(depth, elements);
  Value between = laneSource->strides[c.lanes.back()];
  SmallVector<unsigned> fixed(c.batch);
  llvm::append_range(fixed, c.outerLanes);
  Value base = index.add(laneSource->getBase(index, fixed, dims),
                         index.mul(index.add(first, width), between));
  Value number = index.div(slot, index.constant(block.rows));
  number = index.add(index.mul(number, steps), step);
  emitLines(emitter, number, sourceLines, index.mul(width, linesInRun),
            [&](Value line) {
              Value lane = index.mul(index.div(line, linesInRun), between);
              Value inRun = index.mul(index.rem(line, linesInRun), elements);
              emitPrefetch(kernel, laneSource->memory,
                           index.add(base, index.add(lane, inRun)), 1);
              return true;
            });
}

void ContractionEmitter::prefetchOperands(const Position &dims, Value row,
                                          int64_t height, Value step,
                                          Value steps) {
  if (depthStep || !mayFetchOperands)
    return;
  int64_t all = height * block.vectors, known = all;
  if (auto count = IndexBuilder::getConstant(steps))
    known = std::max<int64_t>(*count, 1);
  constexpr int64_t kMostLines = 4;
  int64_t lines = std::min<int64_t>(llvm::divideCeil(all, known), kMostLines);
  Epilogue epilogue{kernel, c,     outputs, dims,      rowLoop,
                    row,    first, count,   laneCount, block.vectors};
  Value vectors = index.constant(block.vectors);
  mayFetchOperands =
      emitLines(emitter, step, lines, index.constant(all), [&](Value line) {
        return epilogue.prefetch(index.div(line, vectors),
                                 index.rem(line, vectors));
      });
}

ContractionEmitter::BlockRows
ContractionEmitter::getBlockRows(const Position &dims, Value row) {
  Value memory = packedRows, base, between = index.constant(1);
  if (packedRows) {
    SmallVector<unsigned> leading(c.batch);
    llvm::append_range(leading, ArrayRef<unsigned>(c.rows).drop_back());
    Value height = index.constant(block.rows);
    Value blocks = index.ceilDiv(emitter.loopSize(op, rowLoop), height);
    Value at = numberOf(c.rowSide, leading, dims);
    at = index.add(index.mul(at, blocks), index.div(row, height));
    base = index.mul(at, index.mul(depth, height));
  } else {
    memory = rows->memory;
    base = rowBase;
    for (unsigned d : c.rows)
      base = index.add(base, index.mul(dims[d].base, rows->strides[d]));
    if (rowLoop >= 0)
      between = rows->strides[rowLoop];
  }
  return {memory, base, between};
}

/// The sums of a block: rows x vectors accumulators, row by row, from `start`
/// (empty: zero), over positions [firstOuter, endOuter) of the outermost
/// contracted loop.
SmallVector<Value> ContractionEmitter::emitSums(const Position &dims, Value row,
                                                int64_t height, Value slot,
                                                ArrayRef<Value> start,
                                                Value firstOuter,
                                                Value endOuter) {
  int64_t vectors = block.vectors;
  VectorType type = emitter.vectorType(c.sumType);
  SmallVector<Value> sums(start);
  if (sums.empty())
    sums.assign(height * vectors, arith::ConstantOp::create(
                                      builder, loc, builder.getZeroAttr(type)));
  BlockRows from = getBlockRows(dims, row);
  Value rowMemory = from.memory, rowStep = from.between;
  // A step takes a position, or a group of them.
  int64_t stepSize = getGroup();
  auto laneType = VectorType::get({emitter.width() * stepSize}, c.factorType);

  auto multiply = [&](Value sum, Value row, Value lanes) {
    return multiplyBytes(sum, row, lanes);
  };
  auto emitStep = [&](Value rowAt, Value laneAt, SmallVector<Value> &values) {
    emitBlockStep(
        kernel, values, vectors,
        [&](int64_t i) -> Value {
          Value at = index.add(rowAt, index.mul(rowStep, index.constant(i)));
          if (hasGroups() || c.isInteger())
            return readGroup(rowMemory, at);
          return memref::LoadOp::create(builder, loc, rowMemory,
                                        ValueRange{at});
        },
        [&](int64_t j) -> Value {
          Value at =
              index.add(laneAt, index.constant(j * laneType.getNumElements()));
          return readLanes(at, laneType);
        },
        c.isInteger() ? function_ref<Value(Value, Value, Value)>(multiply)
                      : nullptr);
  };
  // In training, a sum of many products is one of sums: what rounding adds
  // grows with the root of their number.
  bool isApart = kernel.source->hasAttr("dl.precise") && !hasGroups();
  auto addApart = [&](ValueRange carried,
                      function_ref<SmallVector<Value>(ValueRange)> sum) {
    SmallVector<Value> zeros(
        carried.size(),
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type)));
    SmallVector<Value> parts = sum(zeros);
    for (auto [part, before] : llvm::zip(parts, carried))
      part = arith::AddFOp::create(builder, loc, before, part);
    return parts;
  };
  // Unrolled steps in this piece, about, and where it starts in a panel.
  Value stepCount = countSteps(firstOuter, endOuter, unroll * stepSize);
  constexpr int64_t kWhole = 256;
  if (!borders.empty())
    stepCount = index.div(
        index.mul(stepCount, index.constant(int64_t(kWhole * insideShare))),
        index.constant(kWhole));
  SmallVector<std::pair<Value, Value>> bounds =
      getBounds(dims, firstOuter, endOuter);
  Value pieceStart = index.mul(firstOuter, reduced.front().laneStride);
  std::function<SmallVector<Value>(size_t, Value, Value, Value, ValueRange)>
      nest = [&](size_t level, Value rowAt, Value laneAt, Value steps,
                 ValueRange carried) -> SmallVector<Value> {
    const ReducedLoop &loop = reduced[level];
    bool isInner = level + 1 == reduced.size();
    Value lower = bounds[level].first, upper = bounds[level].second;
    auto rowOf = [&](Value k) {
      return index.add(rowAt, index.mul(k, loop.rowStride));
    };
    auto laneOf = [&](Value k) {
      return index.add(laneAt, index.mul(k, loop.laneStride));
    };
    if (!isInner)
      return emitLoop(
          builder, loc, lower, upper, index.constant(1), carried,
          [&](Value k, ValueRange inner) {
            Value before = index.add(steps, index.sub(k, lower));
            const auto &next = bounds[level + 1];
            Value stepsBefore =
                index.mul(before, index.sub(next.second, next.first));
            auto sum = [&](ValueRange start) {
              return nest(level + 1, rowOf(k), laneOf(k), stepsBefore, start);
            };
            return isApart && level + 2 == reduced.size() ? addApart(inner, sum)
                                                          : sum(inner);
          });
    Value unrolledSize = index.constant(unroll * stepSize);
    Value length = index.sub(upper, lower);
    // A border leaves out whole units.
    auto unit = IndexBuilder::getConstant(loop.unit);
    bool isWhole = level > 0 && unit && *unit % (unroll * stepSize) == 0;
    Value limit =
        isWhole ? upper
                : index.add(lower,
                            index.sub(length, index.rem(length, unrolledSize)));
    auto emitUnrolled = [&](Value start, Value end, ValueRange before) {
      return emitLoop(builder, loc, start, end, unrolledSize, before,
                      [&](Value k, ValueRange inner) {
                        Value step = index.add(steps, index.sub(k, lower));
                        Value number = index.div(step, unrolledSize);
                        prefetchNextPanel(dims, slot, pieceStart, number,
                                          stepCount);
                        prefetchOperands(dims, row, height, number, stepCount);
                        SmallVector<Value> next(inner);
                        for (int64_t u = 0; u < unroll; ++u) {
                          Value at = index.add(k, index.constant(u * stepSize));
                          emitStep(rowOf(at), laneOf(at), next);
                        }
                        return next;
                      });
    };
    // Unrolled steps: fewer in convolutions, which follow each other by dozens.
    const int64_t apart = reduced.size() > 1 ? 16 : 64;
    auto known = IndexBuilder::getConstant(length);
    auto most = getBorder(loop.dimension)
                    ? IndexBuilder::getConstant(loop.extent)
                    : known;
    bool isLong = isApart && most && *most >= 2 * apart * unroll * stepSize;
    Value piece = index.constant(apart * unroll * stepSize);
    SmallVector<Value> values =
        isLong
            ? emitLoop(builder, loc, lower, limit, piece, carried,
                       [&](Value start, ValueRange inner) {
                         Value end = index.min(index.add(start, piece), limit);
                         return addApart(inner, [&](ValueRange zeros) {
                           return emitUnrolled(start, end, zeros);
                         });
                       })
            : emitUnrolled(lower, limit, carried);
    if (isWhole)
      return values;
    if (known) {
      int64_t unrolled = unroll * stepSize;
      for (int64_t u = *known / unrolled * unrolled; u < *known;
           u += stepSize) {
        Value at = index.add(lower, index.constant(u));
        emitStep(rowOf(at), laneOf(at), values);
      }
      return values;
    }
    return emitLoop(builder, loc, limit, upper, index.constant(stepSize),
                    values, [&](Value k, ValueRange inner) {
                      SmallVector<Value> next(inner);
                      emitStep(rowOf(k), laneOf(k), next);
                      return next;
                    });
  };
  return nest(0, from.base, panelBase, index.constant(0), sums);
}

void ContractionEmitter::emitResults(const Position &dims, Value row,
                                     int64_t height, Value valid,
                                     ArrayRef<Value> sums) {
  Epilogue epilogue{kernel, c,     outputs, dims,      rowLoop,
                    row,    first, count,   laneCount, block.vectors};
  if (!packedRows && isShortEpilogue(c, outputs))
    return epilogue.emitFromValues(sums, height, blockScratch);
  storeBlock(kernel, blockScratch, sums, height, block.vectors);
  epilogue.emitFromMemory(blockScratch, valid);
}
