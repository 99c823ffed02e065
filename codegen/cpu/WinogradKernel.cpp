// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Convolutions of few taps by Winograd's minimal filtering (ir/dialect/
// Winograd.h), with what follows them: of up to 3 x 3, or with stride 2 of up
// to 6 x 6, whose phases are further channels.
//
// A group of tiles is a band of the image: its inputs are transformed once,
// into 36 matrices of [tiles, channels] in this thread's scratch. A tile of the
// dispatch is then one panel of output channels: 36 products with the
// transformed filter, and the transformation back. All of it stays in the
// core's cache.

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/WinogradMatch.h"
#include "codegen/cpu/WinogradTransform.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;
using namespace mlir::dl::winograd;
using namespace mlir::dl::cpu::minimal_filtering;

namespace {

class WinogradEmitter {
public:
  WinogradEmitter(KernelFunction &kernel, Match match)
      : kernel(kernel), c(std::move(match.contraction)), op(c.op),
        sizes(op, match.stride), emitter(kernel.emitter),
        index(kernel.emitter.index), builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  Value isInsideBorder(Value row, Value column);
  /// A division into bands, and what it costs, in vectors of multiply-adds.
  struct Plan {
    int64_t band;
    BlockSize block;
    double cost;
  };
  SmallVector<Plan> listPlans(std::optional<BlockSize> only);
  void choosePlan();
  void forPhases(function_ref<void(ArrayRef<Value>)> body);
  void transformInput(Value n, Value firstRow, Value endRow);
  /// `phase` is down and right.
  void transformInputTile(Value n, Value row, Value column, Value tile,
                          ArrayRef<Value> phase, Value channel, Value isInside);
  void transformInputColumn(Value n, Value row, Value column,
                            ArrayRef<Value> phase, Value channel, Value number);
  void forEach(Value end, function_ref<void(Value)> body);
  void multiply(Value panel, Value tiles);
  void transformResult(Value n, Value firstRow, Value endRow, Value panel);
  int64_t extent(Loop loop) { return sizes.ranges[loop]; }
  Value loadVector(Value memory, Value at);
  void storeVector(Value value, Value memory, Value at);

  KernelFunction &kernel;
  Contraction c;
  linalg::GenericOp op;
  Sizes sizes;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  SmallVector<KernelFunction::Output> outputs;
  BlockSize block = {0, 0};
  int64_t rows = 0, columns = 0; // of tiles in the image
  int64_t band = 0;              // rows of tiles in a group
  int64_t paddedChannels = 0;
  int64_t inputStride = 0, productStride = 0; // between the 36 matrices
  Value filter, inputs, products, results;
  /// A tile that is transformed along one dimension: [6, 6, lane].
  Value half;
};

} // namespace

//===----------------------------------------------------------------------===//
// Transformations
//===----------------------------------------------------------------------===//

Value WinogradEmitter::loadVector(Value memory, Value at) {
  return vector::LoadOp::create(builder, loc,
                                emitter.vectorType(builder.getF32Type()),
                                memory, ValueRange{at});
}

void WinogradEmitter::storeVector(Value value, Value memory, Value at) {
  vector::StoreOp::create(builder, loc, value, memory, ValueRange{at});
}

/// Where all inputs of a tile lie inside of the border, so that none needs a
/// check; null where there is no border.
Value WinogradEmitter::isInsideBorder(Value row, Value column) {
  auto pad = c.rowSide->get().getDefiningOp<tensor::PadOp>();
  if (!pad)
    return {};
  Value inside;
  for (auto [d, tile] : {std::pair(1, row), std::pair(2, column)}) {
    auto low = getConstantIntValue(pad.getMixedLowPad()[d]);
    if (!low)
      return {};
    Value first = index.mul(tile, index.constant(sizes.results * sizes.stride));
    Value limit =
        index.add(emitter.size(pad.getSource(), d), index.constant(*low));
    Value isAfter = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, first, index.constant(*low));
    Value isBefore = index.less(
        index.add(first, index.constant(kInputs * sizes.stride - 1)), limit);
    Value both = arith::AndIOp::create(builder, loc, isAfter, isBefore);
    inside = inside ? Value(arith::AndIOp::create(builder, loc, inside, both))
                    : both;
  }
  return inside;
}

/// Runs `body` for 0, 1, ..., `end` - 1.
void WinogradEmitter::forEach(Value end, function_ref<void(Value)> body) {
  emitLoop(builder, loc, index.constant(0), end, index.constant(1), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             body(i);
             return {};
           });
}

