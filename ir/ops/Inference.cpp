// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

RankedTensorType mlir::dl::typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

std::string mlir::dl::toString(ArrayRef<int64_t> values) {
  std::string text = "[";
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(values, os);
  return text + "]";
}

FailureOr<SmallVector<AffineExpr>>
mlir::dl::getKnownDims(const Reporter &report, Value value) {
  RankedTensorType type = typeOf(value);
  SmallVector<AffineExpr> dims = getDims(type);
  for (auto [i, dim] : llvm::enumerate(dims))
    if (!dim)
      return report.fail("(D1) expected #dl.dims to give dimension ", i,
                         ", found ", type);
  return dims;
}

LogicalResult mlir::dl::checkDimsKnown(const Reporter &report,
                                       ValueRange values) {
  for (Value value : values)
    if (failed(getKnownDims(report, value)))
      return failure();
  return success();
}

bool mlir::dl::contradict(AffineExpr a, AffineExpr b) {
  if (a == b)
    return false;
  auto difference = dyn_cast<AffineConstantExpr>(subtract(a, b));
  return difference && difference.getValue() != 0;
}

LogicalResult mlir::dl::checkAxis(const Reporter &report, StringRef label,
                                  int64_t axis, int64_t rank) {
  if (axis >= 0 && axis < rank)
    return success();
  return report.fail(label, " expected an axis from 0 to ", rank - 1,
                     ", found ", axis);
}

LogicalResult mlir::dl::checkList(const Reporter &report, StringRef label,
                                  StringRef name, ArrayRef<int64_t> values,
                                  int64_t count, int64_t minimum) {
  if (static_cast<int64_t>(values.size()) == count &&
      llvm::all_of(values, [&](int64_t v) { return v >= minimum; }))
    return success();
  return report.fail(label, " expected ", name, " to be ", count,
                     " values of at least ", minimum, ", found ",
                     toString(values));
}

FailureOr<AffineExpr>
mlir::dl::inferWindowedDim(const Reporter &report, StringRef label,
                           AffineExpr size, AffineExpr window, int64_t stride,
                           int64_t dilation) {
  AffineExpr extent = simplify((window - 1) * dilation + 1);
  AffineExpr last = simplify(size - extent);
  if (auto constant = dyn_cast<AffineConstantExpr>(last);
      constant && constant.getValue() < 0) {
    auto found = dyn_cast<AffineConstantExpr>(extent);
    auto available = dyn_cast<AffineConstantExpr>(size);
    if (found && available)
      return report.fail(label, " expected a window of at most ",
                         available.getValue(), ", found one that spans ",
                         found.getValue());
    return report.fail(label, " expected a window no larger than the operand");
  }
  return simplify((stride == 1 ? last : last.floorDiv(stride)) + 1);
}
