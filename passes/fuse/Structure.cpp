// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/fuse/Structure.h"
#include "ir/dialect/Dims.h"
#include "passes/Constants.h"
#include "passes/Reshapes.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Whether an op looks up bytes in a table of all their values.
static bool looksUpBytes(Operation *op) {
  constexpr int64_t kValues = 256;
  auto gather = dyn_cast<GatherOp>(op);
  if (!gather)
    return false;
  RankedTensorType table = gather.getOperand().getType();
  return table.getRank() == 1 && table.getDimSize(0) == kValues &&
         gather.getIndices().getType().getElementType().isUnsignedInteger(8);
}

FusionKind mlir::dl::fuse::getKind(Operation *op) {
  if (looksUpBytes(op))
    return FusionKind::Elementwise;
  auto interface = dyn_cast<FusionInterface>(op);
  return interface ? interface.getFusionKind() : FusionKind::Opaque;
}

bool mlir::dl::fuse::haveEqualDims(Type a, Type b) {
  SmallVector<AffineExpr> left = getDims(cast<RankedTensorType>(a));
  SmallVector<AffineExpr> right = getDims(cast<RankedTensorType>(b));
  return left.size() == right.size() &&
         llvm::all_of(llvm::zip(left, right), [](auto pair) {
           return provablyEqual(std::get<0>(pair), std::get<1>(pair));
         });
}

std::optional<SmallVector<int64_t>>
mlir::dl::fuse::getReducedAxes(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return SmallVector<int64_t>(reduce.getAxes());
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return SmallVector<int64_t>{static_cast<int64_t>(softmax.getAxis())};
  return std::nullopt;
}

bool mlir::dl::fuse::isReducedShape(Type type, RankedTensorType full,
                                    ArrayRef<int64_t> axes) {
  SmallVector<AffineExpr> kept, squeezed;
  for (auto [d, dim] : llvm::enumerate(getDims(full))) {
    bool isReduced = llvm::is_contained(axes, static_cast<int64_t>(d));
    kept.push_back(isReduced ? getAffineConstantExpr(1, type.getContext())
                             : dim);
    if (!isReduced)
      squeezed.push_back(dim);
  }
  Type elementType = full.getElementType();
  return haveEqualDims(type, getTensorType(kept, elementType)) ||
         haveEqualDims(type, getTensorType(squeezed, elementType));
}

bool mlir::dl::fuse::normalizesAlong(Operation *op, int64_t axis) {
  std::optional<SmallVector<int64_t>> axes = getReducedAxes(op);
  return axes && *axes == SmallVector<int64_t>{axis} &&
         op->getResult(0).getType() == op->getOperand(0).getType();
}

bool mlir::dl::fuse::isPlainProduct(Operation *op) {
  auto product = dyn_cast<MatmulOp>(op);
  if (!product)
    return false;
  RankedTensorType result = typeOf(product.getResult());
  Type element = result.getElementType();
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return false;
  SmallVector<AffineExpr> dims = getDims(result);
  for (Value operand : product->getOperands()) {
    SmallVector<AffineExpr> other = getDims(typeOf(operand));
    if (other.size() != dims.size())
      return false;
    for (size_t d = 0; d + 2 < dims.size(); ++d)
      if (!provablyEqual(dims[d], other[d]))
        return false;
  }
  return true;
}

bool mlir::dl::fuse::isIndirect(Operation *op) {
  return isa<GatherOp, GatherElementsOp, GatherNdOp>(op) && !looksUpBytes(op);
}

bool mlir::dl::fuse::readsMemory(Operation *op) {
  return isRuntimeCall(op) || isa<TreeEnsembleOp>(op);
}

bool mlir::dl::fuse::assembles(Operation *op) { return isa<ConcatOp>(op); }

/// The widths of the floats that a cast converts: from, to; 0 for others.
static std::pair<unsigned, unsigned> getFloatWidths(Operation *op) {
  auto cast = dyn_cast<CastOp>(op);
  if (!cast)
    return {};
  auto from = dyn_cast<FloatType>(getElementTypeOrSelf(cast.getOperand()));
  auto to = dyn_cast<FloatType>(getElementTypeOrSelf(cast.getType()));
  if (!from || !to)
    return {};
  return {from.getWidth(), to.getWidth()};
}

bool mlir::dl::fuse::isFloatExtension(Operation *op) {
  auto [from, to] = getFloatWidths(op);
  return from == 16 && to == 32;
}

