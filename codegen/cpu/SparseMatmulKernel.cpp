// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products with matrices of which zeros are left out. Lanes lie along the rows
// of the result where there are enough: what is multiplied is copied
// transposed, so that a kept element multiplies vectors, and blocks of results
// are transposed back. A panel of many columns is multiplied some of them at a
// time, so that the accumulators are a block of which each vector and each
// element serves several. With few rows, kept rows of whole vectors of columns
// are multiplied as those of a dense product are, elements of the other matrix
// broadcast.

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/ContractionRows.h"
#include "codegen/cpu/TransposeKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::cpu;

namespace {

struct SparseMatmul {
  linalg::GenericOp op;
  Value lhs;
  OpOperand *values = nullptr, *positions = nullptr, *counts = nullptr;
  int64_t panels = 0, slots = 0, width = 0;

  static std::optional<SparseMatmul> match(func::FuncOp source);
};

class SparseMatmulEmitter {
public:
  SparseMatmulEmitter(KernelFunction &kernel, const SparseMatmul &match)
      : kernel(kernel), match(match), op(match.op), emitter(kernel.emitter),
        index(emitter.index), builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  /// Loops of the dense product that this stands for.
  enum Loop : unsigned { kRow, kLane, kDepth, kNumLoops };

  linalg::GenericOp createDense();
  void setRoles(linalg::GenericOp dense, bool isTransposed);
  Value getMemory(OpOperand *operand) {
    return emitter.buffers[operand->get()].memory;
  }
  Type f32() { return builder.getF32Type(); }
  VectorType vectorType() { return emitter.vectorType(f32()); }
  Value zeroVector() {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getZeroAttr(vectorType()));
  }
  /// `count` vectors of zero.
  SmallVector<Value> zeros(int64_t count) {
    return SmallVector<Value>(count, zeroVector());
  }
  /// Slots of a panel that count.
  Value getCount(Value panel);
  /// The row of the matrix that stands in a slot.
  Value getPosition(Value slot);
  Epilogue getEpilogue(Value row, Value first, Value count, int64_t vectors);

  // Lanes along columns.
  void runWide();
  void emitWideRows(Value panel, Value row, int64_t height);

  // Lanes along rows.
  void runNarrow();
  void emitColumns(Value item);
  void emitPanel(Value panel, Value inPanel, Value column);
  void addSlot(Value slot, Value inPanel, MutableArrayRef<Value> sums);
  void transposeBlock();

  KernelFunction &kernel;
  const SparseMatmul &match;
  linalg::GenericOp op;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  SmallVector<KernelFunction::Output> outputs;
  Contraction roles; // of the op: for what follows
  Contraction dense; // of the dense product: for reading the left matrix
  Value values, positions, counts, rowCount, laneCount;
  int64_t rowsInBlock = 0, vectors = 0, blocksInRange = 1;
  int64_t together = 0; // columns of a panel, with lanes along rows
  std::optional<LinearAccess> rows;
  std::optional<StagedOperand> staged;
  Value scratch, columns, turned; // blocks of results, the left matrix
  Value rangeLower, rangeUpper;
};

} // namespace

std::optional<SparseMatmul> SparseMatmul::match(func::FuncOp source) {
  SparseMatmul result;
  linalg::GenericOp op = result.op = findOnly(source, hasSparseMatmulForm);
  if (!op)
    return std::nullopt;
  constexpr unsigned kOperands = 3;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<tensor::ExtractOp> reads(
      op.getBody()->getOps<tensor::ExtractOp>());
  if (op.getNumDpsInputs() != kOperands || out.getNumResults() != 2 ||
      !out.isProjectedPermutation() || reads.size() != 1)
    return std::nullopt;
  result.lhs = reads.front().getTensor();
  result.values = op.getDpsInputOperand(0);
  result.positions = op.getDpsInputOperand(1);
  result.counts = op.getDpsInputOperand(2);
  for (OpOperand *operand : {result.values, result.positions, result.counts})
    if (!isa<BlockArgument>(operand->get()))
      return std::nullopt;
  ArrayRef<int64_t> shape =
      cast<ShapedType>(result.values->get().getType()).getShape();
  result.panels = shape[0];
  result.slots = shape[1];
  result.width = shape[2];
  if (!resultsFollowElementwise(source, op))
    return std::nullopt;
  return result;
}

