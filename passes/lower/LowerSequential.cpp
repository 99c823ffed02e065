// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Scatters and running sums: loops that change the destination step by step.

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/lower/KernelBuilder.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The destination, filled with a copy of `operand`.
static Value createCopy(KernelBuilder &kernel, Location loc, Value operand,
                        Value result) {
  RankedTensorType type = getType(result);
  return kernel.createMap(
      loc, getDims(type), kernel.getView(operand),
      kernel.builder.getMultiDimIdentityMap(type.getRank()),
      kernel.getDestination(result),
      [](OpBuilder &, Location, ValueRange inputs, ValueRange) {
        return SmallVector<Value>(inputs);
      });
}

namespace {

/// A box of a tensor: one position in some dimensions, all of the others.
struct Box {
  SmallVector<OpFoldResult> offsets, sizes, strides;
  SmallVector<AffineExpr> dims; // of the tensor without the single positions

  Box(KernelBuilder &kernel, RankedTensorType type,
      ArrayRef<std::pair<int64_t, Value>> positions) {
    OpBuilder &b = kernel.builder;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      auto found = llvm::find_if(positions,
                                 [&](auto &entry) { return entry.first == d; });
      strides.push_back(b.getIndexAttr(1));
      if (found != positions.end()) {
        offsets.push_back(found->second);
        sizes.push_back(b.getIndexAttr(1));
        continue;
      }
      offsets.push_back(b.getIndexAttr(0));
      dims.push_back(getDim(type, d));
      sizes.push_back(kernel.getSize(dims.back()));
    }
  }

  RankedTensorType getType(Type elementType) const {
    SmallVector<int64_t> shape;
    for (AffineExpr dim : dims) {
      auto constant = dyn_cast<AffineConstantExpr>(dim);
      shape.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
    }
    return RankedTensorType::get(shape, elementType);
  }

  View extract(KernelBuilder &kernel, Location loc, Value tensor) const {
    View view;
    view.tensor = tensor::ExtractSliceOp::create(
        kernel.builder, loc,
        getType(cast<RankedTensorType>(tensor.getType()).getElementType()),
        tensor, offsets, sizes, strides);
    view.map = kernel.builder.getMultiDimIdentityMap(dims.size());
    return view;
  }

  Value insert(KernelBuilder &kernel, Location loc, Value piece,
               Value tensor) const {
    return tensor::InsertSliceOp::create(kernel.builder, loc, piece, tensor,
                                         offsets, sizes, strides);
  }
};

} // namespace

/// Nested loops over `sizes` that carry a tensor.
static Value createLoops(KernelBuilder &kernel, Location loc,
                         ArrayRef<AffineExpr> sizes, Value tensor,
                         SmallVector<Value> at,
                         function_ref<Value(ArrayRef<Value>, Value)> body) {
  if (at.size() == sizes.size())
    return body(at, tensor);
  OpBuilder &b = kernel.builder;
  auto loop = scf::ForOp::create(b, loc, kernel.getIndex(0),
                                 kernel.getSizeValue(sizes[at.size()]),
                                 kernel.getIndex(1), tensor);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  at.push_back(loop.getInductionVar());
  Value next =
      createLoops(kernel, loc, sizes, loop.getRegionIterArg(0), at, body);
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

static Value createScatterCombine(OpBuilder &b, Location loc, ScatterKind kind,
                                  Type elementType, Value old, Value update) {
  switch (kind) {
  case ScatterKind::Set:
    return update;
  case ScatterKind::Add:
    return createCombine(b, loc, ReduceKind::Sum, elementType, old, update);
  case ScatterKind::Mul:
    return createCombine(b, loc, ReduceKind::Prod, elementType, old, update);
  case ScatterKind::Max:
    return createCombine(b, loc, ReduceKind::Max, elementType, old, update);
  case ScatterKind::Min:
    return createCombine(b, loc, ReduceKind::Min, elementType, old, update);
  }
  llvm_unreachable("unknown kind of scatter");
}

/// The index at a place in `indices` as a position below `size`, negative ones
/// counted from the end; `inRange` becomes false where there is no such
/// position.
static Value createChecked(KernelBuilder &kernel, Location loc, Value indices,
                           bool isUnsigned, ArrayRef<Value> place, Value size,
                           Value &inRange) {
  OpBuilder &b = kernel.builder;
  Value index = tensor::ExtractOp::create(b, loc, indices, place);
  Type type = b.getIndexType();
  Value position =
      isUnsigned ? Value(arith::IndexCastUIOp::create(b, loc, type, index))
                 : Value(arith::IndexCastOp::create(b, loc, type, index));
  Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                           position, kernel.getIndex(0));
  Value wrapped = arith::AddIOp::create(b, loc, position, size);
  position = arith::SelectOp::create(b, loc, isNegative, wrapped, position);
  Value isInside =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, position, size);
  inRange = inRange ? Value(arith::AndIOp::create(b, loc, inRange, isInside))
                    : isInside;
  return position;
}

