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

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/ContractionRows.h"
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
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  return llvm::all_of(terminator.getOperands(), [&](Value value) {
    return followsElementwise(value, contraction.op);
  });
}

namespace {

/// A loop over contracted positions: how far one step goes in the memory of the
/// rows and in a panel.
struct ReducedLoop {
  unsigned dimension;
  Value extent, rowStride, laneStride;
};

class ContractionEmitter {
public:
  ContractionEmitter(KernelFunction &kernel, Contraction contraction)
      : kernel(kernel), c(std::move(contraction)), op(c.op),
        emitter(kernel.emitter), index(kernel.emitter.index),
        builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  /// Asks for an operand with its blocked dimension split and innermost.
  Value pack(OpOperand *operand, ArrayRef<unsigned> order, unsigned blocked,
             int64_t tile);
  /// Whether the lane side is weights that do not stay in the core's cache.
  bool isStreaming();
  void chooseRange();
  void chooseDepth();
  void prepareRows();
  void findReducedLoops();
  /// The number of a packed block among those of the leading loops.
  Value numberOf(OpOperand *operand, ArrayRef<unsigned> leading, Position dims);

  void emitTile(Position dims, Value item);
  void emitDeepTile(Position dims, Value firstPanel, Value endPanel);
  void enterPanel(Position dims, Value number);
  /// Runs `body` for each block of rows of the tile: its rows, a value for
  /// those that exist, and where it starts among the tile's rows.
  using BlockBody = function_ref<void(Position dims, Value row, int64_t rows,
                                      Value valid, Value slot)>;
  void emitRowBlocks(Position dims, BlockBody body);
  SmallVector<Value> emitSums(Position dims, Value row, int64_t rows,
                              Value slot, ArrayRef<Value> start,
                              Value firstOuter, Value endOuter);
  void emitResults(Position dims, Value row, int64_t rows, Value valid,
                   ArrayRef<Value> sums);
  void emitPrefetch(Value slot, Value start, Value step, Value steps);

  SmallVector<Value> sizesOf(ArrayRef<unsigned> loops);
  int64_t staticExtent(ArrayRef<unsigned> loops);
  int64_t panelWidth() { return block.vectors * emitter.width(); }

  KernelFunction &kernel;
  Contraction c;
  linalg::GenericOp op;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  BlockSize block;
  SmallVector<KernelFunction::Output> outputs;
  Value packedRows, packedLanes; // memory of packed constant operands
  Value panelScratch, blockScratch, sumScratch;
  Value depth, laneCount;
  int rowLoop = -1;      // the row loop that is blocked, or -1
  int rangeLoop = -1;    // the row loop that is divided among tiles, or -1
  int64_t range = 0;     // positions of it in a tile; 0: all
  int64_t depthStep = 0; // outermost contracted positions in a piece; 0: all
  int64_t panelsInTile = 1;
  int64_t prefetchLines = 0; // of the next panel, at each step; 0: none
  std::optional<LinearAccess> rows;
  std::optional<StagedOperand> staged;
  SmallVector<ReducedLoop> reduced;

  // Of the tile at hand.
  Value panel, panelBase, first, count, rowBase, rowsInTile;
  Value rangeLower, rangeUpper;
};

/// Contracted positions that are unrolled.
constexpr int64_t kUnroll = 4;

} // namespace

SmallVector<Value> ContractionEmitter::sizesOf(ArrayRef<unsigned> loops) {
  SmallVector<Value> sizes;
  for (unsigned d : loops)
    sizes.push_back(emitter.loopSize(op, d));
  return sizes;
}

int64_t ContractionEmitter::staticExtent(ArrayRef<unsigned> loops) {
  int64_t product = 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned d : loops) {
    if (ShapedType::isDynamic(ranges[d]))
      return ShapedType::kDynamic;
    product *= ranges[d];
  }
  return product;
}

bool ContractionEmitter::isStreaming() {
  int64_t lanes = staticExtent(c.lanes), deep = staticExtent(c.reduced);
  return packedLanes && !ShapedType::isDynamic(lanes) &&
         !ShapedType::isDynamic(deep) &&
         lanes * deep * (int64_t)sizeof(float) > kernel.machine.l2Bytes / 2;
}

