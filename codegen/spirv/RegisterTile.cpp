// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/RegisterTile.h"
#include "codegen/gpu/PanelTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::spirv;
using ::dl::gpucode::getColumnLoops;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

RegisterTile::RegisterTile(::dl::gpucode::StageFunction &stage,
                           const Contraction &contraction,
                           const TileShape &shape, const SpirvTarget &target)
    : VulkanTile(stage, contraction, shape,
                 std::min(kVector, shape.ownColumns)),
      shuffles(target.shuffles && shape.ownRows > kFewRows),
      multipliesWords(target.dotProducts && contraction.isInteger()) {
  bool isDeep = shape.depth % kVector == 0;
  bool isShared = shuffles && shape.ownRows % kSharing == 0;
  bool isOwn = shape.ownRows <= kFewRows && rowNeighbours == Neighbours::Depth;
  if ((!isShared && !isOwn) || !isDeep)
    rowNeighbours = Neighbours::None;
  bool areColumns = columnNeighbours == Neighbours::Lines;
  if (areColumns ? across.width() == 1 || shape.ownColumns % across.width()
                 : !isDeep)
    columnNeighbours = Neighbours::None;
}

bool RegisterTile::fitsFewRows(const Contraction &contraction,
                               const SpirvTarget &target) {
  int64_t rows = gpucode::getStaticSize(contraction.op, contraction.rows),
          columns = gpucode::getStaticSize(contraction.op,
                                           getColumnLoops(contraction));
  return contraction.factorType.isF32() && !hasPanels(contraction) &&
         !ShapedType::isDynamic(rows) && rows > 0 && rows <= kFewRows &&
         !ShapedType::isDynamic(columns) && columns >= target.busyInvocations &&
         !gpucode::isLong(contraction.op);
}

TileShape RegisterTile::chooseShape(const Contraction &contraction,
                                    const SpirvTarget &target) {
  constexpr int64_t kProducts = 64, kDepth = 4;
  int64_t invocations = target.workgroupSize;
  SmallVector<unsigned> columnLoops = getColumnLoops(contraction);
  int64_t rows = gpucode::getStaticSize(contraction.op, contraction.rows),
          columns = gpucode::getStaticSize(contraction.op, columnLoops);
  // Drivers take their time to compile a large tile.
  constexpr int64_t kMany = int64_t(1) << 24, kSmallRows = 16,
                    kSmallColumns = 4;
  int64_t steps = gpucode::getStaticSize(contraction.op, contraction.reduced),
          batches = gpucode::getStaticSize(contraction.op, contraction.batch);
  bool isSmall = !llvm::is_contained({rows, columns, steps, batches},
                                     ShapedType::kDynamic) &&
                 double(rows) * columns * steps * batches < kMany;
  // Bytes as float32 take each some conversions.
  bool isLongCode = contraction.isInteger() && !target.dotProducts;
  int64_t mostRows = isSmall || isLongCode
                         ? std::min(kSmallRows, target.tileRows)
                         : target.tileRows;
  // Bytes are read by fours.
  int64_t own = isSmall && !contraction.isInteger()
                    ? std::min(kSmallColumns, target.tileColumns)
                    : target.tileColumns;
  int64_t fewest = target.fewestInvocations;
  if (hasPanels(contraction)) { // of which a tile is one
    columns = gpucode::getPanelWidth(contraction.op);
    fewest = std::max(kSharing, fewest / 2);
  }
  // Rows are loaded once for all columns of an invocation: rather fewer
  // invocations than fewer columns for each.
  auto isWide = [&] {
    return !ShapedType::isDynamic(columns) && columns < own * invocations;
  };
  while (isWide() && invocations > fewest)
    invocations /= 2;
  int64_t fewestColumns = contraction.isInteger() ? std::min(own, kVector) : 1;
  while (isWide() && own > fewestColumns)
    own /= 2;
  while (isWide() && invocations > kSharing && invocations / 2 * own >= columns)
    invocations /= 2;
  if (fitsFewRows(contraction, target)) {
    constexpr int64_t kWorkgroups = 16;
    own = target.tileColumns;
    while (invocations > target.fewestInvocations &&
           columns < kWorkgroups * own * invocations)
      invocations /= 2;
  }
  int64_t ownRows =
      ShapedType::isDynamic(rows) ? mostRows : std::min(rows, mostRows);
  // A loop of many products is not unrolled, as drivers compile it whole, but
  // for vectors.
  int64_t depth = std::clamp<int64_t>(kProducts / (ownRows * own), 1, kDepth);
  if (findNeighbours(contraction, contraction.rowSide, contraction.rows,
                     kVector) != Neighbours::None ||
      findNeighbours(contraction, contraction.laneSide, columnLoops, kVector) ==
          Neighbours::Depth)
    depth = kVector;
  return {ownRows, invocations * own, ownRows, own, depth, /*resident=*/1};
}

