// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: operators that prepare features.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
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
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  dims.push_back(context.constantExpr(1));
  return context.reshape(x, dims);
}

static LogicalResult importOneHotEncoder(NodeContext &context) {
  Arithmetic math(context);
  auto categories = context.getInts("cats_int64s");
  if (!categories)
    return context.unsupported("categories that are strings are not supported");
  if (context.getInt("zeros", 1) == 0)
    return context.unsupported(
        "zeros is 0: unknown categories would have to stop the run");
  Value x = addDimension(
      context, context.cast(context.input(0), context.builder.getI64Type()));
  return context.setResults(
      toFloat(context, math.compare(Predicate::Eq, x,
                                    context.intConstant(*categories))));
}

//===----------------------------------------------------------------------===//
// LabelEncoder
//===----------------------------------------------------------------------===//

/// A list of numbers, from whichever attribute has it; null where none has.
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
  if (auto floats = context.getFloats((prefix + "s_floats").str())) {
    SmallVector<double> values(floats->begin(), floats->end());
    return Arithmetic(context).constant(values,
                                        {static_cast<int64_t>(values.size())},
                                        context.builder.getF32Type());
  }
  return Value();
}

/// The first key that equals x gives its value; NaN equals NaN.
static LogicalResult importLabelEncoder(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  bool hasStrings = context.getStrings("keys_strings") ||
                    context.getStrings("values_strings");
  Value keys = hasStrings ? Value() : getLabels(context, "key");
  Value values = keys ? getLabels(context, "value") : Value();
  if (!keys || !values)
    return hasStrings
               ? context.unsupported(
                     "keys and values that are strings are not supported")
               : context.invalid("it has no keys or no values");
  int64_t count = NodeContext::type(keys).getDimSize(0);
  if (NodeContext::type(values).getDimSize(0) != count || count < 1)
    return context.invalid("it has " + Twine(count) + " keys and " +
                           Twine(NodeContext::type(values).getDimSize(0)) +
                           " values");
  Type keyType = NodeContext::elementType(x);
  Type valueType = NodeContext::elementType(values);
  Value otherwise;
  if (const onnx::TensorProto *tensor = context.getTensor("default_tensor"))
    otherwise =
        context.reshape(context.constant(*tensor), {context.constantExpr(1)});
  else if (isa<FloatType>(valueType))
    otherwise =
        context.splat(context.getFloat("default_float", -0.0f), valueType, {1});
  else
    otherwise = context.intConstant({context.getInt("default_int64", -1)});
  otherwise = context.cast(otherwise, valueType);
  Value table = context.create<ConcatOp>(SmallVector<Value>{values, otherwise},
                                         int64_t(0));
  Value wide = addDimension(context, x);
  keys = context.cast(keys, keyType);
  Value equal = math.compare(Predicate::Eq, wide, keys);
  if (isa<FloatType>(keyType))
    equal = context.create<OrOp>(
        equal, context.create<AndOp>(context.create<IsNanOp>(wide),
                                     context.create<IsNanOp>(keys)));
  // The number of the first key, or of what follows the last one.
  Type i64 = context.builder.getI64Type();
  SmallVector<int64_t> numbers = range(0, count);
  Value number =
      context.create<SelectOp>(equal, context.intConstant(numbers),
                               context.sizeScalar(context.constantExpr(count)));
  int64_t last = NodeContext::rank(wide) - 1;
  Value at = math.reduce(ReduceKind::Min, context.cast(number, i64), {last},
                         /*keepDims=*/false);
  return context.setResults(context.create<GatherOp>(table, at, int64_t(0)));
}

static LogicalResult refuseMap(NodeContext &context) {
  return context.unsupported(
      context.opType() == "ZipMap"
          ? "its output is a sequence of maps, which a module cannot give; "
            "export the model without ZipMap (scikit-learn's converter: "
            "options={'zipmap': False})"
          : "its input is a map, which a module cannot take");
}

void frontend::addFeatureRules(RuleTable &table) {
  constexpr const char *kDomain = "ai.onnx.ml";
  table.add(kDomain, "ArrayFeatureExtractor", 1, importArrayFeatureExtractor);
  table.add(kDomain, "Binarizer", 1, importBinarizer);
  table.add(kDomain, "CastMap", 1, refuseMap);
  table.add(kDomain, "DictVectorizer", 1, refuseMap);
  table.add(kDomain, "FeatureVectorizer", 1, importFeatureVectorizer);
  table.add(kDomain, "Imputer", 1, importImputer);
  table.add(kDomain, "LabelEncoder", 2, importLabelEncoder);
  table.add(kDomain, "Normalizer", 1, importNormalizer);
  table.add(kDomain, "OneHotEncoder", 1, importOneHotEncoder);
  table.add(kDomain, "Scaler", 1, importScaler);
  table.add(kDomain, "ZipMap", 1, refuseMap);
}
