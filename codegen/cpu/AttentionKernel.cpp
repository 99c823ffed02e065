// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels in which a contraction's result passes through reductions over its
// last dimension into the contracted dimension of a second contraction:
// attention.
//
// For a block of rows, the scores stay in this thread's scratch from the first
// product to the second, so that the matrix of all scores never exists.

#include "codegen/cpu/AttentionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

static bool hasShape(Value tensor, Value other) {
  return cast<ShapedType>(tensor.getType()).getShape() ==
         cast<ShapedType>(other.getType()).getShape();
}

std::optional<Attention> Attention::match(func::FuncOp source) {
  SmallVector<Contraction, 0> found = findContractions(source);
  if (found.size() != 2 || found[0].factorType != found[1].factorType ||
      found[0].isInteger())
    return std::nullopt;
  if (dependsOn(found[0].rowSide->get(), found[1].op))
    std::swap(found[0], found[1]);
  Contraction &first = found[0], &second = found[1];
  linalg::GenericOp firstOp = first.op, secondOp = second.op;
  Value weights = second.rowSide->get();
  AffineMap map = secondOp.getMatchingIndexingMap(second.rowSide);
  AffineMap out = firstOp.getMatchingIndexingMap(firstOp.getDpsInitOperand(0));
  if (!dependsOn(weights, firstOp) ||
      dependsOn(second.laneSide->get(), firstOp) ||
      !hasShape(weights, firstOp->getResult(0)) ||
      !map.isProjectedPermutation() || first.lanes.size() != 1 ||
      first.rows.size() != 1 || !first.outerLanes.empty() ||
      first.reduced.size() != 1 || second.rows.size() != 1 ||
      second.reduced.size() != 1 || second.lanes.size() != 1 ||
      !second.outerLanes.empty())
    return std::nullopt;
  unsigned rank = map.getNumResults();
  if (rank < 2 || map.getDimPosition(rank - 1) != second.reduced[0] ||
      map.getDimPosition(rank - 2) != second.rows[0] ||
      out.getDimPosition(rank - 2) != first.rows[0] ||
      second.batch.size() != rank - 2)
    return std::nullopt;
  if (!resultsFollowElementwise(source, secondOp))
    return std::nullopt;
  return Attention{first, second};
}

bool mlir::dl::cpu::isAttentionKernel(func::FuncOp source) {
  return Attention::match(source).has_value();
}

/// The contraction's loops at a position in the scores.
Position AttentionEmitter::scorePosition(const Contraction &contraction,
                                         AffineMap map,
                                         ArrayRef<LaneIndex> at) {
  Position dims(linalg::GenericOp(contraction.op).getNumLoops());
  for (auto [expr, lane] : llvm::zip(map.getResults(), at))
    dims[cast<AffineDimExpr>(expr).getPosition()] = lane;
  return dims;
}

void AttentionEmitter::findStages() {
  kernel.source.walk([&](linalg::GenericOp op) {
    if (!isReduction(op) || op == scores.op || op == mix.op)
      return;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (hasShape(operand->get(), scores.op->getResult(0)) &&
          dependsOn(operand->get(), scores.op) &&
          !llvm::is_contained(stages, operand->get()))
        stages.push_back(operand->get());
  });
  Value weights = mix.rowSide->get();
  if (!llvm::is_contained(stages, weights))
    stages.push_back(weights);
}