bool mlir::dl::fuse::isFloatRounding(Operation *op) {
  auto [from, to] = getFloatWidths(op);
  return from == 32 && to == 16;
}

/// Whether so many steps, at most, lead from a byte to the op's result.
static bool isDequantization(Operation *op, int steps) {
  if (!op || steps == 0)
    return false;
  if (auto conversion = dyn_cast<CastOp>(op)) {
    Type from = getElementTypeOrSelf(conversion.getOperand()),
         to = getElementTypeOrSelf(conversion.getType());
    if (isa<Float8E4M3FNType, Float8E5M2Type>(from))
      return to.isF32();
    return from.isInteger(8) && (to.isF32() || to.isSignlessInteger(32));
  }
  return isa<AddOp, SubOp, MulOp>(op) &&
         op->getOperand(0).getType() == op->getResult(0).getType() &&
         isStoredConstant(op->getOperand(1)) &&
         isDequantization(op->getOperand(0).getDefiningOp(), steps - 1);
}

bool mlir::dl::fuse::isDequantization(Operation *op) {
  constexpr int kSteps = 3; // conversion, product, difference or sum
  return ::isDequantization(op, kSteps);
}

bool mlir::dl::fuse::isCheapMovement(Operation *op) {
  if (isFloatExtension(op) || isDequantization(op))
    return true;
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return isExpansion(reshape) || getRepeatedDim(reshape);
  if (auto pad = dyn_cast<PadOp>(op))
    return pad.getMode() == PadMode::Constant;
  // Numbers that follow from the position alone move nothing.
  if (getKind(op) == FusionKind::Elementwise)
    return op->getNumOperands() == 0;
  return getKind(op) == FusionKind::Movement && !isIndirect(op) &&
         !assembles(op);
}

bool mlir::dl::fuse::isExpensive(Operation *op) {
  return !isa<AbsOp, NegOp, CeilOp, FloorOp, RoundOp, SignOp, NotOp, IsNanOp,
              IsInfOp, CastOp, AddOp, SubOp, MulOp, MaxOp, MinOp, AndOp, OrOp,
              XorOp, ShlOp, ShrOp, CompareOp, SelectOp, IotaOp>(op);
}

bool mlir::dl::fuse::permutesOuterDims(Operation *op) {
  return isa<TransposeOp>(op) && !permutesLastDim(op);
}

bool mlir::dl::fuse::permutesLastDim(Operation *op) {
  auto transpose = dyn_cast<TransposeOp>(op);
  if (!transpose)
    return false;
  ArrayRef<int64_t> permutation = transpose.getPermutation();
  return !permutation.empty() &&
         permutation.back() != static_cast<int64_t>(permutation.size()) - 1;
}

YieldOp mlir::dl::fuse::getYield(FusedOp fused) {
  return cast<YieldOp>(fused.getBody().front().getTerminator());
}

FusedOp mlir::dl::fuse::dropUnusedResults(FusedOp fused) {
  YieldOp yield = getYield(fused);
  SmallVector<Value> kept;
  SmallVector<OpResult> results;
  for (auto [value, result] :
       llvm::zip(yield.getOperands(), fused.getResults()))
    if (!result.use_empty()) {
      kept.push_back(value);
      results.push_back(result);
    }
  FusedOp smaller;
  if (!kept.empty()) {
    OpBuilder builder(fused);
    smaller =
        FusedOp::create(builder, fused.getLoc(), ValueRange(kept).getTypes());
    smaller->setDiscardableAttrs(fused->getDiscardableAttrDictionary());
    smaller.getBody().takeBody(fused.getBody());
    yield.getOperation()->setOperands(kept);
    for (auto [from, to] : llvm::zip(results, smaller.getResults()))
      from.replaceAllUsesWith(to);
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(smaller.getBody().front())))
      if (op.use_empty() && !isa<YieldOp>(op) && isMemoryEffectFree(&op))
        op.erase();
  }
  fused.erase();
  return smaller;
}

int64_t mlir::dl::fuse::estimateBytes(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  constexpr int64_t kGuess = 512; // for a size that is not known
  Type element = tensor.getElementType();
  int64_t bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64;
  for (int64_t size : tensor.getShape())
    bits *= ShapedType::isDynamic(size) ? kGuess : size;
  return (bits + 7) / 8;
}