Value ContractionEmitter::pack(OpOperand *operand, ArrayRef<unsigned> order,
                               unsigned blocked, int64_t tile) {
  BlockArgument argument = Contraction::getConstantArgument(op, operand);
  if (!argument)
    return Value();
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<int64_t> permutation;
  int64_t inner = -1;
  // Dimensions of one position, which no loop moves in, change nothing.
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (isa<AffineConstantExpr>(expr)) {
      if (cast<ShapedType>(argument.getType()).getDimSize(i) != 1)
        return Value();
      permutation.push_back(i);
    }
  for (unsigned d : order) {
    auto position = map.getResultPosition(builder.getAffineDimExpr(d));
    if (!position)
      continue;
    permutation.push_back(*position);
    if (d == blocked)
      inner = *position;
  }
  if (inner < 0 || permutation.size() != map.getNumResults())
    return Value();
  return kernel.packArgument(argument, permutation, inner, tile);
}

//===----------------------------------------------------------------------===//
// Sizes of tiles and pieces
//===----------------------------------------------------------------------===//

/// Divides the outermost row loop so that what a tile reads of the row side
/// stays in half of the core's cache, and so that there are tiles enough for
/// several threads.
void ContractionEmitter::chooseRange() {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned d : c.rows)
    if (rangeLoop < 0 && (ranges[d] != 1 || d == c.rows.back()))
      rangeLoop = d;
  if (rangeLoop < 0)
    return;
  bool isBlocked = rangeLoop == rowLoop;
  int64_t unit = isBlocked ? block.rows : 1;
  // What a range of one unit reads, and what one more adds.
  constexpr int64_t kGuess = 512; // for a size that is not known
  auto bytesOf = [&](int64_t units) {
    SmallVector<int64_t> extents;
    for (int64_t extent : ranges)
      extents.push_back(ShapedType::isDynamic(extent) ? kGuess : extent);
    for (unsigned d : c.batch)
      extents[d] = 1;
    if (depthStep)
      extents[c.reduced.front()] = depthStep;
    extents[rangeLoop] = units * unit;
    return getBytesRead(op, c.rowSide, extents).value_or(0);
  };
  int64_t one = bytesOf(1), step = std::max<int64_t>(bytesOf(2) - one, 1);
  int64_t budget = kernel.machine.l2Bytes / 2;
  int64_t units = std::max<int64_t>(1, 1 + (budget - one) / step);
  int64_t extent = ranges[rangeLoop];
  if (!ShapedType::isDynamic(extent)) {
    int64_t all = std::max<int64_t>(1, llvm::divideCeil(extent, unit));
    int64_t parts = llvm::divideCeil(all, std::min(units, all));
    // Tiles for several threads, none of them tiny.
    // Weights that stream are read again for each range.
    int64_t kTiles = isStreaming() ? 4 : 16;
    constexpr double kTileFlops = 2.5e5;
    double flops = 2;
    int64_t others = 1;
    for (int64_t size : ranges)
      flops *= ShapedType::isDynamic(size) ? kGuess : size;
    for (unsigned d : llvm::concat<unsigned>(c.batch, c.outerLanes))
      others *= ShapedType::isDynamic(ranges[d]) ? 4 : ranges[d];
    int64_t lanes = staticExtent(c.lanes);
    others *= ShapedType::isDynamic(lanes)
                  ? 4
                  : llvm::divideCeil(lanes, panelWidth() * panelsInTile);
    int64_t wanted = std::clamp<int64_t>(flops / kTileFlops, 1, kTiles);
    parts = std::max<int64_t>(
        parts, llvm::divideCeil(wanted, std::max<int64_t>(others, 1)));
    // Even shares for an even number of threads.
    if (parts > 1 && others % 2)
      parts = llvm::alignTo(parts, 2);
    parts = std::min(parts, all);
    units = llvm::divideCeil(all, parts);
    if (units >= all)
      return;
  }
  range = units * unit;
}

/// Divides a deep contraction so that a piece of a panel stays in a quarter of
/// the core's cache. A tile then has several panels, which read one piece of
/// the rows in turn.
void ContractionEmitter::chooseDepth() {
  int64_t deep = staticExtent(c.reduced);
  if (packedRows || rowLoop < 0 || ShapedType::isDynamic(deep))
    return;
  // Sums of all rows of a tile are kept: their number must be known or bounded
  // by the range.
  int64_t rowCount = staticExtent(c.rows);
  bool isBounded = c.rows.size() == 1;
  if (ShapedType::isDynamic(rowCount) ? !isBounded : rowCount <= block.rows)
    return;
  int64_t bytes = deep * panelWidth() * sizeof(float);
  int64_t pieces = llvm::divideCeil(bytes, kernel.machine.l2Bytes / 4);
  int64_t outer = staticExtent({c.reduced.front()});
  if (pieces <= 1 || outer <= 1)
    return;
  depthStep = llvm::divideCeil(outer, std::min(pieces, outer));
  if (c.reduced.size() == 1)
    depthStep = llvm::alignTo(depthStep, kUnroll);
  if (depthStep >= outer) {
    depthStep = 0;
    return;
  }
  int64_t lanes = staticExtent(c.lanes);
  if (packedLanes && !ShapedType::isDynamic(lanes))
    panelsInTile =
        std::clamp<int64_t>(llvm::divideCeil(lanes, panelWidth()) / 4, 1, 4);
}

