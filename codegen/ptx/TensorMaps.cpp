// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/TensorMaps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::StageFunction;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;

/// Whether an expression is a product of constants and sizes, the form that the
/// module can hold.
static bool isProduct(AffineExpr expr) {
  if (!expr)
    return false;
  if (expr.getKind() == AffineExprKind::Mul) {
    auto product = cast<AffineBinaryOpExpr>(expr);
    return isProduct(product.getLHS()) && isProduct(product.getRHS());
  }
  return isa<AffineConstantExpr, AffineSymbolExpr>(expr);
}

namespace {

/// An operand's dimensions by loops.
class MapFinder {
public:
  MapFinder(StageFunction &stage, const Contraction &contraction,
            OpOperand *operand)
      : stage(stage), contraction(contraction), op(contraction.op),
        operand(operand), ranges(op.getStaticLoopRanges()) {}

  std::optional<OperandMap> find(ArrayRef<unsigned> lines);

private:
  /// The tensor that the operand is, of more dimensions where it is divided.
  Value getStored() const {
    Value tensor = operand->get();
    auto divided = tensor.getDefiningOp<tensor::ExpandShapeOp>();
    return divided && divided.getResultType().hasStaticShape()
               ? divided.getSrc()
               : tensor;
  }
  bool findStrides();
  /// Whether one of the operand's dimensions is read at one position alone.
  bool isUnit(int dimension) const {
    unsigned loop = loopOf[dimension];
    return loop == kNoLoop || ranges[loop] == 1;
  }
  std::optional<MapDimension> join(MapDimension::Kind kind,
                                   ArrayRef<unsigned> loops, int &last);

  static constexpr unsigned kNoLoop = ~0U;

  StageFunction &stage;
  const Contraction &contraction;
  linalg::GenericOp op;
  OpOperand *operand;
  SmallVector<int64_t> ranges;
  /// Of each dimension of the operand.
  SmallVector<unsigned> loopOf;
  SmallVector<AffineExpr> sizes, strides;
};

} // namespace

bool MapFinder::findStrides() {
  Value tensor = getStored();
  auto found = stage.emitter.buffers.find(tensor);
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (found == stage.emitter.buffers.end() ||
      !map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return false;
  const Buffer &buffer = found->second;
  if (!buffer.strides.empty() || buffer.offset)
    return false;
  AffineExpr stride =
      getAffineConstantExpr(contraction.factorBytes(), op.getContext());
  unsigned rank = map.getNumResults();
  loopOf.resize(rank);
  sizes.resize(rank);
  strides.resize(rank);
  for (unsigned i = rank; i-- > 0;) {
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(i));
    loopOf[i] = loop ? loop.getPosition() : kNoLoop;
    sizes[i] =
        tensor == operand->get()
            ? stage.toExpr(buffer.sizes[i])
            : getAffineConstantExpr(
                  cast<ShapedType>(operand->get().getType()).getDimSize(i),
                  op.getContext());
    strides[i] = stride;
    if (!isProduct(sizes[i]))
      return false;
    stride = stride * sizes[i];
  }
  return true;
}

/// Some loops as one dimension, which they are where they lie one after another
/// in memory; `last` is the innermost of the operand's dimensions.
std::optional<MapDimension>
MapFinder::join(MapDimension::Kind kind, ArrayRef<unsigned> loops, int &last) {
  AffineExpr extent = getAffineConstantExpr(1, op.getContext());
  last = -1;
  for (unsigned loop : loops) {
    if (ranges[loop] == 1)
      continue;
    auto at = llvm::find(loopOf, loop);
    if (at == loopOf.end())
      return std::nullopt;
    int position = static_cast<int>(at - loopOf.begin());
    // Between two of them, only what has one position.
    for (int i = last + 1; last >= 0 && i < position; ++i)
      if (!isUnit(i))
        return std::nullopt;
    if (position < last)
      return std::nullopt;
    last = position;
    extent = extent * sizes[position];
  }
  if (last < 0)
    return std::nullopt;
  return MapDimension{kind, 0, extent, strides[last]};
}

std::optional<OperandMap> MapFinder::find(ArrayRef<unsigned> lines) {
  constexpr size_t kMostRank = 5;
  constexpr int64_t kStrideBytes = 16;
  if (!findStrides())
    return std::nullopt;
  int lastLine = -1, lastDepth = -1;
  auto line = join(MapDimension::Lines, lines, lastLine);
  auto depth = join(MapDimension::Depth, contraction.reduced, lastDepth);
  if (!line || !depth)
    return std::nullopt;
  OperandMap result;
  result.elementType = contraction.factorType;
  result.memory = stage.emitter.buffers[getStored()].memory;
  result.dimensions = lastLine > lastDepth
                          ? SmallVector<MapDimension>{*line, *depth}
                          : SmallVector<MapDimension>{*depth, *line};
  // Nothing that has several positions lies within the innermost dimension.
  for (int i = std::max(lastLine, lastDepth) + 1,
           e = static_cast<int>(loopOf.size());
       i < e; ++i)
    if (!isUnit(i))
      return std::nullopt;
  for (unsigned loop : contraction.batch) {
    auto at = llvm::find(loopOf, loop);
    if (ranges[loop] == 1 || at == loopOf.end())
      continue;
    size_t i = at - loopOf.begin();
    result.dimensions.push_back(
        {MapDimension::Batch, loop, sizes[i], strides[i]});
  }
  if (result.dimensions.size() > kMostRank)
    return std::nullopt;
  for (const MapDimension &dimension : ArrayRef(result.dimensions).drop_front())
    if (!isProduct(dimension.strideBytes) ||
        dimension.strideBytes.getLargestKnownDivisor() % kStrideBytes != 0)
      return std::nullopt;
  return result;
}

namespace dl::ptx {
std::optional<OperandMap> findOperandMap(StageFunction &stage,
                                         const Contraction &contraction,
                                         OpOperand *operand,
                                         ArrayRef<unsigned> lines) {
  return MapFinder(stage, contraction, operand).find(lines);
}
} // namespace dl::ptx
