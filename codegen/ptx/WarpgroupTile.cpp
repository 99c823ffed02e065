// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/WarpgroupTile.h"
#include "codegen/ptx/MatrixOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::StageFunction;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;

/// Threads of a warpgroup and of a warp; rows that a warpgroup multiplies.
static constexpr int64_t kWarpgroup = 128, kWarp = 32, kWarpgroupRows = 64;
/// Bytes of the contracted positions of one instruction.
static constexpr int64_t kStepBytes = 32;
static constexpr int64_t kBarrierBytes = 8;
/// Columns that a thread stores at once.
static constexpr int64_t kWidth = 8;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

int64_t WarpgroupShape::getRows() const { return consumers * kWarpgroupRows; }

int64_t WarpgroupShape::getStageBytes() const {
  return (getRows() + columns) * kBoxBytes;
}

/// As many as there is memory for, of 227 KiB.
int64_t WarpgroupShape::countStages() const {
  constexpr int64_t kMemory = 227 << 10, kOther = 2 << 10, kMost = 8;
  return std::min(kMost, (kMemory - kOther) / getStageBytes());
}

int64_t WarpgroupShape::getThreads() const {
  return (consumers + 1) * kWarpgroup;
}

/// The shape whose waves of tiles over 132 processors take the least time. The
/// smaller a tile, the more of the time its operands take.
static WarpgroupShape chooseShape(const Contraction &contraction) {
  struct Candidate {
    WarpgroupShape shape;
    double speed;
  };
  constexpr Candidate kCandidates[] = {
      {{2, 256}, 1.0}, {{2, 128}, 0.82}, {{1, 128}, 0.65}, {{1, 64}, 0.5}};
  constexpr int64_t kProcessors = 132, kUnknown = 1024;
  SmallVector<unsigned> columnLoops =
      ::dl::gpucode::getColumnLoops(contraction);
  auto sizeOf = [&](ArrayRef<unsigned> loops, int64_t unknown) {
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops);
    return ShapedType::isDynamic(size) ? unknown : std::max<int64_t>(size, 1);
  };
  int64_t batch = sizeOf(contraction.batch, 1),
          rows = sizeOf(contraction.rows, kUnknown),
          columns = sizeOf(columnLoops, kUnknown);
  WarpgroupShape best = kCandidates[0].shape;
  double least = std::numeric_limits<double>::infinity();
  for (const Candidate &candidate : kCandidates) {
    const WarpgroupShape &shape = candidate.shape;
    int64_t tiles = batch * llvm::divideCeil(rows, shape.getRows()) *
                    llvm::divideCeil(columns, shape.columns);
    double time = double(llvm::divideCeil(tiles, kProcessors)) *
                  double(shape.getRows() * shape.columns) / candidate.speed;
    if (time < least) {
      least = time;
      best = shape;
    }
  }
  return best;
}

std::unique_ptr<WarpgroupTile>
WarpgroupTile::make(StageFunction &stage, const Contraction &contraction,
                    CudaParameters &parameters, bool usesTf32) {
  constexpr int64_t kFewRows = 16, kFewColumns = 16;
  Type type = contraction.factorType;
  bool isHalf = type.isF16() || type.isBF16();
  if (!isHalf && !MatrixOps::isFloat8(type) && !(type.isF32() && usesTf32))
    return nullptr;
  SmallVector<unsigned> columns = ::dl::gpucode::getColumnLoops(contraction);
  auto isFew = [&](ArrayRef<unsigned> loops, int64_t few) {
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops);
    return !ShapedType::isDynamic(size) && size < few;
  };
  if (isFew(contraction.rows, kFewRows) || isFew(columns, kFewColumns))
    return nullptr;
  auto left =
      findOperandMap(stage, contraction, contraction.rowSide, contraction.rows);
  auto right =
      findOperandMap(stage, contraction, contraction.laneSide, columns);
  // Other types are multiplied along their neighbours alone.
  if (!left || !right ||
      (!isHalf && (!left->alongDepth() || !right->alongDepth())))
    return nullptr;
  return std::unique_ptr<WarpgroupTile>(new WarpgroupTile(
      stage, contraction, parameters, chooseShape(contraction), *left, *right));
}

static TileShape toTileShape(const WarpgroupShape &shape, int64_t depth) {
  return {shape.getRows(), shape.columns, 1, 1, depth, 1};
}

