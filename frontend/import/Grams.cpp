// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// TfIdfVectorizer of integers: how often each of some sequences occurs in a
// row.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Strings.h"
#include "llvm/ADT/MapVector.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

/// How often each of `grams` (sequences of `length` numbers, one after the
/// other) occurs in each row of `x` [N, T] with up to `skips` numbers left out
/// between any two: [N, grams].
static Value countGrams(NodeContext &context, Value x, ArrayRef<int64_t> grams,
                        int64_t length, int64_t skips) {
  Arithmetic math(context);
  int64_t width = NodeContext::type(x).getDimSize(1);
  int64_t count = grams.size() / length;
  AffineExpr rows = NodeContext::dim(x, 0);
  Type f32 = context.builder.getF32Type();
  Value sum;
  // A sequence of one number has nothing to leave out.
  for (int64_t skip = 0; skip <= (length == 1 ? 0 : skips); ++skip) {
    int64_t positions = width - (length - 1) * (skip + 1);
    if (positions <= 0)
      break;
    Value match;
    for (int64_t k = 0; k < length; ++k) {
      SmallVector<int64_t> numbers;
      for (int64_t g = 0; g < count; ++g)
        numbers.push_back(grams[g * length + k]);
      Value part = context.create<SliceOp>(
          getTensorType({rows, context.constantExpr(positions)},
                        NodeContext::elementType(x)),
          x,
          getSymbolMap(
              {context.constantExpr(0), context.constantExpr(k * (skip + 1))},
              context.builder.getContext()),
          SmallVector<int64_t>{1, 1});
      if (!part)
        return Value();
      part = context.reshape(part, {rows, context.constantExpr(positions),
                                    context.constantExpr(1)});
      Value equal =
          math.compare(Predicate::Eq, part, context.intConstant(numbers));
      match = match ? context.create<AndOp>(match, equal) : equal;
    }
    Value found = math.reduce(ReduceKind::Sum, context.cast(match, f32), {1},
                              /*keepDims=*/false);
    sum = sum ? math.add(sum, found) : found;
  }
  return sum ? sum
             : context.broadcast(context.splat(0.0, f32, {1, 1}),
                                 {rows, context.constantExpr(count)});
}

static LogicalResult importTfIdfVectorizer(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  auto pool = context.getInts("pool_int64s");
  if (auto words = context.getStrings("pool_strings");
      words && !words->empty()) {
    // Strings by their numbers among the different ones.
    llvm::MapVector<StringRef, int64_t> numbers;
    pool.emplace();
    for (const std::string &word : *words)
      pool->push_back(
          numbers.try_emplace(word, static_cast<int64_t>(numbers.size()))
              .first->second);
    SmallVector<std::string> keys;
    for (auto &[word, number] : numbers)
      keys.push_back(word.str());
    if (!isString(x))
      return context.invalid("its pool is of strings, its input is not");
    x = findStrings(context, x, keys);
  }
  auto starts = context.getInts("ngram_counts");
  auto columns = context.getInts("ngram_indexes");
  if (!pool || isString(x))
    return context.invalid("its pool is missing, or not of its input's type");
  if (!starts || !columns)
    return context.invalid("ngram_counts or ngram_indexes is missing");
  int64_t rank = NodeContext::rank(x);
  if (rank < 1 || rank > 2)
    return context.invalid("its input has rank " + Twine(rank) +
                           ", expected 1 or 2");
  x = context.cast(x, context.builder.getI64Type());
  if (rank == 1)
    x = context.reshape(x, {context.constantExpr(1), NodeContext::dim(x, 0)});
  if (!x)
    return failure();
  if (NodeContext::type(x).isDynamicDim(1))
    return context.unsupported("the length of its rows is not known");
  int64_t least = context.getInt("min_gram_length", 1),
          most = context.getInt("max_gram_length", 1),
          skips = context.getInt("max_skip_count", 0);
  // Each number of skips is a step of its own.
  constexpr int64_t kMaxSkips = 1024;
  if (skips > kMaxSkips)
    return context.unsupported("max_skip_count is " + Twine(skips) +
                               ", above " + Twine(kMaxSkips));
  // Counts of all sequences of the pool, in its order; 0 for those of other
  // lengths.
  SmallVector<Value> parts;
  int64_t total = 0, size = pool->size();
  for (auto [i, start] : llvm::enumerate(*starts)) {
    int64_t length = i + 1;
    int64_t end = i + 1 < starts->size() ? (*starts)[i + 1] : size;
    if (start < 0 || end < start || end > size || (end - start) % length != 0)
      return context.invalid("ngram_counts do not divide its pool of " +
                             Twine(size));
    if (end == start)
      continue;
    int64_t count = (end - start) / length;
    total += count;
    parts.push_back(
        length >= least && length <= most
            ? countGrams(context, x, ArrayRef(*pool).slice(start, end - start),
                         length, skips)
            : context.broadcast(
                  context.splat(0.0, context.builder.getF32Type(), {1, 1}),
                  {NodeContext::dim(x, 0), context.constantExpr(count)}));
  }
  if (parts.empty() || static_cast<int64_t>(columns->size()) != total)
    return context.invalid("it has " + Twine(columns->size()) +
                           " ngram_indexes for " + Twine(total) + " sequences");
  // From the pool's order to the columns; what no sequence has stays 0.
  int64_t width = 0;
  for (int64_t column : *columns) {
    if (column < 0 || column >= (1 << 22))
      return context.invalid("ngram_indexes has " + Twine(column));
    width = std::max(width, column + 1);
  }
  SmallVector<int64_t> from(width, total);
  for (auto [i, column] : llvm::enumerate(*columns))
    from[column] = i;
  parts.push_back(context.broadcast(
      context.splat(0.0, context.builder.getF32Type(), {1, 1}),
      {NodeContext::dim(x, 0), context.constantExpr(1)}));
  Value counts = context.create<ConcatOp>(parts, int64_t(1));
  Value result =
      context.create<GatherOp>(counts, context.intConstant(from), int64_t(1));
  std::string mode = context.getString("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return context.invalid("mode is " + mode);
  if (mode != "TF") {
    SmallVector<double> weights(width, 1.0);
    if (auto given = context.getFloats("weights")) {
      if (given->size() != columns->size())
        return context.invalid("it has " + Twine(given->size()) +
                               " weights for " + Twine(total) + " sequences");
      for (auto [column, weight] : llvm::zip(*columns, *given))
        weights[column] = weight;
    }
    if (mode == "IDF")
      result = context.cast(math.compare(Predicate::Gt, result, 0.0),
                            context.builder.getF32Type());
    result = math.mul(
        result, math.constant(weights, {width}, context.builder.getF32Type()));
  }
  if (rank == 1 && result)
    result = context.reshape(result, {context.constantExpr(width)});
  return context.setResults(result);
}

void frontend::addGramRules(RuleTable &table) {
  table.add("TfIdfVectorizer", importTfIdfVectorizer);
}
