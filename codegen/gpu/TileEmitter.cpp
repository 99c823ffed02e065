// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

TileEmitter::TileEmitter(StageFunction &stage, const Contraction &contraction,
                         const TileShape &shape)
    : emitter(stage.emitter), index(emitter.index), builder(emitter.builder),
      loc(emitter.loc), entry(stage.entry), contraction(contraction),
      op(contraction.op), shape(shape) {}

Value TileEmitter::loadShared(Value memory, Value at) {
  return memref::LoadOp::create(builder, loc, memory, ValueRange{at});
}

void TileEmitter::emitIf(Value condition, function_ref<void()> body) {
  auto branch =
      scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

Value TileEmitter::extentOf(ArrayRef<unsigned> loops) {
  Value size = constant(1);
  for (unsigned d : loops)
    size = index.mul(size, emitter.loopSize(op, d));
  return size;
}

void TileEmitter::setPositions(Position &dims, ArrayRef<unsigned> loops,
                               Value linear) {
  for (size_t i = loops.size(); i-- > 0;) {
    Value size = emitter.loopSize(op, loops[i]);
    dims[loops[i]] = index.uniform(i ? index.rem(linear, size) : linear);
    if (i)
      linear = index.div(linear, size);
  }
}

Side TileEmitter::makeSide(OpOperand *operand, ArrayRef<unsigned> loops,
                           int64_t lines) {
  Side side;
  side.operand = operand;
  side.loops.assign(loops.begin(), loops.end());
  side.lines = lines;
  side.extent = extentOf(loops);
  AffineMap map = op.getMatchingIndexingMap(operand);
  side.alongDepth = false;
  if (map.getNumResults() && !contraction.reduced.empty())
    side.alongDepth =
        map.getResults().back().isFunctionOfDim(contraction.reduced.back());
  return side;
}

/// The sums of some rows take the place of the pieces in the end.
void TileEmitter::layOut() {
  // Neighbouring contracted positions do not lie in the same bank.
  for (Side *side : {&left, &right})
    side->pitch = side->lines + (side->alongDepth ? 4 : 0);
  int64_t leftPieces = 2 * left.pitch * shape.depth,
          rightPieces = 2 * right.pitch * shape.depth;
  constexpr int64_t kBytes = 4;
  int64_t bytes = kBytes * std::max(leftPieces + rightPieces,
                                    shape.rows / countPasses() * shape.columns);
  Type f32 = builder.getF32Type();
  sums = left.memory = entry.getShared(builder, loc, f32, 0, bytes);
  right.memory = entry.getShared(builder, loc, f32, kBytes * leftPieces, bytes);
}

void TileEmitter::findPlace() {
  Value across = constant(shape.columns / shape.ownColumns);
  ownColumn = index.rem(invocation, across);
  ownRow = index.div(invocation, across);
}

Position TileEmitter::getOperandDims(const Side &side, Value line, Value k,
                                     int64_t lineCount, int64_t depthCount) {
  Value lastDepth = index.sub(depth, constant(depthCount));
  if (auto known = index.getConstant(depth); !known || *known < depthCount)
    lastDepth = arith::MaxSIOp::create(builder, loc, lastDepth, constant(0));
  Position dims = tileDims;
  setPositions(dims, side.loops,
               index.min(index.add(side.first, line),
                         index.sub(side.extent, constant(lineCount))));
  setPositions(dims, contraction.reduced, index.min(k, lastDepth));
  return dims;
}

/// Which element of a piece an invocation takes; neighbours take neighbours in
/// the operand's memory.
static std::pair<Value, Value> getShare(mlir::dl::cpu::IndexBuilder &index,
                                        const Side &side, Value number,
                                        int64_t depth) {
  Value width = index.constant(side.alongDepth ? depth : side.lines);
  Value inner = index.rem(number, width), outer = index.div(number, width);
  return side.alongDepth ? std::pair(outer, inner) : std::pair(inner, outer);
}

SmallVector<Value>
TileEmitter::fetchEach(const Side &side, Value start,
                       function_ref<Value(Value line, Value k)> read) {
  SmallVector<Value> values;
  for (int64_t i = 0; i < countShare(side); ++i) {
    Value number = index.add(invocation, constant(i * shape.getInvocations()));
    auto [line, at] = getShare(index, side, number, shape.depth);
    values.push_back(read(line, index.add(start, at)));
  }
  return values;
}

SmallVector<Value> TileEmitter::fetch(const Side &side, Value start) {
  Type f32 = builder.getF32Type();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  return fetchEach(side, start, [&](Value line, Value k) -> Value {
    ElementEmitter::Scope scope(emitter);
    Position dims = getOperandDims(side, line, k);
    Value value = emitter
                      .read(side.operand->get(),
                            emitter.mapPosition(
                                op.getMatchingIndexingMap(side.operand), dims))
                      .value;
    if (value.getType() != f32)
      value = arith::ExtFOp::create(builder, loc, f32, value);
    return arith::SelectOp::create(builder, loc, index.less(k, depth), value,
                                   zero);
  });
}

void TileEmitter::store(const Side &side, ArrayRef<Value> values, Value half) {
  Value base = index.mul(half, constant(side.pitch * shape.depth));
  for (auto [i, value] : llvm::enumerate(values)) {
    Value number =
        index.add(invocation, constant(int64_t(i) * shape.getInvocations()));
    auto [line, at] = getShare(index, side, number, shape.depth);
    Value place = index.add(index.mul(at, constant(side.pitch)), line);
    memref::StoreOp::create(builder, loc, value, side.memory,
                            ValueRange{index.add(base, place)});
  }
}

/// Adds the products of a piece. An invocation's rows and columns lie in groups
/// of four, which are loaded at once.
SmallVector<Value> TileEmitter::multiply(ArrayRef<Value> values, Value half) {
  SmallVector<Value> next(values);
  auto load = [&](const Side &side, Value own, int64_t count, int64_t spread,
                  int64_t k) {
    SmallVector<Value> loaded;
    int64_t group = std::min<int64_t>(count, 4);
    Value base = index.mul(half, constant(side.pitch * shape.depth));
    Value start = index.add(index.add(base, index.mul(own, constant(group))),
                            constant(k * side.pitch));
    for (int64_t i = 0; i < count; ++i)
      loaded.push_back(loadShared(
          side.memory,
          index.add(start, constant(i / group * spread + i % group))));
    return loaded;
  };
  auto spreadOf = [](int64_t whole, int64_t own) {
    return whole / own * std::min<int64_t>(own, 4);
  };
  for (int64_t k = 0; k < shape.depth; ++k) {
    SmallVector<Value> a = load(left, ownRow, shape.ownRows,
                                spreadOf(shape.rows, shape.ownRows), k);
    SmallVector<Value> b = load(right, ownColumn, shape.ownColumns,
                                spreadOf(shape.columns, shape.ownColumns), k);
    for (int64_t i = 0; i < shape.ownRows; ++i)
      for (int64_t j = 0; j < shape.ownColumns; ++j) {
        Value &sum = next[i * shape.ownColumns + j];
        sum = math::FmaOp::create(builder, loc, a[i], b[j], sum);
      }
  }
  return next;
}

int64_t TileEmitter::countPasses() const {
  return shape.ownRows / std::min<int64_t>(shape.ownRows, 4);
}

void TileEmitter::storeSums(ArrayRef<Value> values, int64_t pass) {
  int64_t group = std::min<int64_t>(shape.ownRows, 4);
  int64_t columnGroup = std::min<int64_t>(shape.ownColumns, 4);
  int64_t spread = shape.columns / shape.ownColumns * columnGroup;
  for (int64_t i = 0; i < group; ++i)
    for (int64_t j = 0; j < shape.ownColumns; ++j) {
      Value row = index.add(index.mul(ownRow, constant(group)), constant(i));
      Value column =
          index.add(index.mul(ownColumn, constant(columnGroup)),
                    constant(j / columnGroup * spread + j % columnGroup));
      memref::StoreOp::create(
          builder, loc, values[(pass * group + i) * shape.ownColumns + j], sums,
          ValueRange{
              index.add(index.mul(row, constant(shape.columns)), column)});
    }
}

/// What follows the contraction, for the tile, in the order in which the
/// result lies in memory: sums go through the shared memory, some rows at a
/// time.
void TileEmitter::finishTile(ArrayRef<Value> values, Value result,
                             const Buffer &buffer) {
  int64_t passes = countPasses(), passRows = shape.rows / passes;
  for (int64_t pass = 0; pass < passes; ++pass) {
    gpu::BarrierOp::create(builder, loc);
    storeSums(values, pass);
    gpu::BarrierOp::create(builder, loc);
    mlir::dl::cpu::emitLoop(
        builder, loc, invocation, constant(passRows * shape.columns),
        constant(shape.getInvocations()), {},
        [&](Value number, ValueRange) -> SmallVector<Value> {
          ElementEmitter::Scope scope(emitter);
          Value row = index.add(
              left.first, index.add(index.div(number, constant(shape.columns)),
                                    constant(pass * passRows)));
          Value column = index.add(right.first,
                                   index.rem(number, constant(shape.columns)));
          Value isInside = arith::AndIOp::create(
              builder, loc, index.less(row, rows), index.less(column, columns));
          emitIf(isInside, [&] {
            ElementEmitter::Scope inner(emitter);
            Position dims = tileDims;
            setPositions(dims, contraction.rows, row);
            setPositions(dims, columnLoops, column);
            Position at = emitter.mapPosition(
                op.getMatchingIndexingMap(op.getDpsInitOperand(0)), dims);
            emitter.remember(op->getResult(0), at,
                             {loadShared(sums, number), false});
            emitter.write(buffer, at, emitter.read(result, at));
          });
          return {};
        });
  }
}

std::pair<Value, Value> TileEmitter::getPieces() {
  if (firstPiece)
    return {firstPiece, endPiece};
  return {constant(0), index.ceilDiv(depth, constant(shape.depth))};
}

SmallVector<Value> TileEmitter::addPieces(ArrayRef<Value> start) {
  Value one = constant(1), two = constant(2);
  auto [first, end] = getPieces();
  Value position = index.mul(first, constant(shape.depth)),
        firstHalf = index.rem(first, two);
  SmallVector<Value> a = fetch(left, position), b = fetch(right, position);
  gpu::BarrierOp::create(builder, loc); // the last tile is stored
  store(left, a, firstHalf);
  store(right, b, firstHalf);
  gpu::BarrierOp::create(builder, loc);
  return mlir::dl::cpu::emitLoop(
      builder, loc, first, end, one, start,
      [&](Value piece, ValueRange carried) {
        ElementEmitter::Scope inner(emitter);
        Value half = index.rem(piece, two);
        Value other = index.sub(one, half);
        Value next = index.mul(index.add(piece, one), constant(shape.depth));
        SmallVector<Value> a = fetch(left, next), b = fetch(right, next);
        SmallVector<Value> added = multiply(llvm::to_vector(carried), half);
        store(left, a, other);
        store(right, b, other);
        gpu::BarrierOp::create(builder, loc);
        return added;
      });
}

Value TileEmitter::begin() {
  columnLoops = getColumnLoops(contraction);
  depth = extentOf(contraction.reduced);
  left = makeSide(contraction.rowSide, contraction.rows, shape.rows);
  right = makeSide(contraction.laneSide, columnLoops, shape.columns);
  rows = left.extent;
  columns = right.extent;
  Value batches = extentOf(contraction.batch);
  rowTiles = index.ceilDiv(rows, constant(shape.rows));
  perBatch =
      index.mul(rowTiles, index.ceilDiv(columns, constant(shape.columns)));

  layOut();
  entry.setResident(shape.resident);
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  findPlace();
  return index.mul(batches, perBatch);
}

void TileEmitter::goTo(Value tile) {
  tileDims.assign(op.getNumLoops(), mlir::dl::cpu::LaneIndex());
  setPositions(tileDims, contraction.batch, index.div(tile, perBatch));
  Value inBatch = index.rem(tile, perBatch);
  // Neighbouring workgroups share columns, which stay in the cache.
  left.first = index.mul(index.rem(inBatch, rowTiles), constant(shape.rows));
  right.first =
      index.mul(index.div(inBatch, rowTiles), constant(shape.columns));
}

SmallVector<Value> TileEmitter::makeZeros() {
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(contraction.sumType));
  return SmallVector<Value>(countSums(), zero);
}

Value TileEmitter::emit(Value result, const Buffer &buffer) {
  Value tiles = begin();
  entry.emitShare(index, /*perGroup=*/1, /*offset=*/Value(), tiles,
                  [&](Value tile) {
                    ElementEmitter::Scope scope(emitter);
                    goTo(tile);
                    finishTile(addTile(tile), result, buffer);
                  });
  return tiles;
}
