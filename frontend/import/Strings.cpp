// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators on strings, and those that decode files.

#include "frontend/import/Strings.h"
#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"
#include "mlir/IR/Matchers.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

bool frontend::isString(Value value) {
  return value && isa<StringType>(NodeContext::elementType(value));
}

Value frontend::stringConstant(NodeContext &context,
                               ArrayRef<std::string> texts) {
  SmallVector<StringRef> elements(texts.begin(), texts.end());
  return context.constant(DenseElementsAttr::get(
      RankedTensorType::get({static_cast<int64_t>(texts.size())},
                            StringType::get(context.builder.getContext())),
      elements));
}

std::optional<SmallVector<std::string>> frontend::getStrings(Value value) {
  Attribute attribute;
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  auto texts = dyn_cast<DenseStringElementsAttr>(attribute);
  if (!texts)
    return std::nullopt;
  SmallVector<std::string> result;
  for (StringRef text : texts.getRawStringData())
    result.push_back(text.str());
  result.resize(texts.getNumElements(),
                result.empty() ? std::string() : result.front());
  return result;
}

Value frontend::findStrings(NodeContext &context, Value x,
                            ArrayRef<std::string> keys) {
  SmallVector<StringRef> texts(keys.begin(), keys.end());
  return context.create<StringFindOp>(x,
                                      context.builder.getStrArrayAttr(texts));
}

//===----------------------------------------------------------------------===//
// Cast
//===----------------------------------------------------------------------===//

/// The type that stands for others of its kind on the way to or from strings.
static Type getWideType(Type type) {
  if (isa<FloatType>(type))
    return type.isF64() ? type : Float32Type::get(type.getContext());
  return IntegerType::get(type.getContext(), 64,
                          type.isUnsignedInteger() ? IntegerType::Unsigned
                                                   : IntegerType::Signless);
}

Value frontend::castToString(NodeContext &context, Value x) {
  if (!x)
    return x;
  return context.create<NumberToStringOp>(
      context.cast(x, getWideType(NodeContext::elementType(x))));
}

Value frontend::castFromString(NodeContext &context, Value x, Type type) {
  if (!x || !type)
    return Value();
  Type wide =
      type.isInteger(1) ? context.builder.getF64Type() : getWideType(type);
  return context.cast(context.create<StringToNumberOp>(
                          withElementType(NodeContext::type(x), wide), x),
                      type);
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

static LogicalResult importStringConcat(NodeContext &context) {
  return context.setResults(Arithmetic(context).apply<StringConcatOp>(
      context.input(0), context.input(1)));
}

static LogicalResult importRegexFullMatch(NodeContext &context) {
  return context.setResults(context.create<StringMatchOp>(
      context.input(0),
      context.builder.getStringAttr(context.getString("pattern", ""))));
}

/// As many parts as the string with the most has.
static LogicalResult importStringSplit(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  std::string delimiter = context.getString("delimiter", "");
  int64_t splits = context.getInt("maxsplit", -1);
  Value counts = context.create<StringCountOp>(x, delimiter, splits);
  if (!counts)
    return failure();
  Value flat = context.reshape(counts, getNumElements(NodeContext::type(x)));
  Value most = math.max(math.reduce(ReduceKind::Max, flat, {0}, true), 0.0);
  auto size = getSize(context, most, "the number of parts");
  if (!size)
    return failure();
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  dims.push_back(*size);
  return context.setResults(
      {context.create<StringSplitOp>(
           getTensorType(dims, NodeContext::elementType(x)), x, delimiter,
           splits),
       counts});
}

/// Whether each of the strings [C] is one of the words.
static Value isOneOf(NodeContext &context, Value x, ArrayRef<std::string> words,
                     bool isCaseSensitive, StringRef locale) {
  Arithmetic math(context);
  if (isCaseSensitive)
    return math.compare(Predicate::Ne, findStrings(context, x, words),
                        static_cast<double>(words.size()));
  auto fold = [&](Value value) {
    return context.create<StringCaseOp>(value, false, locale);
  };
  Value column = context.reshape(
      fold(x), {NodeContext::dim(x, 0), context.constantExpr(1)});
  Value equal =
      math.compare(Predicate::Eq, column, fold(stringConstant(context, words)));
  Value count = math.reduce(
      ReduceKind::Sum, context.cast(equal, context.builder.getI64Type()), {1},
      /*keepDims=*/false);
  return math.compare(Predicate::Ne, count, 0.0);
}

/// The strings that are no stop words; one empty string where there are none.
static LogicalResult importStringNormalizer(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  if (dims.empty() || dims.size() > 2)
    return context.invalid("its input has rank " + Twine(dims.size()) +
                           ", expected 1 or 2");
  if (dims.size() == 2 &&
      failed(context.requireEqual(dims[0], context.constantExpr(1),
                                  "its input has more than one row")))
    return failure();
  std::string action = context.getString("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    return context.invalid("case_change_action is " + action);
  std::string locale = context.getString("locale", "en_US");
  auto words = context.getStrings("stopwords");
  bool isRow = dims.size() == 2;
  if (isRow)
    x = context.reshape(x, {dims[1]});
  if (words && !words->empty() && x) {
    Type i64 = context.builder.getI64Type();
    Value isStop = isOneOf(context, x, *words,
                           context.getInt("is_case_sensitive", 0) != 0, locale);
    Value isKept = context.create<NotOp>(isStop);
    Value number = math.reduce(ReduceKind::Sum, context.cast(isKept, i64), {0},
                               /*keepDims=*/true);
    // The empty string comes last, and counts where nothing else does.
    SmallVector<Value> candidates{
        x, context.splat(0, NodeContext::elementType(x), {1})};
    SmallVector<Value> taken{isKept, math.compare(Predicate::Eq, number, 0.0)};
    if (!isKept || !taken[1])
      return failure();
    x = context.create<GatherOp>(
        context.create<ConcatOp>(candidates, int64_t(0)),
        findPositions(context, context.create<ConcatOp>(taken, int64_t(0))),
        int64_t(0));
  }
  if (action != "NONE")
    x = context.create<StringCaseOp>(x, action == "UPPER", locale);
  if (isRow && x)
    x = context.reshape(x, {context.constantExpr(1), NodeContext::dim(x, 0)});
  return context.setResults(x);
}

static LogicalResult importImageDecoder(NodeContext &context) {
  Value file = context.input(0);
  std::string format = context.getString("pixel_format", "RGB");
  auto pixels = format == "RGB"   ? PixelFormat::Rgb
                : format == "BGR" ? PixelFormat::Bgr
                                  : PixelFormat::Grayscale;
  if (pixels == PixelFormat::Grayscale && format != "Grayscale")
    return context.invalid("pixel_format is " + format);
  auto dims = context.bindSizes(
      context.create<ImageSizeOp>(
          RankedTensorType::get({2}, context.builder.getI64Type()), file),
      "the size of the image");
  if (!dims)
    return failure();
  dims->push_back(
      context.constantExpr(pixels == PixelFormat::Grayscale ? 1 : 3));
  return context.setResults(context.create<DecodeImageOp>(
      getTensorType(*dims, NodeContext::elementType(file)), pixels, file));
}

void frontend::addStringRules(RuleTable &table) {
  table.add("ImageDecoder", importImageDecoder);
  table.add("RegexFullMatch", importRegexFullMatch);
  table.add("StringConcat", importStringConcat);
  table.add("StringNormalizer", importStringNormalizer);
  table.add("StringSplit", importStringSplit);
}
