// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// MultiHeadAttention and Attention of com.microsoft: as many heads of keys as
// of queries, masks that add a large negative number, keys and values of
// earlier runs in front of the new ones.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/ContribAttention.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Quantization.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// What a mask adds to logits of [B, N, S, T]: mask_filter_value where a
/// condition does not hold.
static Value getAddend(NodeContext &context, Value isTaken) {
  Arithmetic math(context);
  double filter = context.getFloat("mask_filter_value", -10000.0F);
  Value zero = context.splat(0, context.builder.getF32Type());
  return math.select(isTaken, zero, filter);
}

/// A mask of numbers above 0 where a key counts: [B, T] or [B, S, T].
static Value readMask(NodeContext &context, Value mask) {
  Arithmetic math(context);
  Exprs dims = NodeContext::dims(mask);
  AffineExpr one = context.constantExpr(1);
  if (dims.size() == 2)
    dims.insert(dims.begin() + 1, one);
  dims.insert(dims.begin() + 1, one);
  mask = context.reshape(mask, dims);
  if (mask && !NodeContext::elementType(mask).isInteger(1))
    mask = math.compare(Predicate::Gt, mask, 0.0);
  return mask;
}

/// Whether the keys at `total` positions are in front of an end that each
/// sequence has, [B], and, of [2 B], not in front of its start.
static Value readEnds(NodeContext &context, Value ends, AffineExpr batch,
                      AffineExpr total) {
  Arithmetic math(context);
  AffineExpr one = context.constantExpr(1), all = NodeContext::dim(ends, 0);
  Type i64 = context.builder.getI64Type();
  Value column = math.iota(total, 3, 4, i64);
  auto part = [&](AffineExpr begin) {
    Value some = sliceAlong(context, context.cast(ends, i64), 0, begin, batch);
    return context.reshape(some, {batch, one, one, one});
  };
  bool hasStarts = mlir::dl::provablyEqual(all, mlir::dl::simplify(batch * 2));
  if (!hasStarts &&
      failed(context.requireEqual(
          all, batch, "its mask of rank 1 has not one end for each sequence")))
    return Value();
  Value visible =
      math.compare(Predicate::Lt, column, part(context.constantExpr(0)));
  if (!hasStarts)
    return visible;
  return allVisible(context, visible,
                    math.compare(Predicate::Ge, column, part(batch)));
}

/// A mask input of whatever form, as an addend; null for none. Nothing, with
/// the node reported, for forms that are not taken.
static std::optional<Value> readAnyMask(NodeContext &context, size_t input,
                                        AffineExpr batch, AffineExpr total) {
  Value mask = context.input(input);
  if (!mask)
    return Value();
  Value isTaken;
  switch (NodeContext::rank(mask)) {
  case 1:
    isTaken = readEnds(context, mask, batch, total);
    break;
  case 2:
  case 3:
    isTaken = readMask(context, mask);
    break;
  default:
    (void)context.unsupported("a mask of rank " +
                              Twine(NodeContext::rank(mask)) +
                              " is not supported");
  }
  if (!isTaken)
    return std::nullopt;
  return getAddend(context, isTaken);
}

/// A sum of which either part may be null.
static Value addAny(NodeContext &context, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return Arithmetic(context).add(a, widen(context, b));
}

/// Queries [.., S, H] behind all keys but those that come with them see the
/// keys up to their own; null where that is all.
static Value getCausal(NodeContext &context, AffineExpr past, AffineExpr length,
                       AffineExpr total) {
  if (!context.getInt("unidirectional", 0))
    return Value();
  Arithmetic math(context);
  Type i64 = context.builder.getI64Type();
  Value row = math.iota(length, 2, 4, i64);
  if (past != 0)
    row = math.add(row, context.sizeScalar(past));
  return math.compare(Predicate::Le, math.iota(total, 3, 4, i64), row);
}

//===----------------------------------------------------------------------===//
// MultiHeadAttention
//===----------------------------------------------------------------------===//

