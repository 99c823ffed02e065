// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels around one contraction: matrix products and convolutions with the
// elementwise operations that follow them.

#include "codegen/cpu/Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

bool mlir::dl::cpu::isContractionKernel(func::FuncOp source) {
  bool isSequential = false;
  source.walk([&](scf::ForOp) { isSequential = true; });
  SmallVector<Contraction, 0> contractions = findContractions(source);
  if (isSequential || contractions.size() != 1)
    return false;
  const Contraction &contraction = contractions.front();
  // Sliding windows without rows (depthwise convolutions) reuse nothing that is
  // packed: plain loops read each window where it is.
  linalg::GenericOp op = contraction.op;
  if (contraction.rows.empty() &&
      !op.getMatchingIndexingMap(contraction.laneSide).isProjectedPermutation())
    return false;
  // A single column has no use for lanes: rows are then reduced along memory.
  int64_t lanes = 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned d : contraction.lanes)
    lanes = ShapedType::isDynamic(ranges[d]) ? ShapedType::kDynamic
                                             : lanes * ranges[d];
  if (lanes >= 0 && lanes < 4)
    return false;
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  return llvm::all_of(terminator.getOperands(), [&](Value value) {
    return followsElementwise(value, contraction.op);
  });
}

namespace {

class ContractionEmitter {
public:
  ContractionEmitter(KernelFunction &kernel, Contraction contraction)
      : kernel(kernel), c(std::move(contraction)), op(c.op),
        emitter(kernel.emitter), index(kernel.emitter.index),
        builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  /// Asks for an operand with its blocked dimension split and innermost.
  Value pack(OpOperand *operand, ArrayRef<unsigned> order, unsigned blocked,
             int64_t tile);
  void emitPanel(Position dims, Value panelNumber);
  void emitRowBlocks(Position dims, Value panel, Value panelBase, Value first,
                     Value count);
  void emitOneBlock(Position dims, Value row, int64_t rows, Value validRows,
                    Value panel, Value panelBase, Value first, Value count);
  SmallVector<Value> sizesOf(ArrayRef<unsigned> loops);
  int64_t staticExtent(ArrayRef<unsigned> loops);

  KernelFunction &kernel;
  Contraction c;
  linalg::GenericOp op;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  BlockSize block;
  SmallVector<KernelFunction::Output> outputs;
  Value packedRows, packedLanes; // memory of packed constant operands
  Value rowScratch, panelScratch, blockScratch;
  Value depth, laneCount;
  int rowLoop = -1; // the row loop that is blocked, or -1
};

} // namespace

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

Value ContractionEmitter::pack(OpOperand *operand, ArrayRef<unsigned> order,
                               unsigned blocked, int64_t tile) {
  BlockArgument argument = Contraction::getConstantArgument(op, operand);
  if (!argument)
    return Value();
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<int64_t> permutation;
  int64_t inner = -1;
  for (unsigned d : order) {
    auto position = map.getResultPosition(builder.getAffineDimExpr(d));
    if (!position)
      continue;
    permutation.push_back(*position);
    if (d == blocked)
      inner = *position;
  }
  if (inner < 0 || permutation.size() != map.getNumResults())
    return Value();
  return kernel.packArgument(argument, permutation, inner, tile);
}