/// Combines `update` into the box of `tensor` if `inRange`.
static Value createUpdate(KernelBuilder &kernel, Location loc, Value inRange,
                          ScatterKind kind, RankedTensorType type,
                          ArrayRef<std::pair<int64_t, Value>> positions,
                          function_ref<View()> getUpdate, Value tensor) {
  OpBuilder &b = kernel.builder;
  auto branch = scf::IfOp::create(b, loc, tensor.getType(), inRange,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, tensor);
  b.setInsertionPointToStart(branch.thenBlock());
  Box box(kernel, type, positions);
  AffineMap identity = b.getMultiDimIdentityMap(box.dims.size());
  Value destination = kernel.createEmpty(loc, box.dims, type.getElementType());
  SmallVector<View> operands{getUpdate()};
  if (kind != ScatterKind::Set)
    operands.push_back(box.extract(kernel, loc, tensor));
  SmallVector<AffineMap> maps(operands.size(), identity);
  Value combined = kernel.createMap(
      loc, box.dims, operands, maps, destination,
      [&](OpBuilder &body, Location at, ValueRange inputs,
          ValueRange) -> SmallVector<Value> {
        return {createScatterCombine(body, at, kind, type.getElementType(),
                                     inputs.back(), inputs[0])};
      });
  scf::YieldOp::create(b, loc, box.insert(kernel, loc, combined, tensor));
  return branch.getResult(0);
}

static void create(KernelBuilder &kernel, ScatterElementsOp op) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getOperand().getType();
  RankedTensorType updateType = op.getUpdates().getType();
  Value indices = kernel.getTensor(op.getIndices());
  Value updates = kernel.getTensor(op.getUpdates());
  bool isUnsigned =
      getType(op.getIndices()).getElementType().isUnsignedInteger();
  int64_t axis = op.getAxis();
  Value copy = createCopy(kernel, loc, op.getOperand(), op.getResult());
  Value result =
      createLoops(kernel, loc, getDims(getType(op.getIndices())), copy, {},
                  [&](ArrayRef<Value> at, Value tensor) {
                    SmallVector<std::pair<int64_t, Value>> place, target;
                    Value inRange;
                    for (auto [d, i] : llvm::enumerate(at)) {
                      place.push_back({d, i});
                      target.push_back({d, i});
                    }
                    target[axis].second = createChecked(
                        kernel, loc, indices, isUnsigned, at,
                        kernel.getSizeValue(getDim(type, axis)), inRange);
                    return createUpdate(
                        kernel, loc, inRange, op.getKind(), type, target,
                        [&] {
                          return Box(kernel, updateType, place)
                              .extract(kernel, loc, updates);
                        },
                        tensor);
                  });
  kernel.setTensor(op.getResult(), result);
}

