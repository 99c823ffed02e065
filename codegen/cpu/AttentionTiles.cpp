// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Attention of bf16 in tile registers (AMX): both products of a block of 32
// rows, whose lane sides are packed in pairs for all blocks.

#include "codegen/cpu/AttentionEmitter.h"
#include "codegen/cpu/TransposeKernel.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

/// Blocks of rows in tile registers: rows of the first product that lie in
/// memory, and enough of them to make up for packing the lane sides.
bool AttentionEmitter::mayUseTiles() {
  linalg::GenericOp op = scores.op;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t depth = ranges[scores.reduced[0]], rows = ranges[scores.rows[0]];
  constexpr int64_t kFewRows = 8;
  if (kernel.machine.narrowProducts != NarrowProducts::Tiles ||
      !scores.factorType.isBF16() || emitter.width() != kTileRows ||
      ShapedType::isDynamic(depth) || !TileRegisters::hasEqualSteps(depth) ||
      (!ShapedType::isDynamic(rows) && rows < kFewRows))
    return false;
  queries = getLinearAccess(kernel, op, scores.rowSide);
  if (queries && queries->liesAlong(scores.reduced[0]))
    return true;
  // Rows that are no memory, as slices of a reshaped tensor, are copied.
  queries.reset();
  return StagedOperand::liesAlong(op, scores.rowSide, scores.reduced[0]);
}

/// The box of one position of the batch, the whole contracted loop, and of
/// `loop` the positions from `lower` on.
LoopBox AttentionEmitter::getScoreBox(const Position &dims, unsigned loop,
                                      Value lower, Value extent) {
  linalg::GenericOp op = scores.op;
  LoopBox box;
  box.lower.assign(op.getNumLoops(), index.constant(0));
  box.extent.assign(op.getNumLoops(), index.constant(1));
  for (unsigned d : scores.batch)
    box.lower[d] = dims[d].base;
  box.extent[scores.reduced[0]] = emitter.loopSize(op, scores.reduced[0]);
  box.lower[loop] = lower;
  box.extent[loop] = extent;
  return box;
}

/// Keys whose elements lie along memory, or are copied so, are packed by
/// transposing squares of 16 keys and 16 pairs of elements.
void AttentionEmitter::prepareKeys() {
  linalg::GenericOp op = scores.op;
  unsigned reduced = scores.reduced[0], lanes = scores.lanes[0];
  if (op.getStaticLoopRanges()[reduced] % kTileDepth)
    return;
  keyRows = getLinearAccess(kernel, op, scores.laneSide);
  if (keyRows && keyRows->liesAlong(reduced))
    return;
  keyRows.reset();
  if (!StagedOperand::liesAlong(op, scores.laneSide, reduced))
    return;
  SmallVector<Value> extent(op.getNumLoops(), index.constant(1));
  extent[reduced] = emitter.loopSize(op, reduced);
  extent[lanes] = columns;
  stagedKeys.emplace(kernel, op, scores.laneSide, extent);
  keyRows = stagedKeys->access;
}

/// All panels of the first product's lane side: for each pair of elements, the
/// pairs of 32 keys.
void AttentionEmitter::packKeys(const Position &dims) {
  linalg::GenericOp op = scores.op;
  unsigned reduced = scores.reduced[0], lanes = scores.lanes[0];
  Value zero = index.constant(0), one = index.constant(1);
  if (stagedKeys) {
    LoopBox box = getScoreBox(dims, lanes, zero, columns);
    stagedKeys->place(box);
    stagedKeys->copy(box);
    keyRows = stagedKeys->access;
  }
  Value base = keyRows->getBase(index, scores.batch, dims);
  int64_t size = emitter.width(), depth = op.getStaticLoopRanges()[reduced];
  Value lastKey = index.sub(columns, one);
  auto pairs = VectorType::get({2 * size}, scores.factorType);
  VectorType words = emitter.vectorType(builder.getI32Type());
  emitLoop(
      builder, loc, zero, columns, index.constant(size), {},
      [&](Value first, ValueRange) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        // Panel, and half of it.
        Value width = index.constant(2 * size);
        Value place =
            index.add(index.mul(index.div(first, width),
                                index.constant(2 * size * depth)),
                      index.mul(index.rem(first, width), index.constant(2)));
        for (int64_t k = 0; k < depth; k += 2 * size) {
          SmallVector<Value> rows;
          for (int64_t i = 0; i < size; ++i) {
            // Keys that do not exist repeat the last one.
            Value key = index.min(index.add(first, index.constant(i)), lastKey);
            Value at = index.add(
                base, index.add(index.mul(key, keyRows->strides[lanes]),
                                index.constant(k)));
            Value row = vector::LoadOp::create(builder, loc, pairs,
                                               keyRows->memory, ValueRange{at});
            rows.push_back(vector::BitCastOp::create(builder, loc, words, row));
          }
          transposeSquare(kernel, rows);
          for (int64_t i = 0; i < size; ++i) {
            Value row = vector::BitCastOp::create(builder, loc, pairs, rows[i]);
            Value at =
                index.add(place, index.constant((k / 2 + i) * 2 * 2 * size));
            vector::StoreOp::create(builder, loc, row, keys, ValueRange{at});
          }
        }
        return {};
      });
}

