// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/RegisterTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

using namespace mlir;
using namespace ::dl::spirv;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Invocations that read rows for each other: no more than the fewest that run
/// in lockstep on a device with broadcasts.
static constexpr int64_t kSharing = 8;

TileShape RegisterTile::chooseShape(const Contraction &contraction,
                                    const SpirvTarget &target) {
  constexpr int64_t kProducts = 64, kDepth = 4;
  int64_t invocations = target.workgroupSize;
  SmallVector<unsigned> columnLoops(contraction.outerLanes);
  llvm::append_range(columnLoops, contraction.lanes);
  int64_t rows = gpucode::getStaticSize(contraction.op, contraction.rows),
          columns = gpucode::getStaticSize(contraction.op, columnLoops);
  // Drivers take their time to compile a large tile.
  constexpr int64_t kMany = int64_t(1) << 24, kSmallRows = 16,
                    kSmallColumns = 2;
  int64_t steps = gpucode::getStaticSize(contraction.op, contraction.reduced),
          batches = gpucode::getStaticSize(contraction.op, contraction.batch);
  bool isSmall = !llvm::is_contained({rows, columns, steps, batches},
                                     ShapedType::kDynamic) &&
                 double(rows) * columns * steps * batches < kMany;
  int64_t mostRows =
      isSmall ? std::min(kSmallRows, target.tileRows) : target.tileRows;
  int64_t own = isSmall ? std::min(kSmallColumns, target.tileColumns)
                        : target.tileColumns;
  // Rows are loaded once for all columns of an invocation: rather fewer
  // invocations than fewer columns for each.
  auto isWide = [&] {
    return !ShapedType::isDynamic(columns) && columns < own * invocations;
  };
  while (isWide() && invocations > target.fewestInvocations)
    invocations /= 2;
  while (isWide() && own > 1)
    own /= 2;
  while (isWide() && invocations > kSharing && invocations / 2 >= columns)
    invocations /= 2;
  int64_t ownRows =
      ShapedType::isDynamic(rows) ? mostRows : std::min(rows, mostRows);
  // A loop of many products is not unrolled: drivers compile it whole.
  int64_t depth = std::clamp<int64_t>(kProducts / (ownRows * own), 1, kDepth);
  return {ownRows, invocations * own, ownRows, own, depth, /*resident=*/1};
}

