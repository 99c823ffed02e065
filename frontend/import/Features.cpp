// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: operators that prepare features.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Strings.h"
#include "onnx/onnx_pb.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

static Value toFloat(NodeContext &context, Value x) {
  return context.cast(x, context.builder.getF32Type());
}

/// An attribute with one number, or one for each feature of `x`; null where it
/// has another length, which is reported.
static Value getPerFeature(NodeContext &context, Value x, StringRef name,
                           ArrayRef<double> values) {
  int64_t rank = NodeContext::rank(x), count = values.size();
  if (count == 1)
    return context.splat(values.front(), NodeContext::elementType(x));
  if (count == 0 || rank == 0 ||
      failed(context.requireEqual(NodeContext::dim(x, rank - 1),
                                  context.constantExpr(count),
                                  name + " has another number of features"))) {
    if (count == 0)
      (void)context.invalid("it has no " + name);
    return Value();
  }
  Type type = NodeContext::elementType(x);
  if (isa<FloatType>(type))
    return Arithmetic(context).constant(values, {count}, type);
  SmallVector<int64_t> integers(values.begin(), values.end());
  return context.cast(context.intConstant(integers), type);
}

static SmallVector<double> getList(NodeContext &context, StringRef name) {
  auto floats = context.getFloats(name);
  return floats ? SmallVector<double>(floats->begin(), floats->end())
                : SmallVector<double>();
}

static LogicalResult importScaler(NodeContext &context) {
  Arithmetic math(context);
  Value x = toFloat(context, context.input(0));
  Value offset =
      getPerFeature(context, x, "offset", getList(context, "offset"));
  Value scale =
      offset ? getPerFeature(context, x, "scale", getList(context, "scale"))
             : Value();
  return context.setResults(math.mul(math.sub(x, offset), scale));
}

/// Rows whose norm is 0 stay as they are.
static LogicalResult importNormalizer(NodeContext &context) {
  Arithmetic math(context);
  Value x = toFloat(context, context.input(0));
  int64_t rank = NodeContext::rank(x);
  if (rank < 1 || rank > 2)
    return context.invalid("its input has rank " + Twine(rank) +
                           ", expected 1 or 2");
  std::string norm = context.getString("norm", "MAX");
  Value size;
  if (norm == "MAX")
    size = math.reduce(ReduceKind::Max, x, {rank - 1}, /*keepDims=*/true);
  else if (norm == "L1")
    size = math.reduce(ReduceKind::Sum, math.abs(x), {rank - 1},
                       /*keepDims=*/true);
  else if (norm == "L2")
    size = math.sqrt(math.reduce(ReduceKind::Sum, math.square(x), {rank - 1},
                                 /*keepDims=*/true));
  else
    return context.invalid("norm is " + norm);
  Value divisor =
      math.select(math.compare(Predicate::Eq, size, 0.0), 1.0, size);
  return context.setResults(math.div(x, divisor));
}

static LogicalResult importImputer(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), replaced, imputed;
  if (isa<FloatType>(NodeContext::elementType(x))) {
    float value = context.getFloat("replaced_value_float", 0.0f);
    replaced = std::isnan(value) ? context.create<IsNanOp>(x)
                                 : math.compare(Predicate::Eq, x, value);
    imputed = getPerFeature(context, x, "imputed_value_floats",
                            getList(context, "imputed_value_floats"));
  } else {
    int64_t value = context.getInt("replaced_value_int64", 0);
    replaced = math.compare(
        Predicate::Eq, x,
        context.cast(context.sizeScalar(context.constantExpr(value)),
                     NodeContext::elementType(x)));
    SmallVector<double> values;
    if (auto list = context.getInts("imputed_value_int64s"))
      values.assign(list->begin(), list->end());
    imputed = getPerFeature(context, x, "imputed_value_int64s", values);
  }
  return context.setResults(math.select(replaced, imputed, x));
}

static LogicalResult importBinarizer(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  return context.setResults(context.cast(
      math.compare(Predicate::Gt, x, context.getFloat("threshold", 0.0f)),
      NodeContext::elementType(x)));
}

/// Columns of the last dimension; a list counts as one row.
static LogicalResult importArrayFeatureExtractor(NodeContext &context) {
  Value x = context.input(0), columns = context.input(1);
  if (NodeContext::rank(x) == 0)
    return context.invalid("its input is a scalar");
  if (NodeContext::rank(x) == 1)
    x = context.reshape(x, {context.constantExpr(1), NodeContext::dim(x, 0)});
  columns = context.reshape(columns,
                            {getProduct(context, NodeContext::dims(columns))});
  if (!x)
    return failure();
  return context.setResults(
      context.create<GatherOp>(x, columns, NodeContext::rank(x) - 1));
}