namespace {

class MultiHeadAttention {
public:
  explicit MultiHeadAttention(NodeContext &context) : context(context) {}
  LogicalResult import();

private:
  enum Input : size_t {
    kQuery,
    kKey,
    kValue,
    kBias,
    kMask,
    kAddend,
    kPastKey,
    kPastValue,
    kPastLength,
    kBeams
  };

  LogicalResult readHeads();
  LogicalResult readPacked(size_t input, ArrayRef<Value *> parts);
  LogicalResult addBias();
  Value addPast(size_t input, Value rows);

  NodeContext &context;
  int64_t heads = 0;
  Value query, key, value; ///< [B, N, length, size]
};

} // namespace

/// Takes a tensor [B, length, N, parts, size] apart.
LogicalResult MultiHeadAttention::readPacked(size_t input,
                                             ArrayRef<Value *> parts) {
  Value packed = context.input(input);
  auto count = static_cast<int64_t>(parts.size());
  AffineExpr one = context.constantExpr(1);
  if (failed(requireRank(context, input, 5)) ||
      failed(context.requireEqual(NodeContext::dim(packed, 3),
                                  context.constantExpr(count),
                                  "its packed heads have other parts")) ||
      failed(context.requireEqual(NodeContext::dim(packed, 2),
                                  context.constantExpr(heads),
                                  "its packed heads are not num_heads")))
    return failure();
  Exprs dims = NodeContext::dims(packed);
  for (int64_t i = 0; i < count; ++i) {
    Value part = sliceAlong(context, packed, 3, context.constantExpr(i), one);
    part = context.reshape(part, {dims[0], dims[1], dims[2], dims[4]});
    *parts[i] = context.transpose(part, {0, 2, 1, 3});
    if (!*parts[i])
      return failure();
  }
  return success();
}

LogicalResult MultiHeadAttention::readHeads() {
  if (!context.hasInput(kKey))
    return readPacked(kQuery, {&query, &key, &value});
  query = splitHeads(context, context.input(kQuery), heads);
  int64_t rank = NodeContext::rank(context.input(kKey));
  if (rank == 5)
    return query ? readPacked(kKey, {&key, &value}) : failure();
  if (failed(requireFloats(context, {kValue})))
    return failure();
  if (rank == 4) { // those of the encoder, in heads already
    if (failed(requireRank(context, kValue, 4)) || context.hasInput(kPastKey))
      return context.invalid("keys in heads stand beside other values or "
                             "beside earlier ones");
    key = context.input(kKey);
    value = context.input(kValue);
    return success(static_cast<bool>(query));
  }
  key = splitHeads(context, context.input(kKey), heads);
  value = splitHeads(context, context.input(kValue), heads);
  return success(query && key && value);
}

/// The bias of the projections stands for queries, keys and values together.
LogicalResult MultiHeadAttention::addBias() {
  Value bias = context.input(kBias);
  if (!bias)
    return success();
  if (failed(requireRank(context, kBias, 1)))
    return failure();
  Arithmetic math(context);
  AffineExpr begin = context.constantExpr(0), one = context.constantExpr(1);
  AffineExpr all = context.constantExpr(0);
  for (Value part : {query, key, value})
    all = all + NodeContext::dim(part, 1) * NodeContext::dim(part, 3);
  if (failed(context.requireEqual(NodeContext::dim(bias, 0),
                                  mlir::dl::simplify(all),
                                  "its bias is for other heads")))
    return failure();
  for (Value *part : {&query, &key, &value}) {
    AffineExpr count = NodeContext::dim(*part, 1),
               size = NodeContext::dim(*part, 3),
               width = mlir::dl::simplify(count * size);
    Value own = context.reshape(sliceAlong(context, bias, 0, begin, width),
                                {count, one, size});
    *part = math.add(*part, own);
    begin = mlir::dl::simplify(begin + width);
  }
  return success(query && key && value);
}

Value MultiHeadAttention::addPast(size_t input, Value rows) {
  return context.hasInput(input)
             ? context.create<ConcatOp>(
                   SmallVector<Value>{context.input(input), rows}, int64_t(2))
             : rows;
}

