// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/MatrixVectorTile.h"
#include "codegen/gpu/WeightFloats.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::getColumnLoops;
using ::dl::gpucode::Side;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

static constexpr int64_t kWarp = 32, kThreads = 256, kWarps = kThreads / kWarp;
static constexpr int64_t kAccessBytes = 16;
/// Reads of the matrix that a thread has under way, across columns, and columns
/// of a warp.
static constexpr int64_t kUnroll = 4, kWarpColumns = 4;

/// Whether neighbours in the matrix are steps of the last of these loops, in
/// whole vectors.
static bool hasVectors(const Contraction &contraction,
                       ArrayRef<unsigned> loops) {
  return ::dl::gpucode::readsWholeRuns(
      contraction.op, contraction.laneSide, loops,
      kAccessBytes / contraction.factorBytes());
}

bool MatrixVectorTile::fits(const Contraction &contraction) {
  constexpr int64_t kMostRows = 4, kFewColumns = 16;
  int64_t rows = ::dl::gpucode::getStaticSize(contraction.op, contraction.rows),
          columns = ::dl::gpucode::getStaticSize(contraction.op,
                                                 getColumnLoops(contraction));
  return contraction.factorBytes() > 1 && !ShapedType::isDynamic(rows) &&
         rows > 0 && rows <= kMostRows &&
         (ShapedType::isDynamic(columns) || columns >= kFewColumns) &&
         (hasVectors(contraction, contraction.reduced) ||
          hasVectors(contraction, getColumnLoops(contraction)));
}

/// Elements that are read together: of 16 bytes, as the matrix lies in memory,
/// but of bytes half as many where several rows' sums take registers.
static int64_t chooseWidth(const Contraction &contraction) {
  constexpr int64_t kFewRows = 2;
  int64_t width = kAccessBytes / contraction.factorBytes();
  Operation *matrix = contraction.laneSide->get().getDefiningOp();
  if (!matrix || !::dl::gpucode::hasFloatsForm(matrix))
    return width;
  linalg::GenericOp op = contraction.op;
  int64_t rows = ::dl::gpucode::getStaticSize(op, contraction.rows);
  unsigned loop = hasVectors(contraction, contraction.reduced)
                      ? contraction.reduced.back()
                      : getColumnLoops(contraction).back();
  int64_t range = op.getStaticLoopRanges()[loop],
          wide = rows <= kFewRows ? kAccessBytes : kAccessBytes / 2;
  while (wide > width && range % wide != 0)
    wide /= 2;
  return std::max(wide, width);
}

MatrixVectorTile::MatrixVectorTile(::dl::gpucode::StageFunction &stage,
                                   const Contraction &contraction)
    : TileEmitter(stage, contraction, {1, 1, 1, 1, 1, 1}),
      width(chooseWidth(contraction)),
      rowTotal(::dl::gpucode::getStaticSize(contraction.op, contraction.rows)),
      wide(builder, loc, width) {}

bool MatrixVectorTile::isAlongDepth() const {
  return hasVectors(contraction, contraction.reduced);
}