/// Rows side by side, each cut or filled with zeros to the length that the node
/// gives.
static LogicalResult importFeatureVectorizer(NodeContext &context) {
  auto lengths = context.getInts("inputdimensions");
  if (!lengths || lengths->size() != context.numInputs())
    return context.invalid("inputdimensions are not those of its inputs");
  SmallVector<Value> parts;
  for (auto [i, length] : llvm::enumerate(*lengths)) {
    Value x = toFloat(context, context.input(i));
    if (NodeContext::rank(x) == 1)
      x = context.reshape(x, {context.constantExpr(1), NodeContext::dim(x, 0)});
    if (!x || NodeContext::rank(x) != 2 || NodeContext::type(x).isDynamicDim(1))
      return context.unsupported(
          "an input is not a matrix with a known number of columns");
    if (length < 0)
      return context.invalid("inputdimensions has " + Twine(length));
    if (NodeContext::type(x).getDimSize(1) != length)
      x = context.create<PadOp>(
          getTensorType({NodeContext::dim(x, 0), context.constantExpr(length)},
                        NodeContext::elementType(x)),
          PadMode::Constant, x, context.splat(0.0, NodeContext::elementType(x)),
          getSymbolMap({context.constantExpr(0), context.constantExpr(0)},
                       context.builder.getContext()));
    parts.push_back(x);
  }
  return context.setResults(parts.size() == 1
                                ? parts.front()
                                : context.create<ConcatOp>(parts, int64_t(1)));
}

/// `x` with a last dimension of size 1.
static Value addDimension(NodeContext &context, Value x) {
  if (!x)
    return x;
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  dims.push_back(context.constantExpr(1));
  return context.reshape(x, dims);
}

/// The position, i64, of the first of `keys` [K] that equals each element of
/// `x`, or K; NaN equals NaN.
static Value findFirst(NodeContext &context, Value x, Value keys) {
  Arithmetic math(context);
  Value wide = addDimension(context, x);
  if (!wide || !keys)
    return Value();
  int64_t count = NodeContext::type(keys).getDimSize(0);
  Value equal = math.compare(Predicate::Eq, wide, keys);
  if (isa<FloatType>(NodeContext::elementType(x)))
    equal = context.create<OrOp>(
        equal, context.create<AndOp>(context.create<IsNanOp>(wide),
                                     context.create<IsNanOp>(keys)));
  Type i64 = context.builder.getI64Type();
  Value number =
      context.create<SelectOp>(equal, context.intConstant(range(0, count)),
                               context.sizeScalar(context.constantExpr(count)));
  return math.reduce(ReduceKind::Min, context.cast(number, i64),
                     {NodeContext::rank(wide) - 1}, /*keepDims=*/false);
}

Value frontend::findNumbers(NodeContext &context, Value x,
                            ArrayRef<int64_t> numbers) {
  return findFirst(context, x, context.intConstant(numbers));
}

/// The position, i64, of each element of `x` in a list of numbers or strings;
/// the list's size where it is not there.
static Value findCategories(NodeContext &context, Value x,
                            ArrayRef<int64_t> numbers,
                            ArrayRef<std::string> texts) {
  if (isString(x))
    return findStrings(context, x, texts);
  return findNumbers(context, context.cast(x, context.builder.getI64Type()),
                     numbers);
}

/// With `zeros` 0, a category that is not listed ends the run.
static LogicalResult importOneHotEncoder(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  auto numbers = context.getInts("cats_int64s");
  auto texts = context.getStrings("cats_strings");
  if (isString(x) ? !texts : !numbers)
    return context.invalid("it has no categories of its input's type");
  int64_t count =
      static_cast<int64_t>(isString(x) ? texts->size() : numbers->size());
  Value position =
      findCategories(context, x, numbers.value_or(SmallVector<int64_t>()),
                     texts.value_or(SmallVector<std::string>()));
  if (!position)
    return failure();
  if (context.getInt("zeros", 1) == 0) {
    LateSizes late(context);
    Value isKnown = late.all(
        math.compare(Predicate::Lt, position, static_cast<double>(count)));
    if (!late.bind(context.intConstant({}), isKnown, "a category"))
      return failure();
  }
  return context.setResults(toFloat(
      context, math.compare(Predicate::Eq, addDimension(context, position),
                            context.intConstant(range(0, count)))));
}

