// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Movement: views where an index map says it all, tensor ops otherwise.

#include "mlir/IR/Matchers.h"
#include "passes/Reshapes.h"
#include "passes/lower/KernelBuilder.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// `result` is `operand`, read through a map from its positions to the
/// operand's.
static void setComposed(KernelBuilder &kernel, Value result, Value operand,
                        AffineMap map) {
  View view = kernel.getView(operand);
  if (view.splat)
    return kernel.setView(result, view);
  view = kernel.getTensorView(operand);
  view.map = view.map.compose(map);
  kernel.setView(result, view);
}

static void create(KernelBuilder &kernel, TransposeOp op) {
  ArrayRef<int64_t> permutation = op.getPermutation();
  SmallVector<AffineExpr> exprs(permutation.size());
  for (auto [i, d] : llvm::enumerate(permutation))
    exprs[d] = kernel.builder.getAffineDimExpr(i);
  setComposed(kernel, op.getResult(), op.getOperand(),
              AffineMap::get(exprs.size(), 0, exprs, op.getContext()));
}

static void create(KernelBuilder &kernel, BroadcastOp op) {
  setComposed(kernel, op.getResult(), op.getOperand(),
              KernelBuilder::getBroadcastMap(op.getOperand().getType(),
                                             getType(op.getResult())));
}

//===----------------------------------------------------------------------===//
// Reshape
//===----------------------------------------------------------------------===//

static LogicalResult create(KernelBuilder &kernel, ReshapeOp op) {
  RankedTensorType from = op.getOperand().getType();
  RankedTensorType to = getType(op.getResult());
  OpBuilder &builder = kernel.builder;
  if (auto repeated = getRepeatedDim(op)) {
    int64_t times = from.getDimSize(*repeated + 1);
    SmallVector<AffineExpr> exprs;
    for (int64_t d = 0; d < to.getRank(); ++d) {
      AffineExpr at = builder.getAffineDimExpr(d);
      if (d != *repeated) {
        exprs.push_back(at);
        continue;
      }
      exprs.push_back(at.floorDiv(times));
      exprs.push_back(at % times);
    }
    setComposed(kernel, op.getResult(), op.getOperand(),
                AffineMap::get(to.getRank(), 0, exprs, op.getContext()));
    return success();
  }
  if (auto kept = getKeptDims(from, to)) {
    SmallVector<AffineExpr> exprs;
    for (int64_t d : *kept)
      exprs.push_back(d < 0 ? builder.getAffineConstantExpr(0)
                            : builder.getAffineDimExpr(d));
    setComposed(kernel, op.getResult(), op.getOperand(),
                AffineMap::get(to.getRank(), 0, exprs, op.getContext()));
    return success();
  }
  // Dimensions of size 1 go first, then others are split.
  auto groups = getSplitDims(dropUnitDims(from), to);
  if (!groups)
    return op.emitOpError("has no kernel form: it joins dimensions");
  Value source = kernel.getTensor(op.getOperand());
  if (dropUnitDims(from) != from) {
    SmallVector<OpFoldResult> extents;
    for (AffineExpr dim : getDims(from))
      extents.push_back(kernel.getSize(dim));
    SmallVector<OpFoldResult> zeros(extents.size(), builder.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(extents.size(), builder.getIndexAttr(1));
    source = tensor::ExtractSliceOp::create(
        builder, op.getLoc(), KernelBuilder::getKernelType(dropUnitDims(from)),
        source, zeros, extents, ones);
  }
  SmallVector<OpFoldResult> shape;
  for (AffineExpr dim : getDims(to))
    shape.push_back(kernel.getSize(dim));
  SmallVector<ReassociationIndices> reassociation(groups->begin(),
                                                  groups->end());
  kernel.setTensor(op.getResult(),
                   tensor::ExpandShapeOp::create(
                       builder, op.getLoc(), KernelBuilder::getKernelType(to),
                       source, reassociation, shape));
  return success();
}

//===----------------------------------------------------------------------===//
// Slice, pad
//===----------------------------------------------------------------------===//

/// A copy whose element at (d0, ..) is the operand's at the positions that
/// `getPositions` computes.
static Value createIndexedCopy(
    KernelBuilder &kernel, Location loc, Value operand, Value result,
    function_ref<Value(OpBuilder &, unsigned, Value)> getPosition) {
  Value source = kernel.getTensor(operand);
  auto body = [&](OpBuilder &b, Location at, ValueRange,
                  ValueRange) -> SmallVector<Value> {
    SmallVector<Value> positions;
    for (int64_t d = 0; d < getType(source).getRank(); ++d) {
      Value i = linalg::IndexOp::create(b, at, d);
      positions.push_back(getPosition(b, d, i));
    }
    return {tensor::ExtractOp::create(b, at, source, positions)};
  };
  return kernel.createMap(loc, getDims(getType(result)), {}, {},
                          kernel.getDestination(result), body);
}

/// The map of a slice that takes, along each dimension, everything or the
/// element at one known position; null for other slices.
static AffineMap getPositionMap(SliceOp op) {
  RankedTensorType from = op.getOperand().getType();
  RankedTensorType to = getType(op.getResult());
  MLIRContext *context = op.getContext();
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < to.getRank(); ++d) {
    AffineExpr offset = simplify(op.getOffsets().getResult(d));
    bool isWhole = offset == 0 && op.getStrides()[d] == 1 &&
                   provablyEqual(getDim(from, d), getDim(to, d));
    bool isPosition = to.getDimSize(d) == 1 && !from.isDynamicDim(d) &&
                      isa<AffineConstantExpr>(offset);
    if (!isWhole && !isPosition)
      return {};
    exprs.push_back(isWhole ? getAffineDimExpr(d, context) : offset);
  }
  return AffineMap::get(to.getRank(), 0, exprs, context);
}