/// Reads column `number` of a tile and transforms it, into `half`.
void WinogradEmitter::transformInputColumn(Value n, Value row, Value column,
                                           ArrayRef<Value> phase, Value channel,
                                           Value number) {
  Value image = c.rowSide->get();
  // Tiles at the end reach beyond the image: what they read there is not used.
  auto positionOf = [&](Value tile, unsigned dimension, Value input) {
    Value last = index.sub(emitter.size(image, dimension), index.constant(1));
    int64_t all = dimension == 1 ? rows : columns, stride = sizes.stride;
    auto known = IndexBuilder::getConstant(last);
    bool reaches =
        !known || stride * (sizes.results * all + sizes.taps - 1) > *known + 1;
    Value at = index.add(
        index.add(index.mul(tile, index.constant(sizes.results * stride)),
                  phase[dimension - 1]),
        index.mul(input, index.constant(stride)));
    return reaches ? index.min(at, last) : at;
  };
  Value x = positionOf(column, 2, number);
  SmallVector<Value> read;
  for (int64_t i = 0; i < kInputs; ++i) {
    Value y = positionOf(row, 1, index.constant(i));
    Position at{index.uniform(n), index.uniform(y), index.uniform(x),
                index.uniform(channel)};
    at.back().stride = 1;
    read.push_back(emitter.toVector(emitter.read(image, at)));
  }
  Value place = index.mul(number, index.constant(emitter.width()));
  for (auto [i, value] :
       llvm::enumerate(transformWinogradInputs(emitter, read)))
    storeVector(
        value, half,
        index.add(place, index.constant(i * kInputs * emitter.width())));
}

/// One vector of channels of one tile, number `tile` of the band. Both passes,
/// along columns and along rows, are loops: 36 vectors are more than there are
/// registers, so that the unrolled code moved them through memory as well.
void WinogradEmitter::transformInputTile(Value n, Value row, Value column,
                                         Value tile, ArrayRef<Value> phase,
                                         Value channel, Value isInside) {
  Value inputCount = index.constant(kInputs);
  auto readColumns = [&] {
    forEach(inputCount, [&](Value number) {
      transformInputColumn(n, row, column, phase, channel, number);
    });
  };
  if (isInside)
    emitter.emitByBorder(op, isInside, readColumns, readColumns);
  else
    readColumns();
  Value number =
      index.add(index.mul(phase[0], index.constant(sizes.stride)), phase[1]);
  Value place = index.add(
      index.mul(tile, index.constant(paddedChannels)),
      index.add(index.mul(number, index.constant(extent(C))), channel));
  int64_t width = emitter.width(), product = inputStride;
  forEach(inputCount, [&](Value i) {
    Value from = index.mul(i, index.constant(kInputs * width));
    Value to =
        index.add(place, index.mul(i, index.constant(kInputs * product)));
    SmallVector<Value> row;
    for (int64_t j = 0; j < kInputs; ++j)
      row.push_back(
          loadVector(half, index.add(from, index.constant(j * width))));
    for (auto [j, value] :
         llvm::enumerate(transformWinogradInputs(emitter, row)))
      storeVector(value, inputs, index.add(to, index.constant(j * product)));
  });
}

void WinogradEmitter::forPhases(function_ref<void(ArrayRef<Value>)> body) {
  Value zero = index.constant(0), one = index.constant(1);
  if (sizes.stride == 1)
    return body({zero, zero});
  Value stride = index.constant(sizes.stride);
  emitLoop(builder, loc, zero, stride, one, {},
           [&](Value down, ValueRange) -> SmallVector<Value> {
             emitLoop(builder, loc, zero, stride, one, {},
                      [&](Value right, ValueRange) -> SmallVector<Value> {
                        ElementEmitter::Scope scope(emitter);
                        body({down, right});
                        return {};
                      });
             return {};
           });
}

/// The inputs of a band of rows of tiles, to [product, tile, channel].
void WinogradEmitter::transformInput(Value n, Value firstRow, Value endRow) {
  Value zero = index.constant(0), one = index.constant(1);
  emitLoop(builder, loc, firstRow, endRow, one, {},
           [&](Value row, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             emitLoop(
                 builder, loc, zero, index.constant(columns), one, {},
                 [&](Value column, ValueRange) -> SmallVector<Value> {
                   ElementEmitter::Scope inner(emitter);
                   Value tile = index.add(index.mul(index.sub(row, firstRow),
                                                    index.constant(columns)),
                                          column);
                   Value isInside = isInsideBorder(row, column);
                   forPhases([&](ArrayRef<Value> phase) {
                     // A last vector that is not full reaches into the next
                     // phase, which is stored after it.
                     emitter.emitLanes(
                         zero, index.constant(extent(C)), [&](Value channel) {
                           transformInputTile(n, row, column, tile, phase,
                                              channel, isInside);
                         });
                   });
                   return {};
                 });
             return {};
           });
}

