// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Arithmetic.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
namespace dial = mlir::dl;

Value Arithmetic::resolve(Operand operand, Operand other) const {
  if (!operand.isNumber)
    return operand.value;
  if (other.isNumber || !other.value)
    return Value();
  return context.splat(operand.number, NodeContext::elementType(other.value));
}

LogicalResult Arithmetic::checkBroadcast(ValueRange values) const {
  SmallVector<AffineExpr> result;
  for (Value value : values) {
    if (!value)
      return failure();
    SmallVector<AffineExpr> dims = NodeContext::dims(value);
    if (dims.size() > result.size())
      result.insert(result.begin(), dims.size() - result.size(), AffineExpr());
    size_t offset = result.size() - dims.size();
    for (auto [i, dim] : llvm::enumerate(dims)) {
      AffineExpr &out = result[offset + i];
      if (!out || !dim || out == 1 || dim == 1) {
        out = out && (!dim || dim == 1) ? out : dim;
        continue;
      }
      if (failed(context.requireEqual(out, dim,
                                      "its operands' shapes do not broadcast")))
        return failure();
      out = dial::broadcastDim(out, dim);
    }
  }
  return success();
}

LogicalResult
Arithmetic::prepareBroadcast(MutableArrayRef<Value> values) const {
  if (llvm::is_contained(values, Value()) || failed(repeatLate(values)))
    return failure();
  return checkBroadcast(values);
}

Value Arithmetic::compare(dial::Predicate predicate, Operand a,
                          Operand b) const {
  Value operands[] = {resolve(a, b), resolve(b, a)};
  if (failed(prepareBroadcast(operands)))
    return Value();
  return context.create<dial::CompareOp>(predicate, operands[0], operands[1]);
}

Value Arithmetic::select(Value condition, Operand onTrue,
                         Operand onFalse) const {
  Value operands[] = {condition, resolve(onTrue, onFalse),
                      resolve(onFalse, onTrue)};
  if (failed(prepareBroadcast(operands)))
    return Value();
  return context.create<dial::SelectOp>(operands[0], operands[1], operands[2]);
}

Value Arithmetic::reduce(dial::ReduceKind kind, Value value,
                         ArrayRef<int64_t> axes, bool keepDims) const {
  if (!value || axes.empty())
    return value;
  SmallVector<int64_t> sorted(axes);
  llvm::sort(sorted);
  return context.create<dial::ReduceOp>(kind, value, sorted, keepDims);
}

Value Arithmetic::mean(Value value, ArrayRef<int64_t> axes,
                       bool keepDims) const {
  if (!value || axes.empty())
    return value;
  AffineExpr count = context.constantExpr(1);
  for (int64_t axis : axes)
    count = count * NodeContext::dim(value, axis);
  count = dial::simplify(count);
  Value sum = reduce(dial::ReduceKind::Sum, value, axes, keepDims);
  if (auto constant = dyn_cast<AffineConstantExpr>(count))
    return div(sum, static_cast<double>(constant.getValue()));
  return div(sum, context.cast(context.sizeScalar(count),
                               NodeContext::elementType(value)));
}

Value Arithmetic::iota(AffineExpr size, int64_t axis, int64_t rank,
                       Type elementType) const {
  SmallVector<AffineExpr> dims(rank, context.constantExpr(1));
  dims[axis] = size;
  return context.create<dial::IotaOp>(dial::getTensorType(dims, elementType),
                                      axis);
}

Value Arithmetic::constant(ArrayRef<double> values, ArrayRef<int64_t> shape,
                           Type type) const {
  const llvm::fltSemantics &semantics =
      cast<FloatType>(type).getFloatSemantics();
  SmallVector<APFloat> rounded;
  rounded.reserve(values.size());
  for (double value : values) {
    bool losesInfo;
    rounded.emplace_back(value);
    rounded.back().convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  }
  return context.constant(
      DenseElementsAttr::get(RankedTensorType::get(shape, type), rounded));
}

SmallVector<int64_t> frontend::range(int64_t begin, int64_t end) {
  SmallVector<int64_t> numbers;
  for (int64_t i = begin; i < end; ++i)
    numbers.push_back(i);
  return numbers;
}
