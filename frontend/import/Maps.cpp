// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: operators that take or give maps.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Strings.h"
#include "onnx/onnx_pb.h"
#include <map>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

static Value toRow(NodeContext &context, Value list) {
  return list ? context.reshape(
                    list, {context.constantExpr(1), NodeContext::dim(list, 0)})
              : Value();
}

/// `others` [K] with the values at their positions, but for those out of range.
static Value place(NodeContext &context, Value others, Value positions,
                   Value values) {
  return context.create<ScatterElementsOp>(ScatterKind::Set, others, positions,
                                           values, int64_t(0));
}

//===----------------------------------------------------------------------===//
// ZipMap
//===----------------------------------------------------------------------===//

/// The output is the input, beside which the module has the keys.
static LogicalResult importZipMap(NodeContext &context) {
  Value x = context.input(0);
  if (NodeContext::rank(x) == 1)
    x = toRow(context, x);
  if (!x || NodeContext::rank(x) != 2)
    return context.invalid("its input has rank " +
                           Twine(NodeContext::rank(context.input(0))) +
                           ", expected 1 or 2");
  auto texts = context.getStrings("classlabels_strings");
  auto numbers = context.getInts("classlabels_int64s");
  bool hasTexts = texts && !texts->empty();
  if (hasTexts == (numbers && !numbers->empty()))
    return context.invalid(hasTexts ? "it has class labels of two types"
                                    : "it has no class labels");
  ArrayAttr keys =
      hasTexts ? context.builder.getStrArrayAttr(
                     SmallVector<StringRef>(texts->begin(), texts->end()))
               : context.builder.getI64ArrayAttr(*numbers);
  if (failed(context.requireEqual(
          NodeContext::dim(x, 1),
          context.constantExpr(static_cast<int64_t>(keys.size())),
          "its rows have another number of elements than it has class labels")))
    return failure();
  return context.setMaps(x, keys);
}

//===----------------------------------------------------------------------===//
// DictVectorizer
//===----------------------------------------------------------------------===//

/// The different ones of `all`, in order; `at` has the number of each.
template <typename T>
static SmallVector<T> makeUnique(ArrayRef<T> all, SmallVector<int64_t> &at) {
  SmallVector<T> unique;
  std::map<T, int64_t> numbers;
  for (const T &item : all) {
    auto [found, isNew] =
        numbers.try_emplace(item, static_cast<int64_t>(unique.size()));
    at.push_back(found->second);
    if (isNew)
      unique.push_back(item);
  }
  return unique;
}

/// Keys that are not in the vocabulary are left out.
static LogicalResult importDictVectorizer(NodeContext &context) {
  const MapValue *map = context.mapInput(0);
  if (!map)
    return context.invalid("its input is no map");
  auto texts = context.getStrings("string_vocabulary");
  auto numbers = context.getInts("int64_vocabulary");
  bool hasTexts = isString(map->keys);
  if (hasTexts ? !texts : !numbers)
    return context.invalid("it has no vocabulary of its keys' type");
  SmallVector<int64_t> at;
  Value positions;
  int64_t size = 0;
  if (hasTexts) {
    auto unique = makeUnique(ArrayRef(*texts), at);
    size = static_cast<int64_t>(unique.size());
    positions = findStrings(context, map->keys, unique);
  } else {
    auto unique = makeUnique(ArrayRef(*numbers), at);
    size = static_cast<int64_t>(unique.size());
    positions = findNumbers(context, map->keys, unique);
  }
  Value zeros = context.splat(0, NodeContext::elementType(map->values), {size});
  Value found = place(context, zeros, positions, map->values);
  if (size != static_cast<int64_t>(at.size()))
    found =
        context.create<GatherOp>(found, context.intConstant(at), int64_t(0));
  return context.setResults(toRow(context, found));
}

//===----------------------------------------------------------------------===//
// CastMap
//===----------------------------------------------------------------------===//

static Value castValues(NodeContext &context, Value values, Type type) {
  if (isString(values))
    return isa<StringType>(type) ? values
                                 : castFromString(context, values, type);
  return isa<StringType>(type) ? castToString(context, values)
                               : context.cast(values, type);
}

/// The values at the positions that the keys say. What keys do not name is 0,
/// written as ONNX Runtime does.
static LogicalResult placeByKeys(NodeContext &context, Value keys,
                                 Value values) {
  Arithmetic math(context);
  LateSizes late(context);
  int64_t size = context.getInt("max_map", 1);
  if (size < 0 || size > (int64_t(1) << 31))
    return context.invalid("max_map is " + Twine(size));
  Value isValid = late.all(math.compare(Predicate::Ge, keys, 0.0));
  if (!late.bind(context.intConstant({}), isValid, "a key"))
    return failure();
  Value others =
      isString(values)
          ? context.broadcast(stringConstant(context, std::string("0.f")),
                              {context.constantExpr(size)})
          : context.splat(0, NodeContext::elementType(values), {size});
  return context.setResults(
      toRow(context, place(context, others, keys, values)));
}

static LogicalResult importCastMap(NodeContext &context) {
  const MapValue *map = context.mapInput(0);
  if (!map)
    return context.invalid("its input is no map");
  std::string to = context.getString("cast_to", "TO_FLOAT");
  Type type = to == "TO_FLOAT"   ? context.builder.getF32Type()
              : to == "TO_INT64" ? Type(context.builder.getI64Type())
              : to == "TO_STRING"
                  ? StringType::get(context.builder.getContext())
                  : Type();
  if (!type)
    return context.invalid("cast_to is " + to);
  std::string form = context.getString("map_form", "DENSE");
  if (form != "DENSE" && form != "SPARSE")
    return context.invalid("map_form is " + form);
  Value values = castValues(context, map->values, type);
  if (!values)
    return failure();
  if (form == "SPARSE")
    return placeByKeys(context, map->keys, values);
  AffineExpr size = NodeContext::dim(map->keys, 0);
  Value column = context.reshape(map->keys, {size, context.constantExpr(1)});
  Value order = context.create<RowOrderOp>(
      getTensorType({size}, context.builder.getI64Type()), column);
  return context.setResults(
      toRow(context, context.create<GatherOp>(values, order, int64_t(0))));
}

void frontend::addMapRules(RuleTable &table) {
  table.add("ai.onnx.ml", "CastMap", 1, importCastMap);
  table.add("ai.onnx.ml", "DictVectorizer", 1, importDictVectorizer);
  table.add("ai.onnx.ml", "ZipMap", 1, importZipMap);
}
