// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/SplitContraction.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/WeightPairs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Contraction;

namespace {

/// A contracted loop and the number of its parts.
struct Split {
  unsigned loop;
  int64_t ways;
};

} // namespace

/// Whether all operands have a dimension of their own for a loop, or none.
static bool isPlain(linalg::GenericOp op, unsigned loop) {
  return llvm::all_of(op.getIndexingMapsArray(), [&](AffineMap map) {
    return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
      return isa<AffineDimExpr>(expr) || !expr.isFunctionOfDim(loop);
    });
  });
}

/// How many parts give all processors work, if one is so long that adding up
/// costs little beside it.
static std::optional<Split> chooseSplit(const Contraction &contraction,
                                        int64_t processors) {
  constexpr int64_t kLong = 1024, kLeast = 256, kMostWays = 16, kWhole = 32;
  constexpr int64_t kFewRows = 4, kLowRows = 16, kTile = 64, kNarrowTile = 32;
  linalg::GenericOp op = contraction.op;
  if (Operation *matrix = contraction.laneSide->get().getDefiningOp();
      matrix && hasPairsForm(matrix))
    return std::nullopt; // it is read by whole rows
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (ShapedType::isDynamicShape(ranges))
    return std::nullopt;
  int64_t rows = getStaticSize(op, contraction.rows),
          columns = getStaticSize(op, getColumnLoops(contraction)),
          depth = getStaticSize(op, contraction.reduced);
  if (rows <= kFewRows || columns <= kFewRows || depth < kLong)
    return std::nullopt;
  int64_t tile = contraction.factorBytes() == 4 ? kNarrowTile : kTile;
  int64_t tiles = getStaticSize(op, contraction.batch) *
                  llvm::divideCeil(rows, rows <= kLowRows ? kLowRows : tile) *
                  llvm::divideCeil(columns, rows <= kLowRows ? kTile : tile);
  Split split{0, 1};
  int64_t longest = 0;
  for (unsigned loop : contraction.reduced)
    if (isPlain(op, loop) && ranges[loop] > longest) {
      longest = ranges[loop];
      split.loop = loop;
    }
  while (longest > 0 && split.ways < kMostWays &&
         tiles * split.ways * 2 <= processors &&
         longest % (split.ways * 2 * kWhole) == 0 &&
         depth / (split.ways * 2) >= kLeast)
    split.ways *= 2;
  if (split.ways == 1)
    return std::nullopt;
  return split;
}

/// The operand with two dimensions in place of that of the loop.
static Value divide(OpBuilder &builder, Location loc, Value tensor,
                    AffineMap map, const Split &split) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> groups;
  for (auto [expr, size] : llvm::zip(map.getResults(), type.getShape())) {
    groups.push_back({static_cast<int64_t>(shape.size())});
    if (expr.isFunctionOfDim(split.loop)) {
      shape.push_back(split.ways);
      groups.back().push_back(static_cast<int64_t>(shape.size()));
      shape.push_back(size / split.ways);
    } else {
      shape.push_back(size);
    }
  }
  return shape.size() == groups.size()
             ? tensor
             : tensor::ExpandShapeOp::create(
                   builder, loc,
                   RankedTensorType::get(shape, type.getElementType()), tensor,
                   groups)
                   .getResult();
}

/// What parts have, given a new first loop: the number of the part.
static AffineMap divide(AffineMap map, const Split &split) {
  SmallVector<AffineExpr> results;
  MLIRContext *context = map.getContext();
  for (AffineExpr expr : map.shiftDims(1).getResults()) {
    if (expr.isFunctionOfDim(split.loop + 1))
      results.push_back(getAffineDimExpr(0, context));
    results.push_back(expr);
  }
  return AffineMap::get(map.getNumDims() + 1, 0, results, context);
}

static void rewrite(linalg::GenericOp op, const Split &split) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  MLIRContext *context = op.getContext();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    inputs.push_back(divide(builder, loc, operand->get(), map, split));
    maps.push_back(divide(map, split));
  }
  OpOperand *init = op.getDpsInitOperand(0);
  SmallVector<AffineExpr> parts{getAffineDimExpr(0, context)};
  llvm::append_range(parts,
                     op.getMatchingIndexingMap(init).shiftDims(1).getResults());
  maps.push_back(AffineMap::get(op.getNumLoops() + 1, 0, parts, context));
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel};
  llvm::append_range(iterators, op.getIteratorTypesArray());

  SmallVector<int64_t> shape{split.ways};
  llvm::append_range(shape, type.getShape());
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(type.getElementType()));
  Value start =
      tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  start = linalg::FillOp::create(builder, loc, zero, start).getResult(0);
  auto partial =
      linalg::GenericOp::create(builder, loc, start.getType(), inputs,
                                ValueRange{start}, maps, iterators);
  partial.getRegion().takeBody(op.getRegion());
  partial->setAttr(kSplitName, builder.getUnitAttr());

  int64_t rank = type.getRank();
  auto all = AffineMap::getMultiDimIdentityMap(rank + 1, context);
  SmallVector<AffineExpr> from{getAffineDimExpr(rank, context)};
  llvm::append_range(from, all.getResults().drop_back());
  SmallVector<utils::IteratorType> order(rank, utils::IteratorType::parallel);
  order.push_back(utils::IteratorType::reduction);
  auto whole = linalg::GenericOp::create(
      builder, loc, type, partial->getResult(0), init->get(),
      ArrayRef<AffineMap>{AffineMap::get(rank + 1, 0, from, context),
                          all.getMajorSubMap(rank)},
      order, [&](OpBuilder &inner, Location at, ValueRange values) {
        bool isInteger = type.getElementType().isInteger();
        Value sum =
            isInteger
                ? Value(arith::AddIOp::create(inner, at, values[1], values[0]))
                : arith::AddFOp::create(inner, at, values[1], values[0]);
        linalg::YieldOp::create(inner, at, sum);
      });
  op->getResult(0).replaceAllUsesWith(whole->getResult(0));
  op.erase();
}

namespace dl::gpucode {
void splitContractions(func::FuncOp kernel, int64_t processors) {
  SmallVector<std::pair<linalg::GenericOp, Split>> found;
  for (auto op : kernel.getBody().front().getOps<linalg::GenericOp>()) {
    auto contraction = Contraction::match(op);
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    if (!contraction || !fill || op.getNumResults() != 1 ||
        !op.getBody()->getOps<linalg::IndexOp>().empty() ||
        (!matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) &&
         !matchPattern(fill.getInputs()[0], m_Zero())))
      continue;
    if (auto split = chooseSplit(*contraction, processors))
      found.push_back({op, *split});
  }
  for (auto [op, split] : found)
    rewrite(op, split);
}
} // namespace dl::gpucode
