// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/TreeOps.cpp.inc"

//===----------------------------------------------------------------------===//
// TreeEnsembleOp
//===----------------------------------------------------------------------===//

LogicalResult TreeEnsembleOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType thresholds = typeOf(adaptor.getThresholds());
  RankedTensorType leaves = typeOf(adaptor.getLeaves());
  RankedTensorType base = typeOf(adaptor.getBase());
  if (type.getRank() != 2 || type.isDynamicDim(1))
    return report.fail("(C1) expected rows of a known number of features, "
                       "found ",
                       type);
  if (adaptor.getKind() == ReduceKind::Prod)
    return report.fail("(C2) expected sum, max or min, found prod");
  Value children = adaptor.getChildren();
  int64_t trees = adaptor.getTrees(), depth = adaptor.getDepth();
  // (Their number times that of their nodes is a number, too.)
  constexpr int64_t kMaxTrees = std::numeric_limits<int32_t>::max();
  if (trees < 1 || trees > kMaxTrees || depth < 0 || (!children && depth > 30))
    return report.fail("(C3) expected at least 1 tree of a depth from 0",
                       children ? "" : " to 30", ", found ", trees,
                       " of depth ", depth);
  bool isList = thresholds.getRank() == 1 && !thresholds.isDynamicDim(0);
  int64_t nodes = isList ? thresholds.getDimSize(0) : -1;
  if (children && nodes < trees)
    return report.fail("(C4) expected at least ", trees, " nodes, found ",
                       thresholds);
  int64_t inner = (int64_t(1) << std::min<int64_t>(depth, 30)) - 1;
  if (!children && nodes != trees * inner)
    return report.fail("(C4) expected ", trees * inner, " nodes, found ",
                       thresholds);
  for (Value numbers : {adaptor.getFeatures(), children})
    if (numbers && (typeOf(numbers).getShape() != thresholds.getShape() ||
                    !typeOf(numbers).getElementType().isSignlessInteger(32)))
      return report.fail("(C5) expected i32 numbers of ", nodes,
                         " nodes, found ", numbers.getType());
  int64_t ends = children ? nodes : trees * (inner + 1);
  if (leaves.getRank() != 2 || leaves.getDimSize(0) != ends ||
      leaves.isDynamicDim(1))
    return report.fail("(C6) expected ", ends, " leaves, found ", leaves);
  if (base.getRank() != 1 || base.getDimSize(0) != leaves.getDimSize(1))
    return report.fail("(C7) expected ", leaves.getDimSize(1),
                       " values to start from, found ", base);
  Type element = type.getElementType();
  for (RankedTensorType other : {thresholds, leaves, base})
    if (other.getElementType() != element ||
        !(element.isF32() || element.isF64()))
      return report.fail("(C8) expected one element type, f32 or f64, found ",
                         type, " and ", other);
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(dims))
    return failure();
  types.push_back(
      getTensorType({dims->front(), getAffineConstantExpr(base.getDimSize(0),
                                                          type.getContext())},
                    element));
  return success();
}