/// What a slice takes along the dimensions in which it runs forward; all of the
/// others.
static Value cutForward(KernelBuilder &kernel, SliceOp op) {
  OpBuilder &builder = kernel.builder;
  RankedTensorType from = op.getOperand().getType();
  RankedTensorType to = getType(op.getResult());
  SmallVector<OpFoldResult> starts, extents, strides;
  SmallVector<AffineExpr> dims = getDims(to);
  for (int64_t d = 0; d < to.getRank(); ++d) {
    bool isForward = op.getStrides()[d] > 0;
    if (!isForward)
      dims[d] = getDim(from, d);
    // Nothing may be taken from behind the end, where no offset is valid.
    bool isFromStart = !isForward || to.getDimSize(d) == 0;
    starts.push_back(
        isFromStart ? builder.getIndexAttr(0)
                    : kernel.getSize(simplify(op.getOffsets().getResult(d))));
    extents.push_back(kernel.getSize(dims[d]));
    strides.push_back(builder.getIndexAttr(isForward ? op.getStrides()[d] : 1));
  }
  RankedTensorType type = getTensorType(dims, to.getElementType());
  return tensor::ExtractSliceOp::create(
      builder, op.getLoc(), KernelBuilder::getKernelType(type),
      kernel.getTensor(op.getOperand()), starts, extents, strides);
}