static void create(KernelBuilder &kernel, ScatterNdOp op) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getOperand().getType();
  RankedTensorType indexType = op.getIndices().getType();
  RankedTensorType updateType = op.getUpdates().getType();
  Value indices = kernel.getTensor(op.getIndices());
  Value updates = kernel.getTensor(op.getUpdates());
  bool isUnsigned = indexType.getElementType().isUnsignedInteger();
  int64_t depth = indexType.getDimSize(indexType.getRank() - 1);
  SmallVector<AffineExpr> tuples = getDims(indexType);
  tuples.pop_back();
  Value copy = createCopy(kernel, loc, op.getOperand(), op.getResult());
  Value result = createLoops(
      kernel, loc, tuples, copy, {}, [&](ArrayRef<Value> at, Value tensor) {
        SmallVector<std::pair<int64_t, Value>> place, target;
        for (auto [d, i] : llvm::enumerate(at))
          place.push_back({d, i});
        Value inRange;
        for (int64_t d = 0; d < depth; ++d) {
          SmallVector<Value> part(at);
          part.push_back(kernel.getIndex(d));
          target.push_back(
              {d,
               createChecked(kernel, loc, indices, isUnsigned, part,
                             kernel.getSizeValue(getDim(type, d)), inRange)});
        }
        return createUpdate(
            kernel, loc, inRange, op.getKind(), type, target,
            [&] {
              return Box(kernel, updateType, place)
                  .extract(kernel, loc, updates);
            },
            tensor);
      });
  kernel.setTensor(op.getResult(), result);
}

static void create(KernelBuilder &kernel, CumsumOp op) {
  Location loc = op.getLoc();
  OpBuilder &b = kernel.builder;
  RankedTensorType type = op.getOperand().getType();
  Type elementType = type.getElementType();
  int64_t axis = op.getAxis();
  Value operand = kernel.getTensor(op.getOperand());
  // Slice i is slice i - 1 and the operand's slice i (or i - 1, if exclusive);
  // from the end, positions are counted backwards.
  Value start =
      op.getExclusive()
          ? kernel.createFill(loc, getNeutral(ReduceKind::Sum, elementType),
                              kernel.getDestination(op.getResult()))
          : createCopy(kernel, loc, op.getOperand(), op.getResult());
  Value size = kernel.getSizeValue(getDim(type, axis)),
        one = kernel.getIndex(1);
  auto loop = scf::ForOp::create(b, loc, one, size, one, start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value i = loop.getInductionVar(), tensor = loop.getRegionIterArg(0);
    Value before = arith::SubIOp::create(b, loc, i, one);
    if (op.getReverse()) {
      // size - 1 - i, and the position after it.
      before = arith::SubIOp::create(b, loc, size, i);
      i = arith::SubIOp::create(b, loc, before, one);
    }
    Box last(kernel, type, {{axis, before}}), here(kernel, type, {{axis, i}});
    AffineMap identity = b.getMultiDimIdentityMap(here.dims.size());
    View sum = last.extract(kernel, loc, tensor);
    View element =
        (op.getExclusive() ? last : here).extract(kernel, loc, operand);
    Value next = kernel.createMap(
        loc, here.dims, {sum, element}, {identity, identity},
        kernel.createEmpty(loc, here.dims, elementType),
        [&](OpBuilder &body, Location at, ValueRange inputs,
            ValueRange) -> SmallVector<Value> {
          return {createCombine(body, at, ReduceKind::Sum, elementType,
                                inputs[0], inputs[1])};
        });
    scf::YieldOp::create(b, loc, here.insert(kernel, loc, next, tensor));
  }
  kernel.setTensor(op.getResult(), loop.getResult(0));
}

RuleResult mlir::dl::lower::lowerSequential(KernelBuilder &kernel,
                                            Operation *op) {
  if (auto scatter = dyn_cast<ScatterElementsOp>(op))
    return create(kernel, scatter), true;
  if (auto scatter = dyn_cast<ScatterNdOp>(op))
    return create(kernel, scatter), true;
  if (auto cumsum = dyn_cast<CumsumOp>(op))
    return create(kernel, cumsum), true;
  return false;
}