LogicalResult MultiHeadAttention::import() {
  if (failed(requireFloats(context, {kQuery})))
    return failure();
  heads = context.getInt("num_heads", 0);
  if (context.hasInput(kPastLength) || context.hasInput(kBeams))
    return context.unsupported("a cache that several beams share is not "
                               "supported");
  if (context.hasOutput(3))
    return context.unsupported(
        "the product of queries and keys as an output is not supported");
  if (context.hasInput(kPastKey) != context.hasInput(kPastValue))
    return context.invalid("of keys and values, one is missing");
  if (context.hasInput(kPastKey) &&
      (failed(requireRank(context, kPastKey, 4)) ||
       failed(requireRank(context, kPastValue, 4))))
    return failure();
  if (failed(readHeads()) || failed(addBias()))
    return failure();
  key = addPast(kPastKey, key);
  value = addPast(kPastValue, value);
  if (!key || !value)
    return failure();
  AffineExpr past = context.hasInput(kPastKey)
                        ? NodeContext::dim(context.input(kPastKey), 2)
                        : context.constantExpr(0);
  AffineExpr total = NodeContext::dim(key, 2);
  auto mask = readAnyMask(context, kMask, NodeContext::dim(query, 0), total);
  if (!mask)
    return failure();
  AttentionOperands operands{query, key, value};
  operands.scale = context.getFloat("scale", 0);
  operands.bias = addAny(context, *mask, context.input(kAddend));
  operands.isVisible =
      getCausal(context, past, NodeContext::dim(query, 2), total);
  return context.setResults({buildAttention(context, operands), key, value});
}

