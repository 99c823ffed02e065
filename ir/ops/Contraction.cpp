// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/ElementBytes.h"
#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ContractionOps.cpp.inc"

/// Whether operands of these element types are multiplied with one another.
static bool haveFactors(Type a, Type b, bool wide) {
  return a == b || (wide && isa<IntegerType>(a) && isa<IntegerType>(b) &&
                    a.getIntOrFloatBitWidth() == b.getIntOrFloatBitWidth());
}

/// The element type of the sums of products of `type`: f32 or i32 if `wide`.
/// Null, and reported as constraint `code`, where that is no wider type.
static Type inferSumType(Reporter &report, StringRef code, Type type,
                         bool wide) {
  if (!wide)
    return type;
  if (isa<IntegerType>(type) && type.getIntOrFloatBitWidth() == 8)
    return IntegerType::get(type.getContext(), 32);
  auto narrow = dyn_cast<FloatType>(type);
  if (!narrow || narrow.getWidth() >= 32) {
    (void)report.fail(code,
                      " expected operands of a float type narrower than "
                      "f32 or of 8-bit integers, found ",
                      type);
    return {};
  }
  return Float32Type::get(type.getContext());
}

//===----------------------------------------------------------------------===//
// MatmulOp
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType lhs = typeOf(adaptor.getLhs()),
                   rhs = typeOf(adaptor.getRhs());
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return report.fail("(C1) expected operands of rank 2 or more, found ", lhs,
                       " and ", rhs);
  if (!haveFactors(lhs.getElementType(), rhs.getElementType(),
                   adaptor.getWide()))
    return report.fail("(C2) expected one element type, found ",
                       lhs.getElementType(), " and ", rhs.getElementType());
  auto a = getKnownDims(report, adaptor.getLhs());
  auto b = getKnownDims(report, adaptor.getRhs());
  if (failed(a) || failed(b))
    return failure();
  AffineExpr n = b->pop_back_val(), k = b->pop_back_val();
  AffineExpr otherK = a->pop_back_val(), m = a->pop_back_val();
  if (contradict(k, otherK))
    return report.fail("(C3) expected contracted dimensions to agree, found ",
                       lhs, " and ", rhs);
  auto dims = broadcastDims({*a, *b});
  if (failed(dims))
    return report.fail(
        "(C4) expected leading dimensions that broadcast, found ", lhs, " and ",
        rhs);
  dims->append({m, n});
  Type element =
      inferSumType(report, "(C5)", lhs.getElementType(), adaptor.getWide());
  if (!element)
    return failure();
  types.push_back(getTensorType(*dims, element));
  return success();
}

//===----------------------------------------------------------------------===//
// BlockMatmulOp
//===----------------------------------------------------------------------===//

