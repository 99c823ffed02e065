// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/StagedTile.h"
#include "codegen/gpu/PanelTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::spirv;
using ::dl::gpucode::getColumnLoops;
using ::dl::gpucode::getStaticSize;
using ::dl::gpucode::Side;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Of fewer lines much of a tile would be nothing.
static constexpr int64_t kFewLines = 16;
/// Invocations of which a tile has eight vectors of lines at least.
static constexpr int64_t kFewestInvocations = 64;

bool StagedTile::fits(const Contraction &contraction,
                      const SpirvTarget &target) {
  auto areMany = [&](ArrayRef<unsigned> loops) {
    int64_t size = getStaticSize(contraction.op, loops);
    return ShapedType::isDynamic(size) || size > kFewLines;
  };
  return target.stagesOperands && target.workgroupSize >= kFewestInvocations &&
         contraction.sumType.isF32() && areMany(contraction.rows) &&
         areMany(getColumnLoops(contraction));
}

/// Eight rows by eight columns for each invocation where there are tiles
/// enough, otherwise four by four; panels are eight invocations wide.
TileShape StagedTile::chooseShape(const Contraction &contraction,
                                  const SpirvTarget &target) {
  constexpr int64_t kLarge = 8, kSmall = 4, kDepth = 16, kUnknown = 512,
                    kAcross = 16, kFewestAcross = 8;
  int64_t invocations = target.workgroupSize;
  bool isPanel = hasPanels(contraction);
  int64_t across = !isPanel && invocations >= kAcross * kFewestAcross
                       ? kAcross
                       : kFewestAcross,
          down = invocations / across;
  auto shape = [&](int64_t own) {
    return TileShape{down * own,    across * own, own, own, kDepth,
                     /*resident=*/1};
  };
  auto count = [&](ArrayRef<unsigned> loops, int64_t tile) {
    int64_t size = getStaticSize(contraction.op, loops);
    return llvm::divideCeil(ShapedType::isDynamic(size) ? kUnknown : size,
                            tile);
  };
  if (isPanel)
    return shape(::dl::gpucode::getPanelWidth(contraction.op) / across);
  TileShape large = shape(kLarge);
  int64_t tiles = count(contraction.batch, 1) *
                  count(contraction.rows, large.rows) *
                  count(getColumnLoops(contraction), large.columns);
  return tiles * invocations >= target.busyInvocations ? large : shape(kSmall);
}

StagedTile::StagedTile(::dl::gpucode::StageFunction &stage,
                       const Contraction &contraction, const TileShape &shape)
    : VulkanTile(stage, contraction, shape, kVector) {}

Value StagedTile::emit(Value result, const Buffer &buffer) {
  prepareVectors();
  storesVectors &= hasVectorsOfColumns();
  return TileEmitter::emit(result, buffer);
}

void StagedTile::layOut() {
  auto type = VectorType::get({kVector}, builder.getF32Type());
  constexpr int64_t kBytes = 4, kPieces = 2;
  for (Side *side : {&left, &right}) {
    side->pitch = side->lines / kVector;
    side->memory = entry.getShared(
        builder, loc, type, 0, kPieces * kBytes * side->lines * shape.depth);
  }
}

SmallVector<Value> StagedTile::addPieces(ArrayRef<Value> start) {
  if (hasPanels(contraction)) {
    panel = index.div(right.first, constant(shape.columns));
    depth = getExtent(contraction.reduced[0]);
  }
  return VulkanTile::addPieces(start);
}

//===----------------------------------------------------------------------===//
// To shared memory
//===----------------------------------------------------------------------===//

int64_t StagedTile::countShares(const Side &side) const {
  int64_t shares = side.pitch * shape.depth / getShareDepth(side);
  return llvm::divideCeil(shares, shape.getInvocations());
}

/// Neighbouring invocations take neighbours in the operand's memory.
StagedTile::Share StagedTile::getShare(const Side &side, int64_t i) {
  int64_t depth = shape.depth / getShareDepth(side),
          shares = side.pitch * depth;
  Value number = index.add(invocation, constant(i * shape.getInvocations()));
  Share share;
  if ((i + 1) * shape.getInvocations() > shares) {
    share.isOwn = index.less(number, constant(shares));
    number = index.rem(number, constant(shares));
  }
  bool isAlongDepth =
      getNeighbours(side) == Neighbours::Depth ||
      (getNeighbours(side) == Neighbours::None && side.alongDepth);
  Value width = constant(isAlongDepth ? depth : side.pitch);
  Value inner = index.rem(number, width), outer = index.div(number, width);
  share.line = isAlongDepth ? outer : inner;
  share.k =
      index.mul(isAlongDepth ? inner : outer, constant(getShareDepth(side)));
  return share;
}

/// The elements of all shares: of each, those of its lines for one contracted
/// position after the other.
SmallVector<Value> StagedTile::fetch(const Side &side, Value start) {
  SmallVector<Value> values;
  int64_t positions = getShareDepth(side);
  Neighbours neighbours = getNeighbours(side);
  auto known = index.getConstant(depth);
  bool isWhole = known && *known % shape.depth == 0;
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  for (int64_t i = 0; i < countShares(side); ++i) {
    ElementEmitter::Scope scope(emitter);
    Share share = getShare(side, i);
    Value line = index.mul(share.line, constant(kVector)),
          k = index.add(start, share.k);
    SmallVector<Value> elements(positions * kVector);
    if (neighbours == Neighbours::Lines) {
      elements =
          readVector(side.operand, getOperandDims(side, line, k, kVector),
                     side.loops.back(), deep);
    } else {
      for (int64_t l = 0; l < kVector; ++l) {
        Position dims = getOperandDims(side, index.add(line, constant(l)), k,
                                       /*lineCount=*/1, positions);
        SmallVector<Value> read =
            neighbours == Neighbours::Depth
                ? readVector(side.operand, dims, contraction.reduced.back(),
                             deep)
                : SmallVector<Value>{this->read(side.operand, dims)};
        for (auto [p, value] : llvm::enumerate(read))
          elements[p * kVector + l] = value;
      }
    }
    // The innermost contracted loop is made of whole vectors, where there are.
    Value isInside = isWhole ? Value() : index.less(k, depth);
    for (Value element : elements)
      values.push_back(isInside ? Value(arith::SelectOp::create(
                                      builder, loc, isInside, element, zero))
                                : element);
  }
  return values;
}

