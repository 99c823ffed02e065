// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Strings.h"
#include "mlir/IR/Matchers.h"
#include "onnx/onnx_pb.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Sizes as values
//===----------------------------------------------------------------------===//

static LogicalResult importShape(NodeContext &context) {
  SmallVector<AffineExpr> dims = NodeContext::dims(context.input(0));
  int64_t rank = dims.size();
  auto clamp = [&](int64_t i) {
    return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank);
  };
  int64_t begin = clamp(context.getInt("start", 0));
  int64_t end = clamp(context.getInt("end", rank));
  return context.setResults(context.sizes(
      ArrayRef(dims).slice(begin, std::max<int64_t>(end - begin, 0))));
}

static LogicalResult importSize(NodeContext &context) {
  return context.setResults(
      context.sizeScalar(getNumElements(NodeContext::type(context.input(0)))));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static LogicalResult importConstant(NodeContext &context) {
  OpBuilder &builder = context.builder;
  auto shape = [](auto &values) {
    return SmallVector<int64_t>{static_cast<int64_t>(values.size())};
  };
  if (const onnx::TensorProto *tensor = context.getTensor("value"))
    return context.setResults(context.constant(*tensor));
  if (context.hasAttr("value_float"))
    return context.setResults(context.splat(context.getFloat("value_float", 0),
                                            builder.getF32Type()));
  if (context.hasAttr("value_int"))
    return context.setResults(context.constant(
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()),
                               context.getInt("value_int", 0))));
  if (auto ints = context.getInts("value_ints"))
    return context.setResults(context.intConstant(*ints));
  if (auto floats = context.getFloats("value_floats"))
    return context.setResults(context.constant(DenseFPElementsAttr::get(
        RankedTensorType::get(shape(*floats), builder.getF32Type()),
        ArrayRef<float>(*floats))));
  if (context.hasAttr("value_string"))
    return context.setResults(context.reshape(
        stringConstant(context, context.getString("value_string", "")), {}));
  if (auto strings = context.getStrings("value_strings"))
    return context.setResults(stringConstant(context, *strings));
  return context.invalid("it has no value");
}

static LogicalResult importConstantOfShape(NodeContext &context) {
  auto dims = getSizes(context, context.input(0), "the shape");
  if (!dims)
    return failure();
  Value value = context.splat(0, context.builder.getF32Type());
  if (const onnx::TensorProto *tensor = context.getTensor("value")) {
    DenseElementsAttr elements;
    Value constant = context.constant(*tensor);
    if (!constant)
      return failure();
    if (!matchPattern(constant, m_Constant(&elements)) ||
        elements.getNumElements() != 1)
      return context.invalid(
          "its value has " +
          Twine(NodeContext::type(constant).getNumElements()) +
          " elements, expected 1");
    value = context.reshape(constant, {});
  }
  return context.setResults(context.broadcast(value, *dims));
}

static LogicalResult importEyeLike(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  if (NodeContext::rank(x) != 2)
    return context.invalid("its input has rank " + Twine(NodeContext::rank(x)) +
                           ", expected 2");
  Type type = context.hasAttr("dtype")
                  ? context.getElementType(
                        static_cast<int32_t>(context.getInt("dtype", 0)))
                  : NodeContext::elementType(x);
  Type i64 = context.builder.getI64Type();
  Value row = math.iota(NodeContext::dim(x, 0), 0, 2, i64);
  Value column = math.iota(NodeContext::dim(x, 1), 1, 2, i64);
  if (int64_t k = context.getInt("k", 0))
    row = math.add(row, static_cast<double>(k));
  return context.setResults(
      context.cast(math.compare(Predicate::Eq, row, column), type));
}

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

/// start + delta * (0, 1, 2, ...), `size` elements.
static Value buildRange(NodeContext &context, AffineExpr size, Value start,
                        Value delta) {
  Arithmetic math(context);
  Value iota = math.iota(size, 0, 1, NodeContext::elementType(start));
  return math.add(math.mul(iota, delta), start);
}

