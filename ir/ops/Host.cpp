// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Elementwise.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/HostOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Types of strings' ops
//===----------------------------------------------------------------------===//

/// The operand's shape with another element type.
static LogicalResult inferAs(StringRef op, std::optional<Location> location,
                             ValueRange operands, Type element,
                             SmallVectorImpl<Type> &types) {
  if (failed(inferUnary({location, op}, operands, types)))
    return failure();
  types[0] = withElementType(cast<RankedTensorType>(types[0]), element);
  return success();
}

LogicalResult StringConcatOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  return inferBinary({location, getOperationName()}, adaptor.getOperands(),
                     types);
}

#define DL_INFER_AS(OP, TYPE)                                                  \
  LogicalResult OP::inferReturnTypes(                                          \
      MLIRContext *context, std::optional<Location> location, Adaptor adaptor, \
      SmallVectorImpl<Type> &types) {                                          \
    return inferAs(getOperationName(), location, adaptor.getOperands(), TYPE,  \
                   types);                                                     \
  }

DL_INFER_AS(StringCaseOp, StringType::get(context))
DL_INFER_AS(NumberToStringOp, StringType::get(context))
DL_INFER_AS(StringFindOp, IntegerType::get(context, 64))
DL_INFER_AS(StringCountOp, IntegerType::get(context, 64))
DL_INFER_AS(StringRankOp, IntegerType::get(context, 64))
DL_INFER_AS(StringMatchOp, IntegerType::get(context, 1))

#undef DL_INFER_AS

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// (C1) The result has the operand's shape, but for its last `added`
/// dimensions.
static LogicalResult checkShape(Operation *op, int64_t added) {
  Reporter report(op);
  auto from = getKnownDims(report, op->getOperand(0));
  auto to = getKnownDims(report, op->getResult(0));
  if (failed(from) || failed(to))
    return failure();
  bool agree = from->size() + added == to->size() &&
               llvm::none_of(llvm::zip(*from, *to), [](auto dims) {
                 return contradict(std::get<0>(dims), std::get<1>(dims));
               });
  if (agree)
    return success();
  return report.fail("(C1) expected the shape of ", typeOf(op->getOperand(0)),
                     added ? " and a dimension more" : "", ", found ",
                     typeOf(op->getResult(0)));
}

LogicalResult StringSplitOp::verify() { return checkShape(*this, 1); }

LogicalResult StringToNumberOp::verify() { return checkShape(*this, 0); }

/// (C1) The operand of an image's op is a list of bytes.
static LogicalResult checkFile(const Reporter &report, Value operand) {
  RankedTensorType type = typeOf(operand);
  if (type.getRank() == 1 && type.getElementType().isUnsignedInteger(8))
    return checkDimsKnown(report, operand);
  return report.fail("(C1) expected bytes, a tensor of rank 1 of ui8, found ",
                     type);
}

LogicalResult ImageSizeOp::verify() {
  Reporter report(*this);
  RankedTensorType type = typeOf(getResult());
  if (failed(checkFile(report, getOperand())))
    return failure();
  if (type.getShape() == ArrayRef<int64_t>{2} &&
      type.getElementType().isSignlessInteger(64))
    return success();
  return report.fail("(C2) expected two i64, found ", type);
}

LogicalResult DecodeImageOp::verify() {
  Reporter report(*this);
  RankedTensorType type = typeOf(getResult());
  if (failed(checkFile(report, getOperand())) ||
      failed(checkDimsKnown(report, getResult())))
    return failure();
  int64_t channels = getFormat() == PixelFormat::Grayscale ? 1 : 3;
  if (type.getRank() == 3 && type.getElementType().isUnsignedInteger(8) &&
      type.getDimSize(2) == channels)
    return success();
  return report.fail("(C2) expected a tensor of rank 3 of ui8, with ", channels,
                     " channels, found ", type);
}