/// From strings to their numbers, or back.
static LogicalResult importCategoryMapper(NodeContext &context) {
  Value x = context.input(0);
  auto numbers = context.getInts("cats_int64s");
  auto texts = context.getStrings("cats_strings");
  if (!numbers || !texts || numbers->size() != texts->size())
    return context.invalid("cats_int64s and cats_strings do not have one "
                           "length");
  Value position = findCategories(context, x, *numbers, *texts);
  numbers->push_back(context.getInt("default_int64", -1));
  texts->push_back(context.getString("default_string", "_Unused"));
  Value table = isString(x) ? context.intConstant(*numbers)
                            : stringConstant(context, *texts);
  return context.setResults(
      context.create<GatherOp>(table, position, int64_t(0)));
}

//===----------------------------------------------------------------------===//
// LabelEncoder
//===----------------------------------------------------------------------===//

/// A list of keys or values, from whichever attribute has it; null where none
/// has.
static Value getLabels(NodeContext &context, StringRef prefix) {
  if (const onnx::TensorProto *tensor =
          context.getTensor((prefix + "s_tensor").str())) {
    Value value = context.constant(*tensor);
    return value ? context.reshape(
                       value, {getProduct(context, NodeContext::dims(value))})
                 : Value();
  }
  if (auto integers = context.getInts((prefix + "s_int64s").str()))
    return context.intConstant(*integers);
  if (auto texts = context.getStrings((prefix + "s_strings").str()))
    return stringConstant(context, *texts);
  if (auto floats = context.getFloats((prefix + "s_floats").str())) {
    SmallVector<double> values(floats->begin(), floats->end());
    return Arithmetic(context).constant(values,
                                        {static_cast<int64_t>(values.size())},
                                        context.builder.getF32Type());
  }
  return Value();
}

/// What stands for keys that are not listed, [1].
static Value getOtherLabel(NodeContext &context, Type type) {
  Value value;
  if (const onnx::TensorProto *tensor = context.getTensor("default_tensor"))
    value = context.constant(*tensor);
  else if (isa<StringType>(type))
    value =
        stringConstant(context, context.getString("default_string", "_Unused"));
  else if (isa<FloatType>(type))
    value = context.splat(context.getFloat("default_float", -0.0f), type, {1});
  else
    value = context.intConstant({context.getInt("default_int64", -1)});
  if (!value)
    return value;
  if (isString(value) != isa<StringType>(type)) {
    (void)context.invalid("default_tensor has another type than its values");
    return Value();
  }
  return context.cast(context.reshape(value, {context.constantExpr(1)}), type);
}

/// The first key that equals x gives its value; NaN equals NaN.
static LogicalResult importLabelEncoder(NodeContext &context) {
  Value x = context.input(0);
  Value keys = getLabels(context, "key");
  Value values = keys ? getLabels(context, "value") : Value();
  if (!keys || !values)
    return context.invalid("it has no keys or no values");
  int64_t count = NodeContext::type(keys).getDimSize(0);
  if (NodeContext::type(values).getDimSize(0) != count || count < 1)
    return context.invalid("it has " + Twine(count) + " keys and " +
                           Twine(NodeContext::type(values).getDimSize(0)) +
                           " values");
  if (isString(x) != isString(keys))
    return context.invalid("its keys have another type than its input");
  Value otherwise = getOtherLabel(context, NodeContext::elementType(values));
  Value table = context.create<ConcatOp>(SmallVector<Value>{values, otherwise},
                                         int64_t(0));
  Value at;
  if (auto texts = getStrings(keys))
    at = findStrings(context, x, *texts);
  else
    at = findFirst(context, x, context.cast(keys, NodeContext::elementType(x)));
  return context.setResults(context.create<GatherOp>(table, at, int64_t(0)));
}

void frontend::addFeatureRules(RuleTable &table) {
  constexpr const char *kDomain = "ai.onnx.ml";
  table.add(kDomain, "ArrayFeatureExtractor", 1, importArrayFeatureExtractor);
  table.add(kDomain, "Binarizer", 1, importBinarizer);
  table.add(kDomain, "CategoryMapper", 1, importCategoryMapper);
  table.add(kDomain, "FeatureVectorizer", 1, importFeatureVectorizer);
  table.add(kDomain, "Imputer", 1, importImputer);
  table.add(kDomain, "LabelEncoder", 2, importLabelEncoder);
  table.add(kDomain, "Normalizer", 1, importNormalizer);
  table.add(kDomain, "OneHotEncoder", 1, importOneHotEncoder);
  table.add(kDomain, "Scaler", 1, importScaler);
}
