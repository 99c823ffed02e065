// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels around one contraction: matrix products and convolutions with the
// elementwise operations that follow them.
//
// A tile is one panel of lanes for a range of rows, whose elements stay in the
// core's cache from panel to panel. A deep contraction runs in pieces, so that
// a piece of the panel stays there, too; sums are then kept in scratch in
// between. See Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", 2008.

#include "codegen/cpu/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

bool mlir::dl::cpu::isContractionKernel(func::FuncOp source) {
  bool isSequential = false;
  source.walk([&](scf::ForOp) { isSequential = true; });
  SmallVector<Contraction, 0> contractions = findContractions(source);
  if (isSequential || contractions.size() != 1)
    return false;
  const Contraction &contraction = contractions.front();
  // Sliding windows without rows (depthwise convolutions) reuse nothing that is
  // packed: plain loops read each window where it is.
  linalg::GenericOp op = contraction.op;
  if (contraction.rows.empty() &&
      !op.getMatchingIndexingMap(contraction.laneSide).isProjectedPermutation())
    return false;
  // A single column has no use for lanes: rows are then reduced along memory.
  int64_t lanes = 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned d : contraction.lanes)
    lanes = ShapedType::isDynamic(ranges[d]) ? ShapedType::kDynamic
                                             : lanes * ranges[d];
  if (lanes >= 0 && lanes < 4 &&
      op.getMatchingIndexingMap(contraction.rowSide).isProjectedPermutation())
    return false;
  return resultsFollowElementwise(source, contraction.op);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

LogicalResult ContractionEmitter::run() {
  outputs = kernel.getOutputs();
  if (!c.rows.empty())
    rowLoop = c.rows.back();
  SmallVector<unsigned> blockedRows;
  if (rowLoop >= 0)
    blockedRows.push_back(rowLoop);
  products = chooseProducts();
  block = hasTiles() ? chooseTileBlock()
                     : chooseBlock(staticExtent(blockedRows),
                                   staticExtent(c.lanes), kernel.machine);
  // A single row reads each weight once, so that memory sets the pace: rather
  // tiles that even out than longer vectors of accumulators.
  constexpr int64_t kPanels = 16;
  int64_t lanes = staticExtent(c.lanes);
  if (block.rows == 1 && !ShapedType::isDynamic(lanes))
    while (block.vectors > 4 && lanes < kPanels * panelWidth())
      block.vectors /= 2;
  block = takeBlock(block);
  if (kernel.choice.unroll && !hasTiles())
    unroll = *kernel.choice.unroll;
  depth = index.constant(1);
  for (unsigned d : c.reduced)
    depth = index.mul(depth, getPanelExtent(d));
  laneCount = getExtent(kernel, op, c.lanes);

  auto ordered = [&](ArrayRef<unsigned> leading, unsigned blocked) {
    SmallVector<unsigned> order(c.batch);
    llvm::append_range(order, leading);
    order.push_back(blocked);
    llvm::append_range(order, c.reduced);
    return order;
  };
  if (c.lanes.size() == 1)
    packedLanes =
        pack(c.laneSide, ordered(c.outerLanes, c.lanes.back()), c.lanes.back(),
             panelWidth(), hasGroups() ? (int)c.reduced.back() : -1);
  if (rowLoop >= 0 && !hasGroups())
    packedRows = pack(c.rowSide,
                      ordered(ArrayRef<unsigned>(c.rows).drop_back(), rowLoop),
                      rowLoop, block.rows);
  findBorders();
  findRows();
  findLanes();
  chooseDepth();
  chooseRange();
  // A block of tiles may yet become the largest.
  int64_t blockRows = hasTiles() ? 2 * kTileRows : block.rows;
  blockScratch = kernel.allocateScratch(
      c.sumType, index.constant(blockRows * panelWidth()));
  if (copiesPanels())
    panelScratch = kernel.allocateScratch(
        c.factorType, index.mul(depth, index.constant(panelWidth())));
  prepareRows();
  if (emitter.failed())
    return failure();
  findReducedLoops();
  if (hasTiles()) {
    flattenRows();
    prepareTiles();
  }
  if (depthStep) {
    // The sums of all rows of a tile, in whole blocks.
    rowsInTile = index.constant(1);
    for (unsigned d : c.rows) {
      if (llvm::is_contained(groupLoops, d))
        continue;
      Value extent = (int)d == rangeLoop && range ? index.constant(range)
                                                  : emitter.loopSize(op, d);
      if (flat.outerLoop >= 0 && (int)d == rowLoop)
        extent = index.constant(flat.pitch);
      Value height = index.constant(block.rows);
      if ((int)d == rowLoop)
        extent = index.mul(index.ceilDiv(extent, height), height);
      rowsInTile = index.mul(rowsInTile, extent);
    }
    sumScratch = kernel.allocateScratch(
        c.sumType,
        index.mul(rowsInTile, index.constant(panelsInTile * panelWidth())));
  }
  choosePrefetch();
  report();

  // Tiles: for each position of the batch and range of rows, all panels.
  SmallVector<unsigned> grouped(c.batch);
  llvm::append_range(grouped, groupLoops);
  SmallVector<Value> groupSizes = sizesOf(grouped),
                     itemSizes = sizesOf(c.outerLanes);
  groupSizes.push_back(range ? index.ceilDiv(emitter.loopSize(op, rangeLoop),
                                             index.constant(range))
                             : index.constant(1));
  itemSizes.push_back(
      index.ceilDiv(laneCount, index.constant(panelWidth() * panelsInTile)));
  auto product = [&](ArrayRef<Value> sizes) {
    Value result = index.constant(1);
    for (Value size : sizes)
      result = index.mul(result, size);
    return result;
  };
  Position dims(op.getNumLoops());
  if (staged && !clearsStaged)
    kernel.reserveStamp();
  kernel.emitGroupedTiles(
      product(groupSizes), product(itemSizes),
      [&](Value group) {
        SmallVector<Value> at = kernel.delinearize(group, groupSizes);
        for (auto [i, d] : llvm::enumerate(grouped))
          dims[d] = index.uniform(at[i]);
        if (rangeLoop >= 0) {
          Value extent = emitter.loopSize(op, rangeLoop);
          rangeLower = index.constant(0);
          rangeUpper = extent;
          if (range) {
            rangeLower = index.mul(at.back(), index.constant(range));
            rangeUpper =
                index.min(index.add(rangeLower, index.constant(range)), extent);
          }
        }
        if (!staged)
          return;
        LoopBox box;
        for (unsigned d = 0; d < op.getNumLoops(); ++d) {
          bool isOne = llvm::is_contained(grouped, d);
          box.lower.push_back(isOne ? dims[d].base : index.constant(0));
          box.extent.push_back(isOne ? index.constant(1)
                                     : emitter.loopSize(op, d));
        }
        if (range) {
          box.lower[rangeLoop] = rangeLower;
          box.extent[rangeLoop] = index.sub(rangeUpper, rangeLower);
        }
        staged->place(box);
        rows = staged->access;
        if (clearsStaged)
          staged->copy(box);
        else
          kernel.emitOnce(group, [&] { staged->copy(box); });
      },
      [&](Value, Value item) {
        SmallVector<Value> at = kernel.delinearize(item, itemSizes);
        for (auto [i, d] : llvm::enumerate(c.outerLanes))
          dims[d] = index.uniform(at[i]);
        emitTile(dims, at.back());
      });
  if (hasTiles())
    tiles->release();
  return success(!emitter.failed());
}