WarpgroupTile::WarpgroupTile(StageFunction &stage,
                             const Contraction &contraction,
                             CudaParameters &parameters,
                             const WarpgroupShape &group, OperandMap leftMap,
                             OperandMap rightMap)
    : TileEmitter(stage, contraction,
                  toTileShape(group, kBoxBytes / contraction.factorBytes())),
      parameters(parameters), group(group), ops(builder, loc),
      wide(builder, loc, kWidth), leftMap(std::move(leftMap)),
      rightMap(std::move(rightMap)) {}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void WarpgroupTile::measure() {
  columnLoops = ::dl::gpucode::getColumnLoops(contraction);
  depth = extentOf(contraction.reduced);
  rows = extentOf(contraction.rows);
  columns = extentOf(columnLoops);
  rowTiles = index.ceilDiv(rows, constant(shape.rows));
  columnTiles = index.ceilDiv(columns, constant(shape.columns));
  perBatch = index.mul(rowTiles, columnTiles);
  tiles = index.mul(extentOf(contraction.batch), perBatch);
}

/// Places the workgroup's tile. Some rows of tiles are done column by column,
/// so that the tiles that run at the same time form a square and share operands
/// in the cache.
void WarpgroupTile::setTile(Value number) {
  constexpr int64_t kRowsTogether = 8;
  tileDims.assign(op.getNumLoops(), mlir::dl::cpu::LaneIndex());
  setPositions(tileDims, contraction.batch, index.div(number, perBatch));
  Value inBatch = index.rem(number, perBatch);
  Value perGroup = index.mul(constant(kRowsTogether), columnTiles);
  Value firstRow =
      index.mul(index.div(inBatch, perGroup), constant(kRowsTogether));
  Value height =
      index.min(index.sub(rowTiles, firstRow), constant(kRowsTogether));
  Value inGroup = index.rem(inBatch, perGroup);
  Value row = index.add(firstRow, index.rem(inGroup, height));
  left.first = index.mul(row, constant(shape.rows));
  right.first = index.mul(index.div(inGroup, height), constant(shape.columns));
}

void WarpgroupTile::emitTiles(ValueRange carried, Body body) {
  Value first = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value step = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  mlir::dl::cpu::emitLoop(
      builder, loc, first, tiles, step, carried,
      [&](Value number, ValueRange carried) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        ElementEmitter::Scope wideScope(wide);
        setTile(number);
        return body(carried);
      });
}

void WarpgroupTile::emitIf(Value condition, function_ref<void()> body) {
  auto branch =
      scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

//===----------------------------------------------------------------------===//
// The ring of stages
//===----------------------------------------------------------------------===//

Value WarpgroupTile::fullBarrier(Value stage) {
  return ops.move(barriers, index.mul(stage, constant(kBarrierBytes)));
}

Value WarpgroupTile::emptyBarrier(Value stage) {
  return ops.move(barriers,
                  index.mul(index.add(stage, constant(group.countStages())),
                            constant(kBarrierBytes)));
}

/// The next stage, and the parity of its phase.
std::pair<Value, Value> WarpgroupTile::advance(Value stage, Value phase) {
  Value next = index.add(stage, constant(1));
  Value isLast = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       next, constant(group.countStages()));
  return {arith::SelectOp::create(builder, loc, isLast, constant(0), next),
          arith::SelectOp::create(builder, loc, isLast,
                                  index.sub(constant(1), phase), phase)};
}

void WarpgroupTile::placeBarriers() {
  int64_t stages = group.countStages();
  int64_t stageBytes = stages * group.getStageBytes();
  shared = parameters.getDynamicShared(stageBytes + 2 * stages * kBarrierBytes);
  barriers = ops.move(shared, stageBytes);
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        invocation, constant(0));
  emitIf(isFirst, [&] {
    for (int64_t i = 0; i < stages; ++i) {
      ops.initBarrier(ops.move(barriers, i * kBarrierBytes), 1);
      ops.initBarrier(ops.move(barriers, (stages + i) * kBarrierBytes),
                      group.consumers);
    }
    ops.publishBarriers();
  });
  gpu::BarrierOp::create(builder, loc);
}

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

/// A box has 128 bytes of the innermost dimension: lines by `shape.depth`
/// contracted positions, or, of 16 bits, 64 by 64 the other way round.
SmallVector<int64_t> WarpgroupTile::getBox(const OperandMap &map,
                                           int64_t lines) const {
  SmallVector<int64_t> box(map.dimensions.size(), 1);
  box[0] = shape.depth;
  box[1] = map.alongDepth() ? lines : shape.depth;
  return box;
}

/// Fetches lines from `first` on by a piece's contracted positions from `k` on.
void WarpgroupTile::fetchBoxes(const OperandMap &map, Value parameter, Value to,
                               Value barrier, Value k, Value first,
                               int64_t lines) {
  int64_t step = map.alongDepth() ? lines : shape.depth;
  for (int64_t line = 0; line < lines; line += step) {
    SmallVector<Value> at;
    for (const MapDimension &dimension : map.dimensions)
      at.push_back(ops.toInt(dimension.kind == MapDimension::Depth ? k
                             : dimension.kind == MapDimension::Lines
                                 ? index.add(first, constant(line))
                                 : tileDims[dimension.batchLoop].base));
    ops.load(ops.move(to, line * kBoxBytes), parameter, barrier, at);
  }
}

