// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators on sequences and optionals.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Values.h"
#include "onnx/onnx_pb.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

static SequenceType getSequenceType(Value sequence) {
  return cast<SequenceType>(sequence.getType());
}

/// A position as a scalar.
static Value getPosition(NodeContext &context, Value given) {
  return context.cast(context.reshape(given, {}), context.builder.getI64Type());
}

/// A constant position among `limit` of which negative ones count from the end
/// of `size`. Nothing where it is not constant, or, with the node reported, not
/// in range.
static std::optional<int64_t> getKnownPosition(NodeContext &context,
                                               Value given, int64_t size,
                                               int64_t limit) {
  auto known = context.intValues(given);
  if (!known || known->size() != 1)
    return std::nullopt;
  int64_t position = known->front();
  if (position < -size || position >= limit) {
    (void)context.invalid("position " + Twine(position) +
                          " is out of range for a sequence of " + Twine(size));
    return std::nullopt;
  }
  return position < 0 ? position + size : position;
}

static bool isConstant(NodeContext &context, Value position) {
  return context.intValues(position).has_value();
}

//===----------------------------------------------------------------------===//
// Making sequences
//===----------------------------------------------------------------------===//

static LogicalResult importSequenceConstruct(NodeContext &context) {
  SmallVector<Value> elements;
  for (size_t i = 0; i < context.numInputs(); ++i)
    elements.push_back(context.input(i));
  return context.setResults(createSequence(context, elements, Type()));
}

static LogicalResult importSequenceEmpty(NodeContext &context) {
  Type elementType = context.getElementType(
      static_cast<int32_t>(context.getInt("dtype", onnx::TensorProto::FLOAT)));
  if (!elementType)
    return failure();
  return context.setResults(createSequence(context, {}, elementType));
}

static LogicalResult importSequenceInsert(NodeContext &context) {
  Value sequence = context.input(0), element = context.input(1);
  Value position = context.input(2);
  SequenceType type = getSequenceType(sequence);
  auto elements = getKnownElements(sequence);
  if (elements && (!position || isConstant(context, position))) {
    auto size = static_cast<int64_t>(elements->size());
    auto at = position ? getKnownPosition(context, position, size, size + 1)
                       : std::optional(size);
    if (!at)
      return failure();
    elements->insert(elements->begin() + *at, element);
    return context.setResults(createSequence(context, *elements, Type()));
  }
  Type joined = joinTypes(type.getElementType(),
                          getElementTensorType(NodeContext::type(element)));
  if (!joined)
    return context.invalid("its tensor has another element type than its "
                           "sequence");
  if (position && !(position = getPosition(context, position)))
    return failure();
  // (NodeContext::create takes an absent operand for a failed one.)
  return context.setResults(
      SequenceInsertOp::create(
          context.builder, context.loc,
          SequenceType::get(type.getContext(), cast<TensorType>(joined)),
          sequence, element, position)
          .getResult());
}

