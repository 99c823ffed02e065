// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ops on strings, and on images. Regular expressions, images and the case of
// letters beyond ASCII are left to a library.

#include "ir/reference/Rules.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <charconv>
#include <cmath>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

using Strings = std::vector<StringRef>;

static Tensor makeNumbers(Operation *op, ArrayRef<int64_t> shape,
                          ArrayRef<int64_t> numbers) {
  return Tensor::store<int64_t>(IntegerType::get(op->getContext(), 64), shape,
                                numbers);
}

static FailureOr<Tensor> concat(StringConcatOp op, const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  Strings operands[2] = {arguments[0].loadStrings(),
                         arguments[1].loadStrings()};
  std::vector<std::string> joined;
  forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
    joined.emplace_back();
    for (int i : {0, 1}) {
      ArrayRef<int64_t> from = arguments[i].getShape();
      int64_t at = 0;
      for (auto [size, position] :
           llvm::zip(from, index.take_back(from.size())))
        at = at * size + (size == 1 ? 0 : position);
      joined.back() += operands[i][at];
    }
  });
  return Tensor::storeStrings(arguments[0].getElementType(), *shape, joined);
}

static FailureOr<Tensor> find(StringFindOp op, const Arguments &arguments) {
  std::vector<int64_t> found;
  for (StringRef text : arguments[0].loadStrings()) {
    auto isText = [&](Attribute key) {
      return cast<StringAttr>(key).getValue() == text;
    };
    found.push_back(llvm::find_if(op.getKeys(), isText) - op.getKeys().begin());
  }
  return makeNumbers(op, arguments[0].getShape(), found);
}

/// The result of an optional function of the runtime, of the operand's shape
/// where none is given.
static FailureOr<Tensor> callLibrary(Operation *op, const Arguments &arguments,
                                     StringRef name,
                                     ArrayRef<Attribute> attributes,
                                     std::optional<ArrayRef<int64_t>> shape) {
  if (!arguments.library)
    return op->emitOpError("needs the library of optional functions, which "
                           "this interpreter runs without");
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  return arguments.library->call(
      op, name, arguments.operands,
      {element, shape.value_or(arguments[0].getShape())}, attributes);
}

/// Whether a language changes ASCII letters in a way of its own.
static bool isSpecialCase(StringRef locale) {
  StringRef language =
      locale.take_until([](char c) { return StringRef("_-.@").contains(c); });
  return language == "az" || language == "lt" || language == "tr";
}

