// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels around one reduction of sliding windows whose lanes are the last
// dimension, which does not slide: depthwise convolutions and pooling with
// channels last.
//
// A tile is a band of rows of some channels. A block of positions along a row
// is computed together, so that what their windows share is read once.

#include "codegen/cpu/Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

/// The reduction of such a kernel.
struct SlidingWindow {
  linalg::GenericOp op;
  OpOperand *sliding = nullptr; // the operand that windows slide over
  unsigned lanes;               // the loop of the lanes
  unsigned along;               // the loop that blocks run along
  SmallVector<unsigned> outer;  // the other parallel loops

  static std::optional<SlidingWindow> match(func::FuncOp source);
};

class WindowEmitter {
public:
  WindowEmitter(KernelFunction &kernel, SlidingWindow window)
      : kernel(kernel), window(std::move(window)), op(this->window.op),
        emitter(kernel.emitter), index(kernel.emitter.index),
        builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  void chooseTile();
  void takeChoice(int64_t lanes, int64_t rows);
  int64_t countTouching();
  void emitTile(Position dims, Value firstRow, Value endRow, Value firstLane,
                Value endLane);
  void emitBlock(Position dims, int64_t count, Value firstLane, Value endLane);
  void emitPositions(Position dims, Value first, int64_t count);

  KernelFunction &kernel;
  SlidingWindow window;
  linalg::GenericOp op;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  SmallVector<KernelFunction::Output> outputs;

  int rowLoop = -1; // the outer loop that bands divide, or -1
  int64_t band = 1, laneStep = 0;
  int64_t block = 4; // positions along a row that are computed together
};

} // namespace

std::optional<SlidingWindow> SlidingWindow::match(func::FuncOp source) {
  SmallVector<linalg::GenericOp> reductions;
  bool isSequential = false;
  source.walk([&](Operation *inner) {
    isSequential |= isa<scf::ForOp, scf::IfOp>(inner);
    if (auto generic = dyn_cast<linalg::GenericOp>(inner))
      if (isReduction(generic))
        reductions.push_back(generic);
  });
  if (isSequential || reductions.size() != 1)
    return std::nullopt;
  SlidingWindow result;
  result.op = reductions.front();
  linalg::GenericOp op = result.op;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  // Short windows of known size are unrolled.
  constexpr int64_t kLargest = 32;
  int64_t size = 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  for (unsigned d : reduced)
    size = ShapedType::isDynamic(ranges[d]) || size > kLargest
               ? kLargest + 1
               : size * ranges[d];
  if (op.getNumDpsInits() != 1 || size > kLargest || out.getNumResults() < 2 ||
      !out.isProjectedPermutation())
    return std::nullopt;
  unsigned rank = out.getNumResults();
  result.lanes = out.getDimPosition(rank - 1);
  result.along = out.getDimPosition(rank - 2);
  for (unsigned i = 0; i + 2 < rank; ++i)
    result.outer.push_back(out.getDimPosition(i));
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (op.getMatchingBlockArgument(operand).use_empty())
      continue;
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (map.isFunctionOfDim(result.lanes)) {
      auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
      if (!last || last.getPosition() != result.lanes ||
          map.getNumResults() < 1)
        return std::nullopt;
      for (AffineExpr expr : map.getResults().drop_back())
        if (expr.isFunctionOfDim(result.lanes))
          return std::nullopt;
    }
    bool slides = !map.isProjectedPermutation(/*allowZeroInResults=*/true);
    if (!slides && !map.isFunctionOfDim(result.along)) {
      continue;
    }
    if (!slides || result.sliding || !map.isFunctionOfDim(result.lanes))
      return std::nullopt;
    result.sliding = operand;
  }
  if (!result.sliding)
    return std::nullopt;
  if (!resultsFollowElementwise(source, op))
    return std::nullopt;
  return result;
}

bool mlir::dl::cpu::isWindowKernel(func::FuncOp source) {
  return SlidingWindow::match(source).has_value();
}

