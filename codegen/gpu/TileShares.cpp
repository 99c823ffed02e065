// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/TileShares.h"
#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::ElementEmitter;

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

int64_t TileShares::countPieces() const {
  return llvm::divideCeil(tiles * pieces, count);
}

namespace dl::gpucode {
/// How long sharing takes, in contracted steps of a tile that a processor has
/// to itself: a processor computes and stores up to two parts for each of its
/// workgroups, and reads all parts of one tile. Launching a stage takes as long
/// as storing and reading the sums of 128 x 128 results.
static int64_t estimate(const TileShares &shares, const TileShape &shape,
                        int64_t processors, int64_t passSteps) {
  constexpr int64_t kLaunchResults = 2 * 128 * 128;
  int64_t workgroups = llvm::divideCeil(shares.count, processors),
          parts = llvm::divideCeil(shares.pieces, shares.countPieces()) + 1;
  return workgroups * shares.countPieces() * shape.depth +
         (2 * workgroups + parts) * passSteps +
         passSteps * kLaunchResults / (shape.rows * shape.columns);
}

/// Fewer shares than there is room for make fewer parts.
std::optional<TileShares> chooseShares(const TileShape &shape, int64_t tiles,
                                       int64_t depth, int64_t processors,
                                       int64_t passSteps) {
  // The estimate is not exact enough for smaller gains.
  constexpr double kGain = 0.95;
  TileShares shares;
  shares.tiles = tiles % processors;
  shares.pieces = llvm::divideCeil(depth, shape.depth);
  if (shares.tiles == 0 || shares.pieces == 0)
    return std::nullopt;
  int64_t waves = tiles / processors;
  double least = kGain * static_cast<double>((waves + 1) * depth);
  for (int64_t count = processors * shape.resident; count >= shares.tiles;
       count /= 2) {
    TileShares candidate = shares;
    candidate.count = count;
    auto time = static_cast<double>(
        waves * depth + estimate(candidate, shape, processors, passSteps));
    if (time < least) {
      least = time;
      shares.count = count;
    }
  }
  if (shares.count == 0)
    return std::nullopt;
  return shares;
}
} // namespace dl::gpucode

std::optional<TileShares> TileEmitter::chooseShares(int64_t processors) const {
  int64_t passSteps = countPassSteps();
  int64_t batch = getStaticSize(op, contraction.batch),
          rowCount = getStaticSize(op, contraction.rows),
          columnCount = getStaticSize(op, getColumnLoops(contraction)),
          steps = getStaticSize(op, contraction.reduced);
  if (passSteps == 0 ||
      ShapedType::isDynamicShape({batch, rowCount, columnCount, steps}))
    return std::nullopt;
  int64_t tiles = batch * llvm::divideCeil(rowCount, shape.rows) *
                  llvm::divideCeil(columnCount, shape.columns);
  return ::dl::gpucode::chooseShares(shape, tiles, steps, processors,
                                     passSteps);
}

RankedTensorType TileEmitter::getPartsType(const TileShares &of) const {
  return RankedTensorType::get(
      {of.countParts(), countSums(), shape.getInvocations()},
      contraction.sumType);
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// Neighbouring invocations store neighbours.
Value TileEmitter::getPlaceOfSum(Value part, int64_t number) {
  Value row =
      index.add(index.mul(part, constant(countSums())), constant(number));
  return index.add(index.mul(row, constant(shape.getInvocations())),
                   invocation);
}

Value TileEmitter::emitShares(const TileShares &of, const Buffer &buffer) {
  begin();
  Value perShare = constant(of.countPieces()), pieces = constant(of.pieces),
        all = constant(of.tiles * of.pieces), count = constant(of.count);
  entry.emitShare(
      index, /*perGroup=*/1, /*offset=*/Value(), count, [&](Value share) {
        Value from = index.mul(share, perShare),
              to = index.min(index.add(from, perShare), all);
        mlir::dl::cpu::emitLoop(
            builder, loc, index.div(from, pieces), index.ceilDiv(to, pieces),
            constant(1), {}, [&](Value tile, ValueRange) -> SmallVector<Value> {
              ElementEmitter::Scope scope(emitter);
              goTo(tile);
              Value start = index.mul(tile, pieces);
              firstPiece = arith::MaxSIOp::create(
                  builder, loc, index.sub(from, start), constant(0));
              endPiece = index.min(index.sub(to, start), pieces);
              SmallVector<Value> values = addPieces(makeZeros());
              firstPiece = endPiece = Value();
              Value part = index.add(share, tile);
              for (auto [i, value] : llvm::enumerate(values))
                memref::StoreOp::create(
                    builder, loc, value, buffer.memory,
                    ValueRange{getPlaceOfSum(part, static_cast<int64_t>(i))});
              return {};
            });
      });
  return count;
}

SmallVector<Value> TileEmitter::loadPart(Value part) {
  SmallVector<Value> values;
  for (int64_t i = 0; i < countSums(); ++i)
    values.push_back(memref::LoadOp::create(
        builder, loc, emitter.buffers.lookup(shares->sums).memory,
        ValueRange{getPlaceOfSum(part, i)}));
  return values;
}

SmallVector<Value> TileEmitter::addParts(Value tile) {
  Value perShare = constant(shares->countPieces()),
        pieces = constant(shares->pieces), one = constant(1);
  Value from = index.mul(tile, pieces);
  Value first = index.div(from, perShare),
        end = index.ceilDiv(index.add(from, pieces), perShare);
  return mlir::dl::cpu::emitLoop(
      builder, loc, index.add(first, one), end, one,
      loadPart(index.add(first, tile)), [&](Value share, ValueRange carried) {
        SmallVector<Value> added;
        for (auto [sum, value] :
             llvm::zip(carried, loadPart(index.add(share, tile))))
          added.push_back(
              contraction.isInteger()
                  ? Value(arith::AddIOp::create(builder, loc, sum, value))
                  : arith::AddFOp::create(builder, loc, sum, value));
        return added;
      });
}

SmallVector<Value> TileEmitter::addTile(Value tile) {
  if (!shares)
    return addPieces(makeZeros());
  auto tiles =
      index.getConstant(index.mul(extentOf(contraction.batch), perBatch));
  if (tiles == shares->tiles)
    return addParts(tile);
  SmallVector<Type> types(countSums(), contraction.sumType);
  Value isShared = index.less(tile, constant(shares->tiles));
  auto choice = scf::IfOp::create(builder, loc, types, isShared,
                                  /*withElseRegion=*/true);
  auto fill = [&](Block *block, llvm::function_ref<SmallVector<Value>()> make) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(block);
    ElementEmitter::Scope scope(emitter);
    scf::YieldOp::create(builder, loc, make());
  };
  fill(choice.thenBlock(), [&] { return addParts(tile); });
  fill(choice.elseBlock(), [&] { return addPieces(makeZeros()); });
  return SmallVector<Value>(choice.getResults());
}