static void create(KernelBuilder &kernel, SliceOp op) {
  Location loc = op.getLoc();
  OpBuilder &builder = kernel.builder;
  RankedTensorType to = getType(op.getResult());
  ArrayRef<AffineExpr> offsets = op.getOffsets().getResults();
  RankedTensorType from = op.getOperand().getType();
  if (llvm::is_contained(from.getShape(), 0)) {
    // The result is empty as well, and no position in the operand is valid.
    kernel.setTensor(op.getResult(), kernel.getDestination(op.getResult()));
    return;
  }
  if (AffineMap map = getPositionMap(op))
    return setComposed(kernel, op.getResult(), op.getOperand(), map);
  if (llvm::all_of(op.getStrides(), [](int64_t s) { return s > 0; }))
    return kernel.setTensor(op.getResult(), cutForward(kernel, op));
  if (llvm::all_of(offsets,
                   [](AffineExpr e) { return isa<AffineConstantExpr>(e); })) {
    // With a negative stride, the result runs backwards from the offset. What
    // other dimensions take is cut out first: the size of a loop follows from
    // the operands' dimensions that it runs along.
    SmallVector<AffineExpr> exprs;
    bool needsCut = false;
    for (int64_t d = 0; d < to.getRank(); ++d) {
      AffineExpr dim = builder.getAffineDimExpr(d);
      bool isBackward = op.getStrides()[d] < 0;
      exprs.push_back(isBackward ? dim * op.getStrides()[d] + offsets[d] : dim);
      needsCut |=
          !isBackward && (offsets[d] != 0 || op.getStrides()[d] != 1 ||
                          !provablyEqual(getDim(from, d), getDim(to, d)));
    }
    AffineMap map = AffineMap::get(to.getRank(), 0, exprs, op.getContext());
    if (!needsCut || kernel.getView(op.getOperand()).splat)
      return setComposed(kernel, op.getResult(), op.getOperand(), map);
    View view;
    view.tensor = cutForward(kernel, op);
    view.map = map;
    return kernel.setView(op.getResult(), view);
  }
  SmallVector<Value> starts;
  for (AffineExpr offset : offsets)
    starts.push_back(kernel.getSizeValue(simplify(offset)));
  kernel.setTensor(op.getResult(),
                   createIndexedCopy(
                       kernel, loc, op.getOperand(), op.getResult(),
                       [&](OpBuilder &b, unsigned d, Value i) -> Value {
                         Value step = arith::ConstantIndexOp::create(
                             b, loc, op.getStrides()[d]);
                         Value moved = arith::MulIOp::create(b, loc, i, step);
                         return arith::AddIOp::create(b, loc, moved, starts[d]);
                       }));
}

/// The position in the operand that a position in the padded tensor repeats.
static Value createPadPosition(OpBuilder &b, Location loc, PadMode mode,
                               Value i, Value low, Value size) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value zero = constant(0), one = constant(1);
  Value last = arith::SubIOp::create(b, loc, size, one);
  Value at = arith::SubIOp::create(b, loc, i, low);
  auto clamp = [&](Value value) -> Value {
    Value bounded = arith::MinSIOp::create(b, loc, value, last);
    return arith::MaxSIOp::create(b, loc, bounded, zero);
  };
  // The non-negative remainder by a divisor of 1 or more.
  auto wrap = [&](Value value, Value divisor) -> Value {
    divisor = arith::MaxSIOp::create(b, loc, divisor, one);
    Value rest = arith::RemSIOp::create(b, loc, value, divisor);
    Value isNegative =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, zero);
    Value moved = arith::AddIOp::create(b, loc, rest, divisor);
    return arith::SelectOp::create(b, loc, isNegative, moved, rest);
  };
  if (mode == PadMode::Edge)
    return clamp(at);
  if (mode == PadMode::Wrap)
    return wrap(at, size);
  // Reflection has the period 2 (size - 1).
  Value period = arith::AddIOp::create(b, loc, last, last);
  Value rest = wrap(at, period);
  Value mirrored = arith::SubIOp::create(b, loc, period, rest);
  return clamp(arith::MinSIOp::create(b, loc, rest, mirrored));
}