bool mlir::dl::cpu::isSparseMatmulKernel(func::FuncOp source,
                                         const MachineModel &machine) {
  auto match = SparseMatmul::match(source);
  return match && machine.vectorLanes >= 4 &&
         (match->width % machine.vectorLanes == 0 ||
          machine.vectorLanes % match->width == 0);
}

/// The same product with a whole matrix, before the op, for what knows how the
/// operands of those are read. It is never run.
linalg::GenericOp SparseMatmulEmitter::createDense() {
  OpBuilder before(op);
  MLIRContext *context = before.getContext();
  auto lhs = cast<RankedTensorType>(match.lhs.getType());
  Value matrix = tensor::EmptyOp::create(
      before, loc, {lhs.getDimSize(1), match.panels * match.width}, f32());
  auto map = [&](unsigned a, unsigned b) {
    return AffineMap::get(
        kNumLoops, 0, {before.getAffineDimExpr(a), before.getAffineDimExpr(b)},
        context);
  };
  Value init = op.getDpsInits().front();
  return linalg::GenericOp::create(
      before, loc, TypeRange{init.getType()}, ValueRange{match.lhs, matrix},
      ValueRange{init},
      {map(kRow, kDepth), map(kDepth, kLane), map(kRow, kLane)},
      {utils::IteratorType::parallel, utils::IteratorType::parallel,
       utils::IteratorType::reduction},
      [](OpBuilder &b, Location at, ValueRange args) {
        Value product = arith::MulFOp::create(b, at, args[0], args[1]);
        Value sum = arith::AddFOp::create(b, at, args[2], product);
        linalg::YieldOp::create(b, at, sum);
      });
}

/// With `isTransposed`, lanes are the left matrix's rows.
void SparseMatmulEmitter::setRoles(linalg::GenericOp product,
                                   bool isTransposed) {
  OpOperand *left = product.getDpsInputOperand(0),
            *right = product.getDpsInputOperand(1);
  dense.op = product;
  dense.factorType = dense.sumType = f32();
  dense.rowSide = isTransposed ? right : left;
  dense.laneSide = isTransposed ? left : right;
  dense.rows = {isTransposed ? kLane : kRow};
  dense.lanes = {isTransposed ? kRow : kLane};
  dense.reduced = {kDepth};
  roles.op = op;
  roles.factorType = roles.sumType = f32();
  roles.rows = {kRow};
  roles.lanes = {kLane};
  roles.reduced = {2};
}

LogicalResult SparseMatmulEmitter::run() {
  // As many rows as make up for copying the left matrix transposed.
  constexpr int64_t kManyRows = 32;
  int64_t known = op.getStaticLoopRanges()[kRow];
  bool hasRows = !ShapedType::isDynamic(known) && known >= kManyRows;
  // So wide a panel has blocks of several vectors of columns.
  bool isWidest = match.width > 2 * emitter.width();
  bool isWide = match.width % emitter.width() == 0 && (isWidest || !hasRows);
  outputs = kernel.getOutputs();
  setRoles(createDense(), !isWide);
  values = getMemory(match.values);
  positions = getMemory(match.positions);
  counts = getMemory(match.counts);
  rowCount = emitter.loopSize(dense.op, kRow);
  laneCount = index.constant(match.panels * match.width);
  if (isWide)
    runWide();
  else
    runNarrow();
  return success(!emitter.failed());
}

Value SparseMatmulEmitter::getCount(Value panel) {
  Value count = memref::LoadOp::create(builder, loc, counts, ValueRange{panel});
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    count);
}

Value SparseMatmulEmitter::getPosition(Value slot) {
  Value position =
      memref::LoadOp::create(builder, loc, positions, ValueRange{slot});
  return arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(),
                                      position);
}

Epilogue SparseMatmulEmitter::getEpilogue(Value row, Value first, Value count,
                                          int64_t vectors) {
  return Epilogue{kernel,    roles,  outputs, Position(op.getNumLoops()),
                  (int)kRow, row,    first,   count,
                  laneCount, vectors};
}

//===----------------------------------------------------------------------===//
// Lanes along columns
//===----------------------------------------------------------------------===//

