// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How a contraction is divided: tiles, pieces, and where its operands lie.

#include "codegen/cpu/ContractionEmitter.h"

using namespace mlir;
using namespace mlir::dl::cpu;

SmallVector<Value> ContractionEmitter::sizesOf(ArrayRef<unsigned> loops) {
  SmallVector<Value> sizes;
  for (unsigned d : loops)
    sizes.push_back(emitter.loopSize(op, d));
  return sizes;
}

int64_t ContractionEmitter::staticExtent(ArrayRef<unsigned> loops) {
  int64_t product = 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned d : loops) {
    if (ShapedType::isDynamic(ranges[d]))
      return ShapedType::kDynamic;
    product *= ranges[d];
  }
  return product;
}

bool ContractionEmitter::areWeightsAbove(int64_t bytes) {
  int64_t lanes = staticExtent(c.lanes), deep = staticExtent(c.reduced);
  return packedLanes && !ShapedType::isDynamic(lanes) &&
         !ShapedType::isDynamic(deep) && lanes * deep * c.factorBytes() > bytes;
}

Value ContractionEmitter::pack(OpOperand *operand, ArrayRef<unsigned> order,
                               unsigned blocked, int64_t tile, int paired) {
  BlockArgument argument = Contraction::getConstantArgument(op, operand);
  if (!argument)
    return Value();
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<int64_t> permutation;
  SmallVector<int64_t> inner{-1}, tiles{tile};
  // Dimensions of one position, which no loop moves in, change nothing.
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (isa<AffineConstantExpr>(expr)) {
      if (cast<ShapedType>(argument.getType()).getDimSize(i) != 1)
        return Value();
      permutation.push_back(i);
    }
  for (unsigned d : order) {
    auto position = map.getResultPosition(builder.getAffineDimExpr(d));
    if (!position)
      continue;
    permutation.push_back(*position);
    if (d == blocked)
      inner.front() = *position;
    if ((int)d == paired) {
      inner.push_back(*position);
      tiles.push_back(getGroup());
    }
  }
  if (inner.front() < 0 || permutation.size() != map.getNumResults())
    return Value();
  return kernel.packArgument(argument, permutation, inner, tiles);
}

NarrowProducts ContractionEmitter::chooseProducts() {
  NarrowProducts possible = c.factorType.isBF16()
                                ? kernel.machine.narrowProducts
                            : c.isInteger() ? kernel.machine.byteProducts
                                            : NarrowProducts::Extend;
  // Vectors of four are products of u8 and s8 alone.
  if (possible == NarrowProducts::Quads &&
      (!c.hasUnsignedRows || c.hasUnsignedLanes))
    possible = NarrowProducts::Pairs;
  bool fitsVectors =
      emitter.width() == 16 || (c.isInteger() && emitter.width() == 8 &&
                                possible != NarrowProducts::Tiles);
  if (possible == NarrowProducts::Extend || !fitsVectors)
    return NarrowProducts::Extend;
  // Groups of contracted positions, and runs of them, lie together in a row.
  unsigned last = c.reduced.back();
  int64_t extent = staticExtent({last}), group = getGroup(possible);
  if (ShapedType::isDynamic(extent))
    return NarrowProducts::Extend;
  bool isPacked =
      c.lanes.size() == 1 && Contraction::getConstantArgument(op, c.laneSide);
  if (auto linear = getLinearAccess(kernel, op, c.rowSide)) {
    if (extent % group == 0 && linear->liesAlong(last))
      return possible;
    // Bytes gain enough for a copy of the rows.
    if (!c.isInteger())
      return NarrowProducts::Extend;
  }
  if (!StagedOperand::liesAlong(op, c.rowSide, last) ||
      (!isPacked && extent % group))
    return NarrowProducts::Extend;
  mustStage = true;
  return possible;
}

int64_t ContractionEmitter::getGroup(NarrowProducts how) {
  switch (how) {
  case NarrowProducts::Extend:
    return 1;
  case NarrowProducts::Pairs:
    return 2;
  case NarrowProducts::Quads:
    return 4;
  case NarrowProducts::Tiles:
    return 4 / c.factorBytes();
  }
}

Value ContractionEmitter::getPanelExtent(unsigned d) {
  Value extent = emitter.loopSize(op, d);
  if (!hasGroups() || d != c.reduced.back())
    return extent;
  Value group = index.constant(getGroup());
  return index.mul(index.ceilDiv(extent, group), group);
}

//===----------------------------------------------------------------------===//
// Sizes of tiles and pieces
//===----------------------------------------------------------------------===//