static void create(KernelBuilder &kernel, PadOp op) {
  Location loc = op.getLoc();
  OpBuilder &builder = kernel.builder;
  RankedTensorType from = op.getOperand().getType();
  RankedTensorType to = getType(op.getResult());
  if (op.getMode() != PadMode::Constant) {
    SmallVector<Value> low, size;
    for (int64_t d = 0; d < from.getRank(); ++d) {
      low.push_back(kernel.getSizeValue(simplify(op.getLow().getResult(d))));
      size.push_back(kernel.getSizeValue(getDim(from, d)));
    }
    kernel.setTensor(
        op.getResult(),
        createIndexedCopy(kernel, loc, op.getOperand(), op.getResult(),
                          [&](OpBuilder &b, unsigned d, Value i) -> Value {
                            if (getDim(from, d) == getDim(to, d) &&
                                op.getLow().getResult(d) == 0)
                              return i;
                            return createPadPosition(b, loc, op.getMode(), i,
                                                     low[d], size[d]);
                          }));
    return;
  }
  // Negative counts cut first.
  Value source = kernel.getTensor(op.getOperand());
  SmallVector<OpFoldResult> low, high, starts, extents, strides;
  SmallVector<int64_t> cut;
  bool cuts = false;
  for (int64_t d = 0; d < from.getRank(); ++d) {
    AffineExpr before = simplify(op.getLow().getResult(d));
    AffineExpr after = simplify(getDim(to, d) - before - getDim(from, d));
    auto getCut = [&](AffineExpr count) {
      auto constant = dyn_cast<AffineConstantExpr>(count);
      return constant ? std::max<int64_t>(0, -constant.getValue()) : 0;
    };
    int64_t cutBefore = getCut(before), cutAfter = getCut(after);
    cuts |= cutBefore || cutAfter;
    AffineExpr extent = simplify(getDim(from, d) - cutBefore - cutAfter);
    starts.push_back(builder.getIndexAttr(cutBefore));
    extents.push_back(kernel.getSize(extent));
    strides.push_back(builder.getIndexAttr(1));
    low.push_back(kernel.getSize(simplify(before + cutBefore)));
    high.push_back(kernel.getSize(simplify(after + cutAfter)));
    auto constant = dyn_cast<AffineConstantExpr>(extent);
    cut.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
  }
  RankedTensorType type = KernelBuilder::getKernelType(to);
  if (cuts)
    source = tensor::ExtractSliceOp::create(
        builder, loc, RankedTensorType::get(cut, type.getElementType()), source,
        starts, extents, strides);
  View value = kernel.getView(op.getValue());
  Value scalar =
      value.splat
          ? Value(arith::ConstantOp::create(builder, loc, value.splat))
          : Value(tensor::ExtractOp::create(
                builder, loc, kernel.getTensor(op.getValue()), ValueRange()));
  kernel.setTensor(
      op.getResult(),
      tensor::PadOp::create(builder, loc, type, source, low, high, scalar));
}

//===----------------------------------------------------------------------===//
// Concatenation
//===----------------------------------------------------------------------===//

static void create(KernelBuilder &kernel, ConcatOp op) {
  OpBuilder &builder = kernel.builder;
  RankedTensorType type = getType(op.getResult());
  int64_t axis = op.getAxis();
  Value result = kernel.getDestination(op.getResult());
  AffineExpr offset = builder.getAffineConstantExpr(0);
  for (Value input : op.getInputs()) {
    RankedTensorType piece = getType(input);
    SmallVector<OpFoldResult> starts(type.getRank(), builder.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
    starts[axis] = kernel.getSize(offset);
    // Sizes are those of the piece's own type, as it stands in the kernel.
    SmallVector<OpFoldResult> extents;
    for (AffineExpr dim : getDims(piece))
      extents.push_back(kernel.getSize(dim));
    offset = simplify(offset + getDim(piece, axis));
    if (getDim(piece, axis) == 0)
      continue;
    Value tensor = kernel.getTensor(input);
    if (tensor.getDefiningOp<arith::ConstantOp>()) {
      // A piece is stored: give it a statement of its own.
      View view = kernel.getView(input);
      tensor = kernel.createMap(
          op.getLoc(), getDims(piece), view,
          builder.getMultiDimIdentityMap(type.getRank()),
          kernel.createEmpty(op.getLoc(), getDims(piece),
                             type.getElementType()),
          [](OpBuilder &, Location, ValueRange inputs, ValueRange) {
            return SmallVector<Value>(inputs);
          });
    }
    result = tensor::InsertSliceOp::create(builder, op.getLoc(), tensor, result,
                                           starts, extents, strides);
  }
  kernel.setTensor(op.getResult(), result);
}

RuleResult mlir::dl::lower::lowerMovement(KernelBuilder &kernel,
                                          Operation *op) {
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return create(kernel, transpose), true;
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return create(kernel, broadcast), true;
  if (auto slice = dyn_cast<SliceOp>(op))
    return create(kernel, slice), true;
  if (auto pad = dyn_cast<PadOp>(op))
    return create(kernel, pad), true;
  if (auto concat = dyn_cast<ConcatOp>(op))
    return create(kernel, concat), true;
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    if (failed(create(kernel, reshape)))
      return failure();
    return true;
  }
  return false;
}