void SparseMatmulEmitter::runWide() {
  vectors = match.width / emitter.width();
  // As many accumulators as registers allow beside the operands, and blocks of
  // one height as far as possible.
  int64_t accumulators = kernel.machine.vectorRegisters * 3 / 4;
  constexpr int64_t kMostRows = 16;
  rowsInBlock = std::clamp<int64_t>(accumulators / vectors, 1, kMostRows);
  // Rows a multiple of this apart fall to one set of the first cache, which
  // holds few of them.
  constexpr int64_t kAliasing = 4096, kAliasedRows = 8;
  int64_t depth = cast<ShapedType>(match.lhs.getType()).getDimSize(1);
  if (depth * static_cast<int64_t>(sizeof(float)) % kAliasing == 0)
    rowsInBlock = std::min(rowsInBlock, kAliasedRows);
  if (auto chosen = getChosenBlock(kernel))
    rowsInBlock = chosen->rows;
  int64_t known = op.getStaticLoopRanges()[kRow];
  SmallVector<int64_t> heights{rowsInBlock, 1};
  if (!ShapedType::isDynamic(known) && known > 0) {
    rowsInBlock = llvm::divideCeil(known, llvm::divideCeil(known, rowsInBlock));
    heights = {rowsInBlock};
    if (known % rowsInBlock)
      heights.push_back(known % rowsInBlock);
  }
  // Rows that stay in half of the core's cache while the panels go by.
  int64_t range = std::max<int64_t>(
      kernel.machine.l2Bytes / 2 / (4 * std::max<int64_t>(depth, 1)), 1);
  constexpr int64_t kMostRange = 128;
  range = llvm::alignTo(std::min(range, kMostRange), rowsInBlock);
  blocksInRange = llvm::divideCeil(
      ShapedType::isDynamic(known) ? range : std::min(known, range),
      rowsInBlock);
  kernel.report.made.rows = rowsInBlock;
  kernel.report.made.vectors = vectors;
  scratch =
      kernel.allocateScratch(f32(), index.constant(rowsInBlock * match.width));
  rows = getLinearAccess(kernel, dense.op, dense.rowSide);
  if (!rows || !rows->liesAlong(kDepth)) {
    SmallVector<Value> extent;
    for (unsigned d = 0; d < kNumLoops; ++d)
      extent.push_back(emitter.loopSize(dense.op, d));
    extent[kRow] = index.constant(range);
    staged.emplace(kernel, dense.op, dense.rowSide, extent);
    rows = staged->access;
  }
  Value size = index.constant(range);
  if (staged)
    kernel.reserveStamp();
  kernel.emitGroupedTiles(
      index.ceilDiv(rowCount, size), index.constant(match.panels),
      [&](Value group) {
        rangeLower = index.mul(group, size);
        rangeUpper = index.min(index.add(rangeLower, size), rowCount);
        if (!staged)
          return;
        LoopBox box;
        for (unsigned d = 0; d < kNumLoops; ++d) {
          box.lower.push_back(index.constant(0));
          box.extent.push_back(emitter.loopSize(dense.op, d));
        }
        box.lower[kRow] = rangeLower;
        box.extent[kRow] = index.sub(rangeUpper, rangeLower);
        staged->place(box);
        rows = staged->access;
        kernel.emitOnce(group, [&] { staged->copy(box); });
      },
      [&](Value, Value panel) {
        Value from = rangeLower;
        for (int64_t height : heights) {
          Value step = index.constant(height);
          Value left = index.sub(rangeUpper, from);
          Value to = index.add(from, index.sub(left, index.rem(left, step)));
          emitLoop(builder, loc, from, to, step, {},
                   [&](Value row, ValueRange) -> SmallVector<Value> {
                     ElementEmitter::Scope scope(emitter);
                     emitWideRows(panel, row, height);
                     return {};
                   });
          from = to;
        }
      });
}

