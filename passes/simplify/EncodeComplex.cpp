// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/ElementTypes.h"
#include "passes/Passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"

namespace dl {
#define GEN_PASS_DEF_ENCODECOMPLEX
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// The integer of as many bits.
static Type encode(Type elementType) {
  auto complex = dyn_cast<ComplexType>(elementType);
  if (!complex)
    return elementType;
  unsigned bits = 2 * complex.getElementType().getIntOrFloatBitWidth();
  return IntegerType::get(elementType.getContext(), bits);
}

/// The same bytes as integers; null for an attribute of another form.
static ElementsAttr encodeElements(ElementsAttr value) {
  auto type = cast<RankedTensorType>(
      ::dl::replaceElementType(cast<TensorType>(value.getType()), encode));
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return {};
  if (dense.empty())
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  return DenseElementsAttr::getFromRawBuffer(type, dense.getRawData());
}

namespace {

class EncodeComplex : public ::dl::impl::EncodeComplexBase<EncodeComplex> {
  using EncodeComplexBase::EncodeComplexBase;

  void runOnOperation() override {
    if (!::dl::hasElementType(getOperation(), encode))
      return markAllAnalysesPreserved();
    WalkResult result = getOperation().walk([&](ConstantOp op) {
      auto value = dyn_cast<ElementsAttr>(op.getValue());
      if (!value || !isa<ComplexType>(value.getElementType()))
        return WalkResult::advance();
      ElementsAttr encoded = encodeElements(value);
      if (!encoded) {
        op.emitOpError("has complex numbers in a form that is not known");
        return WalkResult::interrupt();
      }
      OpBuilder builder(op);
      op.replaceAllUsesWith(
          ConstantOp::create(builder, op.getLoc(), encoded).getResult());
      op.erase();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      ::dl::replaceElementTypes(function, encode);
    getOperation().walk([](BitcastOp op) {
      if (op.getOperand().getType() != op.getType())
        return;
      op.replaceAllUsesWith(op.getOperand());
      op.erase();
    });
  }
};

} // namespace
