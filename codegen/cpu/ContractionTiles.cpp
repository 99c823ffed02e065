// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How a contraction uses tile registers: see TileRegisters.h.

#include "codegen/cpu/ContractionEmitter.h"

using namespace mlir;
using namespace mlir::dl::cpu;

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
  mayFlatten = true;
  bool pays = getRowCost(count * pitch) < count * getRowCost(extent);
  if (!kernel.choice.flat.value_or(pays))
    return;
  flat.outerLoop = outer;
  flat.pitch = pitch;
  flat.extent = extent;
  block.rows = count * pitch <= kTileRows ? kTileRows : 2 * kTileRows;
  flatSlots = count * llvm::alignTo(pitch, block.rows);
}

TileFactors ContractionEmitter::getTileFactors() {
  if (!c.isInteger())
    return {};
  return {1, c.hasUnsignedRows ? (c.hasUnsignedLanes ? "tdpbuud" : "tdpbusd")
                               : (c.hasUnsignedLanes ? "tdpbsud" : "tdpbssd")};
}

void ContractionEmitter::prepareTiles() {
  int64_t count = block.rows;
  if (rowLoop < 0) {
    count = 1;
  } else if (block.rows == kTileRows && flat.outerLoop < 0) {
    int64_t extent = staticExtent({(unsigned)rowLoop});
    if (!ShapedType::isDynamic(extent))
      count = std::clamp<int64_t>(extent, 1, kTileRows);
  }
  tiles.emplace(kernel, count, block.vectors,
                *IndexBuilder::getConstant(reduced.back().extent),
                depthStep && reduced.size() == 1, getTileFactors());
  hasWholeBlocks = rowLoop < 0;
  if (rowLoop >= 0 && flat.outerLoop < 0) {
    int64_t extent = staticExtent({(unsigned)rowLoop});
    hasWholeBlocks = !ShapedType::isDynamic(extent) && extent % count == 0;
  }
  tiles->configure();
}

/// The sums of the block at `row`, of which `valid` rows count, in `memory`
/// from element `place` on: rows of a panel's lanes. With `accumulates`, they
/// start from what is there.
void ContractionEmitter::emitTileSums(const Position &dims, Value row,
                                      Value valid, Value slot, Value memory,
                                      Value place, bool accumulates,
                                      Value firstOuter, Value endOuter) {
  BlockRows from = getBlockRows(dims, row);
  TileOperands operands;
  operands.rows = from.memory;
  operands.rowBase = from.base;
  operands.rowStep = from.between;
  operands.panel = panel;
  operands.panelBase = panelBase;
  operands.sums = memory;
  operands.sumBase = place;
  operands.sumStep = index.constant(panelWidth());
  operands.accumulates = accumulates;
  operands.loops = reduced;
  operands.first = firstOuter;
  operands.end = endOuter;
  Value steps = countSteps(firstOuter, endOuter, tiles->getDepth());
  Value pieceStart = index.mul(firstOuter, reduced.front().laneStride);
  tiles->emitProduct(operands, hasWholeBlocks ? Value() : valid,
                     [&](Value step) {
                       prefetchNextPanel(dims, slot, pieceStart, step, steps);
                     });
}

void ContractionEmitter::emitTileResults(const Position &dims, Value row,
                                         Value valid, Value memory,
                                         Value place) {
  Epilogue epilogue{kernel, c,     outputs,   dims,          rowLoop, row,
                    first,  count, laneCount, block.vectors, flat};
  epilogue.emitFromMemory(memory, valid, place);
}