void SparseMatmulEmitter::emitWideRows(Value panel, Value row, int64_t height) {
  Value firstSlot = index.mul(panel, index.constant(match.slots));
  Value stride = rows->strides[kRow];
  Value base = index.add(rows->base, index.mul(row, stride));
  // Each block of rows fetches its share of the next panel.
  int64_t fetched = std::max<int64_t>(match.width / blocksInRange, 1);
  Value block =
      index.div(index.sub(row, rangeLower), index.constant(rowsInBlock));
  Value ahead =
      index.add(index.mul(index.add(panel, index.constant(1)),
                          index.constant(match.slots * match.width)),
                index.mul(block, index.constant(match.slots * fetched)));
  SmallVector<Value> sums = emitLoop(
      builder, loc, index.constant(0), getCount(panel), index.constant(1),
      zeros(height * vectors), [&](Value s, ValueRange carried) {
        SmallVector<Value> next(carried), lanes;
        Value slot = index.add(firstSlot, s);
        emitPrefetch(kernel, values,
                     index.add(ahead, index.mul(s, index.constant(fetched))),
                     1);
        Value at = index.mul(slot, index.constant(match.width));
        for (int64_t j = 0; j < vectors; ++j)
          lanes.push_back(vector::LoadOp::create(
              builder, loc, vectorType(), values,
              ValueRange{index.add(at, index.constant(j * emitter.width()))}));
        Value from = index.add(base, getPosition(slot));
        for (int64_t i = 0; i < height; ++i) {
          Value element = memref::LoadOp::create(
              builder, loc, rows->memory,
              ValueRange{
                  index.add(from, index.mul(stride, index.constant(i)))});
          Value all =
              vector::BroadcastOp::create(builder, loc, vectorType(), element);
          for (int64_t j = 0; j < vectors; ++j) {
            Value &sum = next[i * vectors + j];
            sum = vector::FMAOp::create(builder, loc, all, lanes[j], sum);
          }
        }
        return next;
      });
  Value width = index.constant(match.width);
  Epilogue epilogue = getEpilogue(row, index.mul(panel, width), width, vectors);
  if (isShortEpilogue(roles, outputs))
    return epilogue.emitFromValues(sums, height, scratch);
  storeBlock(kernel, scratch, sums, height, vectors);
  epilogue.emitFromMemory(scratch, index.constant(height));
}

//===----------------------------------------------------------------------===//
// Lanes along rows
//===----------------------------------------------------------------------===//

void SparseMatmulEmitter::runNarrow() {
  int64_t lanes = emitter.width();
  // Accumulators of some columns of a panel, of two vectors of rows each.
  constexpr int64_t kMostVectors = 4;
  int64_t accumulators = kernel.machine.vectorRegisters / 2;
  together = match.width;
  if (match.width % lanes == 0)
    together = std::min(match.width, accumulators / 2);
  vectors = std::clamp<int64_t>(accumulators / together, 1, kMostVectors);
  auto chosen = getChosenBlock(kernel);
  if (chosen && match.width % chosen->rows == 0) {
    together = chosen->rows;
    vectors = chosen->vectors;
  }
  kernel.report.made.rows = together;
  kernel.report.made.vectors = vectors;
  int64_t height = vectors * lanes;
  Value depth = emitter.loopSize(dense.op, kDepth);
  turned =
      kernel.allocateScratch(f32(), index.mul(depth, index.constant(height)));
  columns = kernel.allocateScratch(f32(), index.constant(lanes * height));
  scratch = kernel.allocateScratch(f32(), index.constant(lanes * height));
  Value size = index.constant(height);
  kernel.reserveStamp();
  kernel.emitGroupedTiles(
      index.ceilDiv(rowCount, size),
      index.ceilDiv(laneCount, index.constant(lanes)),
      [&](Value group) {
        rangeLower = index.mul(group, size);
        rangeUpper = index.min(index.add(rangeLower, size), rowCount);
        kernel.emitOnce(group, [&] {
          packPanel(kernel, dense, Position(kNumLoops), turned,
                    index.constant(0), rangeLower,
                    index.sub(rangeUpper, rangeLower), vectors);
        });
      },
      [&](Value, Value item) { emitColumns(item); });
}

/// The columns that fill a vector, of all rows at hand.
void SparseMatmulEmitter::emitColumns(Value item) {
  int64_t lanes = emitter.width();
  Value first = index.mul(item, index.constant(lanes));
  Value count = index.min(index.constant(lanes), index.sub(laneCount, first));
  Value width = index.constant(match.width);
  emitLoop(builder, loc, index.constant(0), count, index.constant(together), {},
           [&](Value column, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             Value at = index.add(first, column);
             emitPanel(index.div(at, width), index.rem(at, width), column);
             return {};
           });
  transposeBlock();
  getEpilogue(rangeLower, first, count, /*vectors=*/1)
      .emitFromMemory(scratch, index.sub(rangeUpper, rangeLower));
}