/// A lane side that lies in memory as its only panel would: a copy would be the
/// same.
void ContractionEmitter::findLanes() {
  int64_t lanes = staticExtent(c.lanes);
  if (packedLanes || c.lanes.size() != 1 || hasGroups() || c.isInteger() ||
      getElementTypeOrSelf(c.laneSide->get()) != c.factorType ||
      lanes != panelWidth())
    return;
  auto access = getLinearAccess(kernel, op, c.laneSide);
  if (!access || !access->liesAlong(c.lanes.back()))
    return;
  auto stride = IndexBuilder::getConstant(access->strides[c.reduced.back()]);
  if (stride && *stride == lanes)
    lanesInPlace = access;
}

/// Divides the outermost row loop so that what a tile reads of the row side
/// stays in half of the core's cache, and so that there are tiles enough for
/// several threads. Where each range copies its panels, it may be twice the
/// cache: rows that are read where they lie come in time.
void ContractionEmitter::chooseRange() {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (rowLoop < 0)
    return;
  int64_t unit = 1;
  // What a range of one unit reads, and what one more adds.
  constexpr int64_t kGuess = 512; // for a size that is not known
  auto bytesOf = [&](int64_t units) {
    SmallVector<int64_t> extents;
    for (int64_t extent : ranges)
      extents.push_back(ShapedType::isDynamic(extent) ? kGuess : extent);
    for (unsigned d : llvm::concat<unsigned>(c.batch, groupLoops))
      extents[d] = 1;
    if (depthStep)
      extents[c.reduced.front()] = depthStep;
    extents[rangeLoop] = units * unit;
    return getBytesRead(op, c.rowSide, extents).value_or(0);
  };
  bool isStaged = !packedRows && !rows;
  int64_t budget = copiesPanels() && !isStaged ? 2 * kernel.machine.l2Bytes
                                               : kernel.machine.l2Bytes / 2;
  // The outermost loop of which a tile may take several positions.
  for (unsigned d : c.rows) {
    rangeLoop = d;
    unit = rangeLoop == rowLoop ? block.rows : 1;
    if (llvm::is_contained(groupLoops, d))
      continue;
    // Where lanes are one panel, ranges are all tiles there are: those of a
    // loop of few positions do not come out even.
    constexpr int64_t kFew = 8;
    bool isFew = lanesInPlace && ranges[d] < kFew;
    if (rangeLoop == rowLoop ||
        (!isFew && ranges[d] != 1 && bytesOf(1) <= budget))
      break;
    groupLoops.push_back(d);
  }
  int64_t one = bytesOf(1), step = std::max<int64_t>(bytesOf(2) - one, 1);
  int64_t units = std::max<int64_t>(1, 1 + (budget - one) / step);
  int64_t extent = ranges[rangeLoop];
  rangeUnit = unit;
  if (takeRange(unit, bytesOf))
    return;
  if (!ShapedType::isDynamic(extent)) {
    int64_t all = std::max<int64_t>(1, llvm::divideCeil(extent, unit));
    int64_t parts = llvm::divideCeil(all, std::min(units, all));
    // Tiles for several threads, none of them tiny. Weights that stream are
    // read again for each range.
    int64_t mostTiles = areWeightsAbove(kernel.machine.l2Bytes / 2) ? 4 : 16;
    constexpr double kTileFlops = 2.5e5;
    double flops = 2;
    int64_t others = 1;
    for (auto [d, size] : llvm::enumerate(ranges))
      if (!ShapedType::isDynamic(size))
        flops *= size;
      else if (!llvm::is_contained(groupLoops,
                                   d)) // of a batch, there may be one
        flops *= kGuess;
    for (unsigned d : llvm::concat<unsigned>(c.batch, c.outerLanes))
      others *= ShapedType::isDynamic(ranges[d]) ? 4 : ranges[d];
    for (unsigned d : groupLoops)
      others *= ShapedType::isDynamic(ranges[d]) ? 1 : ranges[d];
    int64_t lanes = staticExtent(c.lanes);
    others *= ShapedType::isDynamic(lanes)
                  ? 4
                  : llvm::divideCeil(lanes, panelWidth() * panelsInTile);
    int64_t wanted = std::clamp<int64_t>(flops / kTileFlops, 1, mostTiles);
    int64_t least = parts;
    parts = std::max<int64_t>(
        parts, llvm::divideCeil(wanted, std::max<int64_t>(others, 1)));
    parts = std::min(parts, all);
    // About as many, so that two threads come out even: the rows of the longer
    // half, with a little for each part; and as many rows as take the time of a
    // copied panel.
    constexpr int64_t kCopyRows = 16;
    double copyUnits = copiesPanels() ? double(kCopyRows) / unit : 0;
    double best = 0;
    for (int64_t p = std::max(least, parts / 2); p <= std::min(2 * parts, all);
         ++p) {
      int64_t inPart = llvm::divideCeil(all, p);
      int64_t tiles = llvm::divideCeil(all, inPart) * others;
      double cost = double(llvm::divideCeil(tiles, 2)) * (inPart + copyUnits) *
                    (1 + 0.005 * p);
      if (best == 0 || cost < best) {
        best = cost;
        units = inPart;
      }
    }
    if (units >= all)
      return;
  }
  range = units * unit;
}

