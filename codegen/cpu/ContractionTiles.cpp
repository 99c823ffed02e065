// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Blocks of a contraction in tile registers (AMX): products of bf16, sums in
// f32. A register holds up to 16 rows of 64 bytes. A block is up to 2 x 2
// registers of sums, 16 rows and 16 lanes each; a step multiplies up to 32
// contracted positions of rows with as many pairs of positions of lanes.
//
// Registers are named by number, so that LLVM neither allocates them nor
// configures them. See "Intel Architecture Instruction Set Extensions
// Programming Reference", chapter 3.

#include "codegen/cpu/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

/// Rows of a register, and bf16 in a row.
constexpr int64_t kTileRows = 16, kTileDepth = 32;
constexpr int64_t kConfigBytes = 64;
/// Registers 0 to 3 hold sums.
constexpr int kFactors = 4;

namespace {

/// Emits instructions on tile registers.
class TileBuilder {
public:
  TileBuilder(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  void clear(int tile) { call("tilezero", {number(tile)}); }
  void load(int tile, Value pointer, Value stride) {
    call("tileloadd64", {number(tile), pointer, stride});
  }
  void store(int tile, Value pointer, Value stride) {
    call("tilestored64", {number(tile), pointer, stride});
  }
  void multiplyAdd(int sum, int rows, int lanes) {
    call("tdpbf16ps", {number(sum), number(rows), number(lanes)});
  }
  void configure(Value pointer) { call("ldtilecfg", {pointer}); }
  void release() { call("tilerelease", {}); }

  /// The address of an element.
  Value pointerTo(Value memory, Value at) {
    Type i64 = builder.getI64Type();
    Type element = cast<MemRefType>(memory.getType()).getElementType();
    Value base =
        memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, memory);
    Value bytes = arith::ConstantIndexOp::create(
        builder, loc, element.getIntOrFloatBitWidth() / 8);
    Value offset = arith::MulIOp::create(builder, loc, at, bytes);
    Value sum = arith::AddIOp::create(builder, loc, base, offset);
    Value address = arith::IndexCastOp::create(builder, loc, i64, sum);
    return LLVM::IntToPtrOp::create(
        builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
        address);
  }

  /// A number of elements in bytes.
  Value strideOf(Value elements, int64_t elementBytes) {
    Value bytes = arith::ConstantIndexOp::create(builder, loc, elementBytes);
    Value product = arith::MulIOp::create(builder, loc, elements, bytes);
    return arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                      product);
  }

private:
  Value number(int tile) {
    return LLVM::ConstantOp::create(builder, loc, builder.getI8Type(),
                                    builder.getI8IntegerAttr(tile));
  }
  void call(StringRef name, ValueRange operands) {
    LLVM::CallIntrinsicOp::create(
        builder, loc, builder.getStringAttr("llvm.x86." + name.str()),
        operands);
  }

  OpBuilder &builder;
  Location loc;
};

} // namespace

/// The 64 bytes that configure the registers; `rows` of sums and rows' factors.
/// A register is given by its rows and the bytes of each.
static Value createConfig(OpBuilder &builder, Location loc, int64_t rows,
                          int64_t depth, int64_t lastDepth) {
  SmallVector<int8_t> bytes(kConfigBytes, 0);
  auto set = [&](int tile, int64_t count, int64_t width) {
    bytes[16 + 2 * tile] = static_cast<int8_t>(width);
    bytes[48 + tile] = static_cast<int8_t>(count);
  };
  constexpr int64_t kRowBytes = 64;
  bytes[0] = 1; // the palette
  for (int tile = 0; tile < kFactors; ++tile)
    set(tile, rows, kRowBytes);
  // Two of the rows and two of the lanes, or one of each for either depth.
  int second = lastDepth ? 2 : 1;
  for (int i = 0; i < 2; ++i) {
    int64_t size = i && lastDepth ? lastDepth : depth;
    int rowTile = kFactors + i * second,
        laneTile = lastDepth ? rowTile + 1 : rowTile + 2;
    set(rowTile, rows, 2 * size);
    set(laneTile, size / 2, kRowBytes);
  }
  auto type = VectorType::get({kConfigBytes}, builder.getI8Type());
  return arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
}