LogicalResult AttentionEmitter::run() {
  findStages();
  bool usesTiles = mayUseTiles();
  int64_t width = emitter.width();
  linalg::GenericOp op = scores.op;
  // Rows x vectors accumulators fill the registers in both products.
  bool wide = kernel.machine.vectorRegisters >= 32;
  vectors = usesTiles ? 2 : 4;
  int64_t rows = usesTiles ? 2 * kTileRows : wide ? 6 : 2;
  if (std::optional<BlockSize> chosen = getChosenBlock(kernel);
      chosen && !usesTiles) {
    rows = chosen->rows;
    vectors = chosen->vectors;
  }
  int64_t staticRows = op.getStaticLoopRanges()[scores.rows[0]];
  SmallVector<int64_t> steps;
  if (usesTiles) {
    if (!ShapedType::isDynamic(staticRows) && staticRows < kTileRows)
      rows = staticRows;
    steps = {rows};
  } else if (!ShapedType::isDynamic(staticRows)) {
    rows = std::min(rows, std::max<int64_t>(staticRows, 1));
    steps.push_back(rows);
    if (staticRows % rows)
      steps.push_back(staticRows % rows);
  } else {
    for (int64_t step : {rows, rows / 2, int64_t(1)})
      if (step > 0 && (steps.empty() || step < steps.back()))
        steps.push_back(step);
  }
  kernel.report.made.rows = rows;
  kernel.report.made.vectors = vectors;
  constexpr BlockSize kWide[] = {{12, 2}, {8, 3}, {4, 6}, {4, 4}, {3, 4}};
  constexpr BlockSize kNarrow[] = {{6, 2}, {4, 3}, {3, 4}, {4, 2}};
  if (!usesTiles)
    for (BlockSize size : wide ? ArrayRef(kWide) : ArrayRef(kNarrow)) {
      KernelChoice other;
      other.rows = size.rows;
      other.vectors = size.vectors;
      if (size.rows <= 2 * rows && other != kernel.report.made)
        kernel.report.alternatives.push_back(other);
    }
  // The second product's panels are no wider than its lanes.
  int64_t mixLanes =
      linalg::GenericOp(mix.op).getStaticLoopRanges()[mix.lanes[0]];
  mixVectors = vectors;
  if (!ShapedType::isDynamic(mixLanes))
    mixVectors = std::min<int64_t>(vectors, llvm::divideCeil(mixLanes, width));

  Type f32 = builder.getF32Type();
  Value panelWidth = index.constant(vectors * width);
  columns = emitter.loopSize(op, scores.lanes[0]);
  Value panels = index.ceilDiv(columns, panelWidth);
  paddedColumns = index.mul(panels, panelWidth);
  Value depth = emitter.loopSize(op, scores.reduced[0]);
  // One block of rows needs a panel of keys no longer than for one product.
  packsByPanel =
      !usesTiles && !ShapedType::isDynamic(staticRows) && staticRows <= rows;
  keys = kernel.allocateScratch(
      scores.factorType,
      index.mul(packsByPanel ? panelWidth : paddedColumns, depth));
  blockMemory =
      kernel.allocateScratch(f32, index.constant(rows * vectors * width));
  for (Value stage : stages)
    stageMemory.push_back(
        kernel.allocateScratch(getElementTypeOrSelf(stage),
                               index.mul(paddedColumns, index.constant(rows))));
  if (usesTiles) {
    prepareTiles();
    prepareKeys();
  } else {
    prepareValues(rows);
  }

  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned rank = out.getNumResults();
  SmallVector<Value> batchSizes;
  Value tiles = index.constant(1);
  for (unsigned i = 0; i + 2 < rank; ++i) {
    batchSizes.push_back(emitter.loopSize(op, out.getDimPosition(i)));
    tiles = index.mul(tiles, batchSizes.back());
  }
  Value rowCount = emitter.loopSize(op, scores.rows[0]);
  int64_t inPart = getRowsInPart(rows);
  Value partRows = inPart ? index.constant(inPart) : rowCount;
  Value parts = inPart ? index.ceilDiv(rowCount, partRows) : index.constant(1);
  Position at(rank);
  auto packAll = [&] {
    // All panels of the first product's lane side, for all blocks of rows.
    Position dims = scorePosition(scores, out, at);
    if (keyRows)
      packKeys(dims);
    else if (!packsByPanel)
      emitLoop(builder, loc, index.constant(0), panels, index.constant(1), {},
               [&](Value panel, ValueRange) -> SmallVector<Value> {
                 ElementEmitter::Scope scope(emitter);
                 Value first = index.mul(panel, panelWidth);
                 packPanel(kernel, scores, dims, keys, index.mul(first, depth),
                           first,
                           index.min(panelWidth, index.sub(columns, first)),
                           vectors, /*group=*/usesTiles ? 2 : 1);
                 return {};
               });
    if (!values)
      return;
    auto known = IndexBuilder::getConstant(rowCount);
    if (usesTiles || known)
      return packValues(at);
    // The first step's blocks read them.
    Value isMany =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, rowCount,
                              index.constant(steps.front()));
    auto ifOp = scf::IfOp::create(builder, loc, isMany,
                                  /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(ifOp.thenBlock());
    packValues(at);
  };
  auto enter = [&](Value tile) {
    SmallVector<Value> batch = kernel.delinearize(tile, batchSizes);
    for (auto [i, value] : llvm::enumerate(batch))
      at[i] = index.uniform(value);
    kernel.emitOnce(tile, packAll);
  };
  kernel.reserveStamp();
  kernel.emitGroupedTiles(tiles, parts, enter, [&](Value, Value part) {
    Value done = index.constant(0), end = rowCount;
    if (inPart) {
      done = index.mul(part, partRows);
      end = index.min(index.add(done, partRows), rowCount);
    }
    for (int64_t step : steps) {
      Value left = index.sub(end, done);
      Value limit = end;
      if (!usesTiles)
        limit = index.add(
            done, index.sub(left, index.rem(left, index.constant(step))));
      auto known = IndexBuilder::getConstant(index.sub(limit, done));
      if (!known || *known > 0)
        emitLoop(builder, loc, done, limit, index.constant(step), {},
                 [&](Value row, ValueRange) -> SmallVector<Value> {
                   ElementEmitter::Scope scope(emitter);
                   Value valid = index.constant(step);
                   if (usesTiles)
                     valid = index.min(valid, index.sub(end, row));
                   bool hasValues = !ShapedType::isDynamic(staticRows) ||
                                    step == steps.front();
                   emitRows(at, row, step, valid, hasValues && values);
                   return {};
                 });
      done = limit;
    }
  });
  if (usesTiles)
    scoreTiles->release();
  return success(!emitter.failed());
}