/// Divides a deep contraction so that a piece of a panel stays in a quarter of
/// the core's cache. A tile then has several panels, which read one piece of
/// the rows in turn.
void ContractionEmitter::chooseDepth() {
  // Rows of which the number is not known go one by one, but the blocked ones.
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned d : c.rows)
    if ((int)d != rowLoop && ShapedType::isDynamic(ranges[d]))
      groupLoops.push_back(d);
  int64_t deep = staticExtent(c.reduced);
  if (packedRows || rowLoop < 0 || ShapedType::isDynamic(deep))
    return;
  // Sums of all rows of a tile are kept: their number must be known or bounded
  // by the range.
  SmallVector<unsigned> inTile;
  for (unsigned d : c.rows)
    if (!llvm::is_contained(groupLoops, d))
      inTile.push_back(d);
  int64_t rowCount = staticExtent(inTile);
  bool isBounded = inTile.size() == 1;
  if (ShapedType::isDynamic(rowCount) ? !isBounded : rowCount <= block.rows)
    return;
  int64_t bytes = deep * panelWidth() * c.factorBytes();
  // A panel that is multiplied where it lies is the only one: each block of
  // rows goes through it anew, from the first cache if it can.
  constexpr int64_t kShortPiece = 64 << 10;
  int64_t pieceBytes = lanesInPlace ? kShortPiece : kernel.machine.l2Bytes / 4;
  int64_t pieces = llvm::divideCeil(bytes, pieceBytes);
  int64_t outer = staticExtent({c.reduced.front()});
  if (outer <= 1)
    return;
  mayDivideDepth = true;
  if (kernel.choice.depth)
    depthStep = *kernel.choice.depth;
  else if (pieces > 1)
    depthStep = llvm::divideCeil(outer, std::min(pieces, outer));
  if (!depthStep)
    return;
  if (c.reduced.size() == 1)
    depthStep =
        llvm::alignTo(depthStep, hasTiles() ? kTileRowBytes / c.factorBytes()
                                            : std::max<int64_t>(getGroup(), 2) *
                                                  std::max(unroll, kUnroll));
  if (depthStep >= outer) {
    depthStep = 0;
    return;
  }
  int64_t lanes = staticExtent(c.lanes);
  if (packedLanes && !ShapedType::isDynamic(lanes))
    panelsInTile =
        std::clamp<int64_t>(llvm::divideCeil(lanes, panelWidth()) / 4, 1, 4);
  constexpr int64_t kMostPanels = 16;
  if (packedLanes && kernel.choice.panels)
    panelsInTile = std::min(*kernel.choice.panels, kMostPanels);
}

/// Weights that hardly stay in the core's cache from one run to the next: while
/// one panel is at work, the next comes. Those of a single block of rows
/// stream: the CPU fetches them by itself, but not beyond a page.
void ContractionEmitter::choosePrefetch() {
  int64_t rowCount = 1;
  for (unsigned d : c.rows)
    if (!llvm::is_contained(groupLoops, d) &&
        !ShapedType::isDynamic(rowCount)) {
      int64_t extent = range && (int)d == rangeLoop ? range : staticExtent(d);
      rowCount = ShapedType::isDynamic(extent) ? extent : rowCount * extent;
    }
  int64_t blocks =
      ShapedType::isDynamic(rowCount)
          ? 16
          : std::max<int64_t>(1, insideShare *
                                     llvm::divideCeil(rowCount, block.rows));
  int64_t stepDepth = hasTiles() ? tiles->getDepth() : unroll * getGroup();
  int64_t lines =
      llvm::divideCeil(stepDepth * panelWidth() * c.factorBytes(), kLineBytes);
  hasSingleBlock = blocks == 1;
  if (packedLanes && kernel.choice.prefetch)
    prefetchLines = *kernel.choice.prefetch;
  else if (areWeightsAbove(kernel.machine.l2Bytes / 4))
    prefetchLines =
        std::clamp<int64_t>(llvm::divideCeil(lines, blocks), 1, lines);
  prepareSource(llvm::divideCeil(lines, blocks));
}

