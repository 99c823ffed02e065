// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/Lanes.h"
#include "codegen/gpu/PanelTile.h"
#include "codegen/gpu/StageFunction.h"
#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::Position;

namespace dl::gpucode {

std::optional<Contraction> findContraction(Value value, IsStored isStored) {
  // The one contraction below the value, through elementwise operations.
  llvm::SetVector<Operation *> below;
  if (Operation *op = value.getDefiningOp())
    below.insert(op);
  for (size_t i = 0; i < below.size(); ++i)
    if (!isa<tensor::EmptyOp>(below[i]))
      for (Value operand : below[i]->getOperands())
        if (Operation *op = operand.getDefiningOp(); op && !isStored(operand))
          below.insert(op);
  for (Operation *op : below) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || !mlir::dl::cpu::followsElementwise(value, generic))
      continue;
    auto fill =
        generic.getDpsInitOperand(0)->get().getDefiningOp<linalg::FillOp>();
    if (!fill || (!matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) &&
                  !matchPattern(fill.getInputs()[0], m_Zero())))
      continue;
    if (auto contraction = Contraction::match(generic))
      return contraction;
    if (auto contraction = matchPanels(generic))
      return contraction;
  }
  return std::nullopt;
}

/// The largest tile of which there are enough to keep a large device's
/// processors busy: on an H200 (132 processors), 128 x 768 x 3072 took 188 us
/// in tiles of 64 x 64.
TileShape chooseTile(const Contraction &contraction) {
  SmallVector<unsigned> columnLoops = getColumnLoops(contraction);
  int64_t batch = getStaticSize(contraction.op, contraction.batch),
          rows = getStaticSize(contraction.op, contraction.rows),
          columns = getStaticSize(contraction.op, columnLoops);
  constexpr TileShape kLow{16, 64, 2, 2, 32, 4};
  constexpr TileShape kTiles[] = {
      {128, 128, 8, 8, 8, 1}, {64, 64, 4, 4, 16, 2}, {32, 32, 2, 2, 32, 4}};
  constexpr int64_t kBusy = 128, kUnknown = 512;
  bool known = !ShapedType::isDynamic(rows);
  if (known && rows <= kLow.rows)
    return kLow;
  auto count = [](int64_t size, int64_t tile) {
    return llvm::divideCeil(ShapedType::isDynamic(size) ? kUnknown : size,
                            tile);
  };
  for (const TileShape &tile : kTiles) {
    int64_t tiles = std::max<int64_t>(batch, 1) * count(rows, tile.rows) *
                    count(columns, tile.columns);
    if (tiles >= kBusy && (!known || rows >= tile.rows / 2))
      return tile;
  }
  return kTiles[2];
}

} // namespace dl::gpucode

namespace dl::gpucode {
SmallVector<unsigned> getColumnLoops(const Contraction &contraction) {
  SmallVector<unsigned> columns(contraction.outerLanes);
  llvm::append_range(columns, contraction.lanes);
  return columns;
}

int64_t getStaticSize(linalg::GenericOp op, ArrayRef<unsigned> loops) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t size = 1;
  for (unsigned d : loops) {
    if (ShapedType::isDynamic(ranges[d]))
      return ShapedType::kDynamic;
    size *= ranges[d];
  }
  return size;
}

bool hasWholeRuns(linalg::GenericOp op, ArrayRef<unsigned> loops,
                  int64_t count) {
  int64_t range = loops.empty() ? 0 : op.getStaticLoopRanges()[loops.back()];
  return !ShapedType::isDynamic(range) && range > 0 && range % count == 0;
}

bool readsWholeRuns(linalg::GenericOp op, OpOperand *operand,
                    ArrayRef<unsigned> loops, int64_t count) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (map.getNumResults() == 0 || !hasWholeRuns(op, loops, count))
    return false;
  auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
  return last && last.getPosition() == loops.back();
}

bool isByTiles(const Contraction &contraction) {
  constexpr int64_t kFew = 4;
  if (mlir::dl::hasSparseMatmulForm(contraction.op))
    return true;
  SmallVector<unsigned> columns = getColumnLoops(contraction);
  for (ArrayRef<unsigned> loops :
       {ArrayRef<unsigned>(contraction.rows), ArrayRef<unsigned>(columns)}) {
    int64_t size = getStaticSize(contraction.op, loops);
    if (!ShapedType::isDynamic(size) && size <= kFew)
      return false;
  }
  return true;
}
} // namespace dl::gpucode

AffineMap StageFunction::emitContraction(const Stage &stage,
                                         const Contraction &contraction) {
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  std::unique_ptr<TileEmitter> tile =
      mlir::dl::hasSparseMatmulForm(contraction.op) && !entry.takesPanels()
          ? std::make_unique<PanelTile>(*this, contraction)
          : entry.makeTile(*this, contraction);
  if (stage.shares && !stage.storesParts())
    tile->shares = &*stage.shares;
  Value tiles = stage.storesParts() ? tile->emitShares(*stage.shares, buffer)
                                    : tile->emit(stage.value, buffer);
  if (storesVectors && (emitter.failed() || failed(splitLanes(function))))
    return {};
  AffineMap elements = toMap(emitter.index.mul(
      tiles, emitter.index.constant(entry.getWorkgroupSize())));
  taken = entry.end(builder, loc, stage.buffer, /*keeps=*/false);
  return emitter.failed() ? AffineMap() : elements;
}

AffineMap StageFunction::emitAttention(const Stage &stage,
                                       const OnlineAttention &attention) {
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  Value groups = entry.emitAttention(*this, attention, stage.value, buffer);
  AffineMap elements = toMap(emitter.index.mul(
      groups, emitter.index.constant(entry.getWorkgroupSize())));
  taken = entry.end(builder, loc, stage.buffer, /*keeps=*/false);
  return emitter.failed() ? AffineMap() : elements;
}