/// How many rows a tile has, whole blocks of them, where the batch alone has
/// too few tiles for several threads; 0 for all. Each thread that has a part
/// packs the lane sides for itself.
int64_t AttentionEmitter::getRowsInPart(int64_t blockRows) {
  constexpr int64_t kTiles = 8, kBlocks = 8;
  linalg::GenericOp op = scores.op;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t batch = 1;
  for (unsigned d : scores.batch)
    if (!ShapedType::isDynamic(ranges[d]))
      batch *= ranges[d];
  if (batch == 0 || batch >= kTiles)
    return 0;
  int64_t rows = ranges[scores.rows[0]];
  if (ShapedType::isDynamic(rows))
    return kBlocks * blockRows;
  int64_t blocks = llvm::divideCeil(rows, blockRows);
  int64_t inPart =
      llvm::divideCeil(blocks, int64_t(llvm::divideCeil(kTiles, batch)));
  return inPart < blocks ? inPart * blockRows : 0;
}

/// Computes a tensor of the scores' shape for a block of rows.
void AttentionEmitter::emitStage(Value tensor, Position at, Value row,
                                 Value rows, const Buffer &buffer) {
  unsigned last = at.size() - 1;
  uint64_t inner = uint64_t(1) << last;
  emitLoop(builder, loc, index.constant(0), rows, index.constant(1), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             at[last - 1] = index.uniform(index.add(row, i));
             at[last] = index.uniform(index.constant(0), inner);
             emitter.hoistReductions(tensor, at, inner);
             emitter.emitLanes(index.constant(0), columns, [&](Value lane) {
               at[last] = index.uniform(lane);
               at[last].stride = 1;
               emitter.write(buffer, at, emitter.read(tensor, at));
             });
             return {};
           });
}