LogicalResult BlockMatmulOp::inferReturnTypes(MLIRContext *,
                                              std::optional<Location> location,
                                              Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType lhs = typeOf(adaptor.getLhs()),
                   weights = typeOf(adaptor.getWeights()),
                   scales = typeOf(adaptor.getScales()),
                   zeroPoints = typeOf(adaptor.getZeroPoints());
  if (lhs.getRank() < 2 || !lhs.getElementType().isF32())
    return report.fail("(C1) expected lhs of f32 of rank 2 or more, found ",
                       lhs);
  if (weights.getRank() != 3 ||
      !weights.getElementType().isUnsignedInteger(8) ||
      !weights.hasStaticShape())
    return report.fail("(C2) expected static weights of ui8 of rank 3, found ",
                       weights);
  int64_t bits = adaptor.getBits();
  if (bits != 2 && bits != 4 && bits != 8)
    return report.fail("(C3) expected 2, 4 or 8 bits, found ", bits);
  ArrayRef<int64_t> blocks = weights.getShape().take_front(2);
  Type scaleType = scales.getElementType();
  if (!(scaleType.isF32() || scaleType.isF16()) || scales.getShape() != blocks)
    return report.fail("(C4) expected scales of f32 or f16 for each block of ",
                       weights, ", found ", scales);
  if (!zeroPoints.getElementType().isUnsignedInteger(8) ||
      (zeroPoints.getRank() != 0 && zeroPoints.getShape() != blocks))
    return report.fail("(C5) expected zero points of ui8, one or one for each "
                       "block of ",
                       weights, ", found ", zeroPoints);
  int64_t depth = lhs.getShape().back(),
          size = weights.getDimSize(2) * 8 / bits;
  if (ShapedType::isDynamic(depth) || size == 0 ||
      llvm::divideCeil(depth, size) != static_cast<uint64_t>(blocks[1]))
    return report.fail("(C6) expected ", blocks[1], " blocks of ", size,
                       " contracted positions, found ", lhs);
  auto dims = getKnownDims(report, adaptor.getLhs());
  if (failed(dims))
    return failure();
  dims->back() = getAffineConstantExpr(blocks[0], lhs.getContext());
  types.push_back(getTensorType(*dims, lhs.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// SparseMatmulOp
//===----------------------------------------------------------------------===//

LogicalResult SparseMatmulOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType lhs = typeOf(adaptor.getLhs()),
                   values = typeOf(adaptor.getValues()),
                   positions = typeOf(adaptor.getPositions()),
                   counts = typeOf(adaptor.getCounts());
  if (lhs.getRank() < 2 || !lhs.getElementType().isF32() ||
      lhs.isDynamicDim(lhs.getRank() - 1))
    return report.fail("(C1) expected lhs of f32 of rank 2 or more with a "
                       "static last dimension, found ",
                       lhs);
  if (values.getRank() != 3 || !values.getElementType().isF32() ||
      !values.hasStaticShape())
    return report.fail("(C2) expected static values of f32 of rank 3, found ",
                       values);
  if (!positions.getElementType().isUnsignedInteger(16) ||
      positions.getShape() != values.getShape().take_front(2))
    return report.fail("(C3) expected positions of ui16 for each row of ",
                       values, ", found ", positions);
  if (!counts.getElementType().isSignlessInteger(32) ||
      counts.getShape() != values.getShape().take_front(1))
    return report.fail("(C4) expected counts of i32 for each panel of ", values,
                       ", found ", counts);
  auto dims = getKnownDims(report, adaptor.getLhs());
  if (failed(dims))
    return failure();
  dims->back() = getAffineConstantExpr(
      values.getDimSize(0) * values.getDimSize(2), lhs.getContext());
  types.push_back(getTensorType(*dims, lhs.getElementType()));
  return success();
}

/// Whether all elements of a constant are between 0 and `last`; also where it
/// is none.
template <typename Element> static bool areWithin(Value value, int64_t last) {
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant)
    return true;
  ArrayRef<char> bytes = getStoredBytes(constant.getValue());
  ArrayRef<Element> elements(reinterpret_cast<const Element *>(bytes.data()),
                             bytes.size() / sizeof(Element));
  return llvm::all_of(elements, [&](int64_t element) {
    return element >= 0 && element <= last;
  });
}

LogicalResult SparseMatmulOp::verify() {
  int64_t depth = getLhs().getType().getShape().back(),
          slots = getValues().getType().getDimSize(1);
  if (!areWithin<uint16_t>(getPositions(), depth - 1))
    return emitOpError("(C5) expected positions below ") << depth;
  if (!areWithin<int32_t>(getCounts(), slots))
    return emitOpError("(C5) expected counts of at most ") << slots;
  return success();
}

//===----------------------------------------------------------------------===//
// ConvOp
//===----------------------------------------------------------------------===//

LogicalResult ConvOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType input = typeOf(adaptor.getInput());
  RankedTensorType filter = typeOf(adaptor.getFilter());
  if (input.getRank() < 3 || filter.getRank() != input.getRank())
    return report.fail("(C1) expected one rank of 3 or more, found ", input,
                       " and ", filter);
  if (!haveFactors(input.getElementType(), filter.getElementType(),
                   adaptor.getWide()))
    return report.fail("(C2) expected one element type, found ",
                       input.getElementType(), " and ",
                       filter.getElementType());
  int64_t spatial = input.getRank() - 2, groups = adaptor.getGroups();
  bool last = adaptor.getChannelsLast();
  int64_t channelDim = last ? spatial + 1 : 1, firstSpatial = last ? 1 : 2;
  int64_t countDim = last ? spatial + 1 : 0,
          filterChannelDim = last ? spatial : 1, firstWindow = last ? 0 : 2;
  auto check = [&](StringRef name, ArrayRef<int64_t> values, int64_t minimum) {
    return checkList(report, "(C3)", name, values, spatial, minimum);
  };
  if (failed(check("strides", adaptor.getStrides(), 1)) ||
      failed(check("dilations", adaptor.getDilations(), 1)) ||
      failed(check("pads_low", adaptor.getPadsLow(), 0)) ||
      failed(check("pads_high", adaptor.getPadsHigh(), 0)))
    return failure();
  auto dims = getKnownDims(report, adaptor.getInput());
  auto window = getKnownDims(report, adaptor.getFilter());
  if (failed(dims) || failed(window))
    return failure();
  if (groups < 1 || (!filter.isDynamicDim(countDim) &&
                     filter.getDimSize(countDim) % groups != 0))
    return report.fail("(C4) expected groups to be positive and to divide the "
                       "filters of ",
                       filter, ", found ", groups);
  if (contradict((*dims)[channelDim], (*window)[filterChannelDim] * groups))
    return report.fail("(C5) expected the input's channels to be ", groups,
                       " times dimension ", filterChannelDim,
                       " of the filter, found ", input, " and ", filter);
  (*dims)[channelDim] = (*window)[countDim];
  for (int64_t i = 0; i < spatial; ++i) {
    AffineExpr &dim = (*dims)[i + firstSpatial];
    auto windowed = inferWindowedDim(
        report, "(C6)",
        dim + adaptor.getPadsLow()[i] + adaptor.getPadsHigh()[i],
        (*window)[i + firstWindow], adaptor.getStrides()[i],
        adaptor.getDilations()[i]);
    if (failed(windowed))
      return failure();
    dim = *windowed;
  }
  Type element =
      inferSumType(report, "(C7)", input.getElementType(), adaptor.getWide());
  if (!element)
    return failure();
  types.push_back(getTensorType(*dims, element));
  return success();
}