/// Transposed matrices, of which panels are copied: while one is at work, the
/// lines of the next are fetched, `lines` at each step for all of them to come
/// in time. Squares of them lie in as many places as they have lanes, more than
/// the CPU follows by itself.
void ContractionEmitter::prepareSource(int64_t lines) {
  constexpr int64_t kMostLines = 2;
  if (!copiesPanels() || c.lanes.size() != 1 || c.reduced.size() != 1 ||
      lines > kMostLines || hasGroups() ||
      getElementTypeOrSelf(c.laneSide->get()) != c.factorType)
    return;
  laneSource = getLinearAccess(kernel, op, c.laneSide);
  sourceLines = lines;
  if (laneSource && !laneSource->liesAlong(c.reduced.back()))
    laneSource.reset();
}

//===----------------------------------------------------------------------===//
// The row side
//===----------------------------------------------------------------------===//

/// Whether contracted positions lie so far apart, as in the transposed rows of
/// a weight's gradient, that each is on a page of its own, and those of one
/// block of rows fall to few sets of the cache.
bool ContractionEmitter::areRowsApart() {
  constexpr int64_t kFarBytes = 1024;
  auto stride = IndexBuilder::getConstant(rows->strides[c.reduced.back()]);
  int64_t extent = staticExtent({c.reduced.back()});
  int64_t lanes = staticExtent(c.lanes);
  return c.reduced.size() == 1 && rowLoop >= 0 && stride &&
         *stride * c.factorBytes() >= kFarBytes &&
         !ShapedType::isDynamic(extent) && extent >= 64 &&
         !ShapedType::isDynamic(lanes) && lanes > panelWidth() &&
         StagedOperand::isPossible(op, c.rowSide);
}

/// Rows that are read where they lie; the others are copied.
void ContractionEmitter::findRows() {
  if (packedRows || mustStage)
    return;
  rows = getLinearAccess(kernel, op, c.rowSide, nullptr, leavesOutBorder);
  if (rows && areRowsApart())
    rows.reset();
}

void ContractionEmitter::prepareRows() {
  if (packedRows || rows)
    return;
  if (!StagedOperand::isPossible(op, c.rowSide)) {
    emitter.fail(op, "the row side's indices are no sums");
    return;
  }
  SmallVector<Value> extent;
  for (unsigned d = 0; d < op.getNumLoops(); ++d)
    extent.push_back(emitter.loopSize(op, d));
  for (unsigned d : llvm::concat<unsigned>(c.batch, groupLoops))
    extent[d] = index.constant(1);
  if (range)
    extent[rangeLoop] = index.constant(range);
  staged.emplace(kernel, op, c.rowSide, extent, getGroup());
  clearsStaged = hasGroups() && staticExtent({c.reduced.back()}) % getGroup();
  if (clearsStaged)
    staged->clear();
  rows = staged->access;
}

/// Whether two loops go through memory as one.
static bool areOne(const ReducedLoop &outer, const ReducedLoop &inner,
                   Value ReducedLoop::*stride) {
  auto extent = IndexBuilder::getConstant(inner.extent);
  auto outerStride = IndexBuilder::getConstant(outer.*stride);
  auto innerStride = IndexBuilder::getConstant(inner.*stride);
  return IndexBuilder::getConstant(outer.extent) == 1 ||
         (extent && outerStride && innerStride &&
          *outerStride == *extent * *innerStride);
}

/// The contracted loops, outermost first; two that go through the memory of
/// both operands as one are one.
void ContractionEmitter::findReducedLoops() {
  Value laneStride = index.constant(panelWidth());
  Value rowStride = index.constant(block.rows);
  for (unsigned d : llvm::reverse(c.reduced)) {
    Value extent = getPanelExtent(d);
    if (packedRows) {
      reduced.push_back({d, extent, rowStride, laneStride});
      rowStride = index.mul(rowStride, extent);
    } else {
      reduced.push_back({d, extent, rows->strides[d], laneStride});
    }
    if (lanesInPlace)
      reduced.back().laneStride = lanesInPlace->strides[d];
    laneStride = index.mul(laneStride, extent);
  }
  std::reverse(reduced.begin(), reduced.end());
  for (size_t i = reduced.size(); i-- > 1;) {
    ReducedLoop &outer = reduced[i - 1], &inner = reduced[i];
    // The outermost loop runs in pieces.
    if (depthStep && i == 1)
      continue;
    if (getBorder(inner.dimension)) // it has bounds of its own
      continue;
    if (!areOne(outer, inner, &ReducedLoop::rowStride) ||
        !areOne(outer, inner, &ReducedLoop::laneStride))
      continue;
    outer.unit =
        outer.unit ? index.mul(outer.unit, inner.extent) : inner.extent;
    outer.extent = index.mul(outer.extent, inner.extent);
    outer.rowStride = inner.rowStride;
    outer.laneStride = inner.laneStride;
    reduced.erase(reduced.begin() + i);
  }
}