/// Makes room for packed values where enough blocks of rows read them: rows of
/// a head lie apart in memory, in few sets of the cache and many pages.
void AttentionEmitter::prepareValues(int64_t blockRows) {
  constexpr int64_t kFewBlocks = 4;
  linalg::GenericOp op = scores.op;
  int64_t rows = op.getStaticLoopRanges()[scores.rows[0]];
  if (!ShapedType::isDynamic(rows) && rows < kFewBlocks * blockRows)
    return;
  Value lanes = emitter.loopSize(mix.op, mix.lanes[0]);
  Value width = index.constant(mixVectors * emitter.width());
  values = kernel.allocateScratch(
      mix.factorType,
      index.mul(index.mul(index.ceilDiv(lanes, width), width), paddedColumns));
}

/// Computes the outputs of a block of rows. With `hasValues`, the second
/// product's lane side is packed.
void AttentionEmitter::emitRows(Position at, Value row, int64_t rows,
                                Value valid, bool hasValues) {
  int64_t width = emitter.width();
  linalg::GenericOp scoresOp = scores.op, mixOp = mix.op;
  VectorType type = emitter.vectorType(scores.factorType);
  Value zero = index.constant(0), one = index.constant(1);
  Value panelWidth = index.constant(vectors * width);
  unsigned rank = at.size();

  auto stageBuffer = [&](size_t i) {
    Buffer buffer;
    buffer.memory = stageMemory[i];
    for (unsigned d = 0; d < rank; ++d)
      buffer.sizes.push_back(emitter.size(scoresOp->getResult(0), d));
    buffer.strides.assign(rank, zero);
    buffer.strides[rank - 2] = paddedColumns;
    buffer.strides[rank - 1] = one;
    buffer.offset = index.sub(zero, index.mul(row, paddedColumns));
    return buffer;
  };
  for (Value stage : stages)
    emitter.buffers.erase(stage);

  // Scores: the first product and what follows it up to the first reduction.
  AffineMap out =
      scoresOp.getMatchingIndexingMap(scoresOp.getDpsInitOperand(0));
  AffineMap rowMap = scoresOp.getMatchingIndexingMap(scores.rowSide);
  Position dims = scorePosition(scores, out, at);
  Value depth = emitter.loopSize(scoresOp, scores.reduced[0]);
  KernelFunction::Output first{stages[0], stageBuffer(0), 0};
  if (scoreTiles) {
    stageQueries(dims, row, valid);
    scoreTiles->configure();
  }
  emitLoop(builder, loc, zero, index.ceilDiv(columns, panelWidth), one, {},
           [&](Value panel, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             Value column = index.mul(panel, panelWidth);
             Value base = packsByPanel ? zero : index.mul(column, depth);
             if (packsByPanel)
               packPanel(kernel, scores, dims, keys, base, column,
                         index.min(panelWidth, index.sub(columns, column)),
                         vectors, /*group=*/1);
             Epilogue epilogue{
                 kernel,
                 scores,
                 first,
                 dims,
                 (int)scores.rows[0],
                 row,
                 column,
                 index.min(panelWidth, index.sub(columns, column)),
                 columns,
                 vectors};
             if (scoreTiles) {
               emitTileScores(dims, row, valid, base);
               epilogue.emitFromMemory(blockMemory, valid);
               return {};
             }
             SmallVector<Value> block = emitBlock(
                 kernel, rows, vectors, depth,
                 [&](int64_t i, Value k) {
                   Position position = dims;
                   position[scores.rows[0]] =
                       index.uniform(index.add(row, index.constant(i)));
                   position[scores.reduced[0]] = index.uniform(k);
                   return emitter
                       .read(scores.rowSide->get(),
                             emitter.mapPosition(rowMap, position))
                       .value;
                 },
                 [&](int64_t j, Value k) -> Value {
                   Value offset =
                       index.add(index.add(base, index.mul(k, panelWidth)),
                                 index.constant(j * width));
                   return vector::LoadOp::create(builder, loc, type, keys,
                                                 ValueRange{offset});
                 });
             storeBlock(kernel, blockMemory, block, rows, vectors);
             epilogue.emitFromMemory(blockMemory, valid);
             return {};
           });
  emitter.buffers[stages[0]] = first.buffer;
  for (size_t i = 1; i < stages.size(); ++i) {
    Buffer buffer = stageBuffer(i);
    emitStage(stages[i], at, row, valid, buffer);
    emitter.buffers[stages[i]] = buffer;
  }

  // The second product reads its lane side where it is, or packed.
  AffineMap weightMap = mixOp.getMatchingIndexingMap(mix.rowSide);
  AffineMap laneMap = mixOp.getMatchingIndexingMap(mix.laneSide);
  Position mixDims = scorePosition(mix, weightMap, at);
  Value lanes = emitter.loopSize(mixOp, mix.lanes[0]);
  SmallVector<KernelFunction::Output> outputs = kernel.getOutputs();
  Value mixWidth = index.constant(mixVectors * width);
  VectorType mixType = emitter.vectorType(mix.factorType);
  auto known = IndexBuilder::getConstant(lanes);
  bool whole = known && *known % (mixVectors * width) == 0;
  if (mixTiles)
    mixTiles->configure();
  emitLoop(
      builder, loc, zero, index.ceilDiv(lanes, mixWidth), one, {},
      [&](Value panel, ValueRange) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        Value lane = index.mul(panel, mixWidth);
        Value count = index.min(mixWidth, index.sub(lanes, lane));
        Epilogue epilogue{kernel, mix,  outputs, mixDims, (int)mix.rows[0],
                          row,    lane, count,   lanes,   mixVectors};
        if (mixTiles) {
          emitTileMix(valid, index.mul(lane, paddedColumns));
          epilogue.emitFromMemory(blockMemory, valid);
          return {};
        }
        SmallVector<Value> masks;
        for (int64_t j = 0; j < mixVectors && !whole && !hasValues; ++j)
          masks.push_back(vector::CreateMaskOp::create(
              builder, loc, emitter.vectorType(builder.getI1Type()),
              ValueRange{index.sub(count, index.constant(j * width))}));
        SmallVector<Value> block = emitBlock(
            kernel, rows, mixVectors, columns,
            [&](int64_t i, Value k) {
              Position position = at;
              position[rank - 2] =
                  index.uniform(index.add(row, index.constant(i)));
              position[rank - 1] = index.uniform(k);
              return emitter.read(mix.rowSide->get(), position).value;
            },
            [&](int64_t j, Value k) -> Value {
              if (hasValues) {
                Value offset =
                    index.add(index.add(index.mul(lane, paddedColumns),
                                        index.mul(k, mixWidth)),
                              index.constant(j * width));
                return vector::LoadOp::create(builder, loc, mixType, values,
                                              ValueRange{offset});
              }
              Position position = mixDims;
              position[mix.reduced[0]] = index.uniform(k);
              position[mix.lanes[0]] =
                  index.uniform(index.add(lane, index.constant(j * width)));
              position[mix.lanes[0]].stride = 1;
              emitter.mask = whole ? Value() : masks[j];
              Value vector = emitter.toVector(emitter.read(
                  mix.laneSide->get(), emitter.mapPosition(laneMap, position)));
              emitter.mask = Value();
              return vector;
            });
        storeBlock(kernel, blockMemory, block, rows, mixVectors);
        epilogue.emitFromMemory(blockMemory, valid);
        return {};
      });
  for (Value stage : stages)
    emitter.buffers.erase(stage);
}

LogicalResult mlir::dl::cpu::emitAttentionKernel(KernelFunction &kernel) {
  std::optional<Attention> found = Attention::match(kernel.source);
  if (!found)
    return failure();
  return AttentionEmitter(kernel, std::move(*found)).run();
}
