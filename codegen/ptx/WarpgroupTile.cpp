// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/WarpgroupTile.h"
#include "codegen/ptx/MatrixOps.h"
#include "codegen/ptx/TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::hasWholeRuns;
using ::dl::gpucode::readsWholeRuns;
using ::dl::gpucode::Side;
using ::dl::gpucode::StageFunction;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;

/// Threads of a warpgroup and of a warp; rows that a warpgroup multiplies.
static constexpr int64_t kWarpgroup = 128, kWarp = 32, kWarpgroupRows = 64;
/// Bytes of the contracted positions of one instruction.
static constexpr int64_t kStepBytes = 32;
/// Bytes that are read at once where an operand is computed.
static constexpr int64_t kAccessBytes = 16;
/// Elements of 16 bits that are read at once.
static constexpr int64_t kEight = 8;
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

/// The shape whose waves of tiles over 132 processors take the least time. The
/// smaller a tile, the more of the time its operands take. At most
/// `mostColumns`.
static WarpgroupShape chooseShape(const Contraction &contraction,
                                  int64_t mostColumns) {
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
  WarpgroupShape best{};
  double least = std::numeric_limits<double>::infinity();
  for (const Candidate &candidate : kCandidates) {
    const WarpgroupShape &shape = candidate.shape;
    if (shape.columns > mostColumns)
      continue;
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

/// Types other than those of 16 bits are multiplied along their neighbours
/// alone. Of what is computed, 16 bytes are contracted positions together.
std::optional<WarpgroupTile::Source>
WarpgroupTile::findSource(StageFunction &stage, const Contraction &contraction,
                          OpOperand *operand, ArrayRef<unsigned> lines) {
  bool isHalf = contraction.factorBytes() == 2,
       isByte = contraction.factorBytes() == 1;
  std::optional<OperandMap> map =
      findOperandMap(stage, contraction, operand, lines);
  if (map && (isHalf || map->alongDepth()))
    return Source{map, map->alongDepth()};
  for (bool alongDepth : {true, false})
    if (isHalf &&
        readsWholeRuns(contraction.op, operand,
                       alongDepth ? contraction.reduced : lines, kEight))
      return Source{std::nullopt, alongDepth};
  linalg::GenericOp op = contraction.op;
  if (!isByte || !hasWholeRuns(op, contraction.reduced, kAccessBytes))
    return std::nullopt;
  if (readsWholeRuns(op, operand, contraction.reduced, kEight))
    return Source{std::nullopt, /*alongDepth=*/true};
  if (readsWholeRuns(op, operand, lines, MatrixOps::kBlock))
    return Source{std::nullopt, /*alongDepth=*/true, /*byBlocks=*/true};
  return std::nullopt;
}

std::unique_ptr<WarpgroupTile>
WarpgroupTile::make(StageFunction &stage, const Contraction &contraction,
                    CudaParameters &parameters, bool usesTf32) {
  constexpr int64_t kFewRows = 16, kFewColumns = 16;
  Type type = contraction.factorType;
  if (!type.isF16() && !type.isBF16() && !MatrixOps::isFloat8(type) &&
      !type.isInteger(8) && !(type.isF32() && usesTf32))
    return nullptr;
  SmallVector<unsigned> columns = ::dl::gpucode::getColumnLoops(contraction);
  auto isFew = [&](ArrayRef<unsigned> loops, int64_t few) {
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops);
    return !ShapedType::isDynamic(size) && size < few;
  };
  if (isFew(contraction.rows, kFewRows) || isFew(columns, kFewColumns))
    return nullptr;
  auto left =
      findSource(stage, contraction, contraction.rowSide, contraction.rows);
  auto right = findSource(stage, contraction, contraction.laneSide, columns);
  if (!left || !right)
    return nullptr;
  // What is computed is held in registers of the producer for a while.
  constexpr int64_t kMostColumns = 256, kMostComputed = 128;
  WarpgroupShape shape =
      chooseShape(contraction, right->map ? kMostColumns : kMostComputed);
  return std::unique_ptr<WarpgroupTile>(
      new WarpgroupTile(stage, contraction, parameters, shape, *left, *right));
}

static TileShape toTileShape(const WarpgroupShape &shape, int64_t depth) {
  return {shape.getRows(), shape.columns, 1, 1, depth, 1};
}

WarpgroupTile::WarpgroupTile(StageFunction &stage,
                             const Contraction &contraction,
                             CudaParameters &parameters,
                             const WarpgroupShape &group,
                             const Source &leftSource,
                             const Source &rightSource)
    : TileEmitter(stage, contraction,
                  toTileShape(group, kBoxBytes / contraction.factorBytes())),
      parameters(parameters), group(group), ops(builder, loc),
      wide(builder, loc, kWidth),
      reader(builder, loc, kAccessBytes / contraction.factorBytes()),
      fours(builder, loc, MatrixOps::kBlock),
      leftBoxes(leftSource.map, leftSource.alongDepth, shape.rows, shape.depth,
                contraction.factorType, ops, index, leftSource.byBlocks),
      rightBoxes(rightSource.map, rightSource.alongDepth, shape.columns,
                 shape.depth, contraction.factorType, ops, index,
                 rightSource.byBlocks),
      barriers(group.countStages(), ops, index) {}

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

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

void WarpgroupTile::placeBarriers() {
  int64_t stageBytes = group.countStages() * group.getStageBytes();
  shared = parameters.getDynamicShared(stageBytes + barriers.getBytes());
  barriers.place(ops.move(shared, stageBytes));
  int64_t copies = leftBoxes.isMapped() || rightBoxes.isMapped() ? 1 : 0;
  ops.emitIf(ops.isEqual(invocation, 0), [&] {
    barriers.init(copies + (computes() ? OperandBoxes::kThreads : 0),
                  group.consumers);
    ops.publishBarriers();
  });
  gpu::BarrierOp::create(builder, loc);
}

/// Of 65536 registers, consumers of many columns get what the producer does not
/// need.
bool WarpgroupTile::movesRegisters() const {
  constexpr int64_t kManyColumns = 256;
  return group.consumers > 1 && group.columns >= kManyColumns;
}

Value WarpgroupTile::getStage(Value stage) {
  return ops.move(shared, index.mul(stage, constant(group.getStageBytes())));
}

void WarpgroupTile::fetchStage(Value stage, Value k) {
  Value barrier = barriers.full(stage), to = getStage(stage);
  ops.expect(barrier, (leftBoxes.isMapped() ? leftBoxes.getBytes() : 0) +
                          (rightBoxes.isMapped() ? rightBoxes.getBytes() : 0));
  mlir::dl::cpu::Position dims = tileDims;
  setPositions(dims, contraction.reduced, k);
  if (leftBoxes.isMapped())
    leftBoxes.fetch(to, barrier, left.first, k, dims);
  if (rightBoxes.isMapped())
    rightBoxes.fetch(ops.move(to, leftBoxes.getBytes()), barrier, right.first,
                     k, dims);
}

/// Elements of 16 bytes, in one line or one contracted position.
Value WarpgroupTile::readShare(const OperandBoxes &boxes, const Side &side,
                               Value line, Value k) {
  ElementEmitter::Scope scope(reader);
  bool alongDepth = boxes.isAlongDepth();
  int64_t width = reader.width();
  mlir::dl::cpu::Position dims = getOperandDims(
      side, line, k, alongDepth ? 1 : width, alongDepth ? width : 1);
  dims[alongDepth ? contraction.reduced.back() : side.loops.back()].stride = 1;
  AffineMap map = op.getMatchingIndexingMap(side.operand);
  Value value = reader.toVector(
      reader.read(side.operand->get(), reader.mapPosition(map, dims)));
  return MatrixOps::isFloat8(contraction.factorType)
             ? reader.toByte({value, true})
             : value;
}

/// A block of bytes, line by line.
Value WarpgroupTile::readBlock(const Side &side, Value line, Value k) {
  MatrixOps matrices(builder, loc, contraction);
  return matrices.readBlock(fours, side.operand, [&](int64_t i) {
    mlir::dl::cpu::Position dims = getOperandDims(
        side, line, index.add(k, constant(i)), MatrixOps::kBlock, 1);
    dims[side.loops.back()].stride = 1;
    return dims;
  });
}

/// This thread's share of a piece of a computed operand.
SmallVector<Value> WarpgroupTile::compute(OperandBoxes &boxes, const Side &side,
                                          Value thread, Value k) {
  if (boxes.isMapped())
    return {};
  return boxes.compute(thread, constant(0), k, [&](Value line, Value k) {
    ElementEmitter::Scope scope(emitter);
    Value value = boxes.isByBlocks() ? readBlock(side, line, k)
                                     : readShare(boxes, side, line, k);
    Value zero = arith::ConstantOp::create(
        builder, loc, builder.getZeroAttr(value.getType()));
    return arith::SelectOp::create(builder, loc, index.less(k, depth), value,
                                   zero)
        .getResult();
  });
}

/// Two that compute take turns, so that while one waits for memory the other
/// one's reads are under way; one where a stage takes the consumers as long.
int64_t WarpgroupTile::countProducers() const {
  return computes() && !movesRegisters() ? 2 : 1;
}

/// What is computed is read before its stage is empty. One thread of those that
/// compute lets the copy engine fetch; where none do, there is but one.
void WarpgroupTile::produceStage(RingPlace at, Value k, Value thread) {
  SmallVector<Value> a = compute(leftBoxes, left, thread, k),
                     b = compute(rightBoxes, right, thread, k);
  barriers.waitEmpty(at);
  if (!computes())
    return fetchStage(at.stage, k);
  if (leftBoxes.isMapped() || rightBoxes.isMapped())
    ops.emitIf(ops.isEqual(thread, 0), [&] { fetchStage(at.stage, k); });
  Value to = getStage(at.stage);
  leftBoxes.store(a, thread, to);
  rightBoxes.store(b, thread, ops.move(to, leftBoxes.getBytes()));
  ops.publishStores();
  ops.arrive(barriers.full(at.stage));
}

void WarpgroupTile::produce(Value thread) {
  Value zero = constant(0), one = constant(1);
  Value pieces = index.ceilDiv(depth, constant(shape.depth));
  bool takesTurns = countProducers() > 1;
  // How many pieces are others' before the next one of this producer.
  Value turn = index.sub(warpgroup, constant(group.consumers));
  emitTiles({zero, zero, turn}, [&](ValueRange carried) {
    return mlir::dl::cpu::emitLoop(
        builder, loc, zero, pieces, one, carried,
        [&](Value piece, ValueRange carried) -> SmallVector<Value> {
          RingPlace at{carried[0], carried[1]};
          Value turn = carried[2], k = index.mul(piece, constant(shape.depth));
          auto body = [&] { produceStage(at, k, thread); };
          takesTurns ? ops.emitIf(ops.isEqual(turn, 0), body) : body();
          RingPlace next = barriers.advance(at);
          return {next.stage, next.phase,
                  takesTurns ? index.sub(one, turn) : turn};
        });
  });
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

Value WarpgroupTile::multiplyStage(Value sums, Value stage) {
  Value from = getStage(stage);
  MatrixBox a =
      leftBoxes.locate(from, index.mul(warpgroup, constant(kWarpgroupRows)));
  MatrixBox b =
      rightBoxes.locate(ops.move(from, leftBoxes.getBytes()), constant(0));
  ops.beginGroup();
  for (int64_t step = 0; step < kBoxBytes / kStepBytes; ++step)
    sums = ops.multiply(sums, a, b, step, shape.columns, contraction.factorType,
                        /*adds=*/true, contraction.hasUnsignedRows,
                        contraction.hasUnsignedLanes);
  ops.endGroup();
  return sums;
}

/// Tells the producer that this warpgroup has read a stage.
void WarpgroupTile::release(Value stage) {
  ops.emitIf(ops.isEqual(index.rem(invocation, constant(kWarpgroup)), 0),
             [&] { ops.arrive(barriers.empty(stage)); });
}

/// A stage is released when the products of the next one are under way, which
/// keeps the tensor cores busy.
void WarpgroupTile::consume(Value result, const Buffer &buffer) {
  Value zero = constant(0), one = constant(1);
  Value pieces = index.ceilDiv(depth, constant(shape.depth));
  emitTiles({zero, zero}, [&](ValueRange carried) -> SmallVector<Value> {
    Value start = LLVM::ZeroOp::create(
        builder, loc, ops.sumsType(shape.columns, contraction.isInteger()));
    SmallVector<Value> done = mlir::dl::cpu::emitLoop(
        builder, loc, zero, pieces, one,
        SmallVector<Value>{carried[0], carried[1], carried[0], start},
        [&](Value piece, ValueRange carried) -> SmallVector<Value> {
          RingPlace at{carried[0], carried[1]};
          barriers.waitFull(at);
          Value sums = multiplyStage(carried[3], at.stage);
          ops.waitForGroups(1);
          ops.emitIf(index.less(zero, piece), [&] { release(carried[2]); });
          RingPlace next = barriers.advance(at);
          return {next.stage, next.phase, at.stage, sums};
        });
    SmallVector<Value> sums = ops.finish(done[3]);
    ops.emitIf(index.less(zero, pieces), [&] { release(done[2]); });
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
    ops.emitIf(index.less(column, columns), [&] {
      auto type = VectorType::get({kWidth}, contraction.sumType);
      write(wide, column,
            vector::FromElementsOp::create(builder, loc, type, values), true);
    });
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Value at = index.add(column, constant(static_cast<int64_t>(i)));
    ops.emitIf(index.less(at, columns),
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
      ops.emitIf(index.less(row, rows), [&] {
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
  int64_t few = computes() ? 88 : 40, many = computes() ? 208 : 232;
  measure();
  left = makeSide(contraction.rowSide, contraction.rows, shape.rows);
  right = makeSide(contraction.laneSide, columnLoops, shape.columns);
  for (ElementEmitter *own : {&wide, &reader, &fours}) {
    own->buffers = emitter.buffers;
    own->scalars = emitter.scalars;
  }
  parameters.setPersistent((group.consumers + countProducers()) * kWarpgroup);
  entry.setResident(1);
  leftBoxes.declare(parameters);
  rightBoxes.declare(parameters);
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value warp = arith::IndexCastOp::create(
      builder, loc, builder.getIndexType(),
      ops.makeUniform(ops.toInt(index.div(invocation, constant(kWarp)))));
  warpgroup = index.div(warp, constant(kWarpgroup / kWarp));
  placeBarriers();
  Value isProducer = countProducers() == 1
                         ? ops.isEqual(warpgroup, group.consumers)
                         : index.less(constant(group.consumers - 1), warpgroup);
  auto branch =
      scf::IfOp::create(builder, loc, isProducer, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenYield());
    if (movesRegisters())
      ops.setRegisters(few, /*increase=*/false);
    if (computes())
      produce(index.rem(invocation, constant(kWarpgroup)));
    else
      ops.emitIf(ops.isEqual(warp, group.consumers * (kWarpgroup / kWarp)),
                 [&] { ops.emitIf(ops.elect(), [&] { produce(Value()); }); });
    builder.setInsertionPoint(branch.elseYield());
    if (movesRegisters())
      ops.setRegisters(many, /*increase=*/true);
    consume(result, buffer);
  }
  if (wide.failed() || reader.failed() || fours.failed())
    emitter.fail(op, "what follows a product has no form for eight columns");
  return tiles;
}
