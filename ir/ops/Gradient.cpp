// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/GradientOps.cpp.inc"

//===----------------------------------------------------------------------===//
// GradientOp
//===----------------------------------------------------------------------===//

LogicalResult GradientOp::verify() {
  Reporter report(*this);
  if (getVariables().getTypes() != getResultTypes())
    return report.fail("(C1) expected results of the variables' types ",
                       getVariables().getTypes(), ", found ", getResultTypes());
  for (Type type : getResultTypes())
    if (!isa<FloatType>(getElementTypeOrSelf(type)))
      return report.fail("(C2) expected variables of floats, found ", type);
  return success();
}

//===----------------------------------------------------------------------===//
// ConvFilterGradientOp
//===----------------------------------------------------------------------===//

LogicalResult ConvFilterGradientOp::verify() {
  Reporter report(*this);
  RankedTensorType input = typeOf(getInput()), gradient = typeOf(getGradient()),
                   result = typeOf(getResult());
  if (input.getRank() < 3 || gradient.getRank() != input.getRank() ||
      result.getRank() != input.getRank())
    return report.fail("(C1) expected one rank of 3 or more, found ", input,
                       ", ", gradient, " and ", result);
  Type element = input.getElementType();
  bool isNarrow = element.getIntOrFloatBitWidth() < 32;
  if (gradient.getElementType() != element ||
      (getWide() ? !isNarrow || !result.getElementType().isF32()
                 : result.getElementType() != element))
    return report.fail("(C2) expected one element type, or results of f32 and "
                       "narrower operands, found ",
                       input, ", ", gradient, " and ", result);
  int64_t spatial = input.getRank() - 2, groups = getGroups();
  if (failed(checkList(report, "(C3)", "strides", getStrides(), spatial, 1)) ||
      failed(
          checkList(report, "(C3)", "dilations", getDilations(), spatial, 1)) ||
      failed(checkList(report, "(C3)", "pads_low", getPadsLow(), spatial, 0)) ||
      failed(checkDimsKnown(report, (*this)->getOperands())) ||
      failed(checkDimsKnown(report, (*this)->getResults())))
    return failure();
  int64_t filters = gradient.getDimSize(getChannelDim());
  if (groups < 1 || (!ShapedType::isDynamic(filters) && filters % groups != 0))
    return report.fail("(C4) expected groups to be positive and to divide the "
                       "channels of ",
                       gradient, ", found ", groups);
  if (contradict(getDim(input, getChannelDim()),
                 getDim(result, getFilterChannelDim()) * groups) ||
      contradict(getDim(gradient, getChannelDim()),
                 getDim(result, getFilterCountDim())))
    return report.fail("(C5) expected the channels of ", input, " and ",
                       gradient, " to fit the filter and ", groups,
                       " groups, found ", result);
  if (contradict(getDim(input, 0), getDim(gradient, 0)))
    return report.fail("(C6) expected as many images, found ", input, " and ",
                       gradient);
  return success();
}

//===----------------------------------------------------------------------===//
// WindowScatterOp
//===----------------------------------------------------------------------===//

LogicalResult WindowScatterOp::verify() {
  Reporter report(*this);
  RankedTensorType type = typeOf(getOperand()), updates = typeOf(getUpdates());
  if (getKind() != ReduceKind::Max && getKind() != ReduceKind::Min)
    return report.fail("(C1) expected max or min, found ",
                       stringifyReduceKind(getKind()));
  int64_t count = getWindow().size(), rank = type.getRank();
  if (count > rank)
    return report.fail("(C2) expected a window of at most ", rank,
                       " dimensions, found ", toString(getWindow()));
  if (failed(checkList(report, "(C2)", "window", getWindow(), count, 1)) ||
      failed(checkList(report, "(C2)", "strides", getStrides(), count, 1)) ||
      failed(checkList(report, "(C2)", "dilations", getDilations(), count, 1)))
    return failure();
  auto dims = getKnownDims(report, getOperand());
  auto found = getKnownDims(report, getUpdates());
  if (failed(dims) || failed(found))
    return failure();
  bool fits = updates.getElementType() == type.getElementType() &&
              found->size() == dims->size();
  for (int64_t i = 0; fits && i < rank; ++i) {
    AffineExpr expected = (*dims)[i];
    if (int64_t w = i - (rank - count); w >= 0) {
      auto windowed =
          inferWindowedDim(report, "(C3)", expected,
                           getAffineConstantExpr(getWindow()[w], getContext()),
                           getStrides()[w], getDilations()[w]);
      if (failed(windowed))
        return failure();
      expected = *windowed;
    }
    fits = !contradict(expected, (*found)[i]);
  }
  if (!fits)
    return report.fail("(C3) expected an update for each window of ", type,
                       ", found ", updates);
  if (getType() != getOperand().getType())
    return report.fail("(C4) expected a result of type ", type, ", found ",
                       getType());
  return success();
}