/// Bands of rows and ranges of channels: all channels of a row lie together, so
/// they are divided only where there are too few rows for several threads.
void WindowEmitter::chooseTile() {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  constexpr int64_t kGuess = 64; // for a size that is not known
  auto extentOf = [&](unsigned d) {
    return ShapedType::isDynamic(ranges[d]) ? kGuess : ranges[d];
  };
  if (!window.outer.empty())
    rowLoop = window.outer.back();
  int64_t lanes = extentOf(window.lanes), width = emitter.width();
  int64_t rows = rowLoop < 0 ? 1 : extentOf(rowLoop);
  int64_t others = 1;
  for (unsigned d : window.outer)
    if ((int)d != rowLoop && !ShapedType::isDynamic(ranges[d]))
      others *= ranges[d];
  constexpr int64_t kTiles = 16, kLanes = 512;
  // No tile of less than about a microsecond.
  constexpr double kTileSteps = 3e4;
  double steps = 1;
  for (unsigned d = 0; d < op.getNumLoops(); ++d)
    if ((int)d == rowLoop || !ShapedType::isDynamic(ranges[d]))
      steps *= extentOf(d);
  int64_t most = std::clamp<int64_t>(steps / kTileSteps, 1, kTiles);
  int64_t wanted = llvm::divideCeil(most, others);
  int64_t parts = llvm::divideCeil(lanes, kLanes);
  if (rows < wanted)
    parts =
        std::max<int64_t>(parts, std::min(llvm::divideCeil(wanted, rows),
                                          llvm::divideCeil(lanes, 4 * width)));
  laneStep = llvm::alignTo(llvm::divideCeil(lanes, parts), width);
  band = llvm::divideCeil(
      rows, std::clamp<int64_t>(llvm::divideCeil(wanted, parts), 1, rows));
  takeChoice(lanes, rows);
}

/// What is chosen in place of that; then reports it and what else there is, for
/// `lanes` lanes and `rows` rows.
void WindowEmitter::takeChoice(int64_t lanes, int64_t rows) {
  const KernelChoice &choice = kernel.choice;
  constexpr int64_t kMostPositions = 8;
  if (choice.rows && *choice.rows <= kMostPositions)
    block = *choice.rows;
  if (choice.lanes)
    laneStep = std::min(llvm::alignTo(*choice.lanes, emitter.width()),
                        llvm::alignTo(lanes, emitter.width()));
  if (choice.range && rowLoop >= 0)
    band = *choice.range ? std::min(*choice.range, rows) : rows;
  KernelChoice &made = kernel.report.made;
  made.rows = block;
  made.vectors = 1;
  made.lanes = laneStep;
  if (rowLoop >= 0)
    made.range = band;
  std::vector<KernelChoice> &others = kernel.report.alternatives;
  for (int64_t positions : {2, 3, 6, 1})
    if (positions != block) {
      KernelChoice &other = others.emplace_back();
      other.rows = positions;
      other.vectors = 1;
    }
  int64_t width = emitter.width();
  for (int64_t step : {8 * laneStep, laneStep / 2, laneStep / 4, 4 * width}) {
    step = std::min(llvm::alignTo(step, width), llvm::alignTo(lanes, width));
    KernelChoice other;
    other.lanes = step;
    if (step && step != laneStep && !llvm::is_contained(others, other))
      others.push_back(other);
  }
  if (rowLoop >= 0)
    for (int64_t size : {(band + 1) / 2, 2 * band, rows}) {
      size = std::min<int64_t>(size, rows);
      KernelChoice other;
      other.range = size;
      if (size != band && !llvm::is_contained(others, other))
        others.push_back(other);
    }
}

LogicalResult WindowEmitter::run() {
  outputs = kernel.getOutputs();
  chooseTile();
  Value lanes = emitter.loopSize(op, window.lanes), one = index.constant(1);
  // Tiles: the outer loops, the innermost of them in bands, times ranges of
  // lanes.
  SmallVector<Value> sizes;
  for (unsigned d : window.outer)
    sizes.push_back((int)d == rowLoop ? index.ceilDiv(emitter.loopSize(op, d),
                                                      index.constant(band))
                                      : emitter.loopSize(op, d));
  Value step = index.constant(laneStep);
  sizes.push_back(index.ceilDiv(lanes, step));
  Value rows = rowLoop >= 0 ? emitter.loopSize(op, rowLoop) : one;
  Value tiles = one;
  for (Value size : sizes)
    tiles = index.mul(tiles, size);
  kernel.emitTiles(tiles, [&](Value tile) {
    SmallVector<Value> at = kernel.delinearize(tile, sizes);
    Position dims(op.getNumLoops());
    for (auto [i, d] : llvm::enumerate(window.outer))
      dims[d] = index.uniform(at[i]);
    Value firstRow = index.constant(0), endRow = one;
    if (rowLoop >= 0) {
      firstRow = index.mul(dims[rowLoop].base, index.constant(band));
      endRow = index.min(index.add(firstRow, index.constant(band)), rows);
    }
    Value firstLane = index.mul(at.back(), step);
    Value endLane = index.min(index.add(firstLane, step), lanes);
    emitTile(dims, firstRow, endRow, firstLane, endLane);
  });
  return success(!emitter.failed());
}

