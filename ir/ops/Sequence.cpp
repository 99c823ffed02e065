// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Sequence.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/SequenceOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static LogicalResult verifyElement(function_ref<InFlightDiagnostic()> emitError,
                                   Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  if (!ranked || !ranked.getEncoding())
    return success();
  return emitError() << "expected a tensor type without an encoding, found "
                     << type;
}

LogicalResult SequenceType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   TensorType elementType) {
  return verifyElement(emitError, elementType);
}

LogicalResult OptionalType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Type valueType) {
  if (!isa<TensorType, SequenceType>(valueType))
    return emitError() << "expected a tensor or a sequence, found "
                       << valueType;
  return verifyElement(emitError, valueType);
}

TensorType mlir::dl::getElementTensorType(TensorType type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  return ranked
             ? RankedTensorType::get(ranked.getShape(), ranked.getElementType())
             : type;
}

/// What a sequence or an optional holds; null for other types.
static Type getHeldType(Type type) {
  if (auto sequence = dyn_cast<SequenceType>(type))
    return sequence.getElementType();
  if (auto optional = dyn_cast<OptionalType>(type))
    return optional.getValueType();
  return {};
}

bool mlir::dl::isAssignable(Type from, Type to) {
  if (from == to)
    return true;
  Type inner = getHeldType(from), outer = getHeldType(to);
  if (inner || outer)
    return inner && outer && isa<SequenceType>(from) == isa<SequenceType>(to) &&
           isAssignable(inner, outer);
  auto a = dyn_cast<TensorType>(from), b = dyn_cast<TensorType>(to);
  if (!a || !b || a.getElementType() != b.getElementType())
    return false;
  if (!b.hasRank())
    return true;
  if (!a.hasRank() || a.getRank() != b.getRank())
    return false;
  return llvm::all_of(llvm::zip(a.getShape(), b.getShape()), [](auto sizes) {
    auto [x, y] = sizes;
    return x == y || ShapedType::isDynamic(x) || ShapedType::isDynamic(y);
  });
}

Type mlir::dl::joinTypes(Type a, Type b) {
  if (a == b)
    return a;
  Type x = getHeldType(a), y = getHeldType(b);
  if (x || y) {
    Type joined = x && y && isa<SequenceType>(a) == isa<SequenceType>(b)
                      ? joinTypes(x, y)
                      : Type();
    if (!joined)
      return {};
    return isa<SequenceType>(a)
               ? Type(SequenceType::get(a.getContext(),
                                        cast<TensorType>(joined)))
               : Type(OptionalType::get(a.getContext(), joined));
  }
  auto s = dyn_cast<TensorType>(a), t = dyn_cast<TensorType>(b);
  if (!s || !t || s.getElementType() != t.getElementType())
    return {};
  if (!s.hasRank() || !t.hasRank() || s.getRank() != t.getRank())
    return UnrankedTensorType::get(s.getElementType());
  SmallVector<int64_t> shape(s.getShape());
  for (auto [size, other] : llvm::zip(shape, t.getShape()))
    if (size != other)
      size = ShapedType::kDynamic;
  return RankedTensorType::get(shape, s.getElementType());
}

//===----------------------------------------------------------------------===//
// What verifiers share
//===----------------------------------------------------------------------===//

LogicalResult mlir::dl::checkBoundSymbols(const Reporter &report,
                                          StringRef label,
                                          ArrayRef<int64_t> symbols,
                                          TypeRange types) {
  llvm::SmallDenseSet<int64_t> dims;
  for (Type type : types)
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      for (AffineExpr dim : getDims(tensor))
        if (auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim))
          dims.insert(symbol.getPosition());
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t symbol : symbols)
    if (!dims.contains(symbol) || !seen.insert(symbol).second)
      return report.fail(label,
                         " expected different symbols that are each a "
                         "dimension, found ",
                         toString(symbols));
  return success();
}

static LogicalResult checkKnown(const Reporter &report, Value value) {
  return isa<RankedTensorType>(value.getType()) ? checkDimsKnown(report, value)
                                                : success();
}

/// (C1) `from` may stand where `to` is expected.
static LogicalResult checkAssignable(Operation *op, Type from, Type to) {
  if (isAssignable(from, to))
    return success();
  return Reporter(op).fail("(C1) expected ", to, ", found ", from);
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

LogicalResult SequenceCreateOp::verify() {
  for (Value element : getElements())
    if (failed(checkDimsKnown(Reporter(*this), element)) ||
        failed(checkAssignable(*this, element.getType(),
                               getType().getElementType())))
      return failure();
  return success();
}

LogicalResult SequenceInsertOp::verify() {
  if (failed(checkDimsKnown(Reporter(*this), getElement())) ||
      failed(checkAssignable(*this, getElement().getType(),
                             getType().getElementType())))
    return failure();
  return checkAssignable(*this, getSequence().getType(), getType());
}

LogicalResult SequenceEraseOp::verify() {
  return checkAssignable(*this, getSequence().getType(), getType());
}

LogicalResult SequenceAtOp::verify() {
  Reporter report(*this);
  if (failed(checkKnown(report, getResult())) ||
      failed(checkAssignable(*this, getSequence().getType().getElementType(),
                             getType())))
    return failure();
  return checkBoundSymbols(report, "(C2)", getSymbols(), getType());
}

LogicalResult SequenceConcatOp::verify() {
  Reporter report(*this);
  RankedTensorType result = typeOf(getResult());
  TensorType element = getSequence().getType().getElementType();
  if (failed(checkKnown(report, getResult())))
    return failure();
  bool fits = element.getElementType() == result.getElementType() &&
              element.hasRank() &&
              element.getRank() + getStack() == result.getRank();
  if (!fits)
    return report.fail("(C1) expected a result for elements of ", element,
                       ", found ", result);
  if (static_cast<int64_t>(getAxis()) < 0 ||
      failed(checkAxis(report, "(C3)", getAxis(), result.getRank())))
    return failure();
  return checkBoundSymbols(report, "(C2)", getSymbols(), result);
}

LogicalResult SequenceSplitOp::verify() {
  Reporter report(*this);
  RankedTensorType operand = typeOf(getOperand());
  RankedTensorType sizes = typeOf(getSizes());
  if (failed(checkDimsKnown(report, getOperands())) ||
      failed(checkAxis(report, "(C2)", getAxis(), operand.getRank())))
    return failure();
  if (sizes.getRank() > 1 || !sizes.getElementType().isSignlessInteger(64))
    return report.fail("(C3) expected sizes of i64 with at most one "
                       "dimension, found ",
                       sizes);
  SmallVector<int64_t> shape(operand.getShape());
  if (getSqueeze())
    shape.erase(shape.begin() + getAxis());
  else
    shape[getAxis()] = ShapedType::kDynamic;
  return checkAssignable(*this,
                         RankedTensorType::get(shape, operand.getElementType()),
                         getType().getElementType());
}

//===----------------------------------------------------------------------===//
// Optionals
//===----------------------------------------------------------------------===//

LogicalResult OptionalCreateOp::verify() {
  if (!getValue())
    return success();
  if (failed(checkKnown(Reporter(*this), getValue())))
    return failure();
  return checkAssignable(*this, getValue().getType(), getType().getValueType());
}

LogicalResult OptionalGetOp::verify() {
  Reporter report(*this);
  if (failed(checkKnown(report, getResult())) ||
      failed(checkAssignable(*this, getOptional().getType().getValueType(),
                             getResult().getType())))
    return failure();
  return checkBoundSymbols(report, "(C2)", getSymbols(), getResult().getType());
}