Value ContractionEmitter::numberOf(OpOperand *operand,
                                   ArrayRef<unsigned> leading,
                                   const Position &dims) {
  // Loops that the operand lacks do not count.
  AffineMap map = op.getMatchingIndexingMap(operand);
  Value number = index.constant(0);
  for (unsigned d : leading)
    if (map.isFunctionOfDim(d))
      number =
          index.add(index.mul(number, emitter.loopSize(op, d)), dims[d].base);
  return number;
}

void ContractionEmitter::enterPanel(const Position &dims, Value number) {
  Value width = index.constant(panelWidth()), zero = index.constant(0);
  first = index.mul(number, width);
  count = index.min(width, index.sub(laneCount, first));
  panel = panelScratch;
  panelBase = zero;
  nextPiece = Value();
  if (packedLanes) {
    panelBase = getPanelBase(dims, number);
    panel = packedLanes;
  } else if (lanesInPlace) {
    SmallVector<unsigned> fixed(c.batch);
    llvm::append_range(fixed, c.outerLanes);
    panelBase = index.add(lanesInPlace->getBase(index, fixed, dims), first);
    panel = lanesInPlace->memory;
  }
}

/// Where a packed panel begins.
Value ContractionEmitter::getPanelBase(const Position &dims, Value number) {
  // [batch.., outer lanes.., panels, contracted.., lane]
  Value width = index.constant(panelWidth());
  SmallVector<unsigned> leading(c.batch);
  llvm::append_range(leading, c.outerLanes);
  Value before = numberOf(c.laneSide, leading, dims);
  before =
      index.add(index.mul(before, index.ceilDiv(laneCount, width)), number);
  return index.mul(before, index.mul(depth, width));
}

/// Sets what comes after a piece, positions [from, to) of the outermost loop,
/// of panel `number`: the same piece of the next panel of the tile, after the
/// last one the next piece of the first, or at last the next tile's panel.
void ContractionEmitter::followPieces(const Position &dims, Value number,
                                      Value firstPanel, Value endPanel,
                                      Value from, Value to) {
  if (!packedLanes || !prefetchLines)
    return;
  const ReducedLoop &outer = reduced.front();
  Value one = index.constant(1);
  Value beside = index.add(getPanelBase(dims, index.add(number, one)),
                           index.mul(from, outer.laneStride));
  Value below = index.add(getPanelBase(dims, firstPanel),
                          index.mul(to, outer.laneStride));
  auto choose = [&](Value condition, Value a, Value b) -> Value {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  };
  below =
      choose(index.less(to, outer.extent), below, getPanelBase(dims, endPanel));
  nextPiece =
      choose(index.less(index.add(number, one), endPanel), beside, below);
}