/// The results of a band for one panel of output channels, with what follows.
void WinogradEmitter::transformResult(Value n, Value firstRow, Value endRow,
                                      Value panel) {
  Value zero = index.constant(0), one = index.constant(1);
  int64_t width = emitter.width(), panelWidth = block.vectors * width;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  Value firstLane = index.mul(panel, index.constant(panelWidth));
  Value endLane = index.min(index.add(firstLane, index.constant(panelWidth)),
                            index.constant(extent(M)));
  auto emitTile = [&](Value row, Value column, Value lane) {
    Value tile = index.add(
        index.mul(index.sub(row, firstRow), index.constant(columns)), column);
    Value place = index.add(index.mul(tile, index.constant(panelWidth)),
                            index.sub(lane, firstLane));
    // [product, tile, lane]. Half transformed, the results fit into registers.
    SmallVector<SmallVector<Value>> rowsOf(sizes.results);
    for (int64_t j = 0; j < kInputs; ++j) {
      SmallVector<Value> read;
      for (int64_t i = 0; i < kInputs; ++i)
        read.push_back(loadVector(
            products, index.add(place, index.constant((i * kInputs + j) *
                                                      productStride))));
      for (auto [i, value] :
           llvm::enumerate(transformWinogradResults(emitter, sizes.taps, read)))
        rowsOf[i].push_back(value);
    }
    for (int64_t i = 0; i < sizes.results; ++i)
      for (auto [j, value] : llvm::enumerate(
               transformWinogradResults(emitter, sizes.taps, rowsOf[i])))
        storeVector(value, results,
                    index.constant((i * sizes.results + j) * width));
    // Those that lie in the image, one after the other.
    Value y = index.mul(row, index.constant(sizes.results));
    Value x = index.mul(column, index.constant(sizes.results));
    auto countOf = [&](Value start, Loop loop) {
      Value most = index.constant(sizes.results);
      if (extent(loop) % sizes.results == 0)
        return most;
      return index.min(most, index.sub(index.constant(extent(loop)), start));
    };
    Value height = countOf(y, H), breadth = countOf(x, W);
    forEach(height, [&](Value i) {
      forEach(breadth, [&](Value j) {
        Position dims(kLoops);
        dims[N] = index.uniform(n);
        dims[H] = index.uniform(index.add(y, i));
        dims[W] = index.uniform(index.add(x, j));
        dims[M] = index.uniform(lane);
        dims[M].stride = 1;
        Position position = emitter.mapPosition(out, dims);
        Value at = index.add(index.mul(i, index.constant(sizes.results)), j);
        Value sum = loadVector(results, index.mul(at, index.constant(width)));
        emitter.remember(op->getResult(0), position, {sum, true});
        SmallVector<Element> elements;
        for (const KernelFunction::Output &output : outputs)
          elements.push_back(emitter.read(output.value, position));
        for (auto [output, element] : llvm::zip(outputs, elements))
          emitter.write(output.buffer, position, element);
      });
    });
  };
  emitLoop(builder, loc, firstRow, endRow, one, {},
           [&](Value row, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             emitLoop(builder, loc, zero, index.constant(columns), one, {},
                      [&](Value column, ValueRange) -> SmallVector<Value> {
                        ElementEmitter::Scope inner(emitter);
                        emitter.emitLanes(
                            firstLane, endLane,
                            [&](Value lane) { emitTile(row, column, lane); },
                            /*areWhole=*/extent(M) % width == 0);
                        return {};
                      });
             return {};
           });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The 36 products of a band's inputs [tiles, channels] with a panel of the
/// filter [channels, lanes].
void WinogradEmitter::multiply(Value panel, Value tiles) {
  Value zero = index.constant(0), one = index.constant(1);
  int64_t width = emitter.width(), vectors = block.vectors,
          panelWidth = vectors * width, depth = sizes.channels;
  // A filter that streams: its next matrix comes while this one is at work.
  int64_t lines = 0, blocks = std::max<int64_t>(
                         1, llvm::divideCeil(band * columns, block.rows));
  if (getFilterCost(double(kProducts) * depth * extent(M), kernel.machine) > 0)
    lines = llvm::divideCeil(vectors * kUnroll, blocks);
  VectorType type = emitter.vectorType(builder.getF32Type());
  auto emitBlocks = [&](Value number) {
    Value inputBase = index.mul(number, index.constant(inputStride));
    Value filterBase = index.mul(
        index.add(index.mul(panel, index.constant(kProducts)), number),
        index.constant(depth * panelWidth));
    Value productBase = index.mul(number, index.constant(productStride));
    auto emitBlock = [&](Value tile, int64_t height) {
      Value rowBase =
          index.add(inputBase, index.mul(tile, index.constant(paddedChannels)));
      auto emitStep = [&](Value k, ValueRange sums) {
        SmallVector<Value> next(sums);
        Value laneBase =
            index.add(filterBase, index.mul(k, index.constant(panelWidth)));
        emitBlockStep(
            kernel, next, vectors,
            [&](int64_t i) -> Value {
              Value at = index.add(index.add(rowBase, k),
                                   index.constant(i * paddedChannels));
              return memref::LoadOp::create(builder, loc, inputs,
                                            ValueRange{at});
            },
            [&](int64_t j) {
              return loadVector(filter,
                                index.add(laneBase, index.constant(j * width)));
            });
        return next;
      };
      SmallVector<Value> sums(
          height * vectors,
          arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type)));
      int64_t whole = depth / kUnroll * kUnroll;
      sums = emitLoop(
          builder, loc, zero, index.constant(whole), index.constant(kUnroll),
          sums, [&](Value k, ValueRange carried) {
            SmallVector<Value> next(carried);
            Value step =
                index.add(index.mul(index.div(tile, index.constant(block.rows)),
                                    index.constant(depth / kUnroll)),
                          index.div(k, index.constant(kUnroll)));
            Value ahead = index.add(
                index.add(filterBase, index.constant(depth * panelWidth)),
                index.mul(step, index.constant(lines * kLineBytes / 4)));
            emitPrefetch(kernel, filter, ahead, lines);
            for (int64_t u = 0; u < kUnroll; ++u)
              next = emitStep(index.add(k, index.constant(u)), next);
            return next;
          });
      for (int64_t k = whole; k < depth; ++k)
        sums = emitStep(index.constant(k), sums);
      Value place =
          index.add(productBase, index.mul(tile, index.constant(panelWidth)));
      for (auto [i, sum] : llvm::enumerate(sums))
        storeVector(sum, products, index.add(place, index.constant(i * width)));
    };
    Value done = zero;
    SmallVector<int64_t> steps{block.rows};
    if (rows % band == 0) {
      if (int64_t rest = band * columns % block.rows)
        steps.push_back(rest);
    } else {
      steps.push_back(1);
    }
    for (int64_t step : steps) {
      Value left = index.sub(tiles, done);
      Value limit = index.add(
          done, index.sub(left, index.rem(left, index.constant(step))));
      emitLoop(builder, loc, done, limit, index.constant(step), {},
               [&](Value tile, ValueRange) -> SmallVector<Value> {
                 emitBlock(tile, step);
                 return {};
               });
      done = limit;
    }
  };
  emitLoop(builder, loc, zero, index.constant(kProducts), one, {},
           [&](Value number, ValueRange) -> SmallVector<Value> {
             emitBlocks(number);
             return {};
           });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// The divisions that fit, the cheapest first: a band's transformed inputs and