BlockSize ContractionEmitter::chooseTileBlock() {
  int64_t rows = rowLoop < 0 ? 1 : staticExtent({(unsigned)rowLoop});
  int64_t lanes = staticExtent(c.lanes);
  auto fits = [](int64_t size) {
    return !ShapedType::isDynamic(size) && size <= kTileRows;
  };
  return {fits(rows) ? kTileRows : 2 * kTileRows, fits(lanes) ? 1 : 2};
}

/// What `rows` rows of one loop cost, about, in cycles for a step: a register
/// of rows takes as many, but not fewer than loading the factors takes.
static double getRowCost(int64_t rows) {
  constexpr double kLeast = 20, kConfigure = 10;
  double cost = 2.0 * (rows - rows % (2 * kTileRows));
  for (int64_t left = rows % (2 * kTileRows); left > 0; left -= kTileRows)
    cost += std::max(2.0 * std::min(left, kTileRows), kLeast) + kConfigure;
  return cost;
}

/// Takes the last two row loops as one where they go through the memory of the
/// rows in equal steps, as in an image that was copied with its border: a block
/// then goes on from one row of the image to the next, over positions between
/// them that do not count.
void ContractionEmitter::flattenRows() {
  if (c.rows.size() < 2 || llvm::is_contained(groupLoops, c.rows.end()[-2]))
    return;
  unsigned outer = c.rows.end()[-2], inner = c.rows.back();
  auto outerStride = IndexBuilder::getConstant(rows->strides[outer]);
  auto innerStride = IndexBuilder::getConstant(rows->strides[inner]);
  int64_t count =
      range && rangeLoop == (int)outer ? range : staticExtent({outer});
  int64_t extent = staticExtent({inner});
  if (!outerStride || !innerStride || *innerStride <= 0 ||
      ShapedType::isDynamic(count) || ShapedType::isDynamic(extent) ||
      rangeLoop == (int)inner || *outerStride % *innerStride ||
      *outerStride < extent * *innerStride)
    return;
  int64_t pitch = *outerStride / *innerStride;
  if (getRowCost(count * pitch) >= count * getRowCost(extent))
    return;
  flat.outerLoop = outer;
  flat.pitch = pitch;
  flat.extent = extent;
  block.rows = count * pitch <= kTileRows ? kTileRows : 2 * kTileRows;
  flatSlots = count * llvm::alignTo(pitch, block.rows);
}

void ContractionEmitter::prepareTiles() {
  int64_t run = *IndexBuilder::getConstant(reduced.back().extent);
  int64_t steps = llvm::divideCeil(run, kTileDepth);
  tileDepth = std::min(run, kTileDepth);
  lastDepth = run % tileDepth;
  // Equal steps where they are not more; pieces of a run end anywhere.
  bool isDivided = depthStep && reduced.size() == 1;
  if (lastDepth && !isDivided && run % (2 * steps) == 0) {
    tileDepth = run / steps;
    lastDepth = 0;
  }
  fullRows = kTileRows;
  if (rowLoop < 0) {
    fullRows = 1;
  } else if (block.rows == kTileRows && flat.outerLoop < 0) {
    int64_t extent = staticExtent({(unsigned)rowLoop});
    if (!ShapedType::isDynamic(extent))
      fullRows = std::clamp<int64_t>(extent, 1, kTileRows);
  }
  Value zero = index.constant(0);
  auto create = [&] {
    Value config = kernel.allocateScratch(builder.getI8Type(),
                                          index.constant(kConfigBytes));
    vector::StoreOp::create(
        builder, loc,
        createConfig(builder, loc, fullRows, tileDepth, lastDepth), config,
        ValueRange{zero});
    return config;
  };
  tileConfig = create();
  lastRowsConfig = create();
  TileBuilder tiles(builder, loc);
  tiles.configure(tiles.pointerTo(tileConfig, zero));
}

void ContractionEmitter::releaseTiles() { TileBuilder(builder, loc).release(); }