/// Threads side by side: whole transfers of 128 bytes where there are
/// workgroups enough for the processors, otherwise less, 32 bytes at least.
int64_t MatrixVectorTile::countColumnThreads() const {
  constexpr int64_t kProcessors = 128, kMost = 8, kLeast = 2;
  int64_t size = ::dl::gpucode::getStaticSize(op, columnLoops);
  int64_t threads = kMost;
  while (!ShapedType::isDynamic(size) && threads > kLeast &&
         size / (threads * width) < kProcessors)
    threads /= 2;
  return threads;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value MatrixVectorTile::toFloats(Value value) {
  Type element = getElementTypeOrSelf(value);
  if (element.isF32())
    return value;
  Type type = builder.getF32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(type);
  return arith::ExtFOp::create(builder, loc, type, value);
}

Value MatrixVectorTile::splat(Value value) {
  return vector::BroadcastOp::create(
      builder, loc, VectorType::get({width}, value.getType()), value);
}

Value MatrixVectorTile::readMatrix(Value column, Value k) {
  bool along = isAlongDepth();
  Position dims =
      getOperandDims(right, column, k, along ? 1 : width, along ? width : 1);
  dims[along ? contraction.reduced.back() : columnLoops.back()].stride = 1;
  return toFloats(wide.toVector(wide.read(
      right.operand->get(),
      wide.mapPosition(op.getMatchingIndexingMap(right.operand), dims))));
}

Value MatrixVectorTile::readRow(int64_t row, Value k, bool isVector) {
  Position dims =
      getOperandDims(left, constant(row), k, 1, isVector ? width : 1);
  ElementEmitter &by = isVector ? wide : emitter;
  if (isVector)
    dims[contraction.reduced.back()].stride = 1;
  auto element =
      by.read(left.operand->get(),
              by.mapPosition(op.getMatchingIndexingMap(left.operand), dims));
  Value value = isVector ? by.toVector(element) : element.value;
  value = toFloats(value);
  // Beyond the contracted positions, the last ones are read again.
  auto known = index.getConstant(depth);
  int64_t step =
      isVector ? kWarp * width : kThreads / countColumnThreads() * kUnroll;
  if (known && *known % step == 0)
    return value;
  Value zero = arith::ConstantOp::create(builder, loc,
                                         builder.getZeroAttr(value.getType()));
  return arith::SelectOp::create(builder, loc, index.less(k, depth), value,
                                 zero);
}

Value MatrixVectorTile::getPart(Value vector, int64_t number) {
  return vector::ExtractOp::create(builder, loc, vector, number);
}

/// The sum over lanes that differ in bits from `least` on.
Value MatrixVectorTile::addAcross(Value value, int64_t least) {
  auto toInt = [&](int64_t number) {
    return arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(number)));
  };
  for (int64_t distance = kWarp / 2; distance >= least; distance /= 2) {
    Value other = NVVM::ShflOp::create(builder, loc, value.getType(), toInt(-1),
                                       value, toInt(distance), toInt(kWarp - 1),
                                       NVVM::ShflKind::bfly, UnitAttr());
    value = arith::AddFOp::create(builder, loc, value, other);
  }
  return value;
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// For each row, the sums of a vector of columns over one part of the
/// contracted positions.
MatrixVectorTile::Values MatrixVectorTile::addColumns(Value column, Value part,
                                                      int64_t parts) {
  auto type = VectorType::get({width}, builder.getF32Type());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  Value step = constant(parts * kUnroll);
  return mlir::dl::cpu::emitLoop(
      builder, loc, constant(0), depth, step,
      Values(static_cast<size_t>(rowTotal), zero),
      [&](Value start, ValueRange carried) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        ElementEmitter::Scope wideScope(wide);
        Values sums(carried.begin(), carried.end()), matrix, at;
        for (int64_t i = 0; i < kUnroll; ++i) {
          at.push_back(index.add(start, index.add(part, constant(i * parts))));
          matrix.push_back(readMatrix(column, at.back()));
        }
        for (int64_t i = 0; i < kUnroll; ++i)
          for (int64_t row = 0; row < rowTotal; ++row) {
            Value &sum = sums[static_cast<size_t>(row)];
            auto k = static_cast<size_t>(i);
            sum = math::FmaOp::create(builder, loc,
                                      splat(readRow(row, at[k], false)),
                                      matrix[k], sum);
          }
        return sums;
      });
}