void WarpgroupTile::fetchStage(Value stage, Value k) {
  Value barrier = fullBarrier(stage);
  ops.expect(barrier, group.getStageBytes());
  Value to =
      ops.move(shared, index.mul(stage, constant(group.getStageBytes())));
  fetchBoxes(leftMap, leftParameter, to, barrier, k, left.first, shape.rows);
  fetchBoxes(rightMap, rightParameter, ops.move(to, shape.rows * kBoxBytes),
             barrier, k, right.first, shape.columns);
}

void WarpgroupTile::produce() {
  Value zero = constant(0), one = constant(1);
  Value pieces = index.ceilDiv(depth, constant(shape.depth));
  emitTiles({zero, zero}, [&](ValueRange carried) {
    return mlir::dl::cpu::emitLoop(
        builder, loc, zero, pieces, one, carried,
        [&](Value piece, ValueRange carried) -> SmallVector<Value> {
          Value stage = carried[0], phase = carried[1];
          ops.wait(emptyBarrier(stage), ops.toInt(index.sub(one, phase)));
          fetchStage(stage, index.mul(piece, constant(shape.depth)));
          auto [next, parity] = advance(stage, phase);
          return {next, parity};
        });
  });
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

Value WarpgroupTile::multiplyStage(Value sums, Value stage) {
  Value from =
      ops.move(shared, index.mul(stage, constant(group.getStageBytes())));
  MatrixBox a{ops.move(from, index.mul(warpgroup,
                                       constant(kWarpgroupRows * kBoxBytes))),
              leftMap.alongDepth()};
  MatrixBox b{ops.move(from, shape.rows * kBoxBytes), rightMap.alongDepth()};
  ops.beginGroup();
  for (int64_t step = 0; step < kBoxBytes / kStepBytes; ++step)
    sums =
        ops.multiply(sums, a, b, step, shape.columns, contraction.factorType);
  ops.endGroup();
  return sums;
}

/// Tells the producer that this warpgroup has read a stage.
void WarpgroupTile::release(Value stage) {
  Value isOne = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::eq,
      index.rem(invocation, constant(kWarpgroup)), constant(0));
  emitIf(isOne, [&] { ops.arrive(emptyBarrier(stage)); });
}

/// A stage is released when the products of the next one are under way, which
/// keeps the tensor cores busy.
void WarpgroupTile::consume(Value result, const Buffer &buffer) {
  Value zero = constant(0), one = constant(1);
  Value pieces = index.ceilDiv(depth, constant(shape.depth));
  emitTiles({zero, zero}, [&](ValueRange carried) -> SmallVector<Value> {
    Value start =
        LLVM::ZeroOp::create(builder, loc, ops.sumsType(shape.columns));
    SmallVector<Value> done = mlir::dl::cpu::emitLoop(
        builder, loc, zero, pieces, one,
        SmallVector<Value>{carried[0], carried[1], carried[0], start},
        [&](Value piece, ValueRange carried) -> SmallVector<Value> {
          Value stage = carried[0], phase = carried[1];
          ops.wait(fullBarrier(stage), ops.toInt(phase));
          Value sums = multiplyStage(carried[3], stage);
          ops.waitForGroups(1);
          emitIf(index.less(zero, piece), [&] { release(carried[2]); });
          auto [next, parity] = advance(stage, phase);
          return {next, parity, stage, sums};
        });
    SmallVector<Value> sums = ops.finish(done[3]);
    emitIf(index.less(zero, pieces), [&] { release(done[2]); });
    finish(sums, result, buffer);
    return {done[0], done[1]};
  });
}

//===----------------------------------------------------------------------===//
// What follows the product
//===----------------------------------------------------------------------===//

/// Of each eight columns, an instruction leaves two in each of four lanes. Of
/// four times eight columns, each of the lanes gets eight: a transposition by
/// exchanges with one neighbour and then another. `own` are pairs.
SmallVector<Value> WarpgroupTile::gatherEight(ArrayRef<Value> own) {
  SmallVector<Value> values(own);
  for (int64_t distance : {1, 2}) {
    Value bit =
        index.rem(index.div(invocation, constant(distance)), constant(2));
    Value isOdd = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        bit, constant(1));
    SmallVector<Value> next(values);
    for (int64_t i = 0; i < 4; ++i) {
      if (i / distance % 2)
        continue;
      for (int64_t c = 0; c < 2; ++c) {
        Value &low = next[2 * i + c], &high = next[2 * (i + distance) + c];
        Value sent = arith::SelectOp::create(builder, loc, isOdd, low, high);
        Value got = ops.exchange(sent, distance);
        Value newLow = arith::SelectOp::create(builder, loc, isOdd, got, low);
        high = arith::SelectOp::create(builder, loc, isOdd, high, got);
        low = newLow;
      }
    }
    values = next;
  }
  return values;
}