//===----------------------------------------------------------------------===//
// The row side
//===----------------------------------------------------------------------===//

void ContractionEmitter::prepareRows() {
  if (packedRows)
    return;
  rows = getLinearAccess(kernel, op, c.rowSide);
  if (rows)
    return;
  if (!StagedOperand::isPossible(op, c.rowSide)) {
    emitter.fail(op, "the row side's indices are no sums");
    return;
  }
  SmallVector<Value> extent;
  for (unsigned d = 0; d < op.getNumLoops(); ++d)
    extent.push_back(emitter.loopSize(op, d));
  for (unsigned d : c.batch)
    extent[d] = index.constant(1);
  if (range)
    extent[rangeLoop] = index.min(index.constant(range), extent[rangeLoop]);
  staged.emplace(kernel, op, c.rowSide, extent);
  rows = staged->access;
}

/// The contracted loops, outermost first; two that go through the memory of the
/// rows as one are one.
void ContractionEmitter::findReducedLoops() {
  Value laneStride = index.constant(panelWidth());
  Value rowStride = index.constant(block.rows);
  for (unsigned d : llvm::reverse(c.reduced)) {
    Value extent = emitter.loopSize(op, d);
    if (packedRows) {
      reduced.push_back({d, extent, rowStride, laneStride});
      rowStride = index.mul(rowStride, extent);
    } else {
      reduced.push_back({d, extent, rows->strides[d], laneStride});
    }
    laneStride = index.mul(laneStride, extent);
  }
  std::reverse(reduced.begin(), reduced.end());
  for (size_t i = reduced.size(); i-- > 1;) {
    ReducedLoop &outer = reduced[i - 1], &inner = reduced[i];
    // The outermost loop runs in pieces.
    if (depthStep && i == 1)
      continue;
    auto extent = IndexBuilder::getConstant(inner.extent);
    auto outerStride = IndexBuilder::getConstant(outer.rowStride);
    auto innerStride = IndexBuilder::getConstant(inner.rowStride);
    bool isOne = IndexBuilder::getConstant(outer.extent) == 1;
    if (!isOne && !(extent && outerStride && innerStride &&
                    *outerStride == *extent * *innerStride))
      continue;
    outer.extent = index.mul(outer.extent, inner.extent);
    outer.rowStride = inner.rowStride;
    outer.laneStride = inner.laneStride;
    reduced.erase(reduced.begin() + i);
  }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

LogicalResult ContractionEmitter::run() {
  outputs = kernel.getOutputs();
  kernel.countOperations(op);
  if (!c.rows.empty())
    rowLoop = c.rows.back();
  SmallVector<unsigned> blockedRows;
  if (rowLoop >= 0)
    blockedRows.push_back(rowLoop);
  block = chooseBlock(staticExtent(blockedRows), staticExtent(c.lanes),
                      kernel.machine);
  depth = getExtent(kernel, op, c.reduced);
  laneCount = getExtent(kernel, op, c.lanes);

  auto ordered = [&](ArrayRef<unsigned> leading, unsigned blocked) {
    SmallVector<unsigned> order(c.batch);
    llvm::append_range(order, leading);
    order.push_back(blocked);
    llvm::append_range(order, c.reduced);
    return order;
  };
  if (c.lanes.size() == 1)
    packedLanes = pack(c.laneSide, ordered(c.outerLanes, c.lanes.back()),
                       c.lanes.back(), panelWidth());
  if (rowLoop >= 0)
    packedRows = pack(c.rowSide,
                      ordered(ArrayRef<unsigned>(c.rows).drop_back(), rowLoop),
                      rowLoop, block.rows);
  chooseDepth();
  chooseRange();
  Type f32 = builder.getF32Type();
  blockScratch =
      kernel.allocateScratch(f32, index.constant(block.rows * panelWidth()));
  if (!packedLanes)
    panelScratch = kernel.allocateScratch(
        f32, index.mul(depth, index.constant(panelWidth())));
  prepareRows();
  if (emitter.failed())
    return failure();
  findReducedLoops();
  if (depthStep) {
    // The sums of all rows of a tile, in whole blocks.
    rowsInTile = index.constant(1);
    for (unsigned d : c.rows) {
      Value extent = (int)d == rangeLoop && range ? index.constant(range)
                                                  : emitter.loopSize(op, d);
      Value height = index.constant(block.rows);
      if ((int)d == rowLoop)
        extent = index.mul(index.ceilDiv(extent, height), height);
      rowsInTile = index.mul(rowsInTile, extent);
    }
    sumScratch = kernel.allocateScratch(
        f32,
        index.mul(rowsInTile, index.constant(panelsInTile * panelWidth())));
  }
  // Weights that do not stay in the core's cache: while one panel is at work,
  // the next comes.
  if (isStreaming()) {
    int64_t rowCount = staticExtent(c.rows);
    if (range && !ShapedType::isDynamic(rowCount))
      rowCount = rowCount / staticExtent({(unsigned)rangeLoop}) * range;
    int64_t blocks = ShapedType::isDynamic(rowCount)
                         ? 16
                         : llvm::divideCeil(rowCount, block.rows);
    int64_t lines = block.vectors * kUnroll;
    prefetchLines =
        std::clamp<int64_t>(llvm::divideCeil(lines, blocks), 1, lines);
  }

  // Tiles: for each position of the batch and range of rows, all panels.
  SmallVector<Value> groupSizes = sizesOf(c.batch),
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
  kernel.emitGroupedTiles(
      product(groupSizes), product(itemSizes),
      [&](Value group) {
        SmallVector<Value> at = kernel.delinearize(group, groupSizes);
        for (auto [i, d] : llvm::enumerate(c.batch))
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
          box.lower.push_back(dims[d].isSet() && llvm::is_contained(c.batch, d)
                                  ? dims[d].base
                                  : index.constant(0));
          box.extent.push_back(llvm::is_contained(c.batch, d)
                                   ? index.constant(1)
                                   : emitter.loopSize(op, d));
        }
        if (range) {
          box.lower[rangeLoop] = rangeLower;
          box.extent[rangeLoop] = index.sub(rangeUpper, rangeLower);
        }
        staged->copy(box);
        rows = staged->access;
      },
      [&](Value, Value item) {
        SmallVector<Value> at = kernel.delinearize(item, itemSizes);
        for (auto [i, d] : llvm::enumerate(c.outerLanes))
          dims[d] = index.uniform(at[i]);
        emitTile(dims, at.back());
      });
  return success(!emitter.failed());
}

