// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/DerivativeOps.h"
#include "ir/dialect/Dims.h"
#include "ir/dialect/DimsCache.h"
#include "ir/dialect/StateOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;

#include "ir/dialect/DlDialect.cpp.inc"
#include "ir/dialect/DlEnums.cpp.inc"
#include "ir/dialect/DlInterfaces.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/dialect/DlTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/dialect/DlAttrs.cpp.inc"

namespace {
/// Constants stay in the regions that may not run: sizes among them may have
/// values there alone.
struct FoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;
  bool shouldMaterializeInto(Region *region) const final {
    return isa<IfOp, LoopOp>(region->getParentOp());
  }
};
} // namespace

void DlDialect::initialize() {
  addInterfaces<DimsCache>();
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/dialect/DlTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/dialect/DlAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/CoreOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/ElementwiseOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/ReductionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/ContractionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/HostOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/GradientOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/CollectiveOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/MovementOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/SignalOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/StateOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/DerivativeOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/TreeOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/SequenceOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/ControlOps.cpp.inc"
      >();
  addInterfaces<FoldInterface>();
}

Operation *DlDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                          Type type, Location loc) {
  if (auto sizes = dyn_cast<SizeValuesAttr>(value))
    return SizesOp::create(builder, loc, type, sizes);
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}

bool mlir::dl::isRuntimeCall(Operation *op) {
  return isa<ProcessRankOp, RowOrderOp, SuppressOp, TopkOp>(op);
}

bool mlir::dl::isRuntimeStep(Operation *op) {
  return isa<IfOp, LoopOp, OptionalCreateOp, OptionalGetOp, OptionalHasOp,
             SequenceAtOp, SequenceConcatOp, SequenceCreateOp, SequenceEraseOp,
             SequenceInsertOp, SequenceLengthOp, SequenceSplitOp>(op);
}

bool mlir::dl::areCompatible(TypeRange a, TypeRange b) {
  if (a.size() != b.size())
    return false;
  for (auto [left, right] : llvm::zip(a, b)) {
    if (left == right)
      continue;
    auto l = dyn_cast<RankedTensorType>(left);
    auto r = dyn_cast<RankedTensorType>(right);
    if (!l || !r || l.getElementType() != r.getElementType() ||
        l.getRank() != r.getRank())
      return false;
    if (l == r)
      continue;
    for (auto [x, y] : llvm::zip(getDims(l), getDims(r))) {
      if (!x || !y || x == y)
        continue;
      auto difference = dyn_cast<AffineConstantExpr>(simplify(x - y));
      if (difference && difference.getValue() != 0)
        return false;
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// `<` symbols `->` results `>`, an affine map without its name.
static AffineMap parseMap(AsmParser &parser) {
  AffineMap map;
  if (parser.parseLess() || parser.parseAffineMap(map) || parser.parseGreater())
    return AffineMap();
  if (map.getNumDims()) {
    parser.emitError(parser.getNameLoc(), "expected a map over symbols alone");
    return AffineMap();
  }
  return getSymbolMap(map.getResults(), parser.getContext());
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  AffineMap map = parseMap(parser);
  return map ? DimsAttr::get(parser.getContext(), map) : Attribute();
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<" << getMap() << ">";
}

LogicalResult
DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                         function_ref<InFlightDiagnostic()> emitError) const {
  if (getMap().getNumResults() != shape.size())
    return emitError() << "#dl.dims has " << getMap().getNumResults()
                       << " dimensions, the tensor " << shape.size();
  for (auto [i, size] : llvm::enumerate(shape)) {
    auto constant = dyn_cast<AffineConstantExpr>(getMap().getResult(i));
    int64_t expected = constant ? constant.getValue() : ShapedType::kDynamic;
    if (expected != size)
      return emitError() << "dimension " << i
                         << " of the tensor disagrees with #dl.dims";
  }
  return success();
}

Attribute SizeValuesAttr::parse(AsmParser &parser, Type) {
  AffineMap map = parseMap(parser);
  return map ? SizeValuesAttr::get(parser.getContext(), map) : Attribute();
}

void SizeValuesAttr::print(AsmPrinter &printer) const {
  printer << "<" << getMap() << ">";
}
