// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;

using Exprs = SmallVector<AffineExpr>;

std::optional<Exprs> frontend::getElements(NodeContext &context, Value value) {
  if (auto known = context.sizeValues(value))
    return known;
  RankedTensorType type = NodeContext::type(value);
  if (!type.hasStaticShape())
    return std::nullopt;
  int64_t count = type.getNumElements();
  if (count > NodeContext::kMaxListed)
    return std::nullopt;
  if (count == 0)
    return Exprs();
  // What an op is made of may have no static shape, though the op has.
  auto getWhole = [&](std::optional<Exprs> elements) {
    bool isWhole = elements && static_cast<int64_t>(elements->size()) == count;
    return isWhole ? std::move(*elements) : Exprs(count, AffineExpr());
  };
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<mlir::dl::ReshapeOp>(op))
    return getWhole(getElements(context, op->getOperand(0)));
  // Sizes fit into every type that a model holds them in.
  if (isa_and_nonnull<mlir::dl::CastOp>(op) &&
      isa<IntegerType>(NodeContext::elementType(op->getOperand(0))) &&
      type.getElementTypeBitWidth() >= 32)
    return getWhole(getElements(context, op->getOperand(0)));
  Exprs elements;
  if (auto concat = dyn_cast_or_null<mlir::dl::ConcatOp>(op);
      concat && type.getRank() == 1)
    for (Value input : concat.getInputs())
      if (auto part = getElements(context, input))
        llvm::append_range(elements, *part);
  return getWhole(elements);
}

/// Reports lists that are too long to be sizes, positions or axes.
static LogicalResult checkListed(NodeContext &context, size_t count,
                                 StringRef what) {
  if (count <= static_cast<size_t>(NodeContext::kMaxListed))
    return success();
  return context.invalid(what + " lists more than " +
                         Twine(NodeContext::kMaxListed) + " sizes");
}

/// Reports what is not there.
static LogicalResult checkGiven(NodeContext &context, Value value,
                                StringRef what) {
  return value ? success() : context.invalid(what + " is missing");
}

std::optional<Exprs> frontend::getSizes(NodeContext &context, Value value,
                                        StringRef what) {
  if (failed(checkGiven(context, value, what)))
    return std::nullopt;
  auto known = getElements(context, value);
  if (known && failed(checkListed(context, known->size(), what)))
    return std::nullopt;
  if (known && !llvm::is_contained(*known, AffineExpr()))
    return known;
  auto bound = context.bindSizes(value, what);
  if (!bound || !known)
    return bound;
  for (auto [symbol, element] : llvm::zip(*bound, *known))
    if (element)
      symbol = element;
  return bound;
}

/// The only one of several elements.
template <typename Element>
static std::optional<Element>
getOnly(NodeContext &context, const std::optional<SmallVector<Element>> &values,
        StringRef what) {
  if (!values)
    return std::nullopt;
  if (values->size() == 1)
    return values->front();
  (void)context.invalid(what + " has " + Twine(values->size()) +
                        " elements, expected 1");
  return std::nullopt;
}

std::optional<AffineExpr> frontend::getSize(NodeContext &context, Value value,
                                            StringRef what) {
  return getOnly(context, getSizes(context, value, what), what);
}

std::optional<SmallVector<AffineExpr>>
frontend::getKnownSizes(NodeContext &context, Value value, StringRef what) {
  if (failed(checkGiven(context, value, what)))
    return std::nullopt;
  auto values = getElements(context, value);
  if (values && failed(checkListed(context, values->size(), what)))
    return std::nullopt;
  if (values && !llvm::is_contained(*values, AffineExpr()))
    return values;
  (void)context.unsupported(what + " depends on data");
  return std::nullopt;
}

std::optional<AffineExpr> frontend::getKnownSize(NodeContext &context,
                                                 Value value, StringRef what) {
  return getOnly(context, getKnownSizes(context, value, what), what);
}

std::optional<SmallVector<int64_t>>
frontend::getKnownInts(NodeContext &context, Value value, StringRef what) {
  if (failed(checkGiven(context, value, what)))
    return std::nullopt;
  std::optional<SmallVector<int64_t>> values = context.intValues(value);
  RankedTensorType type = NodeContext::type(value);
  if (type.hasStaticShape() && type.getNumElements() == 0)
    values.emplace();
  if (!values)
    (void)context.unsupported(what + " is not constant");
  else if (failed(checkListed(context, values->size(), what)))
    return std::nullopt;
  return values;
}

std::optional<int64_t> frontend::getKnownInt(NodeContext &context, Value value,
                                             StringRef what) {
  return getOnly(context, getKnownInts(context, value, what), what);
}

std::optional<AffineExpr> frontend::getExtent(NodeContext &context,
                                              AffineExpr low, AffineExpr high,
                                              int64_t step) {
  AffineExpr difference = mlir::dl::simplify(high - low);
  auto constant = dyn_cast<AffineConstantExpr>(difference);
  if (constant && constant.getValue() <= 0)
    return context.constantExpr(0);
  if (!constant && failed(context.requireLessEqual(
                       low, high, "the number of elements is negative")))
    return std::nullopt;
  return mlir::dl::simplify(difference.ceilDiv(step));
}

std::optional<SmallVector<int64_t>> frontend::getAxes(NodeContext &context,
                                                      size_t i, int64_t rank) {
  std::optional<SmallVector<int64_t>> given = context.getInts("axes");
  if (Value input = context.input(i)) {
    given = getKnownInts(context, input, "the list of axes");
    if (!given)
      return std::nullopt;
  }
  SmallVector<int64_t> axes;
  for (int64_t axis : given.value_or(SmallVector<int64_t>())) {
    std::optional<int64_t> normal = context.normalizeAxis(axis, rank);
    if (!normal)
      return std::nullopt;
    if (llvm::is_contained(axes, *normal)) {
      (void)context.invalid("axis " + Twine(axis) + " occurs twice");
      return std::nullopt;
    }
    axes.push_back(*normal);
  }
  return axes;
}

AffineExpr frontend::getProduct(NodeContext &context,
                                ArrayRef<AffineExpr> sizes) {
  AffineExpr product = context.constantExpr(1);
  for (AffineExpr size : sizes)
    product = product * size;
  return mlir::dl::simplify(product);
}