static LogicalResult importMultiHeadAttention(NodeContext &context) {
  return MultiHeadAttention(context).import();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Where Attention and QAttention have their other inputs.
namespace {
struct AttentionInputs {
  size_t mask, past, addend;
};
} // namespace

/// The sizes of queries, keys and values in the columns of a projection.
static std::optional<std::array<int64_t, 3>>
getWidths(NodeContext &context, Value projected, int64_t heads) {
  auto given = context.getInts("qkv_hidden_sizes");
  auto all = dyn_cast<AffineConstantExpr>(NodeContext::dims(projected).back());
  std::array<int64_t, 3> widths{};
  if (given && given->size() == 3)
    llvm::copy(*given, widths.begin());
  else if (all)
    widths.fill(all.getValue() / 3);
  constexpr int64_t kMost = int64_t(1) << 32;
  bool isValid = all && heads > 0;
  int64_t sum = 0;
  for (int64_t width : widths) {
    isValid &= width > 0 && width < kMost && heads > 0 && width % heads == 0;
    sum += isValid ? width : 0;
  }
  if (!isValid || sum != all.getValue()) {
    (void)context.invalid("the columns of its weights are not queries, keys "
                          "and values of " +
                          Twine(heads) + " heads");
    return std::nullopt;
  }
  return widths;
}

/// Part `i` of the cache, [2, B, N, P, H], as [B, N, P, H].
static Value getPast(NodeContext &context, Value past, int64_t i) {
  Exprs dims = NodeContext::dims(past);
  Value part = sliceAlong(context, past, 0, context.constantExpr(i),
                          context.constantExpr(1));
  return context.reshape(part, ArrayRef(dims).drop_front());
}

/// Keys and values as one cache, [2, B, N, T, H].
static Value joinCache(NodeContext &context, Value key, Value value) {
  SmallVector<Value> parts;
  for (Value part : {key, value}) {
    Exprs dims = NodeContext::dims(part);
    dims.insert(dims.begin(), context.constantExpr(1));
    parts.push_back(context.reshape(part, dims));
  }
  return context.create<ConcatOp>(parts, int64_t(0));
}

/// Attention with queries, keys and values in the columns of `projected`, [B,
/// S, columns].
static LogicalResult attend(NodeContext &context, Value projected,
                            AttentionInputs inputs) {
  if (!projected)
    return failure();
  if (context.getInt("do_rotary", 0) ||
      context.getInt("past_present_share_buffer", 0))
    return context.unsupported("do_rotary or past_present_share_buffer is not "
                               "supported");
  int64_t heads = context.getInt("num_heads", 0);
  if (NodeContext::rank(projected) != 3)
    return context.invalid("its input 0 is not [batch, length, features]");
  auto widths = getWidths(context, projected, heads);
  if (!widths)
    return failure();
  SmallVector<Value> parts;
  int64_t begin = 0;
  for (int64_t width : *widths) {
    parts.push_back(splitHeads(context,
                               sliceAlong(context, projected, 2,
                                          context.constantExpr(begin),
                                          context.constantExpr(width)),
                               heads));
    begin += width;
  }
  auto [query, key, value] = std::tie(parts[0], parts[1], parts[2]);
  AffineExpr past = context.constantExpr(0);
  if (Value cache = context.input(inputs.past)) {
    if (failed(requireRank(context, inputs.past, 5)) ||
        failed(context.requireEqual(NodeContext::dim(cache, 0),
                                    context.constantExpr(2),
                                    "its cache is not keys and values")))
      return failure();
    past = NodeContext::dim(cache, 3);
    for (int64_t i : {0, 1})
      parts[1 + i] = context.create<ConcatOp>(
          SmallVector<Value>{getPast(context, cache, i), parts[1 + i]},
          int64_t(2));
  }
  if (!query || !key || !value)
    return failure();
  AffineExpr total = NodeContext::dim(key, 2);
  auto mask =
      readAnyMask(context, inputs.mask, NodeContext::dim(query, 0), total);
  if (!mask)
    return failure();
  AttentionOperands operands{query, key, value};
  operands.scale = context.getFloat("scale", 0);
  operands.bias = addAny(context, *mask, context.input(inputs.addend));
  operands.isVisible =
      getCausal(context, past, NodeContext::dim(query, 2), total);
  Value result = buildAttention(context, operands);
  if (!context.hasOutput(1))
    return context.setResults(result);
  return context.setResults({result, joinCache(context, key, value)});
}

static LogicalResult importAttention(NodeContext &context) {
  constexpr size_t kMask = 3, kPast = 4, kAddend = 5, kPastLength = 6;
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  if (context.hasInput(kPastLength))
    return context.unsupported("past_sequence_length is not supported");
  Value projected = buildMatmul(context, context.input(0), context.input(1));
  if (context.hasInput(2))
    projected = Arithmetic(context).add(projected, context.input(2));
  return attend(context, projected, {kMask, kPast, kAddend});
}

/// Of 8-bit integers, the product is exact in i32.
static LogicalResult importQAttention(NodeContext &context) {
  constexpr size_t kMask = 5, kPast = 8, kNone = ~size_t(0);
  if (failed(requireInputs(context, {0, 1})) ||
      failed(requireFloats(context, {2, 3, 4})))
    return failure();
  Arithmetic math(context);
  auto scalar = [&](size_t i) {
    Value value = context.input(i);
    return value && getNumElements(NodeContext::type(value)) == 1
               ? context.reshape(value, {})
               : value;
  };
  Value product =
      buildMatmul(context, center(context, context.input(0), scalar(6)),
                  center(context, context.input(1), scalar(7)));
  Value projected =
      math.mul(context.cast(product, context.builder.getF32Type()),
               math.mul(widen(context, scalar(3)), widen(context, scalar(4))));
  projected = math.add(projected, widen(context, context.input(2)));
  return attend(
      context,
      context.cast(projected, NodeContext::elementType(context.input(2))),
      {kMask, kPast, kNone});
}

void frontend::addMultiHeadAttentionRules(RuleTable &table) {
  table.add("com.microsoft", "Attention", 1, importAttention);
  table.add("com.microsoft", "MultiHeadAttention", 1, importMultiHeadAttention);
  table.add("com.microsoft", "QAttention", 1, importQAttention);
}