/// Multiplies a block of `rowTiles` registers of rows.
void ContractionEmitter::emitTileBlock(int64_t rowTiles, const BlockRows &from,
                                       Value slot, Value memory, Value place,
                                       bool accumulates, Value firstOuter,
                                       Value endOuter) {
  TileBuilder tiles(builder, loc);
  int64_t laneTiles = block.vectors;
  Value sumStride = tiles.strideOf(index.constant(panelWidth()), 4);
  auto forSums = [&](function_ref<void(int, Value)> body) {
    for (int64_t r = 0; r < rowTiles; ++r)
      for (int64_t j = 0; j < laneTiles; ++j) {
        int64_t offset = r * kTileRows * panelWidth() + j * kTileRows;
        body(r * 2 + j,
             tiles.pointerTo(memory, index.add(place, index.constant(offset))));
      }
  };
  forSums([&](int tile, Value pointer) {
    if (accumulates)
      tiles.load(tile, pointer, sumStride);
    else
      tiles.clear(tile);
  });
  Value rowStride = tiles.strideOf(from.between, 2);
  Value laneStride = tiles.strideOf(index.constant(2 * panelWidth()), 2);
  auto loadRows = [&](int tile, int64_t r, Value at) {
    Value offset = index.mul(from.between, index.constant(r * kTileRows));
    tiles.load(tile, tiles.pointerTo(from.memory, index.add(at, offset)),
               rowStride);
  };
  auto loadLanes = [&](int tile, int64_t j, Value at) {
    Value offset = index.constant(j * 2 * kTileRows);
    tiles.load(tile, tiles.pointerTo(panel, index.add(at, offset)), laneStride);
  };
  auto emitStep = [&](Value rowAt, Value laneAt, bool isLast) {
    if (!lastDepth) {
      for (int64_t r = 0; r < rowTiles; ++r)
        loadRows(kFactors + r, r, rowAt);
      for (int64_t j = 0; j < laneTiles; ++j) {
        loadLanes(kFactors + 2 + j, j, laneAt);
        for (int64_t r = 0; r < rowTiles; ++r)
          tiles.multiplyAdd(r * 2 + j, kFactors + r, kFactors + 2 + j);
      }
      return;
    }
    // One register each: back and forth, so that what is loaded serves twice.
    int rowTile = kFactors + (isLast ? 2 : 0), laneTile = rowTile + 1;
    int64_t loaded = -1;
    for (int64_t r = 0; r < rowTiles; ++r) {
      loadRows(rowTile, r, rowAt);
      for (int64_t n = 0; n < laneTiles; ++n) {
        int64_t j = r % 2 ? laneTiles - 1 - n : n;
        if (j != loaded)
          loadLanes(laneTile, j, laneAt);
        loaded = j;
        tiles.multiplyAdd(r * 2 + j, rowTile, laneTile);
      }
    }
  };

  Value depthValue = index.constant(tileDepth);
  Value innerSteps = index.constant(1);
  for (const ReducedLoop &loop : ArrayRef<ReducedLoop>(reduced).drop_front())
    innerSteps = index.mul(innerSteps, loop.extent);
  Value stepCount = index.div(
      index.mul(index.sub(endOuter, firstOuter), innerSteps), depthValue);
  Value pieceStart = index.mul(firstOuter, reduced.front().laneStride);
  std::function<void(size_t, Value, Value, Value)> nest =
      [&](size_t level, Value rowAt, Value laneAt, Value position) {
        const ReducedLoop &loop = reduced[level];
        bool isInner = level + 1 == reduced.size();
        Value lower = level == 0 ? firstOuter : index.constant(0);
        Value upper = level == 0 ? endOuter : loop.extent;
        auto rowOf = [&](Value k) {
          return index.add(rowAt, index.mul(k, loop.rowStride));
        };
        auto laneOf = [&](Value k) {
          return index.add(laneAt, index.mul(k, loop.laneStride));
        };
        auto positionOf = [&](Value k) {
          return index.add(position, index.sub(k, lower));
        };
        Value length = index.sub(upper, lower);
        Value limit = upper, step = index.constant(1);
        if (isInner) {
          limit = index.add(lower,
                            index.sub(length, index.rem(length, depthValue)));
          step = depthValue;
        }
        emitLoop(builder, loc, lower, limit, step, {},
                 [&](Value k, ValueRange) -> SmallVector<Value> {
                   if (!isInner) {
                     nest(level + 1, rowOf(k), laneOf(k),
                          index.mul(positionOf(k), reduced[level + 1].extent));
                     return {};
                   }
                   prefetchNextPanel(slot, pieceStart,
                                     index.div(positionOf(k), depthValue),
                                     stepCount);
                   emitStep(rowOf(k), laneOf(k), false);
                   return {};
                 });
        if (!isInner || !lastDepth)
          return;
        // The positions that are left follow the last piece.
        auto known = IndexBuilder::getConstant(length);
        OpBuilder::InsertionGuard guard(builder);
        if (!known) {
          auto ifOp = scf::IfOp::create(builder, loc, index.less(limit, upper),
                                        /*withElseRegion=*/false);
          builder.setInsertionPointToStart(ifOp.thenBlock());
        }
        emitStep(rowOf(limit), laneOf(limit), true);
      };
  nest(0, from.base, panelBase, index.constant(0));
  forSums(
      [&](int tile, Value pointer) { tiles.store(tile, pointer, sumStride); });
}