/// A range whose bounds are known only when the model runs.
static LogicalResult importLateRange(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Type type = NodeContext::elementType(context.input(0));
  Value start = context.reshape(context.input(0), {});
  Value limit = context.reshape(context.input(1), {});
  Value delta = context.reshape(context.input(2), {});
  Value size, isValid;
  if (isa<IntegerType>(type)) {
    Type i64 = context.builder.getI64Type();
    Value step = context.cast(delta, i64);
    size = late.extent(
        math.sub(context.cast(limit, i64), context.cast(start, i64)), step);
    isValid = math.compare(Predicate::Ne, step, 0.0);
  } else {
    Type f64 = context.builder.getF64Type();
    Value step = context.cast(delta, f64);
    Value count = context.create<CeilOp>(math.div(
        math.sub(context.cast(limit, f64), context.cast(start, f64)), step));
    // False for what is not a number, too.
    constexpr double kMany = 1e15;
    isValid = context.create<AndOp>(math.compare(Predicate::Le, count, kMany),
                                    math.compare(Predicate::Ne, step, 0.0));
    count = math.max(math.select(isValid, count, 0.0), 0.0);
    size = context.cast(count, context.builder.getI64Type());
  }
  auto bound = late.bind(context.reshape(size, context.constantExpr(1)),
                         isValid, "the step or the number of elements");
  if (!bound)
    return failure();
  return context.setResults(buildRange(context, bound->front(), start, delta));
}

static LogicalResult importIntRange(NodeContext &context) {
  for (size_t i = 0; i < 3; ++i)
    if (!isKnown(context, context.input(i)))
      return importLateRange(context);
  auto start = getKnownSize(context, context.input(0), "the start");
  auto limit = getKnownSize(context, context.input(1), "the limit");
  auto delta = getKnownSize(context, context.input(2), "the step");
  if (!start || !limit || !delta)
    return failure();
  auto step = dyn_cast<AffineConstantExpr>(*delta);
  if (!step)
    return importLateRange(context);
  if (step.getValue() == 0)
    return context.invalid("the step is zero");
  if (step.getValue() == std::numeric_limits<int64_t>::min())
    return context.invalid("the step is out of range");
  AffineExpr low = *start, high = *limit;
  if (step.getValue() < 0)
    std::swap(low, high);
  auto size = getExtent(context, low, high, std::abs(step.getValue()));
  if (!size)
    return failure();
  Type type = NodeContext::elementType(context.input(0));
  auto first = dyn_cast<AffineConstantExpr>(*start);
  // Small ranges are constants, so that arithmetic on sizes can use them.
  auto count = dyn_cast<AffineConstantExpr>(*size);
  if (first && count && count.getValue() <= 64) {
    SmallVector<int64_t> values;
    for (int64_t i = 0; i < count.getValue(); ++i)
      values.push_back(first.getValue() + i * step.getValue());
    return context.setResults(context.cast(context.intConstant(values), type));
  }
  Arithmetic math(context);
  Value result = math.iota(*size, 0, 1, type);
  if (step.getValue() != 1)
    result = math.mul(result, static_cast<double>(step.getValue()));
  if (!first || first.getValue() != 0)
    result = math.add(result, context.reshape(context.input(0), {}));
  return context.setResults(result);
}

static LogicalResult importRange(NodeContext &context) {
  if (isa<IntegerType>(NodeContext::elementType(context.input(0))))
    return importIntRange(context);
  SmallVector<double> bounds;
  for (size_t i = 0; i < 3; ++i) {
    auto values = context.floatValues(context.input(i));
    if (!values || values->size() != 1)
      return importLateRange(context);
    bounds.push_back(values->front());
  }
  if (bounds[2] == 0)
    return context.invalid("the step is zero");
  double count = std::ceil((bounds[1] - bounds[0]) / bounds[2]);
  if (!(count < 1e15))
    return context.invalid("it has more elements than can be addressed");
  return context.setResults(buildRange(
      context, context.constantExpr(static_cast<int64_t>(std::max(count, 0.0))),
      context.reshape(context.input(0), {}),
      context.reshape(context.input(2), {})));
}

//===----------------------------------------------------------------------===//
// Shapes that follow from values
//===----------------------------------------------------------------------===//