LogicalResult ContractionEmitter::run() {
  outputs = kernel.getOutputs();
  kernel.countOperations(op);
  if (!c.rows.empty())
    rowLoop = c.rows.back();
  SmallVector<unsigned> blockedRows;
  if (rowLoop >= 0)
    blockedRows.push_back(rowLoop);
  block = chooseBlock(staticExtent(blockedRows), staticExtent(c.lanes),
                      kernel.machine);
  int64_t panelWidth = block.vectors * emitter.width();
  depth = getExtent(kernel, op, c.reduced);
  laneCount = getExtent(kernel, op, c.lanes);

  auto ordered = [&](ArrayRef<unsigned> first, unsigned blocked) {
    SmallVector<unsigned> order(c.batch);
    llvm::append_range(order, first);
    order.push_back(blocked);
    llvm::append_range(order, c.reduced);
    return order;
  };
  if (c.lanes.size() == 1)
    packedLanes = pack(c.laneSide, ordered(c.outerLanes, c.lanes.back()),
                       c.lanes.back(), panelWidth);
  if (rowLoop >= 0)
    packedRows = pack(c.rowSide,
                      ordered(ArrayRef<unsigned>(c.rows).drop_back(), rowLoop),
                      rowLoop, block.rows);
  Type f32 = builder.getF32Type();
  blockScratch =
      kernel.allocateScratch(f32, index.constant(block.rows * panelWidth));
  if (!packedLanes)
    panelScratch = kernel.allocateScratch(
        f32, index.mul(depth, index.constant(panelWidth)));
  bool needsRowScratch = !packedRows && c.reduced.size() > 1;
  if (needsRowScratch)
    rowScratch = kernel.allocateScratch(
        f32, index.mul(depth, index.constant(block.rows)));

  // A tile is one panel of lanes at one position of the batch.
  SmallVector<unsigned> outer(c.batch);
  llvm::append_range(outer, c.outerLanes);
  SmallVector<Value> outerSizes = sizesOf(outer);
  outerSizes.push_back(index.ceilDiv(laneCount, index.constant(panelWidth)));
  Value tiles = index.constant(1);
  for (Value size : outerSizes)
    tiles = index.mul(tiles, size);
  kernel.emitTiles(tiles, [&](Value tile) {
    SmallVector<Value> at = kernel.delinearize(tile, outerSizes);
    Position dims(op.getNumLoops());
    for (auto [i, d] : llvm::enumerate(outer))
      dims[d] = index.uniform(at[i]);
    emitPanel(dims, at.back());
  });
  return success(!emitter.failed());
}

void ContractionEmitter::emitPanel(Position dims, Value panelNumber) {
  Value panelWidth = index.constant(block.vectors * emitter.width());
  Value first = index.mul(panelNumber, panelWidth);
  Value count = index.min(panelWidth, index.sub(laneCount, first));
  Value zero = index.constant(0);
  Value panel = panelScratch, panelBase = zero;
  if (packedLanes) {
    // [batch.., outer lanes.., panels, contracted.., lane]: loops that the lane
    // side lacks do not count.
    AffineMap map = op.getMatchingIndexingMap(c.laneSide);
    Value number = zero;
    SmallVector<unsigned> leading(c.batch);
    llvm::append_range(leading, c.outerLanes);
    for (unsigned d : leading)
      if (map.isFunctionOfDim(d))
        number =
            index.add(index.mul(number, emitter.loopSize(op, d)), dims[d].base);
    number = index.add(index.mul(number, index.ceilDiv(laneCount, panelWidth)),
                       panelNumber);
    panelBase = index.mul(number, index.mul(depth, panelWidth));
    panel = packedLanes;
  } else {
    packPanel(kernel, c, dims, panelScratch, zero, first, count, block.vectors);
  }
  // The remaining row loops, outside of the blocked one.
  SmallVector<unsigned> outerRows;
  for (unsigned d : c.rows)
    if ((int)d != rowLoop)
      outerRows.push_back(d);
  std::function<void(size_t)> nest = [&](size_t i) {
    if (i == outerRows.size())
      return emitRowBlocks(dims, panel, panelBase, first, count);
    emitLoop(builder, loc, zero, emitter.loopSize(op, outerRows[i]),
             index.constant(1), {},
             [&](Value at, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               dims[outerRows[i]] = index.uniform(at);
               nest(i + 1);
               return {};
             });
  };
  nest(0);
}