/// products take at most half of the core's cache, each band reads the whole
/// filter, and the tiles should come out even for two threads. With `only`, of
/// that block.
SmallVector<WinogradEmitter::Plan>
WinogradEmitter::listPlans(std::optional<BlockSize> only) {
  int64_t width = emitter.width();
  double filterCost = getFilterCost(
      kProducts * double(sizes.channels) * extent(M), kernel.machine);
  SmallVector<Plan> plans;
  for (int64_t bands = 1; bands <= rows; ++bands) {
    int64_t inBand = llvm::divideCeil(rows, bands);
    if ((int64_t)llvm::divideCeil(rows, inBand) != bands)
      continue;
    for (int64_t parts : {1, 2, 4}) {
      BlockSize candidate = only.value_or(
          chooseBlock(inBand * columns, llvm::divideCeil(extent(M), parts),
                      kernel.machine));
      int64_t panels = llvm::divideCeil(extent(M), candidate.vectors * width);
      int64_t tiles = bands * panels;
      double bytes = sizeof(float) * kProducts * inBand * columns *
                     (paddedChannels + candidate.vectors * width);
      if (bytes > 0.5 * kernel.machine.l2Bytes && bands < rows)
        continue;
      auto blocks = double(llvm::divideCeil(inBand * columns, candidate.rows));
      // One tile, in vectors of multiply-adds.
      double cycles = std::max<double>(candidate.rows * candidate.vectors, 8);
      double work = kProducts * sizes.channels * blocks * (cycles + 0.5) +
                    inBand * columns * kTransform * candidate.vectors;
      // The filter wants a place in the cache, too.
      if (bytes > 0.25 * kernel.machine.l2Bytes)
        work *= 1.25;
      // The inputs of a band are transformed once for each thread that takes
      // part in it.
      double inputs =
          inBand * columns * kTransform * double(paddedChannels) / width;
      double cost = llvm::alignTo(tiles, 2) * work +
                    bands * (filterCost + inputs) + (tiles < 8 ? inputs : 0);
      plans.push_back({inBand, candidate, cost});
    }
  }
  return plans;
}