/// The sums of the block at `row`, of which `valid` rows count, in `memory`
/// from element `place` on: rows of a panel's lanes. With `accumulates`, they
/// start from what is there.
void ContractionEmitter::emitTileSums(const Position &dims, Value row,
                                      Value valid, Value slot, Value memory,
                                      Value place, bool accumulates,
                                      Value firstOuter, Value endOuter) {
  int64_t rowTiles = llvm::divideCeil(block.rows, kTileRows);
  BlockRows from = getBlockRows(dims, row);
  int64_t all = rowTiles == 1 ? fullRows : block.rows;
  auto emitFull = [&] {
    emitTileBlock(rowTiles, from, slot, memory, place, accumulates, firstOuter,
                  endOuter);
  };
  auto extent = rowLoop < 0 ? 1 : staticExtent({(unsigned)rowLoop});
  if (flat.outerLoop < 0 && !ShapedType::isDynamic(extent) && extent % all == 0)
    return emitFull();
  Value isFull = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       valid, index.constant(all));
  auto ifOp = scf::IfOp::create(builder, loc, isFull, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  {
    ElementEmitter::Scope scope(emitter);
    emitFull();
  }
  builder.setInsertionPointToStart(ifOp.elseBlock());
  // Fewer rows: one register of them after the other, each with as many.
  ElementEmitter::Scope scope(emitter);
  TileBuilder tiles(builder, loc);
  Value zero = index.constant(0);
  emitLoop(builder, loc, zero, valid, index.constant(kTileRows), {},
           [&](Value done, ValueRange) -> SmallVector<Value> {
             Value rows =
                 index.min(index.sub(valid, done), index.constant(kTileRows));
             Value byte = arith::IndexCastOp::create(builder, loc,
                                                     builder.getI8Type(), rows);
             for (int tile : {0, 1, 4, 6}) {
               // Register 6 holds lanes where there is one depth alone.
               if (tile == 6 && !lastDepth)
                 continue;
               memref::StoreOp::create(builder, loc, byte, lastRowsConfig,
                                       ValueRange{index.constant(48 + tile)});
             }
             tiles.configure(tiles.pointerTo(lastRowsConfig, zero));
             BlockRows part = from;
             part.base = index.add(from.base, index.mul(done, from.between));
             Value offset = index.mul(done, index.constant(panelWidth()));
             emitTileBlock(1, part, slot, memory, index.add(place, offset),
                           accumulates, firstOuter, endOuter);
             return {};
           });
  tiles.configure(tiles.pointerTo(tileConfig, zero));
}

void ContractionEmitter::emitTileResults(const Position &dims, Value row,
                                         Value valid, Value memory,
                                         Value place) {
  Epilogue epilogue{kernel, c,     outputs,   dims,          rowLoop, row,
                    first,  count, laneCount, block.vectors, flat};
  epilogue.emitFromMemory(memory, valid, place);
}
