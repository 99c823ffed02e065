// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products and convolutions: linalg.generic with a sum of products.

#include "passes/lower/BlockMatmulForm.h"
#include "passes/lower/KernelBuilder.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The permutation that alone uses a contraction's result, if there is one: the
/// result is then stored in that order.
static TransposeOp getFollowingTranspose(Operation *op) {
  if (!op->getResult(0).hasOneUse())
    return {};
  return dyn_cast<TransposeOp>(*op->getResult(0).getUsers().begin());
}

/// The sum over the reduction loops of the products of two operands, rounded to
/// the result's type at the end. The first loops are the result's dimensions.
static void createSumOfProducts(KernelBuilder &kernel, Operation *op,
                                ArrayRef<Loop> loops, ArrayRef<View> operands,
                                ArrayRef<AffineMap> maps) {
  Location loc = op->getLoc();
  OpBuilder &builder = kernel.builder;
  Value result = op->getResult(0), stored = result;
  AffineMap layout = builder.getMultiDimIdentityMap(getType(result).getRank());
  if (TransposeOp transpose = getFollowingTranspose(op)) {
    stored = transpose.getResult();
    SmallVector<unsigned> order(transpose.getPermutation().begin(),
                                transpose.getPermutation().end());
    layout = AffineMap::getPermutationMap(order, op->getContext());
  }
  SmallVector<AffineExpr> dims = getDims(getType(stored));
  Type elementType = getType(result).getElementType();
  Type lhsType = getType(op->getOperand(0)).getElementType(),
       rhsType = getType(op->getOperand(1)).getElementType();
  Type sumType = getAccumulatorType(elementType);
  Value destination = kernel.getDestination(stored);
  Value target = sumType == elementType
                     ? destination
                     : kernel.createEmpty(loc, dims, sumType);
  Value init =
      kernel.createFill(loc, getNeutral(ReduceKind::Sum, sumType), target);
  bool keepsTypes = kernel.keepsFloat8 && lhsType == rhsType &&
                    isa<Float8E4M3FNType, Float8E5M2Type>(lhsType) &&
                    sumType.isF32();
  auto extend = [&](OpBuilder &b, Location at, Value factor,
                    Type from) -> Value {
    return keepsTypes ? Value(arith::ExtFOp::create(b, at, sumType, factor))
                      : createScalarCast(b, at, factor, from, sumType, true);
  };
  auto body = [&](OpBuilder &b, Location at, ValueRange inputs,
                  ValueRange accumulators) -> SmallVector<Value> {
    Value x = extend(b, at, inputs[0], lhsType);
    Value y = extend(b, at, inputs[1], rhsType);
    Value product = createCombine(b, at, ReduceKind::Prod, sumType, x, y);
    return {createCombine(b, at, ReduceKind::Sum, sumType, accumulators[0],
                          product)};
  };
  AffineMap outMap =
      AffineMap::get(loops.size(), 0, layout.getResults(), op->getContext());
  View view;
  view.map = layout;
  view.tensor =
      kernel.createGeneric(loc, loops, operands, maps, init, outMap, body)
          .getResult(0);
  if (sumType != elementType) {
    View wide;
    wide.tensor = view.tensor;
    wide.map = builder.getMultiDimIdentityMap(dims.size());
    view.tensor =
        kernel.createMap(loc, dims, wide, wide.map, destination,
                         [&](OpBuilder &b, Location at, ValueRange inputs,
                             ValueRange) -> SmallVector<Value> {
                           return {createScalarCast(b, at, inputs[0], sumType,
                                                    elementType, true)};
                         });
  }
  kernel.setView(result, view);
}

static void create(KernelBuilder &kernel, MatmulOp op) {
  RankedTensorType type = getType(op.getResult());
  RankedTensorType lhs = op.getLhs().getType(), rhs = op.getRhs().getType();
  Builder builder(op.getContext());
  int64_t rank = type.getRank();
  SmallVector<Loop> loops;
  for (AffineExpr dim : getDims(type))
    loops.push_back({dim, false});
  AffineExpr k = getDim(lhs, lhs.getRank() - 1);
  if (!isa<AffineConstantExpr>(k))
    k = getDim(rhs, rhs.getRank() - 2);
  loops.push_back({k, true});
  auto getMap = [&](RankedTensorType operand, int64_t m, int64_t n) {
    // Leading dimensions are broadcast; m and n stand for the last two.
    AffineMap map = KernelBuilder::getBroadcastMap(operand, type);
    SmallVector<AffineExpr> exprs(map.getResults());
    exprs[exprs.size() - 2] = builder.getAffineDimExpr(m);
    exprs[exprs.size() - 1] = builder.getAffineDimExpr(n);
    return AffineMap::get(rank + 1, 0, exprs, op.getContext());
  };
  createSumOfProducts(
      kernel, op, loops,
      {kernel.getTensorView(op.getLhs()), kernel.getTensorView(op.getRhs())},
      {getMap(lhs, rank - 2, rank), getMap(rhs, rank, rank - 1)});
}