void WinogradEmitter::choosePlan() {
  SmallVector<Plan> plans = listPlans(getChosenBlock(kernel));
  auto isOther = [&](const Plan &plan) {
    return kernel.choice.range != plan.band;
  };
  if (!llvm::all_of(plans, isOther))
    llvm::erase_if(plans, isOther);
  const Plan *best = &plans.front();
  for (const Plan &plan : plans)
    if (plan.cost < 0.98 * best->cost)
      best = &plan;
  band = best->band;
  block = best->block;
  KernelChoice &made = kernel.report.made;
  made.range = band;
  made.rows = block.rows;
  made.vectors = block.vectors;

  constexpr double kWorse = 1.3;
  constexpr size_t kMost = 8;
  plans = listPlans(std::nullopt);
  llvm::sort(plans, [](const Plan &a, const Plan &b) {
    return std::tie(a.cost, a.band, a.block.rows) <
           std::tie(b.cost, b.band, b.block.rows);
  });
  std::vector<KernelChoice> &others = kernel.report.alternatives;
  for (const Plan &plan : plans) {
    KernelChoice other;
    other.range = plan.band;
    other.rows = plan.block.rows;
    other.vectors = plan.block.vectors;
    if (plan.cost <= kWorse * plans.front().cost && others.size() < kMost &&
        !llvm::is_contained(others, other) && other != made)
      others.push_back(other);
  }
}

/// The size of a matrix of float32, in an odd number of cache lines, so that
/// its elements at one place in each of the 36 do not fall to the same few sets
/// of the cache.
static int64_t spread(int64_t elements) {
  constexpr int64_t kLine = kLineBytes / sizeof(float);
  return (llvm::divideCeil(elements, kLine) | 1) * kLine;
}

LogicalResult WinogradEmitter::run() {
  outputs = kernel.getOutputs();
  int64_t width = emitter.width();
  rows = llvm::divideCeil(extent(H), sizes.results);
  columns = llvm::divideCeil(extent(W), sizes.results);
  paddedChannels = llvm::alignTo((sizes.phases - 1) * extent(C) +
                                     (int64_t)llvm::alignTo(extent(C), width),
                                 width);
  choosePlan();
  int64_t panelWidth = block.vectors * width;
  int64_t panels = llvm::divideCeil(extent(M), panelWidth);

  inputStride = spread(band * columns * paddedChannels);
  productStride = spread(band * columns * panelWidth);

  filter = kernel.packWinogradFilter(
      Contraction::getConstantArgument(op, c.laneSide), sizes.stride,
      panelWidth);
  Type f32 = builder.getF32Type();
  inputs = kernel.allocateScratch(f32, index.constant(kProducts * inputStride));
  products =
      kernel.allocateScratch(f32, index.constant(kProducts * productStride));
  half = kernel.allocateScratch(f32, index.constant(kInputs * kInputs * width));
  results = kernel.allocateScratch(
      f32, index.constant(sizes.results * sizes.results * width));

  SmallVector<Value> groups{emitter.loopSize(op, N),
                            index.constant(llvm::divideCeil(rows, band))};
  Value n, firstRow, endRow;
  kernel.reserveStamp();
  kernel.emitGroupedTiles(
      index.mul(groups[0], groups[1]), index.constant(panels),
      [&](Value group) {
        SmallVector<Value> at = kernel.delinearize(group, groups);
        n = at[0];
        firstRow = index.mul(at[1], index.constant(band));
        endRow = index.min(index.add(firstRow, index.constant(band)),
                           index.constant(rows));
        kernel.emitOnce(group, [&] { transformInput(n, firstRow, endRow); });
      },
      [&](Value, Value panel) {
        multiply(panel, index.mul(index.sub(endRow, firstRow),
                                  index.constant(columns)));
        transformResult(n, firstRow, endRow, panel);
      });
  return success(!emitter.failed());
}

LogicalResult mlir::dl::cpu::emitWinogradKernel(KernelFunction &kernel) {
  auto found = match(kernel.source);
  if (!found)
    return failure();
  return WinogradEmitter(kernel, std::move(*found)).run();
}
