// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/RowCopies.h"
#include "ir/dialect/Dims.h"

using namespace dl::package;
using mlir::AffineExpr;
using mlir::RankedTensorType;

Step dl::package::makeCopy(const View &from, const View &to,
                           const TensorDesc &type) {
  Step step;
  step.kind = Step::Kind::Copy;
  step.function = "copy";
  step.args = {from, to};
  step.numInputs = 1;
  step.types.assign(2, type);
  return step;
}

View dl::package::getLoopSlice(Formulas &formulas, View whole, FormulaId bytes,
                               FormulaId count, size_t depth, bool reverse) {
  if (reverse)
    whole.offset = formulas.addOffsets(
        whole.offset,
        formulas.mul(formulas.add(count, formulas.constant(-1)), bytes));
  whole.strides.resize(depth, kNoFormula);
  whole.strides.push_back(reverse ? formulas.scale(bytes, -1) : bytes);
  whole.bytes = bytes;
  return whole;
}

/// The type of what lies in one position of the first dimensions.
static RankedTensorType getInner(RankedTensorType type, size_t numOuter) {
  llvm::SmallVector<AffineExpr> dims = mlir::dl::getDims(type);
  return mlir::dl::getTensorType(llvm::ArrayRef(dims).drop_front(numOuter),
                                 type.getElementType());
}

void dl::package::addRowCopies(mlir::dl::InsertOp op, View from, View to,
                               size_t depth, TypeFormulas &types,
                               Formulas &formulas, std::vector<Step> &steps) {
  auto whole = mlir::cast<RankedTensorType>(op.getOperand().getType()),
       rows = mlir::cast<RankedTensorType>(op.getRows().getType());
  auto axis = static_cast<size_t>(op.getAxis());
  RankedTensorType piece = getInner(rows, axis);
  FormulaId row = types.getBytes(getInner(rows, axis + 1));
  to.offset = formulas.addOffsets(
      to.offset, formulas.mul(types.get(op.getOffset().getResult(0)), row));
  to.bytes = from.bytes = types.getBytes(piece);
  FormulaId count = formulas.constant(1);
  for (size_t i = 0; i < axis; ++i)
    count = formulas.mul(count, types.getDim(rows, i));
  TensorDesc type = types.getDesc(piece);
  if (formulas.getConstant(count) == 1) {
    steps.push_back(makeCopy(from, to, type));
    return;
  }
  Step loop;
  loop.kind = Step::Kind::Loop;
  loop.count = count;
  FormulaId stride = formulas.mul(types.getDim(whole, axis), row);
  loop.body.push_back(
      makeCopy(getLoopSlice(formulas, from, from.bytes, count, depth, false),
               {to.storage, to.offset, {}, to.bytes}, type));
  View &target = loop.body.front().args[1];
  target.strides.resize(depth, kNoFormula);
  target.strides.push_back(stride);
  steps.push_back(std::move(loop));
}