/// Computes and stores what follows from eight neighbouring columns' sums.
void WarpgroupTile::finishEight(ArrayRef<Value> values, Value row, Value column,
                                Value result, const Buffer &buffer) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  int64_t last = op.getStaticLoopRanges()[columnLoops.back()];
  auto write = [&](ElementEmitter &by, Value column, Value value,
                   bool isVector) {
    ElementEmitter::Scope scope(by);
    mlir::dl::cpu::Position dims = tileDims;
    setPositions(dims, contraction.rows, row);
    setPositions(dims, columnLoops, column);
    if (isVector)
      dims[columnLoops.back()].stride = 1;
    mlir::dl::cpu::Position at = by.mapPosition(map, dims);
    by.remember(op->getResult(0), at, {value, isVector});
    by.write(buffer, at, by.read(result, at));
  };
  if (!ShapedType::isDynamic(last) && last % kWidth == 0) {
    emitIf(index.less(column, columns), [&] {
      auto type = VectorType::get({kWidth}, builder.getF32Type());
      write(wide, column,
            vector::FromElementsOp::create(builder, loc, type, values), true);
    });
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Value at = index.add(column, constant(static_cast<int64_t>(i)));
    emitIf(index.less(at, columns),
           [&] { write(emitter, at, values[i], false); });
  }
}

void WarpgroupTile::finish(ArrayRef<Value> sums, Value result,
                           const Buffer &buffer) {
  constexpr int64_t kTogether = 4 * kWidth, kWarpRows = 16;
  Value inGroup = index.rem(invocation, constant(kWarpgroup));
  Value lane = index.rem(invocation, constant(kWarp));
  Value warpRow =
      index.mul(index.div(inGroup, constant(kWarp)), constant(kWarpRows));
  Value firstRow = index.add(
      index.add(left.first, index.mul(warpgroup, constant(kWarpgroupRows))),
      index.add(warpRow, index.div(lane, constant(4))));
  Value firstColumn = index.add(
      right.first, index.mul(index.rem(lane, constant(4)), constant(kWidth)));
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t at = 0; at < shape.columns; at += kTogether) {
      SmallVector<Value> own;
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t c = 0; c < 2; ++c)
          own.push_back(
              sums[static_cast<size_t>((at / kWidth + i) * 4 + half * 2 + c)]);
      SmallVector<Value> eight = gatherEight(own);
      Value row = index.add(firstRow, constant(half * 8));
      emitIf(index.less(row, rows), [&] {
        ElementEmitter::Scope scope(emitter);
        ElementEmitter::Scope wideScope(wide);
        finishEight(eight, row, index.add(firstColumn, constant(at)), result,
                    buffer);
      });
    }
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

Value WarpgroupTile::emit(Value result, const Buffer &buffer) {
  // Of 65536 registers, the consumers get what the producer does not need.
  constexpr int64_t kManyColumns = 256, kFew = 40, kMany = 232;
  bool movesRegisters = group.consumers > 1 && group.columns >= kManyColumns;
  measure();
  wide.buffers = emitter.buffers;
  wide.scalars = emitter.scalars;
  parameters.setPersistent(group.getThreads());
  entry.setResident(1);
  leftParameter = parameters.addTensorMap(leftMap, getBox(leftMap, shape.rows));
  rightParameter =
      parameters.addTensorMap(rightMap, getBox(rightMap, shape.columns));
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value warp = arith::IndexCastOp::create(
      builder, loc, builder.getIndexType(),
      ops.makeUniform(ops.toInt(index.div(invocation, constant(kWarp)))));
  warpgroup = index.div(warp, constant(kWarpgroup / kWarp));
  placeBarriers();
  Value isProducer =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, warpgroup,
                            constant(group.consumers));
  auto branch =
      scf::IfOp::create(builder, loc, isProducer, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenYield());
    if (movesRegisters)
      ops.setRegisters(kFew, /*increase=*/false);
    Value isFirst =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, warp,
                              constant(group.consumers * (kWarpgroup / kWarp)));
    emitIf(isFirst, [&] { emitIf(ops.elect(), [&] { produce(); }); });
    builder.setInsertionPoint(branch.elseYield());
    if (movesRegisters)
      ops.setRegisters(kMany, /*increase=*/true);
    consume(result, buffer);
  }
  if (wide.failed())
    emitter.fail(op, "what follows a product has no form for eight columns");
  return tiles;
}