/// The input with zeros around its spatial dimensions.
static View createPadded(KernelBuilder &kernel, ConvOp op) {
  bool isPadded =
      llvm::any_of(op.getPadsLow(), [](int64_t v) { return v != 0; }) ||
      llvm::any_of(op.getPadsHigh(), [](int64_t v) { return v != 0; });
  if (!isPadded)
    return kernel.getTensorView(op.getInput());
  OpBuilder &builder = kernel.builder;
  Value input = kernel.getTensor(op.getInput());
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<OpFoldResult> low(type.getRank(), builder.getIndexAttr(0)),
      high(low);
  SmallVector<int64_t> shape(type.getShape());
  for (auto [i, before] : llvm::enumerate(op.getPadsLow())) {
    int64_t after = op.getPadsHigh()[i], d = op.getFirstSpatialDim() + i;
    low[d] = builder.getIndexAttr(before);
    high[d] = builder.getIndexAttr(after);
    if (!ShapedType::isDynamic(shape[d]))
      shape[d] += before + after;
  }
  Value zero = arith::ConstantOp::create(
      builder, op.getLoc(), builder.getZeroAttr(type.getElementType()));
  View view;
  view.tensor = tensor::PadOp::create(
      builder, op.getLoc(), RankedTensorType::get(shape, type.getElementType()),
      input, low, high, zero);
  view.map = builder.getMultiDimIdentityMap(type.getRank());
  return view;
}

static void create(KernelBuilder &kernel, ConvOp op) {
  RankedTensorType type = getType(op.getResult());
  RankedTensorType filter = op.getFilter().getType();
  Builder builder(op.getContext());
  MLIRContext *context = op.getContext();
  int64_t rank = type.getRank();
  SmallVector<Loop> loops;
  SmallVector<AffineExpr> out;
  for (auto [d, dim] : llvm::enumerate(getDims(type))) {
    loops.push_back({dim, false});
    out.push_back(builder.getAffineDimExpr(d));
  }
  // Input channel: that of the group, then within it; a single channel in a
  // group needs no loop. The contracted loops stand in the order of the memory.
  int64_t channels = filter.getDimSize(op.getFilterChannelDim());
  int64_t perGroup =
      filter.getDimSize(op.getFilterCountDim()) / (int64_t)op.getGroups();
  AffineExpr zero = builder.getAffineConstantExpr(0);
  AffineExpr m = out[op.getChannelDim()];
  SmallVector<AffineExpr> inputMap(rank, zero), filterMap(rank, zero);
  inputMap[0] = out[0];
  inputMap[op.getChannelDim()] =
      op.getGroups() == 1 ? zero : m.floorDiv(perGroup) * channels;
  filterMap[op.getFilterCountDim()] = m;
  auto addChannelLoop = [&] {
    if (channels == 1)
      return;
    AffineExpr c = builder.getAffineDimExpr(loops.size());
    filterMap[op.getFilterChannelDim()] = c;
    inputMap[op.getChannelDim()] = inputMap[op.getChannelDim()] + c;
    loops.push_back({builder.getAffineConstantExpr(channels), true});
  };
  if (!op.getChannelsLast())
    addChannelLoop();
  for (int64_t i = 0; i + 2 < rank; ++i) {
    AffineExpr k = builder.getAffineDimExpr(loops.size());
    int64_t d = op.getFirstSpatialDim() + i,
            window = op.getFirstWindowDim() + i;
    loops.push_back({getDim(filter, window), true});
    inputMap[d] = out[d] * op.getStrides()[i] + k * op.getDilations()[i];
    filterMap[window] = k;
  }
  if (op.getChannelsLast())
    addChannelLoop();
  View input = createPadded(kernel, op);
  createSumOfProducts(kernel, op, loops,
                      {input, kernel.getTensorView(op.getFilter())},
                      {AffineMap::get(loops.size(), 0, inputMap, context),
                       AffineMap::get(loops.size(), 0, filterMap, context)});
}

