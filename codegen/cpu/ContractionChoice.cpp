// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a choice may decide about a contraction, and which other decisions are
// worth measuring.

#include "codegen/cpu/ContractionEmitter.h"

using namespace mlir;
using namespace mlir::dl::cpu;

BlockSize ContractionEmitter::takeBlock(BlockSize preferred) {
  std::optional<BlockSize> chosen = getChosenBlock(kernel);
  if (!chosen)
    return preferred;
  if (hasTiles()) {
    bool isLegal = chosen->rows % kTileRows == 0 && chosen->vectors <= 2;
    return isLegal ? *chosen : preferred;
  }
  return {rowLoop < 0 ? 1 : chosen->rows, chosen->vectors};
}

/// Takes the range that is asked for, in whole units, if what a tile then reads
/// is bounded; returns whether it did.
bool ContractionEmitter::takeRange(int64_t unit,
                                   function_ref<int64_t(int64_t)> bytesOf) {
  if (!kernel.choice.range)
    return false;
  int64_t extent = staticExtent({(unsigned)rangeLoop});
  bool isKnown = !ShapedType::isDynamic(extent);
  int64_t wanted = *kernel.choice.range;
  if (wanted == 0 && !isKnown)
    return false;
  if (wanted == 0 || (isKnown && wanted > extent))
    wanted = extent;
  int64_t units = std::max<int64_t>(1, llvm::divideCeil(wanted, unit));
  // A staged image and the sums of pieces take scratch.
  constexpr int64_t kCaches = 16;
  if (bytesOf(units) > kCaches * kernel.machine.l2Bytes)
    return false;
  range = isKnown && units * unit >= extent ? 0 : units * unit;
  return true;
}

void ContractionEmitter::report() {
  KernelChoice &made = kernel.report.made;
  made.rows = block.rows;
  made.vectors = block.vectors;
  if (rangeLoop >= 0)
    made.range = range;
  if (mayDivideDepth)
    made.depth = depthStep;
  if (depthStep && packedLanes)
    made.panels = panelsInTile;
  if (packedLanes)
    made.prefetch = prefetchLines;
  if (!hasTiles())
    made.unroll = unroll;
  if (mayFlatten)
    made.flat = flat.outerLoop >= 0;

  auto add = [&](std::optional<int64_t> KernelChoice::*part, int64_t value) {
    if (made.*part == value)
      return;
    KernelChoice other;
    other.*part = value;
    kernel.report.alternatives.push_back(other);
  };
  auto addBlock = [&](BlockSize size) {
    if (size.rows == block.rows && size.vectors == block.vectors)
      return;
    KernelChoice other;
    other.rows = size.rows;
    other.vectors = size.vectors;
    kernel.report.alternatives.push_back(other);
  };

  if (mayFlatten)
    add(&KernelChoice::flat, !*made.flat);
  if (packedLanes)
    add(&KernelChoice::prefetch, prefetchLines ? 0 : 1);
  if (rangeLoop >= 0) {
    int64_t extent = staticExtent({(unsigned)rangeLoop});
    bool isKnown = !ShapedType::isDynamic(extent);
    int64_t now = range || !isKnown ? range : extent;
    for (int64_t parts : {2, 4}) {
      int64_t part = llvm::alignTo(llvm::divideCeil(now, parts), rangeUnit);
      if (part < now)
        add(&KernelChoice::range, part);
    }
    if (range)
      add(&KernelChoice::range, isKnown && 2 * range >= extent ? 0 : 2 * range);
  }
  int64_t rowCount = rowLoop < 0 ? 1 : staticExtent({(unsigned)rowLoop});
  if (hasTiles()) {
    if (rowCount != 1 && block.rows == kTileRows)
      addBlock({2 * kTileRows, block.vectors});
    else if (block.rows > kTileRows)
      addBlock({kTileRows, block.vectors});
    addBlock({block.rows, block.vectors == 1 ? 2 : 1});
  } else {
    for (BlockSize size :
         listBlocks(rowCount, staticExtent(c.lanes), kernel.machine))
      addBlock(size);
    // A row waits for memory: how many panels there are decides.
    if (rowCount == 1)
      for (int64_t vectors : {2, 4, 8})
        addBlock({block.rows, vectors});
  }
  if (packedLanes)
    add(&KernelChoice::prefetch,
        std::min<int64_t>(prefetchLines ? 2 * prefetchLines : 2, 64));
  if (mayDivideDepth) {
    int64_t outer = staticExtent({c.reduced.front()});
    int64_t now = depthStep ? depthStep : outer;
    constexpr int64_t kLeast = 16 << 10; // bytes of a piece of a panel
    int64_t bytes =
        staticExtent(c.reduced) / outer * now * panelWidth() * c.factorBytes();
    if (bytes / 2 >= kLeast)
      add(&KernelChoice::depth, llvm::divideCeil(now, 2));
    if (depthStep)
      add(&KernelChoice::depth, 2 * depthStep >= outer ? 0 : 2 * depthStep);
  }
  if (made.panels) {
    add(&KernelChoice::panels, 2 * panelsInTile);
    if (panelsInTile > 1)
      add(&KernelChoice::panels, panelsInTile / 2);
  }
  if (!hasTiles())
    for (int64_t other : {2, 8})
      add(&KernelChoice::unroll, other);
}