/// The rows from one on: what `setPositions` says of the first, then one after
/// the other, without divisions.
void RegisterTile::findRows(Value first) {
  rowDims.clear();
  isRow.clear();
  ArrayRef<unsigned> loops = contraction.rows;
  Position at = tileDims;
  setPositions(at, loops, first);
  for (int64_t i = 0; i < shape.ownRows; ++i) {
    isRow.push_back(index.less(index.add(first, constant(i)), rows));
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

void RegisterTile::findSharedRows(Value first) {
  sharedRows.clear();
  if (!broadcasts || shape.ownRows == 1)
    return;
  Value lane = gpu::LaneIdOp::create(builder, loc, IntegerAttr());
  Value own = index.add(first, index.rem(lane, constant(kSharing)));
  Value last = index.sub(rows, constant(1));
  for (int64_t i = 0; i < shape.ownRows; i += kSharing) {
    Position at = tileDims;
    setPositions(at, contraction.rows,
                 index.min(index.add(own, constant(i)), last));
    sharedRows.push_back(at);
  }
}

/// The row side's element of each row.
SmallVector<Value>
RegisterTile::readRows(function_ref<Value(const Position &)> read) {
  SmallVector<Value> factors;
  if (sharedRows.empty()) {
    for (const Position &row : rowDims)
      factors.push_back(read(row));
    return factors;
  }
  for (const Position &shared : sharedRows) {
    Value mine = read(shared);
    for (int64_t i = 0; i < kSharing && factors.size() < size_t(shape.ownRows);
         ++i) {
      Value from = mlir::spirv::ConstantOp::create(
          builder, loc, builder.getI32Type(), builder.getI32IntegerAttr(i));
      factors.push_back(mlir::spirv::GroupNonUniformBroadcastOp::create(
          builder, loc, mine.getType(), mlir::spirv::Scope::Subgroup, mine,
          from));
    }
  }
  return factors;
}

void RegisterTile::findColumns(Value first) {
  columnDims.clear();
  isColumn.clear();
  // Invocations in lockstep have all columns of some lines of the cache.
  Value block = index.div(invocation, constant(kSharing)),
        inBlock = index.rem(invocation, constant(kSharing));
  Value own =
      index.add(index.add(first, inBlock),
                index.mul(block, constant(kSharing * shape.ownColumns)));
  for (int64_t j = 0; j < shape.ownColumns; ++j) {
    Value column = index.add(own, constant(j * kSharing));
    isColumn.push_back(index.less(column, columns));
    Position at = tileDims;
    // Past the end the last one, whose positions exist.
    setPositions(at, columnLoops,
                 index.min(column, index.sub(columns, constant(1))));
    columnDims.push_back(at);
  }
}

/// Adds the products of all positions of the contracted loops from number
/// `loop` on; `dims` has those of the others.
SmallVector<Value> RegisterTile::addProducts(unsigned loop, Position dims,
                                             ValueRange sums) {
  ArrayRef<unsigned> reduced = contraction.reduced;
  if (loop == reduced.size()) {
    ElementEmitter::Scope scope(emitter);
    auto read = [&](OpOperand *operand, const Position &own,
                    ArrayRef<unsigned> loops) {
      Position at = dims;
      for (unsigned d : loops)
        at[d] = own[d];
      Value value =
          emitter
              .read(operand->get(),
                    emitter.mapPosition(op.getMatchingIndexingMap(operand), at))
              .value;
      Type f32 = builder.getF32Type();
      return value.getType() == f32
                 ? value
                 : Value(arith::ExtFOp::create(builder, loc, f32, value));
    };
    SmallVector<Value> next, lanes;
    for (const Position &column : columnDims)
      lanes.push_back(read(contraction.laneSide, column, columnLoops));
    auto readRow = [&](const Position &row) {
      return read(contraction.rowSide, row, contraction.rows);
    };
    for (Value factor : readRows(readRow))
      for (Value lane : lanes)
        next.push_back(
            math::FmaOp::create(builder, loc, factor, lane, sums[next.size()]));
    return next;
  }
  unsigned d = reduced[loop];
  Value extent = emitter.loopSize(op, d);
  auto known = index.getConstant(extent);
  int64_t unrolled = loop + 1 == reduced.size() ? shape.depth : 1;
  auto step = [&](Value first, int64_t count, ValueRange carried) {
    SmallVector<Value> values(carried);
    for (int64_t i = 0; i < count; ++i) {
      dims[d] = index.uniform(index.add(first, constant(i)));
      values = addProducts(loop + 1, dims, values);
    }
    return values;
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
  if (unrolled == 1)
    return values;
  return mlir::dl::cpu::emitLoop(
      builder, loc, limit, extent, constant(1), values,
      [&](Value at, ValueRange carried) { return step(at, 1, carried); });
}

void RegisterTile::storeTile(ArrayRef<Value> sums, Value result,
                             const Buffer &buffer) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [i, row] : llvm::enumerate(rowDims))
    for (auto [j, column] : llvm::enumerate(columnDims)) {
      Value isInside =
          arith::AndIOp::create(builder, loc, isRow[i], isColumn[j]);
      auto branch = scf::IfOp::create(builder, loc, isInside,
                                      /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(branch.thenYield());
      ElementEmitter::Scope scope(emitter);
      Position dims = row;
      for (unsigned d : columnLoops)
        dims[d] = column[d];
      Position at = emitter.mapPosition(map, dims);
      emitter.remember(op->getResult(0), at,
                       {sums[i * columnDims.size() + j], false});
      emitter.write(buffer, at, emitter.read(result, at));
    }
}

Value RegisterTile::emit(Value result, const Buffer &buffer) {
  columnLoops = contraction.outerLanes;
  llvm::append_range(columnLoops, contraction.lanes);
  rows = extentOf(contraction.rows);
  columns = extentOf(columnLoops);
  Value batches = extentOf(contraction.batch);
  Value rowTiles = index.ceilDiv(rows, constant(shape.rows)),
        columnTiles = index.ceilDiv(columns, constant(shape.columns));
  Value perBatch = index.mul(rowTiles, columnTiles);
  Value tiles = index.mul(batches, perBatch);
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
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
        findColumns(
            index.mul(index.div(inBatch, rowTiles), constant(shape.columns)));
        SmallVector<Value> sums(countSums(), zero);
        storeTile(addProducts(0, tileDims, sums), result, buffer);
      });
  return tiles;
}