/// What is behind the last column stays zero, in the weights and the values.
void AttentionEmitter::prepareTiles() {
  linalg::GenericOp op = scores.op, mixOp = mix.op;
  int64_t rows = op.getStaticLoopRanges()[scores.rows[0]];
  rows = ShapedType::isDynamic(rows) || rows > kTileRows ? 2 * kTileRows : rows;
  Value lanes = emitter.loopSize(mixOp, mix.lanes[0]);
  Value width = index.constant(mixVectors * kTileRows);
  Value size =
      index.mul(index.mul(index.ceilDiv(lanes, width), width), paddedColumns);
  values = kernel.allocateScratch(mix.factorType, size);
  kernel.clear(values, size);
  kernel.clear(stageMemory.back(),
               index.mul(paddedColumns, index.constant(rows)));
  if (!queries) {
    SmallVector<Value> extent(op.getNumLoops(), index.constant(1));
    extent[scores.rows[0]] = index.constant(rows);
    extent[scores.reduced[0]] = emitter.loopSize(op, scores.reduced[0]);
    stagedQueries.emplace(kernel, op, scores.rowSide, extent);
  }
  scoreTiles.emplace(kernel, rows, vectors,
                     op.getStaticLoopRanges()[scores.reduced[0]]);
  mixTiles.emplace(kernel, rows, mixVectors, /*run=*/0);
}

/// All panels of the second product's lane side, for all blocks of rows.
void AttentionEmitter::packValues(const Position &at) {
  linalg::GenericOp op = mix.op;
  AffineMap map = op.getMatchingIndexingMap(mix.rowSide);
  Position dims = scorePosition(mix, map, at);
  Value lanes = emitter.loopSize(op, mix.lanes[0]);
  Value width = index.constant(mixVectors * emitter.width());
  emitLoop(builder, loc, index.constant(0), lanes, width, {},
           [&](Value first, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             packPanel(kernel, mix, dims, values,
                       index.mul(first, paddedColumns), first,
                       index.min(width, index.sub(lanes, first)), mixVectors,
                       /*group=*/mixTiles ? 2 : 1);
             return {};
           });
}

/// Copies a block of rows of the first product, where these are no memory.
void AttentionEmitter::stageQueries(const Position &dims, Value row,
                                    Value valid) {
  if (!stagedQueries)
    return;
  LoopBox box = getScoreBox(dims, scores.rows[0], row, valid);
  stagedQueries->place(box);
  stagedQueries->copy(box);
  queries = stagedQueries->access;
}

/// The scores of a block of rows with one panel of keys, in blockMemory.
void AttentionEmitter::emitTileScores(const Position &dims, Value row,
                                      Value valid, Value panelBase) {
  linalg::GenericOp op = scores.op;
  unsigned rowLoop = scores.rows[0], reducedLoop = scores.reduced[0];
  Value base = queries->getBase(index, scores.batch, dims);
  Value width = index.constant(vectors * emitter.width());
  ReducedLoop loop{reducedLoop, emitter.loopSize(op, reducedLoop),
                   index.constant(1), width};
  TileOperands operands;
  operands.rows = queries->memory;
  operands.rowStep = queries->strides[rowLoop];
  operands.rowBase = index.add(base, index.mul(row, operands.rowStep));
  operands.panel = keys;
  operands.panelBase = panelBase;
  operands.sums = blockMemory;
  operands.sumBase = operands.first = index.constant(0);
  operands.sumStep = width;
  operands.loops = loop;
  operands.end = loop.extent;
  scoreTiles->emitProduct(operands, valid);
}

/// The weighted sums of one panel of values, in blockMemory.
void AttentionEmitter::emitTileMix(Value valid, Value panelBase) {
  Value width = index.constant(mixVectors * emitter.width());
  ReducedLoop loop{mix.reduced[0], paddedColumns, index.constant(1), width};
  TileOperands operands;
  operands.rows = stageMemory.back();
  operands.rowBase = operands.sumBase = operands.first = index.constant(0);
  operands.rowStep = operands.end = paddedColumns;
  operands.panel = values;
  operands.panelBase = panelBase;
  operands.sums = blockMemory;
  operands.sumStep = width;
  operands.loops = loop;
  mixTiles->emitProduct(operands, valid);
}