/// How many positions at the start of a row touch the border.
int64_t WindowEmitter::countTouching() {
  auto pad = window.sliding->get().getDefiningOp<tensor::PadOp>();
  if (!pad)
    return 0;
  AffineMap map = op.getMatchingIndexingMap(window.sliding);
  for (auto [d, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(window.along))
      continue;
    // The expression is position * stride + what the window adds.
    SmallVector<int64_t> at(map.getNumDims(), 0);
    auto low = getConstantIntValue(pad.getMixedLowPad()[d]);
    int64_t stride = -map.compose(at)[d];
    at[window.along] = 1;
    stride += map.compose(at)[d];
    return low && stride > 0 ? llvm::divideCeil(*low, stride) : 0;
  }
  return 0;
}

void WindowEmitter::emitTile(Position dims, Value firstRow, Value endRow,
                             Value firstLane, Value endLane) {
  auto emitRow = [&](Position dims) {
    Value length = emitter.loopSize(op, window.along), done = index.constant(0);
    auto run = [&](Value limit, int64_t step) {
      auto count = IndexBuilder::getConstant(index.sub(limit, done));
      if (!count || *count > 0)
        emitLoop(builder, loc, done, limit, index.constant(step), {},
                 [&](Value at, ValueRange) -> SmallVector<Value> {
                   ElementEmitter::Scope scope(emitter);
                   dims[window.along] = index.uniform(at);
                   emitBlock(dims, step, firstLane, endLane);
                   return {};
                 });
      done = limit;
    };
    // So that whole blocks lie inside of the border.
    if (int64_t touching = countTouching())
      run(index.min(index.constant(touching), length), 1);
    Value left = index.sub(length, done);
    run(index.add(done,
                  index.sub(left, index.rem(left, index.constant(block)))),
        block);
    run(length, 1);
  };
  if (rowLoop < 0)
    return emitRow(dims);
  emitLoop(builder, loc, firstRow, endRow, index.constant(1), {},
           [&](Value row, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             dims[rowLoop] = index.uniform(row);
             emitRow(dims);
             return {};
           });
}

/// A block of positions along a row, of all lanes of the tile.
void WindowEmitter::emitBlock(Position dims, int64_t count, Value firstLane,
                              Value endLane) {
  Value first = dims[window.along].base;

  auto lanes = IndexBuilder::getConstant(emitter.loopSize(op, window.lanes));
  auto emitAll = [&](Value start, int64_t positions) {
    emitter.emitLanes(
        firstLane, endLane,
        [&](Value lane) {
          dims[window.lanes] = index.uniform(lane);
          dims[window.lanes].stride = 1;
          emitPositions(dims, start, positions);
        },
        /*areWhole=*/lanes && *lanes % emitter.width() == 0);
  };
  Value isInside = emitter.isInsideBorder(op, dims, window.along, count);
  if (!isInside)
    return emitAll(first, count);
  emitter.emitByBorder(
      op, isInside, [&] { emitAll(first, count); },
      [&] {
        emitLoop(builder, loc, first, index.add(first, index.constant(count)),
                 index.constant(1), {},
                 [&](Value at, ValueRange) -> SmallVector<Value> {
                   ElementEmitter::Scope scope(emitter);
                   emitAll(at, 1);
                   return {};
                 });
      });
}

void WindowEmitter::emitPositions(Position dims, Value first, int64_t count) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<Position, 0> positions;
  for (int64_t i = 0; i < count; ++i) {
    dims[window.along] = index.uniform(index.add(first, index.constant(i)));
    positions.push_back(emitter.mapPosition(out, dims));
  }
  if (count > 1)
    emitter.reduceTogether(op, positions, /*unroll=*/true);
  SmallVector<SmallVector<Element>> results;
  for (const Position &position : positions) {
    results.emplace_back();
    for (const KernelFunction::Output &output : outputs)
      results.back().push_back(emitter.read(output.value, position));
  }
  for (auto [position, elements] : llvm::zip(positions, results))
    for (auto [output, element] : llvm::zip(outputs, elements))
      emitter.write(output.buffer, position, element);
}

LogicalResult mlir::dl::cpu::emitWindowKernel(KernelFunction &kernel) {
  auto found = SlidingWindow::match(kernel.source);
  if (!found)
    return failure();
  return WindowEmitter(kernel, std::move(*found)).run();
}