static FailureOr<Tensor> changeCase(StringCaseOp op,
                                    const Arguments &arguments) {
  Strings texts = arguments[0].loadStrings();
  if (isSpecialCase(op.getLocale()) || !llvm::all_of(texts, [](StringRef text) {
        return llvm::all_of(text, [](char c) { return llvm::isASCII(c); });
      }))
    return callLibrary(op, arguments, "unicode_case",
                       {op.getUpperAttr(), op.getLocaleAttr()}, std::nullopt);
  std::vector<std::string> changed;
  for (StringRef text : texts)
    changed.push_back(op.getUpper() ? text.upper() : text.lower());
  return Tensor::storeStrings(arguments[0].getElementType(),
                              arguments[0].getShape(), changed);
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// The parts of dl.string_count; a negative `limit` of splits is none.
static Strings split(StringRef text, StringRef delimiter, int64_t limit) {
  Strings parts;
  if (!delimiter.empty()) {
    for (; limit != 0 && text.contains(delimiter); --limit) {
      auto [part, rest] = text.split(delimiter);
      parts.push_back(part);
      text = rest;
    }
    parts.push_back(text);
    return parts;
  }
  constexpr StringLiteral kSpace = " \t\n\v\f\r";
  for (text = text.ltrim(kSpace); !text.empty(); text = text.ltrim(kSpace)) {
    size_t length = limit-- == 0 ? text.size() : text.find_first_of(kSpace);
    parts.push_back(text.take_front(length));
    text = text.drop_front(parts.back().size());
  }
  return parts;
}

static FailureOr<Tensor> countParts(StringCountOp op,
                                    const Arguments &arguments) {
  std::vector<int64_t> counts;
  for (StringRef text : arguments[0].loadStrings())
    counts.push_back(split(text, op.getDelimiter(), op.getMaxSplits()).size());
  return makeNumbers(op, arguments[0].getShape(), counts);
}

static FailureOr<Tensor> splitParts(StringSplitOp op,
                                    const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  std::vector<std::string> parts;
  for (StringRef text : arguments[0].loadStrings()) {
    Strings own = split(text, op.getDelimiter(), op.getMaxSplits());
    own.resize(shape->back());
    for (StringRef part : own)
      parts.push_back(part.str());
  }
  return Tensor::storeStrings(arguments[0].getElementType(), *shape, parts);
}

//===----------------------------------------------------------------------===//
// Order, numbers
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> rank(StringRankOp op, const Arguments &arguments) {
  Strings texts = arguments[0].loadStrings(), sorted = texts;
  llvm::sort(sorted);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<int64_t> ranks;
  for (StringRef text : texts)
    ranks.push_back(llvm::lower_bound(sorted, text) - sorted.begin());
  return makeNumbers(op, arguments[0].getShape(), ranks);
}

static FailureOr<Tensor> toNumber(StringToNumberOp op,
                                  const Arguments &arguments) {
  Type type = getElementTypeOrSelf(op.getResult().getType());
  std::vector<double> floats;
  std::vector<int64_t> integers;
  for (StringRef text : arguments[0].loadStrings()) {
    StringRef digits = text.trim(" \t\n\v\f\r");
    digits.consume_front("+");
    double number = 0;
    int64_t integer = 0;
    uint64_t large = 0;
    if (!digits.getAsInteger(10, integer)) {
      number = static_cast<double>(integer);
    } else if (!digits.getAsInteger(10, large)) {
      integer = static_cast<int64_t>(large);
      number = static_cast<double>(large);
    } else if (StringRef name = digits.ltrim('-');
               name.equals_insensitive("nan") ||
               name.equals_insensitive("inf") ||
               name.equals_insensitive("infinity")) {
      number = name.equals_insensitive("nan") ? std::nan("") : HUGE_VAL;
      if (digits.starts_with("-"))
        number = -number;
    } else if (digits.contains_insensitive("x") || digits.getAsDouble(number)) {
      return op.emitOpError("finds no number in '") << text << "'";
    } else {
      integer = static_cast<int64_t>(number);
    }
    if (!isa<FloatType>(type) && !std::isfinite(number))
      return op.emitOpError("finds no number in '") << text << "'";
    floats.push_back(number);
    integers.push_back(type.isInteger(1) ? number != 0 : integer);
  }
  if (isa<FloatType>(type))
    return Tensor::store<double>(type, arguments[0].getShape(), floats);
  return Tensor::store<int64_t>(type, arguments[0].getShape(), integers);
}

/// As dl.number_to_string says.
template <typename T> static std::string writeFloat(T number) {
  if (std::isnan(number))
    return "NaN";
  if (std::isinf(number))
    return number < 0 ? "-INF" : "INF";
  T size = std::fabs(number);
  bool isPlain = size == 0 || (size >= T(1e-4) && size < T(1e16));
  char text[64];
  auto written = std::to_chars(text, text + sizeof(text), number,
                               isPlain ? std::chars_format::fixed
                                       : std::chars_format::scientific);
  std::string result(text, written.ptr);
  return isPlain && !StringRef(result).contains('.') ? result + ".0" : result;
}

static FailureOr<Tensor> toString(NumberToStringOp op,
                                  const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  std::vector<std::string> texts;
  if (operand.isFloat())
    for (double number : operand.load<double>())
      texts.push_back(operand.getElementType().isF64()
                          ? writeFloat(number)
                          : writeFloat(static_cast<float>(number)));
  else
    for (int64_t number : operand.load<int64_t>())
      texts.push_back(operand.getElementType().isUnsignedInteger()
                          ? std::to_string(static_cast<uint64_t>(number))
                          : std::to_string(number));
  return Tensor::storeStrings(StringType::get(op.getContext()),
                              operand.getShape(), texts);
}

//===----------------------------------------------------------------------===//
// What needs libraries
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> match(StringMatchOp op, const Arguments &arguments) {
  return callLibrary(op, arguments, "string_match", {op.getPatternAttr()},
                     std::nullopt);
}

static FailureOr<Tensor> imageSize(ImageSizeOp op, const Arguments &arguments) {
  return callLibrary(op, arguments, "image_size", {}, ArrayRef<int64_t>(2));
}

static FailureOr<Tensor> decodeImage(DecodeImageOp op,
                                     const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  Builder builder(op.getContext());
  return callLibrary(
      op, arguments, "decode_image",
      {builder.getI64IntegerAttr(static_cast<int64_t>(op.getFormat()))},
      ArrayRef<int64_t>(*shape));
}

void mlir::dl::reference::addStringRules(RuleTable &table) {
  table.add(match);
  table.add(imageSize);
  table.add(decodeImage);
  table.add(concat);
  table.add(find);
  table.add(changeCase);
  table.add(countParts);
  table.add(splitParts);
  table.add(rank);
  table.add(toNumber);
  table.add(toString);
}