/// The shape to expand to. Where it is not known, its elements are broadcast
/// with the operand's dimensions before they are bound: either may be 1.
static std::optional<SmallVector<AffineExpr>>
getExpandShape(NodeContext &context, Value x, Value shape) {
  auto known = shape ? getElements(context, shape) : std::nullopt;
  if (!shape || (known && !llvm::is_contained(*known, AffineExpr())))
    return getKnownSizes(context, shape, "the shape");
  LateSizes late(context);
  Value wanted = late.toVector(shape, "the shape");
  if (!wanted)
    return std::nullopt;
  int64_t length = NodeContext::type(wanted).getDimSize(0);
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  SmallVector<AffineExpr> own(length, context.constantExpr(1));
  for (size_t i = 0, e = std::min(dims.size(), own.size()); i < e; ++i)
    own[own.size() - 1 - i] = dims[dims.size() - 1 - i];
  const Arithmetic &math = late.math;
  auto bound =
      context.bindSizes(math.select(math.compare(Predicate::Eq, wanted, 1.0),
                                    late.vector(own), wanted),
                        "the shape");
  if (!bound)
    return std::nullopt;
  for (auto [symbol, element] : llvm::zip(*bound, *known))
    if (element && element != 1)
      symbol = element;
  return bound;
}

static LogicalResult importExpand(NodeContext &context) {
  Value x = context.input(0);
  auto shape = getExpandShape(context, x, context.input(1));
  if (!shape)
    return failure();
  SmallVector<AffineExpr> dims = NodeContext::dims(x), result = *shape;
  if (dims.size() > result.size())
    result.insert(result.begin(), dims.size() - result.size(),
                  context.constantExpr(1));
  size_t offset = result.size() - dims.size();
  for (auto [i, dim] : llvm::enumerate(dims)) {
    AffineExpr &out = result[offset + i];
    if (dim != 1 && out != 1 &&
        failed(context.requireEqual(
            dim, out, "its operand does not broadcast to the shape")))
      return failure();
    out = broadcastDim(dim, out);
  }
  return context.setResults(context.broadcast(x, result));
}

static LogicalResult importOneHot(NodeContext &context) {
  Arithmetic math(context);
  Value indices = context.input(0), values = context.input(2);
  auto depth = getSize(context, context.input(1), "the depth");
  if (!depth)
    return failure();
  int64_t rank = NodeContext::rank(indices) + 1;
  auto axis = context.normalizeAxis(context.getInt("axis", -1), rank);
  if (!axis)
    return failure();
  Type i64 = context.builder.getI64Type();
  indices = context.cast(indices, i64);
  SmallVector<AffineExpr> dims = NodeContext::dims(indices);
  dims.insert(dims.begin() + *axis, context.constantExpr(1));
  indices = context.reshape(indices, dims);
  // Negative indices count from the end.
  indices = math.select(math.compare(Predicate::Lt, indices, 0.0),
                        math.add(indices, context.sizeScalar(*depth)), indices);
  Value isHot =
      math.compare(Predicate::Eq, indices, math.iota(*depth, *axis, rank, i64));
  if (NodeContext::rank(values) != 1 || NodeContext::dim(values, 0) != 2)
    return context.invalid("its values are not a pair");
  auto pick = [&](int64_t i) {
    Value one = context.create<GatherOp>(values, context.intConstant({i}), 0);
    return context.reshape(one, {});
  };
  return context.setResults(math.select(isHot, pick(1), pick(0)));
}

/// Keeps one side of the diagonal `k` of the last two dimensions.
LogicalResult frontend::importTrilu(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  if (rank < 2)
    return context.invalid("its input has rank " + Twine(rank) +
                           ", expected 2 or more");
  Type i64 = context.builder.getI64Type();
  Value row = math.iota(NodeContext::dim(x, rank - 2), 0, 2, i64);
  Value column = math.iota(NodeContext::dim(x, rank - 1), 1, 2, i64);
  if (Value k = context.input(1))
    row = math.add(row, context.reshape(k, {}));
  bool upper = context.getInt("upper", 1) != 0;
  Value kept = math.compare(upper ? Predicate::Ge : Predicate::Le, column, row);
  return context.setResults(math.select(kept, x, 0.0));
}

void frontend::addShapeRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"Constant", importConstant}, {"ConstantOfShape", importConstantOfShape},
      {"Expand", importExpand},     {"EyeLike", importEyeLike},
      {"OneHot", importOneHot},     {"Range", importRange},
      {"Shape", importShape},       {"Size", importSize},
      {"Trilu", importTrilu},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addDataShapeRules(table);
  addSequenceRules(table);
}