/// For each of a warp's columns and each row, a lane's share of the sum.
MatrixVectorTile::Values MatrixVectorTile::addDepth(Value firstColumn) {
  auto type = VectorType::get({width}, builder.getF32Type());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  Value step = constant(kWarp * width);
  Values sums = mlir::dl::cpu::emitLoop(
      builder, loc, constant(0), depth, step,
      Values(static_cast<size_t>(kWarpColumns * rowTotal), zero),
      [&](Value start, ValueRange carried) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        ElementEmitter::Scope wideScope(wide);
        Value k = index.add(start, index.mul(lane, constant(width)));
        Values next(carried.begin(), carried.end()), matrix;
        for (int64_t i = 0; i < kWarpColumns; ++i)
          matrix.push_back(readMatrix(index.add(firstColumn, constant(i)), k));
        for (int64_t row = 0; row < rowTotal; ++row) {
          Value factors = readRow(row, k, /*isVector=*/true);
          for (int64_t i = 0; i < kWarpColumns; ++i) {
            Value &sum = next[static_cast<size_t>(i * rowTotal + row)];
            sum = math::FmaOp::create(builder, loc, factors,
                                      matrix[static_cast<size_t>(i)], sum);
          }
        }
        return next;
      });
  for (Value &sum : sums) {
    Value total = getPart(sum, 0);
    for (int64_t i = 1; i < width; ++i)
      total = arith::AddFOp::create(builder, loc, total, getPart(sum, i));
    sum = addAcross(total, 1);
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

/// Computes and stores what follows from one sum.
void MatrixVectorTile::write(Value row, Value column, Value sum, Value result,
                             const Buffer &buffer) {
  emitIf(index.less(column, columns), [&] {
    ElementEmitter::Scope scope(emitter);
    Position dims = tileDims;
    setPositions(dims, contraction.rows, row);
    setPositions(dims, columnLoops, column);
    Position at = emitter.mapPosition(
        op.getMatchingIndexingMap(op.getDpsInitOperand(0)), dims);
    emitter.remember(op->getResult(0), at, {sum, false});
    emitter.write(buffer, at, emitter.read(result, at));
  });
}

/// Threads across columns: sums of a warp's parts by exchanges, those of the
/// warps in shared memory.
void MatrixVectorTile::emitAcross(Value tile, Value result,
                                  const Buffer &buffer) {
  int64_t threads = countColumnThreads(), own = threads * width,
          count = own * rowTotal;
  constexpr int64_t kBytes = 4;
  Value memory = entry.getShared(builder, loc, builder.getF32Type(), 0,
                                 kBytes * kWarps * count);
  Value first = index.mul(tile, constant(own));
  Value column = index.rem(invocation, constant(threads));
  Values vectors =
      addColumns(index.add(first, index.mul(column, constant(width))),
                 index.div(invocation, constant(threads)), kThreads / threads);
  Values sums;
  for (Value vector : vectors)
    for (int64_t i = 0; i < width; ++i)
      sums.push_back(addAcross(getPart(vector, i), threads));
  gpu::BarrierOp::create(builder, loc); // the last tile's sums were read
  emitIf(index.less(lane, constant(threads)), [&] {
    Value place = index.add(index.mul(warp, constant(count)),
                            index.mul(lane, constant(width)));
    for (auto [i, sum] : llvm::enumerate(sums)) {
      auto number = static_cast<int64_t>(i);
      Value at =
          index.add(place, constant(number / width * own + number % width));
      memref::StoreOp::create(builder, loc, sum, memory, ValueRange{at});
    }
  });
  gpu::BarrierOp::create(builder, loc);
  emitIf(index.less(invocation, constant(count)), [&] {
    Value sum;
    for (int64_t i = 0; i < kWarps; ++i) {
      Value part = memref::LoadOp::create(
          builder, loc, memory,
          ValueRange{index.add(constant(i * count), invocation)});
      sum = sum ? arith::AddFOp::create(builder, loc, sum, part).getResult()
                : part;
    }
    write(index.div(invocation, constant(own)),
          index.add(first, index.rem(invocation, constant(own))), sum, result,
          buffer);
  });
}

/// A warp has its columns to itself; each of its first lanes stores one sum.
void MatrixVectorTile::emitAlong(Value tile, Value result,
                                 const Buffer &buffer) {
  Value first = index.mul(index.add(index.mul(tile, constant(kWarps)), warp),
                          constant(kWarpColumns));
  Values sums = addDepth(first);
  Value own = sums.front();
  for (size_t i = 1; i < sums.size(); ++i) {
    Value isOwn =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, lane,
                              constant(static_cast<int64_t>(i)));
    own = arith::SelectOp::create(builder, loc, isOwn, sums[i], own);
  }
  emitIf(index.less(lane, constant(static_cast<int64_t>(sums.size()))), [&] {
    write(index.rem(lane, constant(rowTotal)),
          index.add(first, index.div(lane, constant(rowTotal))), own, result,
          buffer);
  });
}

Value MatrixVectorTile::emit(Value result, const Buffer &buffer) {
  columnLoops = getColumnLoops(contraction);
  depth = extentOf(contraction.reduced);
  left = makeSide(contraction.rowSide, contraction.rows, 1);
  right = makeSide(contraction.laneSide, columnLoops, 1);
  left.first = right.first = constant(0);
  columns = right.extent;
  wide.buffers = emitter.buffers;
  wide.scalars = emitter.scalars;
  bool along = isAlongDepth();
  int64_t own = along ? kWarps * kWarpColumns : countColumnThreads() * width;
  Value perBatch = index.ceilDiv(columns, constant(own));
  Value tiles = index.mul(extentOf(contraction.batch), perBatch);
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  lane = index.rem(invocation, constant(kWarp));
  warp = index.div(invocation, constant(kWarp));
  entry.setResident(2);
  entry.emitShare(
      index, /*perGroup=*/1, /*offset=*/Value(), tiles, [&](Value tile) {
        ElementEmitter::Scope scope(emitter);
        ElementEmitter::Scope wideScope(wide);
        tileDims.assign(op.getNumLoops(), mlir::dl::cpu::LaneIndex());
        setPositions(tileDims, contraction.batch, index.div(tile, perBatch));
        Value inBatch = index.rem(tile, perBatch);
        if (along)
          emitAlong(inBatch, result, buffer);
        else
          emitAcross(inBatch, result, buffer);
      });
  if (wide.failed())
    emitter.fail(op, "a product has no form for vectors");
  return tiles;
}