/// Contracted positions of eight neighbours, and those that are four apart for
/// two neighbouring lines, differ in the banks of a vector.
Value StagedTile::getPlace(const Side &side, Value line, Value k, Value half) {
  constexpr int64_t kBanks = 8;
  Value low = index.rem(k, constant(kBanks)),
        high = index.mul(
            index.rem(index.div(k, constant(kVector)), constant(kVector)),
            constant(2));
  Value swizzle = arith::XOrIOp::create(builder, loc, low, high);
  Value row = index.add(index.mul(half, constant(shape.depth)), k);
  return index.add(index.mul(row, constant(side.pitch)),
                   arith::XOrIOp::create(builder, loc, line, swizzle));
}

void StagedTile::store(const Side &side, ArrayRef<Value> values, Value half) {
  auto type = VectorType::get({kVector}, builder.getF32Type());
  int64_t positions = getShareDepth(side);
  for (int64_t i = 0; i < countShares(side); ++i) {
    OpBuilder::InsertionGuard guard(builder);
    Share share = getShare(side, i);
    if (share.isOwn) {
      auto branch = scf::IfOp::create(builder, loc, share.isOwn,
                                      /*withElseRegion=*/false);
      builder.setInsertionPoint(branch.thenYield());
    }
    for (int64_t p = 0; p < positions; ++p) {
      Value lines = vector::FromElementsOp::create(builder, loc, type,
                                                   values.take_front(kVector));
      values = values.drop_front(kVector);
      memref::StoreOp::create(
          builder, loc, lines, side.memory,
          ValueRange{getPlace(side, share.line, index.add(share.k, constant(p)),
                              half)});
    }
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// An invocation's lines lie in vectors, which those of its neighbours stand
/// between.
SmallVector<Value> StagedTile::loadLines(const Side &side, Value own,
                                         int64_t count, Value k, Value half) {
  SmallVector<Value> lines;
  int64_t spread = side.lines / count;
  for (int64_t i = 0; i < count / kVector; ++i) {
    Value place = getPlace(side, index.add(own, constant(i * spread)), k, half);
    Value loaded =
        memref::LoadOp::create(builder, loc, side.memory, ValueRange{place});
    for (int64_t l = 0; l < kVector; ++l)
      lines.push_back(vector::ExtractOp::create(builder, loc, loaded, l));
  }
  return lines;
}

SmallVector<Value> StagedTile::multiply(ArrayRef<Value> values, Value half) {
  return mlir::dl::cpu::emitLoop(
      builder, loc, constant(0), constant(shape.depth), constant(kVector),
      values, [&](Value first, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (int64_t q = 0; q < kVector; ++q) {
          Value k = index.add(first, constant(q));
          SmallVector<Value> a =
              loadLines(left, ownRow, shape.ownRows, k, half);
          SmallVector<Value> b =
              loadLines(right, ownColumn, shape.ownColumns, k, half);
          for (int64_t i = 0; i < shape.ownRows; ++i)
            for (int64_t j = 0; j < shape.ownColumns; ++j) {
              Value &sum = next[i * shape.ownColumns + j];
              sum = math::FmaOp::create(builder, loc, a[i], b[j], sum);
            }
        }
        return next;
      });
}

/// From registers, columns as vectors where they can be.
void StagedTile::finishTile(ArrayRef<Value> values, Value result,
                            const Buffer &buffer) {
  int64_t count = storesVectors ? kVector : 1;
  auto isWhole = [&](Value extent, int64_t lines) {
    auto known = index.getConstant(extent);
    return known && *known % lines == 0;
  };
  bool areRows = isWhole(rows, shape.rows),
       areColumns = isWhole(columns, shape.columns);
  auto getLine = [&](const Side &side, Value own, int64_t number,
                     int64_t ownCount) {
    int64_t spread = side.lines / ownCount;
    Value vector = index.add(own, constant(number / kVector * spread));
    return index.add(side.first, index.add(index.mul(vector, constant(kVector)),
                                           constant(number % kVector)));
  };
  for (int64_t i = 0; i < shape.ownRows; ++i)
    for (int64_t j = 0; j < shape.ownColumns; j += count) {
      ElementEmitter::Scope scope(emitter);
      Value row = getLine(left, ownRow, i, shape.ownRows),
            column = getLine(right, ownColumn, j, shape.ownColumns);
      Value isInside = areRows ? Value() : index.less(row, rows);
      if (!areColumns) {
        Value isColumn = index.less(column, columns);
        isInside =
            isInside
                ? Value(arith::AndIOp::create(builder, loc, isInside, isColumn))
                : isColumn;
      }
      Position dims = tileDims;
      setPositions(dims, contraction.rows, row);
      setPositions(dims, columnLoops, column);
      storeElements(dims, isInside,
                    values.slice(i * shape.ownColumns + j, count), result,
                    buffer);
    }
}