/// Of the filter's result dimensions, in the order of its layout, the first
/// loops; then images and positions, the longest innermost: which of them runs
/// along memory is all the same to an operand whose channels do.
static void create(KernelBuilder &kernel, ConvFilterGradientOp op) {
  RankedTensorType type = getType(op.getResult()),
                   gradient = getType(op.getGradient());
  Builder builder(op.getContext());
  MLIRContext *context = op.getContext();
  int64_t rank = type.getRank();
  SmallVector<Loop> loops;
  for (AffineExpr dim : getDims(type))
    loops.push_back({dim, false});
  SmallVector<int64_t> summed{0};
  for (int64_t i = 0; i + 2 < rank; ++i)
    summed.push_back(op.getFirstSpatialDim() + i);
  llvm::stable_sort(summed, [&](int64_t a, int64_t b) {
    int64_t left = gradient.getDimSize(a), right = gradient.getDimSize(b);
    return !ShapedType::isDynamic(left) && !ShapedType::isDynamic(right) &&
           left < right;
  });
  SmallVector<AffineExpr> gradientMap(rank), inputMap(rank);
  for (int64_t d : summed) {
    gradientMap[d] = builder.getAffineDimExpr(loops.size());
    loops.push_back({getDim(gradient, d), true});
  }
  AffineExpr m = builder.getAffineDimExpr(op.getFilterCountDim()),
             c = builder.getAffineDimExpr(op.getFilterChannelDim());
  int64_t channels = type.getDimSize(op.getFilterChannelDim());
  int64_t perGroup =
      type.getDimSize(op.getFilterCountDim()) / (int64_t)op.getGroups();
  gradientMap[op.getChannelDim()] = m;
  inputMap[0] = gradientMap[0];
  inputMap[op.getChannelDim()] =
      op.getGroups() == 1 ? c : m.floorDiv(perGroup) * channels + c;
  for (int64_t i = 0; i + 2 < rank; ++i) {
    int64_t d = op.getFirstSpatialDim() + i;
    AffineExpr k = builder.getAffineDimExpr(op.getFirstWindowDim() + i);
    inputMap[d] =
        gradientMap[d] * op.getStrides()[i] + k * op.getDilations()[i];
  }
  createSumOfProducts(kernel, op, loops,
                      {kernel.getTensorView(op.getInput()),
                       kernel.getTensorView(op.getGradient())},
                      {AffineMap::get(loops.size(), 0, inputMap, context),
                       AffineMap::get(loops.size(), 0, gradientMap, context)});
}

/// The rows with zeros behind, so that they have `size` contracted positions.
static View createWholeBlocks(KernelBuilder &kernel, BlockMatmulOp op,
                              int64_t size) {
  RankedTensorType type = op.getLhs().getType();
  int64_t depth = type.getShape().back();
  if (depth == size)
    return kernel.getTensorView(op.getLhs());
  OpBuilder &builder = kernel.builder;
  SmallVector<OpFoldResult> low(type.getRank(), builder.getIndexAttr(0)),
      high(low);
  high.back() = builder.getIndexAttr(size - depth);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = size;
  Value zero = arith::ConstantOp::create(
      builder, op.getLoc(), builder.getZeroAttr(type.getElementType()));
  View view;
  view.tensor = tensor::PadOp::create(
      builder, op.getLoc(), RankedTensorType::get(shape, type.getElementType()),
      kernel.getTensor(op.getLhs()), low, high, zero);
  view.map = builder.getMultiDimIdentityMap(type.getRank());
  return view;
}

static void create(KernelBuilder &kernel, BlockMatmulOp op) {
  RankedTensorType type = getType(op.getResult());
  ArrayRef<int64_t> weights = op.getWeights().getType().getShape();
  OpBuilder &builder = kernel.builder;
  MLIRContext *context = op.getContext();
  int64_t rank = type.getRank(), bits = op.getBits(), inByte = 8 / bits;
  SmallVector<Loop> loops;
  SmallVector<AffineExpr> exprs;
  for (AffineExpr dim : getDims(type))
    loops.push_back({dim, false});
  for (int64_t size : {weights[1], weights[2], inByte})
    loops.push_back({builder.getAffineConstantExpr(size), true});
  for (unsigned d = 0; d < loops.size(); ++d)
    exprs.push_back(builder.getAffineDimExpr(d));
  AffineExpr n = exprs[rank - 1], block = exprs[rank], byte = exprs[rank + 1];
  unsigned part = rank + 2;
  auto getMap = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(loops.size(), 0, results, context);
  };
  SmallVector<AffineExpr> row(exprs.begin(), exprs.begin() + rank - 1);
  row.push_back(block * op.getBlockSize() + byte * inByte + exprs[part]);
  bool hasZeroPoints = op.getZeroPoints().getType().getRank() != 0;
  View rows = createWholeBlocks(kernel, op, weights[1] * op.getBlockSize());
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  auto body = [&](OpBuilder &b, Location at, ValueRange inputs,
                  ValueRange accumulators) -> SmallVector<Value> {
    auto number = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, at, b.getI32IntegerAttr(value));
    };
    Value q = arith::ExtUIOp::create(b, at, i32, inputs[1]);
    Value shift = arith::IndexCastOp::create(
        b, at, i32, linalg::IndexOp::create(b, at, part));
    shift = arith::MulIOp::create(b, at, shift, number(bits));
    q = arith::ShRUIOp::create(b, at, q, shift);
    q = arith::AndIOp::create(b, at, q, number((1 << bits) - 1));
    Value zero = arith::ExtUIOp::create(b, at, i32, inputs[3]);
    q = arith::SubIOp::create(b, at, q, zero);
    Value weight = arith::SIToFPOp::create(b, at, f32, q);
    Value scale = inputs[2];
    if (!scale.getType().isF32())
      scale = arith::ExtFOp::create(b, at, f32, scale);
    weight = arith::MulFOp::create(b, at, weight, scale);
    Value product = arith::MulFOp::create(b, at, inputs[0], weight);
    return {arith::AddFOp::create(b, at, accumulators[0], product)};
  };
  Location loc = op.getLoc();
  Value init = kernel.createFill(loc, builder.getF32FloatAttr(0),
                                 kernel.getDestination(op.getResult()));
  auto generic = kernel.createGeneric(
      loc, loops,
      {rows, kernel.getTensorView(op.getWeights()),
       kernel.getTensorView(op.getScales()),
       kernel.getView(op.getZeroPoints())},
      {getMap(row), getMap({n, block, byte}), getMap({n, block}),
       hasZeroPoints ? getMap({n, block}) : getMap({})},
      init, getMap(ArrayRef(exprs).take_front(rank)), body);
  BlockMatmulForm form{bits};
  if (View point = kernel.getView(op.getZeroPoints()); point.splat)
    form.zeroPoint = cast<IntegerAttr>(point.splat).getValue().getZExtValue();
  form.fixedPoint = op.getFixedPoint();
  setBlockMatmulForm(generic, form);
  kernel.setTensor(op.getResult(), generic.getResult(0));
}