static LogicalResult importSequenceErase(NodeContext &context) {
  Value sequence = context.input(0), position = context.input(1);
  auto elements = getKnownElements(sequence);
  if (elements && (!position || isConstant(context, position))) {
    auto size = static_cast<int64_t>(elements->size());
    auto at = position ? getKnownPosition(context, position, size, size)
                       : std::optional(size - 1);
    if (!at || *at < 0)
      return context.invalid("its sequence has no elements");
    elements->erase(elements->begin() + *at);
    return context.setResults(createSequence(
        context, *elements,
        getSequenceType(sequence).getElementType().getElementType()));
  }
  return context.setResults(context.create<SequenceEraseOp>(
      sequence.getType(), sequence,
      position ? getPosition(context, position)
               : context.sizeScalar(context.constantExpr(-1))));
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

/// Elements [begin, begin + size) along an axis.
static Value slice(NodeContext &context, Value x, int64_t axis,
                   AffineExpr begin, AffineExpr size) {
  Exprs dims = NodeContext::dims(x);
  Exprs offsets(dims.size(), context.constantExpr(0));
  dims[axis] = size;
  offsets[axis] = begin;
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(x)), x,
      getSymbolMap(offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
}

/// The sizes of the slices, where their number is known.
static std::optional<Exprs> getSliceSizes(NodeContext &context, Value split,
                                          AffineExpr whole) {
  auto length = dyn_cast<AffineConstantExpr>(whole);
  if (split && NodeContext::rank(split) == 1) {
    RankedTensorType type = NodeContext::type(split);
    if (!type.hasStaticShape() ||
        (type.getNumElements() > NodeContext::kMaxBound &&
         !context.sizeValues(split)))
      return std::nullopt;
    return getSizes(context, split, "the size of a slice");
  }
  int64_t chunk = 1;
  if (split) {
    auto known = context.intValues(split);
    if (!known || known->size() != 1)
      return std::nullopt;
    chunk = known->front();
    if (chunk <= 0) {
      (void)context.invalid("its slices have the size " + Twine(chunk));
      return std::nullopt;
    }
  }
  if (!length || static_cast<int64_t>(llvm::divideCeil(
                     length.getValue(), chunk)) > NodeContext::kMaxListed)
    return std::nullopt;
  Exprs sizes;
  for (int64_t left = length.getValue(); left > 0; left -= chunk)
    sizes.push_back(context.constantExpr(std::min(left, chunk)));
  return sizes;
}

static LogicalResult splitWhenRunning(NodeContext &context, Value x,
                                      Value split, int64_t axis, bool squeeze) {
  Type i64 = context.builder.getI64Type();
  SmallVector<int64_t> shape(NodeContext::type(x).getShape());
  if (squeeze)
    shape.erase(shape.begin() + axis);
  else
    shape[axis] = ShapedType::kDynamic;
  Type type = SequenceType::get(
      i64.getContext(),
      RankedTensorType::get(shape, NodeContext::elementType(x)));
  return context.setResults(context.create<SequenceSplitOp>(
      type, x, split ? context.cast(split, i64) : context.splat(1, i64),
      static_cast<uint64_t>(axis), squeeze));
}

static LogicalResult importSplitToSequence(NodeContext &context) {
  Value x = context.input(0), split = context.input(1);
  auto axis =
      context.normalizeAxis(context.getInt("axis", 0), NodeContext::rank(x));
  if (!axis)
    return failure();
  if (split && NodeContext::rank(split) > 1)
    return context.invalid("its sizes have rank " +
                           Twine(NodeContext::rank(split)) +
                           ", expected at most 1");
  // Given sizes keep the dimension.
  bool squeeze = !split && context.getInt("keepdims", 1) == 0;
  AffineExpr whole = NodeContext::dim(x, *axis);
  auto sizes = getSliceSizes(context, split, whole);
  if (!sizes)
    return splitWhenRunning(context, x, split, *axis, squeeze);
  SmallVector<Value> slices;
  AffineExpr begin = context.constantExpr(0);
  for (AffineExpr size : *sizes) {
    slices.push_back(slice(context, x, *axis, begin, size));
    begin = mlir::dl::simplify(begin + size);
    if (!squeeze || !slices.back())
      continue;
    Exprs dims = NodeContext::dims(x);
    dims.erase(dims.begin() + *axis);
    slices.back() = context.reshape(slices.back(), dims);
  }
  if (failed(context.requireEqual(begin, whole,
                                  "its slices do not make up the tensor")))
    return failure();
  return context.setResults(
      createSequence(context, slices, NodeContext::elementType(x)));
}

//===----------------------------------------------------------------------===//
// Reading sequences
//===----------------------------------------------------------------------===//

static LogicalResult importSequenceLength(NodeContext &context) {
  Value sequence = context.input(0);
  if (auto elements = getKnownElements(sequence))
    return context.setResults(context.sizeScalar(
        context.constantExpr(static_cast<int64_t>(elements->size()))));
  return context.setResults(context.create<SequenceLengthOp>(
      RankedTensorType::get({}, context.builder.getI64Type()), sequence));
}

static LogicalResult importSequenceAt(NodeContext &context) {
  Value sequence = context.input(0), position = context.input(1);
  auto elements = getKnownElements(sequence);
  if (elements && isConstant(context, position)) {
    auto size = static_cast<int64_t>(elements->size());
    auto at = getKnownPosition(context, position, size, size);
    return at ? context.setResults((*elements)[*at]) : failure();
  }
  SmallVector<int64_t> bound;
  Type type =
      createSizes(context, getSequenceType(sequence).getElementType(), bound);
  return context.setResults(context.create<SequenceAtOp>(
      type, sequence, getPosition(context, position), bound));
}

static LogicalResult concatWhenRunning(NodeContext &context, Value sequence,
                                       int64_t axis, bool stack) {
  TensorType element = getSequenceType(sequence).getElementType();
  if (!element.hasRank())
    return context.unsupported("the rank of the tensors is not known");
  SmallVector<int64_t> shape(element.getShape()), bound;
  if (stack)
    shape.insert(shape.begin() + axis, ShapedType::kDynamic);
  shape[axis] = ShapedType::kDynamic;
  Type type = createSizes(
      context, RankedTensorType::get(shape, element.getElementType()), bound);
  return context.setResults(context.create<SequenceConcatOp>(
      type, sequence, static_cast<uint64_t>(axis), stack, bound));
}

static LogicalResult importConcatFromSequence(NodeContext &context) {
  Value sequence = context.input(0);
  bool stack = context.getInt("new_axis", 0) != 0;
  TensorType type = getSequenceType(sequence).getElementType();
  if (!type.hasRank())
    return context.unsupported("the rank of the tensors is not known");
  auto axis =
      context.normalizeAxis(context.getInt("axis", 0), type.getRank() + stack);
  if (!axis)
    return failure();
  auto elements = getKnownElements(sequence);
  if (!elements || elements->empty())
    return concatWhenRunning(context, sequence, *axis, stack);
  for (Value &element : *elements) {
    Exprs dims = NodeContext::dims(element);
    if (stack)
      dims.insert(dims.begin() + *axis, context.constantExpr(1));
    element = context.reshape(element, dims);
    if (!element)
      return failure();
    Exprs first = NodeContext::dims(elements->front());
    for (auto [i, size] : llvm::enumerate(dims))
      if (static_cast<int64_t>(i) != *axis &&
          failed(context.requireEqual(size, first[i],
                                      "its tensors differ in their sizes")))
        return failure();
  }
  return context.setResults(elements->size() == 1
                                ? elements->front()
                                : context.create<ConcatOp>(*elements, *axis));
}

//===----------------------------------------------------------------------===//
// Optionals
//===----------------------------------------------------------------------===//

static LogicalResult importOptional(NodeContext &context) {
  MLIRContext *mlir = context.builder.getContext();
  if (Value value = context.input(0)) {
    auto tensor = dyn_cast<TensorType>(value.getType());
    Type held = tensor ? Type(getElementTensorType(tensor)) : value.getType();
    return context.setResults(context.create<OptionalCreateOp>(
        Type(OptionalType::get(mlir, held)), value));
  }
  const onnx::TypeProto *given = context.getType("type");
  if (!given)
    return context.invalid("it has neither an input nor a type");
  onnx::TypeProto wrapped;
  *wrapped.mutable_optional_type()->mutable_elem_type() = *given;
  Type type = getValueType(wrapped, mlir);
  if (!type)
    return context.unsupported("optionals of this type are not supported");
  return context.setResults(
      OptionalCreateOp::create(context.builder, context.loc, type, Value())
          .getResult());
}

static LogicalResult importOptionalHasElement(NodeContext &context) {
  Value value = context.input(0);
  Type i1 = context.builder.getI1Type();
  if (!value || !isa<OptionalType>(value.getType()))
    return context.setResults(context.splat(value ? 1 : 0, i1));
  if (auto create = value.getDefiningOp<OptionalCreateOp>())
    return context.setResults(context.splat(create.getValue() ? 1 : 0, i1));
  return context.setResults(
      context.create<OptionalHasOp>(RankedTensorType::get({}, i1), value));
}

static LogicalResult importOptionalGetElement(NodeContext &context) {
  return context.setResults(getHeldValue(context, context.input(0)));
}

void frontend::addSequenceRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"ConcatFromSequence", importConcatFromSequence},
      {"Optional", importOptional},
      {"OptionalGetElement", importOptionalGetElement},
      {"OptionalHasElement", importOptionalHasElement},
      {"SequenceAt", importSequenceAt},
      {"SequenceConstruct", importSequenceConstruct},
      {"SequenceEmpty", importSequenceEmpty},
      {"SequenceErase", importSequenceErase},
      {"SequenceInsert", importSequenceInsert},
      {"SequenceLength", importSequenceLength},
      {"SplitToSequence", importSplitToSequence},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
}