Value ContractionEmitter::numberOf(OpOperand *operand,
                                   ArrayRef<unsigned> leading, Position dims) {
  // Loops that the operand lacks do not count.
  AffineMap map = op.getMatchingIndexingMap(operand);
  Value number = index.constant(0);
  for (unsigned d : leading)
    if (map.isFunctionOfDim(d))
      number =
          index.add(index.mul(number, emitter.loopSize(op, d)), dims[d].base);
  return number;
}

void ContractionEmitter::enterPanel(Position dims, Value number) {
  Value width = index.constant(panelWidth()), zero = index.constant(0);
  first = index.mul(number, width);
  count = index.min(width, index.sub(laneCount, first));
  panel = panelScratch;
  panelBase = zero;
  if (packedLanes) {
    // [batch.., outer lanes.., panels, contracted.., lane]
    SmallVector<unsigned> leading(c.batch);
    llvm::append_range(leading, c.outerLanes);
    Value before = numberOf(c.laneSide, leading, dims);
    before =
        index.add(index.mul(before, index.ceilDiv(laneCount, width)), number);
    panelBase = index.mul(before, index.mul(depth, width));
    panel = packedLanes;
  }
}

void ContractionEmitter::emitTile(Position dims, Value item) {
  Value zero = index.constant(0);
  if (!packedRows) {
    rowBase = rows->base;
    for (unsigned d : c.batch)
      rowBase = index.add(rowBase, index.mul(dims[d].base, rows->strides[d]));
  }
  if (depthStep) {
    Value panels = index.ceilDiv(laneCount, index.constant(panelWidth()));
    Value inTile = index.constant(panelsInTile);
    Value from = index.mul(item, inTile);
    return emitDeepTile(dims, from, index.min(index.add(from, inTile), panels));
  }
  enterPanel(dims, item);
  if (!packedLanes)
    packPanel(kernel, c, dims, panelScratch, zero, first, count, block.vectors);
  emitRowBlocks(dims, [&](Position at, Value row, int64_t height, Value valid,
                          Value slot) {
    SmallVector<Value> sums =
        emitSums(at, row, height, slot, {}, zero, reduced.front().extent);
    emitResults(at, row, height, valid, sums);
  });
}