void ContractionEmitter::emitTile(const Position &dims, Value item) {
  Value zero = index.constant(0);
  if (!packedRows) {
    rowBase = rows->getBase(index, c.batch, dims);
  }
  if (depthStep) {
    Value panels = index.ceilDiv(laneCount, index.constant(panelWidth()));
    Value inTile = index.constant(panelsInTile);
    Value from = index.mul(item, inTile);
    return emitDeepTile(dims, from, index.min(index.add(from, inTile), panels));
  }
  enterPanel(dims, item);
  if (copiesPanels())
    packPanel(kernel, c, dims, panelScratch, zero, first, count, block.vectors,
              getGroup());
  emitRowBlocks(dims, [&](const Position &at, Value row, int64_t height,
                          Value valid, Value slot) {
    if (hasTiles()) {
      emitTileSums(at, row, valid, slot, blockScratch, zero,
                   /*accumulates=*/false, zero, reduced.front().extent);
      return emitTileResults(at, row, valid, blockScratch, zero);
    }
    SmallVector<Value> sums =
        emitSums(at, row, height, slot, {}, zero, reduced.front().extent);
    emitResults(at, row, height, valid, sums);
  });
}

void ContractionEmitter::emitDeepTile(const Position &dims, Value firstPanel,
                                      Value endPanel) {
  Value zero = index.constant(0), one = index.constant(1);
  VectorType type = emitter.vectorType(c.sumType);
  int64_t width = emitter.width();
  auto placeOf = [&](Value slot, int64_t i) {
    return index.add(index.mul(slot, index.constant(panelWidth())),
                     index.constant(i * width));
  };
  auto load = [&](Value slot, int64_t height) {
    SmallVector<Value> sums;
    for (int64_t i = 0; i < height * block.vectors; ++i)
      sums.push_back(vector::LoadOp::create(builder, loc, type, sumScratch,
                                            ValueRange{placeOf(slot, i)}));
    return sums;
  };
  auto store = [&](Value slot, ArrayRef<Value> sums) {
    for (auto [i, sum] : llvm::enumerate(sums))
      vector::StoreOp::create(builder, loc, sum, sumScratch,
                              ValueRange{placeOf(slot, i)});
  };
  auto forPanels = [&](function_ref<void(Value number, Value before)> body) {
    emitLoop(builder, loc, firstPanel, endPanel, one, {},
             [&](Value number, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               enterPanel(dims, number);
               body(number,
                    index.mul(index.sub(number, firstPanel), rowsInTile));
               return {};
             });
  };
  if (copiesPanels()) {
    enterPanel(dims, firstPanel);
    packPanel(kernel, c, dims, panelScratch, zero, first, count, block.vectors,
              getGroup());
  }
  Value cleared =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  forPanels([&](Value, Value before) {
    emitRowBlocks(
        dims, [&](const Position &, Value, int64_t height, Value, Value slot) {
          store(index.add(before, slot),
                SmallVector<Value>(height * block.vectors, cleared));
        });
  });
  Value outer = reduced.front().extent, step = index.constant(depthStep);
  emitLoop(builder, loc, zero, outer, step, {},
           [&](Value from, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             Value to = index.min(index.add(from, step), outer);
             forPanels([&](Value number, Value before) {
               followPieces(dims, number, firstPanel, endPanel, from, to);
               emitRowBlocks(dims, [&](const Position &at, Value row,
                                       int64_t height, Value valid,
                                       Value slot) {
                 Value place = index.add(before, slot);
                 if (hasTiles())
                   return emitTileSums(at, row, valid, slot, sumScratch,
                                       placeOf(place, 0),
                                       /*accumulates=*/true, from, to);
                 SmallVector<Value> sums = load(place, height);
                 store(place, emitSums(at, row, height, slot, sums, from, to));
               });
             });
             return {};
           });
  forPanels([&](Value, Value before) {
    emitRowBlocks(dims, [&](const Position &at, Value row, int64_t height,
                            Value valid, Value slot) {
      if (hasTiles())
        return emitTileResults(at, row, valid, sumScratch,
                               placeOf(index.add(before, slot), 0));
      emitResults(at, row, height, valid,
                  load(index.add(before, slot), height));
    });
  });
}

LogicalResult mlir::dl::cpu::emitContractionKernel(KernelFunction &kernel) {
  SmallVector<Contraction, 0> contractions = findContractions(kernel.source);
  return ContractionEmitter(kernel, contractions.front()).run();
}