//===----------------------------------------------------------------------===//
// ConvTransposeOp
//===----------------------------------------------------------------------===//

LogicalResult ConvTransposeOp::verify() {
  Reporter report(*this);
  RankedTensorType input = typeOf(getInput()), filter = typeOf(getFilter()),
                   result = typeOf(getResult());
  if (input.getRank() < 3 || filter.getRank() != input.getRank() ||
      result.getRank() != input.getRank())
    return report.fail("(C1) expected one rank of 3 or more, found ", input,
                       ", ", filter, " and ", result);
  if (input.getElementType() != filter.getElementType() ||
      input.getElementType() != result.getElementType())
    return report.fail("(C2) expected one element type, found ",
                       input.getElementType(), ", ", filter.getElementType(),
                       " and ", result.getElementType());
  int64_t spatial = input.getRank() - 2, groups = getGroups();
  if (failed(checkList(report, "(C3)", "strides", getStrides(), spatial, 1)) ||
      failed(
          checkList(report, "(C3)", "dilations", getDilations(), spatial, 1)) ||
      failed(checkList(report, "(C3)", "pads_low", getPadsLow(), spatial, 0)) ||
      failed(checkDimsKnown(report, (*this)->getOperands())) ||
      failed(checkDimsKnown(report, (*this)->getResults())))
    return failure();
  if (groups < 1 ||
      (!input.isDynamicDim(1) && input.getDimSize(1) % groups != 0))
    return report.fail("(C4) expected groups to be positive and to divide the "
                       "channels of ",
                       input, ", found ", groups);
  if (contradict(getDim(input, 1), getDim(filter, 0)))
    return report.fail(
        "(C5) expected the input's channels to be dimension 0 of "
        "the filter, found ",
        input, " and ", filter);
  if (contradict(getDim(input, 0), getDim(result, 0)) ||
      contradict(getDim(filter, 1) * groups, getDim(result, 1)))
    return report.fail("(C6) expected a result of the input's N and ", groups,
                       " times dimension 1 of the filter, found ", result);
  return success();
}