/// The columns from `inPanel` on of a panel, for column `column` of the block.
void SparseMatmulEmitter::emitPanel(Value panel, Value inPanel, Value column) {
  Value firstSlot = index.mul(panel, index.constant(match.slots));
  Value count = getCount(panel), zero = index.constant(0);
  int64_t size = together * vectors;
  // Few accumulators wait for one another: two slots, each with its own.
  constexpr int64_t kEnough = 8;
  int64_t unroll = size < kEnough ? 2 : 1;
  Value step = index.constant(unroll);
  Value even = index.sub(count, index.rem(count, step));
  SmallVector<Value> sums = emitLoop(
      builder, loc, zero, even, step, zeros(size * unroll),
      [&](Value s, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (int64_t u = 0; u < unroll; ++u)
          addSlot(index.add(firstSlot, index.add(s, index.constant(u))),
                  inPanel, MutableArrayRef(next).slice(u * size, size));
        return next;
      });
  if (unroll == 2) {
    sums = emitLoop(builder, loc, even, count, index.constant(1), sums,
                    [&](Value s, ValueRange carried) {
                      SmallVector<Value> next(carried);
                      addSlot(index.add(firstSlot, s), inPanel,
                              MutableArrayRef(next).take_front(size));
                      return next;
                    });
    for (int64_t i = 0; i < size; ++i)
      sums[i] = arith::AddFOp::create(builder, loc, sums[i], sums[size + i]);
    sums.truncate(size);
  }
  // One column after the other.
  int64_t height = vectors * emitter.width();
  for (int64_t c = 0; c < together; ++c)
    for (int64_t v = 0; v < vectors; ++v) {
      Value at = index.add(index.mul(index.add(column, index.constant(c)),
                                     index.constant(height)),
                           index.constant(v * emitter.width()));
      vector::StoreOp::create(builder, loc, sums[c * vectors + v], columns,
                              ValueRange{at});
    }
}

void SparseMatmulEmitter::addSlot(Value slot, Value inPanel,
                                  MutableArrayRef<Value> sums) {
  int64_t height = vectors * emitter.width();
  Value from = index.mul(getPosition(slot), index.constant(height));
  Value at = index.add(index.mul(slot, index.constant(match.width)), inPanel);
  // The CPU fetches what follows by itself, but not beyond a page.
  emitPrefetch(kernel, values, index.add(at, index.constant(kStreamAhead / 4)),
               1);
  SmallVector<Value> lanes;
  for (int64_t v = 0; v < vectors; ++v)
    lanes.push_back(vector::LoadOp::create(
        builder, loc, vectorType(), turned,
        ValueRange{index.add(from, index.constant(v * emitter.width()))}));
  for (int64_t c = 0; c < together; ++c) {
    Value element = memref::LoadOp::create(
        builder, loc, values, ValueRange{index.add(at, index.constant(c))});
    Value all =
        vector::BroadcastOp::create(builder, loc, vectorType(), element);
    for (int64_t v = 0; v < vectors; ++v) {
      Value &sum = sums[c * vectors + v];
      sum = vector::FMAOp::create(builder, loc, all, lanes[v], sum);
    }
  }
}

/// Columns of results as rows of one vector each.
void SparseMatmulEmitter::transposeBlock() {
  int64_t lanes = emitter.width(), height = vectors * lanes;
  for (int64_t v = 0; v < vectors; ++v) {
    SmallVector<Value> square;
    for (int64_t c = 0; c < lanes; ++c)
      square.push_back(vector::LoadOp::create(
          builder, loc, vectorType(), columns,
          ValueRange{index.constant(c * height + v * lanes)}));
    transposeSquare(kernel, square);
    for (int64_t i = 0; i < lanes; ++i)
      vector::StoreOp::create(
          builder, loc, square[i], scratch,
          ValueRange{index.constant((v * lanes + i) * lanes)});
  }
}

LogicalResult mlir::dl::cpu::emitSparseMatmulKernel(KernelFunction &kernel) {
  auto match = SparseMatmul::match(kernel.source);
  if (!match)
    return failure();
  return SparseMatmulEmitter(kernel, *match).run();
}