bool RegisterTile::isWhole(Value extent, int64_t lines) {
  auto known = index.getConstant(extent);
  return known && *known % lines == 0;
}

/// The rows from one on: what `setPositions` says of the first, then one after
/// the other, without divisions.
void RegisterTile::findRows(Value first) {
  rowDims.clear();
  isRow.clear();
  ArrayRef<unsigned> loops = contraction.rows;
  bool areInside = isWhole(rows, shape.rows);
  Position at = tileDims;
  setPositions(at, loops, first);
  for (int64_t i = 0; i < shape.ownRows; ++i) {
    isRow.push_back(
        areInside ? Value() : index.less(index.add(first, constant(i)), rows));
    rowDims.push_back(at);
    Value carry = constant(1);
    for (size_t l = loops.size(); l-- > 0;) {
      Value next = index.add(at[loops[l]].base, carry);
      if (l) {
        Value extent = emitter.loopSize(op, loops[l]);
        Value isPast = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::sge, next, extent);
        carry = arith::SelectOp::create(builder, loc, isPast, constant(1),
                                        constant(0));
        next = arith::SelectOp::create(builder, loc, isPast, constant(0), next);
      }
      at[loops[l]] = index.uniform(next);
    }
  }
}

/// What this invocation reads for its neighbours. Vectors of rows are numbered
/// row by row, one contracted position after the other.
void RegisterTile::findSharedRows(Value first) {
  sharedRows.clear();
  sharedDepths.clear();
  if (!shuffles)
    return;
  Value lane = index.rem(gpu::LaneIdOp::create(builder, loc, IntegerAttr()),
                         constant(kSharing));
  bool areInside = isWhole(rows, shape.rows);
  auto add = [&](Value row, int64_t count) {
    Position at = tileDims;
    if (!areInside)
      row = index.min(row, index.sub(rows, constant(count)));
    setPositions(at, contraction.rows, row);
    sharedRows.push_back(at);
  };
  if (rowNeighbours != Neighbours::Lines) {
    for (int64_t i = 0; i < shape.ownRows; i += kSharing)
      add(index.add(index.add(first, lane), constant(i)), 1);
    return;
  }
  Value perDepth = constant(shape.ownRows / kVector);
  for (int64_t i = 0; i < shape.ownRows; i += kSharing) {
    Value number = index.add(lane, constant(i));
    add(index.add(first,
                  index.mul(index.rem(number, perDepth), constant(kVector))),
        kVector);
    sharedDepths.push_back(index.div(number, perDepth));
  }
}