static void create(KernelBuilder &kernel, SparseMatmulOp op) {
  RankedTensorType type = getType(op.getResult());
  ArrayRef<int64_t> values = op.getValues().getType().getShape();
  OpBuilder &builder = kernel.builder;
  MLIRContext *context = op.getContext();
  int64_t rank = type.getRank(), width = values[2];
  SmallVector<Loop> loops;
  SmallVector<AffineExpr> exprs;
  for (AffineExpr dim : getDims(type))
    loops.push_back({dim, false});
  loops.push_back({builder.getAffineConstantExpr(values[1]), true});
  for (unsigned d = 0; d < loops.size(); ++d)
    exprs.push_back(builder.getAffineDimExpr(d));
  AffineExpr n = exprs[rank - 1], slot = exprs[rank];
  auto getMap = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(loops.size(), 0, results, context);
  };
  AffineExpr panel = n.floorDiv(width);
  Value lhs = kernel.getTensor(op.getLhs());
  Type element = type.getElementType();
  auto body = [&](OpBuilder &b, Location at, ValueRange inputs,
                  ValueRange accumulators) -> SmallVector<Value> {
    SmallVector<Value> position;
    for (int64_t d = 0; d + 1 < rank; ++d)
      position.push_back(linalg::IndexOp::create(b, at, d));
    position.push_back(
        arith::IndexCastUIOp::create(b, at, b.getIndexType(), inputs[1]));
    Value row = tensor::ExtractOp::create(b, at, lhs, position);
    Value product =
        createCombine(b, at, ReduceKind::Prod, element, row, inputs[0]);
    return {createCombine(b, at, ReduceKind::Sum, element, accumulators[0],
                          product)};
  };
  Location loc = op.getLoc();
  Value init = kernel.createFill(loc, getNeutral(ReduceKind::Sum, element),
                                 kernel.getDestination(op.getResult()));
  auto generic = kernel.createGeneric(
      loc, loops,
      {kernel.getTensorView(op.getValues()),
       kernel.getTensorView(op.getPositions()),
       kernel.getTensorView(op.getCounts())},
      {getMap({panel, slot, n % width}), getMap({panel, slot}),
       getMap({panel})},
      init, getMap(ArrayRef(exprs).take_front(rank)), body);
  setSparseMatmulForm(generic);
  kernel.setTensor(op.getResult(), generic.getResult(0));
}

RuleResult mlir::dl::lower::lowerContraction(KernelBuilder &kernel,
                                             Operation *op) {
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return create(kernel, matmul), true;
  if (auto matmul = dyn_cast<BlockMatmulOp>(op))
    return create(kernel, matmul), true;
  if (auto matmul = dyn_cast<SparseMatmulOp>(op))
    return create(kernel, matmul), true;
  if (auto conv = dyn_cast<ConvOp>(op))
    return create(kernel, conv), true;
  if (auto gradient = dyn_cast<ConvFilterGradientOp>(op)) {
    if (llvm::any_of(gradient.getPadsLow(), [](int64_t v) { return v != 0; }))
      return gradient.emitOpError("expected an input that is padded before");
    return create(kernel, gradient), true;
  }
  return false;
}