void ContractionEmitter::emitDeepTile(Position dims, Value firstPanel,
                                      Value endPanel) {
  Value zero = index.constant(0), one = index.constant(1);
  VectorType type = emitter.vectorType(builder.getF32Type());
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
  auto forPanels = [&](function_ref<void(Value)> body) {
    emitLoop(builder, loc, firstPanel, endPanel, one, {},
             [&](Value number, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               enterPanel(dims, number);
               body(index.mul(index.sub(number, firstPanel), rowsInTile));
               return {};
             });
  };
  if (!packedLanes) {
    enterPanel(dims, firstPanel);
    packPanel(kernel, c, dims, panelScratch, zero, first, count, block.vectors);
  }
  Value cleared =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  forPanels([&](Value before) {
    emitRowBlocks(dims,
                  [&](Position, Value, int64_t height, Value, Value slot) {
                    store(index.add(before, slot),
                          SmallVector<Value>(height * block.vectors, cleared));
                  });
  });
  Value outer = reduced.front().extent, step = index.constant(depthStep);
  emitLoop(builder, loc, zero, outer, step, {},
           [&](Value from, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             Value to = index.min(index.add(from, step), outer);
             forPanels([&](Value before) {
               emitRowBlocks(dims, [&](Position at, Value row, int64_t height,
                                       Value, Value slot) {
                 Value place = index.add(before, slot);
                 SmallVector<Value> sums = load(place, height);
                 store(place, emitSums(at, row, height, slot, sums, from, to));
               });
             });
             return {};
           });
  forPanels([&](Value before) {
    emitRowBlocks(dims, [&](Position at, Value row, int64_t height, Value valid,
                            Value slot) {
      emitResults(at, row, height, valid,
                  load(index.add(before, slot), height));
    });
  });
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void ContractionEmitter::emitRowBlocks(Position dims, BlockBody body) {
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
  auto loop = [&, first = lower](Position at, Value slot, Value from, Value to,
                                 int64_t step) {
    emitLoop(builder, loc, from, to, index.constant(step), {},
             [&](Value row, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               Value valid = index.constant(step);
               if (packedRows)
                 valid = index.min(valid, index.sub(to, row));
               Position position = at;
               position[rowLoop] = index.uniform(row);
               body(position, row, step, valid,
                    index.add(slot, index.sub(row, first)));
               return {};
             });
  };
  auto emitRow = [&, from = lower, to = upper](Position at, Value slot) {
    // Packed rows are padded to whole blocks; otherwise smaller blocks take
    // what is left.
    if (packedRows)
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
    if ((int)d == rowLoop)
      return emitRow(at, index.mul(number, rowsInRow));
    auto [from, to] = boundsOf(d);
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

/// Fetches a part of the next panel: what falls to step `step`, in the piece of
/// `steps` that starts at `start` of a panel, of the block at `slot`.
void ContractionEmitter::emitPrefetch(Value slot, Value start, Value step,
                                      Value steps) {
  constexpr int64_t kLine = 16; // float32 in a cache line
  if (!prefetchLines)
    return;
  Value number = index.div(slot, index.constant(block.rows));
  Value line = index.mul(index.add(index.mul(number, steps), step),
                         index.constant(prefetchLines * kLine));
  Value panelSize = index.mul(depth, index.constant(panelWidth()));
  Value at = index.add(index.add(panelBase, panelSize), index.add(start, line));
  for (int64_t i = 0; i < prefetchLines; ++i)
    memref::PrefetchOp::create(
        builder, loc, panel,
        ValueRange{index.add(at, index.constant(i * kLine))},
        /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
}

/// The sums of a block: rows x vectors accumulators, row by row, from `start`
/// (empty: zero), over positions [firstOuter, endOuter) of the outermost
/// contracted loop.
SmallVector<Value> ContractionEmitter::emitSums(Position dims, Value row,
                                                int64_t height, Value slot,
                                                ArrayRef<Value> start,
                                                Value firstOuter,
                                                Value endOuter) {
  int64_t vectors = block.vectors;
  VectorType type = emitter.vectorType(builder.getF32Type());
  SmallVector<Value> sums(start);
  if (sums.empty())
    sums.assign(height * vectors, arith::ConstantOp::create(
                                      builder, loc, builder.getZeroAttr(type)));
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

  auto emitStep = [&](Value rowAt, Value laneAt, SmallVector<Value> &values) {
    SmallVector<Value> lanes;
    for (int64_t j = 0; j < vectors; ++j)
      lanes.push_back(vector::LoadOp::create(
          builder, loc, type, panel,
          ValueRange{index.add(laneAt, index.constant(j * emitter.width()))}));
    for (int64_t i = 0; i < height; ++i) {
      Value at = index.add(rowAt, index.mul(between, index.constant(i)));
      Value element = vector::BroadcastOp::create(
          builder, loc, type,
          memref::LoadOp::create(builder, loc, memory, ValueRange{at}));
      for (int64_t j = 0; j < vectors; ++j)
        values[i * vectors + j] = vector::FMAOp::create(
            builder, loc, element, lanes[j], values[i * vectors + j]);
    }
  };
  // Unrolled steps in this piece, and where it starts in a panel.
  Value innerSteps = index.constant(1);
  for (const ReducedLoop &loop : ArrayRef<ReducedLoop>(reduced).drop_front())
    innerSteps = index.mul(innerSteps, loop.extent);
  Value stepCount =
      index.div(index.mul(index.sub(endOuter, firstOuter), innerSteps),
                index.constant(kUnroll));
  Value pieceStart = index.mul(firstOuter, reduced.front().laneStride);
  std::function<SmallVector<Value>(size_t, Value, Value, Value, ValueRange)>
      nest = [&](size_t level, Value rowAt, Value laneAt, Value steps,
                 ValueRange carried) -> SmallVector<Value> {
    const ReducedLoop &loop = reduced[level];
    bool isOuter = level == 0, isInner = level + 1 == reduced.size();
    Value lower = isOuter ? firstOuter : index.constant(0);
    Value upper = isOuter ? endOuter : loop.extent;
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
            return nest(level + 1, rowOf(k), laneOf(k),
                        index.mul(before, reduced[level + 1].extent), inner);
          });
    Value unroll = index.constant(kUnroll);
    Value length = index.sub(upper, lower);
    Value limit =
        index.add(lower, index.sub(length, index.rem(length, unroll)));
    SmallVector<Value> values = emitLoop(
        builder, loc, lower, limit, unroll, carried,
        [&](Value k, ValueRange inner) {
          Value step = index.add(steps, index.sub(k, lower));
          emitPrefetch(slot, pieceStart, index.div(step, unroll), stepCount);
          SmallVector<Value> next(inner);
          for (int64_t u = 0; u < kUnroll; ++u) {
            Value at = index.add(k, index.constant(u));
            emitStep(rowOf(at), laneOf(at), next);
          }
          return next;
        });
    auto known = IndexBuilder::getConstant(length);
    if (known) {
      for (int64_t u = *known / kUnroll * kUnroll; u < *known; ++u) {
        Value at = index.add(lower, index.constant(u));
        emitStep(rowOf(at), laneOf(at), values);
      }
      return values;
    }
    return emitLoop(builder, loc, limit, upper, index.constant(1), values,
                    [&](Value k, ValueRange inner) {
                      SmallVector<Value> next(inner);
                      emitStep(rowOf(k), laneOf(k), next);
                      return next;
                    });
  };
  return nest(0, base, panelBase, index.constant(0), sums);
}

void ContractionEmitter::emitResults(Position dims, Value row, int64_t height,
                                     Value valid, ArrayRef<Value> sums) {
  Epilogue epilogue{kernel, c,     outputs, dims,      rowLoop,
                    row,    first, count,   laneCount, block.vectors};
  if (!packedRows && isShortEpilogue(c, outputs))
    return epilogue.emitFromValues(sums, height, blockScratch);
  storeBlock(kernel, blockScratch, sums, height, block.vectors);
  epilogue.emitFromMemory(blockScratch, valid);
}

LogicalResult mlir::dl::cpu::emitContractionKernel(KernelFunction &kernel) {
  SmallVector<Contraction, 0> contractions = findContractions(kernel.source);
  return ContractionEmitter(kernel, contractions.front()).run();
}