void ContractionEmitter::emitRowBlocks(Position dims, Value panel,
                                       Value panelBase, Value first,
                                       Value count) {
  Value zero = index.constant(0);
  if (rowLoop < 0)
    return emitOneBlock(dims, zero, 1, index.constant(1), panel, panelBase,
                        first, count);
  Value rows = emitter.loopSize(op, rowLoop);
  auto loop = [&](Value lower, Value upper, int64_t step) {
    emitLoop(builder, loc, lower, upper, index.constant(step), {},
             [&](Value row, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               Value valid = index.constant(step);
               if (packedRows)
                 valid = index.min(valid, index.sub(rows, row));
               emitOneBlock(dims, row, step, valid, panel, panelBase, first,
                            count);
               return {};
             });
  };
  // Packed rows are padded to whole blocks; otherwise smaller blocks take what
  // is left.
  if (packedRows)
    return loop(zero, rows, block.rows);
  Value done = zero;
  SmallVector<int64_t> steps{block.rows};
  for (int64_t step : {4, 1})
    if (step < block.rows)
      steps.push_back(step);
  for (int64_t step : steps) {
    Value left = index.sub(rows, done);
    Value limit =
        index.add(done, index.sub(left, index.rem(left, index.constant(step))));
    auto known = IndexBuilder::getConstant(index.sub(limit, done));
    if (!known || *known > 0)
      loop(done, limit, step);
    done = limit;
  }
}

void ContractionEmitter::emitOneBlock(Position dims, Value row, int64_t rows,
                                      Value validRows, Value panel,
                                      Value panelBase, Value first,
                                      Value count) {
  int64_t width = emitter.width(), panelWidth = block.vectors * width;
  VectorType type = emitter.vectorType(builder.getF32Type());
  AffineMap rowMap = op.getMatchingIndexingMap(c.rowSide);
  auto readRowElement = [&](Value at, Value k) {
    Position position = dims;
    if (rowLoop >= 0)
      position[rowLoop] = index.uniform(at);
    SmallVector<Value> ks = kernel.delinearize(k, sizesOf(c.reduced));
    for (auto [d, value] : llvm::zip(c.reduced, ks))
      position[d] = index.uniform(value);
    return emitter.read(c.rowSide->get(), emitter.mapPosition(rowMap, position))
        .value;
  };
  Value rowBase;
  Value rowMemory = packedRows;
  int64_t rowStride = block.rows;
  if (packedRows) {
    Value number = index.constant(0);
    SmallVector<unsigned> leading(c.batch);
    llvm::append_range(leading, ArrayRef<unsigned>(c.rows).drop_back());
    for (unsigned d : leading)
      if (rowMap.isFunctionOfDim(d))
        number =
            index.add(index.mul(number, emitter.loopSize(op, d)), dims[d].base);
    Value blockRows = index.constant(block.rows);
    Value blocks = index.ceilDiv(emitter.loopSize(op, rowLoop), blockRows);
    number = index.add(index.mul(number, blocks), index.div(row, blockRows));
    rowBase = index.mul(number, index.mul(depth, blockRows));
  } else if (rowScratch) {
    rowMemory = rowScratch;
    rowBase = index.constant(0);
    rowStride = rows;
    emitLoop(builder, loc, index.constant(0), depth, index.constant(1), {},
             [&](Value k, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               for (int64_t i = 0; i < rows; ++i)
                 memref::StoreOp::create(
                     builder, loc,
                     readRowElement(index.add(row, index.constant(i)), k),
                     rowScratch,
                     ValueRange{index.add(index.mul(k, index.constant(rows)),
                                          index.constant(i))});
               return {};
             });
  }
  SmallVector<Value> accumulators = emitBlock(
      kernel, rows, block.vectors, depth,
      [&](int64_t i, Value k) -> Value {
        if (!rowMemory)
          return readRowElement(index.add(row, index.constant(i)), k);
        Value at = index.add(
            index.add(rowBase, index.mul(k, index.constant(rowStride))),
            index.constant(i));
        return memref::LoadOp::create(builder, loc, rowMemory, ValueRange{at});
      },
      [&](int64_t j, Value k) -> Value {
        Value at = index.add(
            index.add(panelBase, index.mul(k, index.constant(panelWidth))),
            index.constant(j * width));
        return vector::LoadOp::create(builder, loc, type, panel,
                                      ValueRange{at});
      });
  storeBlock(kernel, blockScratch, accumulators, rows, block.vectors);
  emitEpilogue(kernel, c, outputs, dims, rowLoop, row, validRows, first, count,
               laneCount, blockScratch, block.vectors);
}

LogicalResult mlir::dl::cpu::emitContractionKernel(KernelFunction &kernel) {
  SmallVector<Contraction, 0> contractions = findContractions(kernel.source);
  return ContractionEmitter(kernel, contractions.front()).run();
}