void RegisterTile::findColumns(Value first) {
  columnDims.clear();
  isColumn.clear();
  bool areInside = isWhole(columns, shape.columns);
  // Vectors side by side, or, of single elements, invocations in lockstep have
  // all of some lines of the cache.
  int64_t width = countAdjacent();
  Value block = index.div(invocation, constant(kSharing)),
        inBlock = index.rem(invocation, constant(kSharing));
  Value own =
      index.add(index.add(first, index.mul(inBlock, constant(width))),
                index.mul(block, constant(kSharing * shape.ownColumns)));
  for (int64_t j = 0; j < shape.ownColumns; j += width) {
    Value column = index.add(own, constant(j * kSharing));
    Value isInside = areInside ? Value() : index.less(column, columns);
    // Past the end the last ones, whose positions exist.
    if (!areInside)
      column = index.min(column, index.sub(columns, constant(width)));
    for (int64_t i = 0; i < width; ++i) {
      isColumn.push_back(isInside);
      Position at = tileDims;
      setPositions(at, columnLoops, index.add(column, constant(i)));
      columnDims.push_back(at);
    }
  }
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Position RegisterTile::join(Position dims, const Position &own,
                            ArrayRef<unsigned> loops, int64_t k) {
  for (unsigned d : loops)
    dims[d] = own[d];
  if (k) {
    unsigned d = contraction.reduced.back();
    dims[d] = index.uniform(index.add(dims[d].base, constant(k)));
  }
  return dims;
}

Value RegisterTile::handOver(Value value, int64_t from) {
  Value lane = mlir::spirv::ConstantOp::create(
      builder, loc, builder.getI32Type(), builder.getI32IntegerAttr(from));
  return mlir::spirv::GroupNonUniformShuffleOp::create(
      builder, loc, value.getType(), mlir::spirv::Scope::Subgroup, value, lane);
}

/// The row side's elements of each row, for so many contracted positions.
RegisterTile::Elements RegisterTile::readRows(const Position &dims,
                                              int64_t count) {
  OpOperand *operand = contraction.rowSide;
  unsigned depth = contraction.reduced.empty() ? 0 : contraction.reduced.back();
  bool areVectors = rowNeighbours != Neighbours::None && count == kVector;
  Elements factors(count);
  if (!areVectors && (sharedRows.empty() || !sharedDepths.empty())) {
    for (int64_t k = 0; k < count; ++k)
      for (const Position &row : rowDims)
        factors[k].push_back(
            read(operand, join(dims, row, contraction.rows, k)));
    return factors;
  }
  if (!areVectors) {
    for (int64_t k = 0; k < count; ++k)
      for (const Position &shared : sharedRows) {
        Value mine = read(operand, join(dims, shared, contraction.rows, k));
        for (int64_t i = 0;
             i < kSharing && factors[k].size() < size_t(shape.ownRows); ++i)
          factors[k].push_back(handOver(mine, i));
      }
    return factors;
  }
  if (sharedRows.empty()) {
    for (const Position &row : rowDims)
      for (auto [k, element] : llvm::enumerate(readVector(
               operand, join(dims, row, contraction.rows, 0), depth, deep)))
        factors[k].push_back(element);
    return factors;
  }
  Elements vectors;
  bool areDeep = rowNeighbours == Neighbours::Depth;
  for (auto [i, shared] : llvm::enumerate(sharedRows)) {
    Position at = join(dims, shared, contraction.rows, 0);
    if (!areDeep)
      at[depth] = index.uniform(index.add(at[depth].base, sharedDepths[i]));
    vectors.push_back(readVector(
        operand, at, areDeep ? depth : contraction.rows.back(), deep));
  }
  int64_t perDepth = shape.ownRows / kVector;
  for (int64_t k = 0; k < count; ++k)
    for (int64_t row = 0; row < shape.ownRows; ++row) {
      int64_t number = areDeep ? row : k * perDepth + row / kVector;
      int64_t element = areDeep ? k : row % kVector;
      factors[k].push_back(
          handOver(vectors[number / kSharing][element], number % kSharing));
    }
  return factors;
}

/// The lane side's elements of each column.
RegisterTile::Elements RegisterTile::readColumns(const Position &dims,
                                                 int64_t count) {
  OpOperand *operand = contraction.laneSide;
  Elements lanes(count);
  if (columnNeighbours == Neighbours::Depth && count == kVector) {
    for (const Position &column : columnDims) {
      SmallVector<Value> vector =
          readVector(operand, join(dims, column, columnLoops, 0),
                     contraction.reduced.back(), deep);
      for (int64_t k = 0; k < count; ++k)
        lanes[k].push_back(vector[k]);
    }
    return lanes;
  }
  int64_t width = columnNeighbours == Neighbours::Lines ? across.width() : 1;
  for (int64_t k = 0; k < count; ++k)
    for (int64_t j = 0; j < shape.ownColumns; j += width) {
      Position at = join(dims, columnDims[j], columnLoops, k);
      if (width == 1)
        lanes[k].push_back(read(operand, at));
      else
        llvm::append_range(lanes[k],
                           readVector(operand, at, columnLoops.back(), across));
    }
  return lanes;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Adds the products of `count` positions of the innermost contracted loop.
SmallVector<Value> RegisterTile::addPositions(const Position &dims,
                                              int64_t count, ValueRange sums) {
  ElementEmitter::Scope scope(emitter);
  if (multipliesWords && count == kVector)
    return addWords(dims, sums);
  Elements lanes = readColumns(dims, count), factors = readRows(dims, count);
  // Few products of bytes are exact in float32, of which every device has
  // multiply-adds.
  bool areInteger = contraction.isInteger();
  SmallVector<Value> next =
      areInteger
          ? SmallVector<Value>(sums.size(),
                               arith::ConstantOp::create(
                                   builder, loc, builder.getF32FloatAttr(0)))
          : SmallVector<Value>(sums);
  for (int64_t k = 0; k < count; ++k)
    for (auto [i, factor] : llvm::enumerate(factors[k]))
      for (auto [j, lane] : llvm::enumerate(lanes[k])) {
        Value &sum = next[i * shape.ownColumns + j];
        sum = math::FmaOp::create(builder, loc, factor, lane, sum);
      }
  if (areInteger)
    for (auto [sum, before] : llvm::zip(next, sums))
      sum = arith::AddIOp::create(
          builder, loc, before,
          arith::FPToSIOp::create(builder, loc, before.getType(), sum));
  return next;
}

/// Adds the products of all positions of the contracted loops from number
/// `loop` on; `dims` has those of the others.
SmallVector<Value> RegisterTile::addProducts(unsigned loop, Position dims,
                                             ValueRange sums) {
  ArrayRef<unsigned> reduced = contraction.reduced;
  if (reduced.empty())
    return addPositions(dims, 1, sums);
  unsigned d = reduced[loop];
  Value extent = getExtent(d);
  auto known = index.getConstant(extent);
  bool isLast = loop + 1 == reduced.size();
  int64_t unrolled = isLast ? shape.depth : 1;
  auto step = [&](Value first, int64_t count, ValueRange carried) {
    if (count == 0)
      return SmallVector<Value>(carried);
    dims[d] = index.uniform(first);
    return isLast ? addPositions(dims, count, carried)
                  : addProducts(loop + 1, dims, carried);
  };
  if (known && *known <= unrolled)
    return step(constant(0), *known, sums);
  Value limit = index.sub(extent, index.rem(extent, constant(unrolled)));
  SmallVector<Value> values = mlir::dl::cpu::emitLoop(
      builder, loc, constant(0), limit, constant(unrolled), sums,
      [&](Value at, ValueRange carried) {
        return step(at, unrolled, carried);
      });
  if (known)
    return step(limit, *known % unrolled, values);
  if (unrolled == 1 || gpucode::isMultiple(extent, unrolled))
    return values;
  return mlir::dl::cpu::emitLoop(
      builder, loc, limit, extent, constant(1), values,
      [&](Value at, ValueRange carried) { return step(at, 1, carried); });
}

void RegisterTile::storeTile(ArrayRef<Value> sums, Value result,
                             const Buffer &buffer) {
  int64_t count = storesVectors ? across.width() : 1;
  for (size_t i = 0; i < rowDims.size(); ++i)
    for (size_t j = 0; j < columnDims.size(); j += count) {
      Position dims = rowDims[i];
      for (unsigned d : columnLoops)
        dims[d] = columnDims[j][d];
      Value isInside = isRow[i];
      if (isInside && isColumn[j])
        isInside = arith::AndIOp::create(builder, loc, isInside, isColumn[j]);
      else if (!isInside)
        isInside = isColumn[j];
      storeElements(dims, isInside,
                    sums.slice(i * columnDims.size() + j, count), result,
                    buffer);
    }
}

Value RegisterTile::emit(Value result, const Buffer &buffer) {
  columnLoops = getColumnLoops(contraction);
  prepareVectors();
  // Columns that are read one by one lie with the invocation's neighbours, for
  // the cache.
  storesVectors &=
      columnNeighbours != Neighbours::None && hasVectorsOfColumns();
  multipliesWords &=
      rowNeighbours == Neighbours::Depth &&
      (columnNeighbours == Neighbours::Depth ||
       (columnNeighbours == Neighbours::Lines && across.width() == kVector));
  rows = extentOf(contraction.rows);
  columns = extentOf(columnLoops);
  Value batches = extentOf(contraction.batch);
  Value rowTiles = index.ceilDiv(rows, constant(shape.rows)),
        columnTiles = index.ceilDiv(columns, constant(shape.columns));
  Value perBatch = index.mul(rowTiles, columnTiles);
  Value tiles = index.mul(batches, perBatch);
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(contraction.sumType));
  entry.emitShare(
      index, /*perGroup=*/1, /*offset=*/Value(), tiles, [&](Value tile) {
        ElementEmitter::Scope scope(emitter);
        tileDims.assign(op.getNumLoops(), mlir::dl::cpu::LaneIndex());
        setPositions(tileDims, contraction.batch, index.div(tile, perBatch));
        Value inBatch = index.rem(tile, perBatch);
        // Neighbouring workgroups share columns, which stay in the cache.
        Value firstRow =
            index.mul(index.rem(inBatch, rowTiles), constant(shape.rows));
        findRows(firstRow);
        findSharedRows(firstRow);
        panel = index.div(inBatch, rowTiles);
        findColumns(index.mul(panel, constant(shape.columns)));
        SmallVector<Value> sums(countSums(), zero);
        storeTile(addProducts(0, tileDims, sums), result, buffer);
      });
  return tiles;
}
