// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// GroupQueryAttention of com.microsoft: attention of decoders, with keys and
// values of earlier runs, and how many of these are valid for each sequence.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/ContribAttention.h"
#include "frontend/import/Families.h"
#include "frontend/import/Normalization.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kLengths, ///< of each sequence, with the new tokens, less 1
  kTotal,   ///< the largest of these, without the subtraction
  kCosines,
  kSines,
  kPositions,
  kBias,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm,
  kNewLengths
};

/// Where the new keys and values stand among the others.
enum class Cache {
  None,   ///< there are no others
  Grows,  ///< behind all rows that the cache has
  Moves,  ///< behind the valid rows of each sequence, in a cache that grows
  Buffer, ///< there, too, in a cache that keeps its size
};

class GroupAttention {
public:
  explicit GroupAttention(NodeContext &context)
      : context(context), math(context) {}

  LogicalResult import();

private:
  LogicalResult refuse();
  LogicalResult readHeads();
  Value readPackedHeads(int64_t first, int64_t count);
  LogicalResult chooseCache();
  Value normalizeHeads(Value heads, size_t weight, StringRef epsilon);
  Value rotateHeads(Value heads);
  Value findAngles(size_t table);
  Value addRows(size_t past, Value rows);
  Value moveRows(Value past, Value rows);
  Value getVisible();
  Value getBias();
  Value perSequence(Value value);
  Value getStarts();
  Value getLengths();
  Value asPosition(AffineExpr size);

  NodeContext &context;
  Arithmetic math;
  int64_t heads = 0, keyHeads = 0;
  Value query, key, value; ///< [B, heads, S, H]
  Cache cache = Cache::None;
  AffineExpr batch, length; ///< of the new tokens
  AffineExpr past;          ///< rows of the cache; 0 without one
  AffineExpr total;         ///< rows with the new ones
};

} // namespace

/// What ONNX Runtime defines, and no model that is known uses.
LogicalResult GroupAttention::refuse() {
  if (context.getInt("sliding_window_cache", 0))
    return context.unsupported(
        "caches of the size of a window (sliding_window_cache) are not "
        "supported");
  for (StringRef name : {"k_quant_type", "v_quant_type"})
    if (context.getString(name, "NONE") != "NONE")
      return context.unsupported(Twine(name) + " '" +
                                 context.getString(name, "NONE") +
                                 "' is not supported");
  if (context.hasInput(kKeyScale) || context.hasInput(kValueScale))
    return context.unsupported("scales of a quantized cache are not supported");
  if (context.hasOutput(3))
    return context.unsupported(
        "the product of queries and keys as an output is not supported");
  return success();
}

/// Heads [first, first + count) of queries, keys and values in one tensor.
Value GroupAttention::readPackedHeads(int64_t first, int64_t count) {
  Value packed = context.input(kQuery);
  auto width = dyn_cast<AffineConstantExpr>(NodeContext::dim(packed, 2));
  int64_t all = heads + 2 * keyHeads;
  if (!width || width.getValue() % all) {
    (void)context.invalid("its queries, keys and values are not " + Twine(all) +
                          " heads of a constant size");
    return Value();
  }
  int64_t size = width.getValue() / all;
  return splitHeads(context,
                    sliceAlong(context, packed, 2,
                               context.constantExpr(first * size),
                               context.constantExpr(count * size)),
                    count);
}

LogicalResult GroupAttention::readHeads() {
  if (failed(requireFloats(context, {kQuery})) ||
      failed(requireInputs(context, {kLengths, kTotal})) ||
      failed(requireRank(context, kQuery, 3)))
    return failure();
  constexpr int64_t kMostHeads = int64_t(1) << 16;
  heads = context.getInt("num_heads", 0);
  keyHeads = context.getInt("kv_num_heads", 0);
  if (heads < 1 || keyHeads < 1 || heads > kMostHeads || heads % keyHeads)
    return context.invalid("num_heads " + Twine(heads) +
                           " is no multiple of kv_num_heads " +
                           Twine(keyHeads));
  if (context.hasInput(kKey) != context.hasInput(kValue) ||
      context.hasInput(kPastKey) != context.hasInput(kPastValue))
    return context.invalid("of keys and values, one is missing");
  if (context.hasInput(kKey)) {
    if (failed(requireFloats(context, {kKey, kValue})))
      return failure();
    query = splitHeads(context, context.input(kQuery), heads);
    key = splitHeads(context, context.input(kKey), keyHeads);
    value = splitHeads(context, context.input(kValue), keyHeads);
  } else {
    query = readPackedHeads(0, heads);
    key = readPackedHeads(heads, keyHeads);
    value = readPackedHeads(heads + keyHeads, keyHeads);
  }
  if (!query || !key || !value)
    return failure();
  batch = NodeContext::dim(query, 0);
  length = NodeContext::dim(query, 2);
  return context.requireEqual(length, NodeContext::dim(key, 2),
                              "it has not one new key for each query");
}

/// Of one sequence, the cache grows by the new tokens, as `total` says. Of
/// several, each has valid rows of its own. A cache of constant size that is
/// not known to grow is a buffer.
LogicalResult GroupAttention::chooseCache() {
  past = context.constantExpr(0);
  total = length;
  if (!context.hasInput(kPastKey))
    return success();
  for (size_t i : {kPastKey, kPastValue})
    if (failed(requireRank(context, i, 4)))
      return failure();
  past = NodeContext::dim(context.input(kPastKey), 2);
  AffineExpr grown = mlir::dl::simplify(past + length);
  if (past == 0)
    return success();
  auto known = context.sizeValues(context.input(kTotal));
  AffineExpr given =
      known && known->size() == 1 ? known->front() : AffineExpr();
  if (isa<AffineConstantExpr>(past) &&
      !(given && mlir::dl::provablyEqual(given, grown))) {
    cache = Cache::Buffer;
    total = past;
    return given ? context.requireLessEqual(
                       given, past, "its cache has fewer rows than it needs")
                 : success();
  }
  cache = batch == 1 && !context.hasInput(kNewLengths) ? Cache::Grows
                                                       : Cache::Moves;
  total = grown;
  return given ? context.requireEqual(given, grown,
                                      "total_sequence_length is not that of "
                                      "its cache with the new rows")
               : success();
}

/// A vector with an element for each sequence as [B, 1, 1, 1], of i64.
Value GroupAttention::perSequence(Value value) {
  AffineExpr one = context.constantExpr(1);
  return context.reshape(context.cast(value, context.builder.getI64Type()),
                         {batch, one, one, one});
}

/// How many rows of each sequence are valid in the end.
Value GroupAttention::getLengths() {
  return math.add(perSequence(context.input(kLengths)), 1.0);
}

Value GroupAttention::asPosition(AffineExpr size) {
  return context.sizeScalar(size);
}

/// Where the first new row of each sequence stands; of sequences that are
/// shorter than the new tokens, which are then padded on the right, at 0.
Value GroupAttention::getStarts() {
  if (cache == Cache::None || cache == Cache::Grows)
    return asPosition(past);
  Value added = context.hasInput(kNewLengths)
                    ? perSequence(context.input(kNewLengths))
                    : asPosition(length);
  return math.max(math.sub(getLengths(), added), 0.0);
}

Value GroupAttention::normalizeHeads(Value heads, size_t weight,
                                     StringRef epsilon) {
  if (!context.hasInput(weight))
    return heads;
  float byDefault = context.getFloat("qk_norm_epsilon", 1e-6f);
  Value rows = normalizeByRootMeanSquare(context, widen(context, heads), {3},
                                         context.getFloat(epsilon, byDefault))
                   .value;
  return context.cast(math.mul(rows, widen(context, context.input(weight))),
                      NodeContext::elementType(heads));
}

Value GroupAttention::findAngles(size_t table) {
  Value rows = context.input(table);
  if (Value positions = context.input(kPositions))
    return lookUpAngles(context, rows, positions);
  if (cache == Cache::None || cache == Cache::Grows)
    return sliceAngles(context, rows, past, length);
  Value positions = math.add(
      getStarts(), math.iota(length, 3, 4, context.builder.getI64Type()));
  return lookUpAngles(context, rows,
                      context.reshape(positions, {batch, length}));
}

Value GroupAttention::rotateHeads(Value heads) {
  return rotate(context, heads, findAngles(kCosines), findAngles(kSines),
                context.getInt("rotary_interleaved", 0) != 0);
}

/// Of each sequence, the valid rows and behind them the new ones. What is
/// behind these has no meaning.
Value GroupAttention::moveRows(Value past, Value rows) {
  Value both =
      context.create<ConcatOp>(SmallVector<Value>{past, rows}, int64_t(2));
  both = context.transpose(both, {0, 2, 1, 3});
  if (!both)
    return both;
  Exprs dims = NodeContext::dims(both);
  Type i64 = context.builder.getI64Type();
  AffineExpr one = context.constantExpr(1);
  // Row i is row i of the cache, or else row i - start of the new ones.
  Value row = math.iota(dims[1], 1, 2, i64);
  Value starts = context.reshape(getStarts(), {batch, one});
  Value source =
      math.select(math.compare(Predicate::Lt, row, starts), row,
                  math.add(math.sub(row, starts), asPosition(this->past)));
  source = math.min(source, asPosition(mlir::dl::simplify(dims[1] - 1)));
  source = math.add(source,
                    math.mul(math.iota(batch, 0, 2, i64), asPosition(dims[1])));
  Value flat = context.reshape(
      both, {mlir::dl::simplify(dims[0] * dims[1]), dims[2], dims[3]});
  Value moved = context.create<GatherOp>(flat, source, int64_t(0));
  return context.transpose(moved, {0, 2, 1, 3});
}

/// All rows that there are then, [B, M, total, H].
Value GroupAttention::addRows(size_t input, Value rows) {
  if (cache == Cache::None || !rows)
    return rows;
  Value before = context.input(input);
  Exprs dims = NodeContext::dims(rows);
  for (unsigned d : {0U, 1U, 3U})
    if (failed(context.requireEqual(NodeContext::dim(before, d), dims[d],
                                    "dimension " + Twine(d) + " of its input " +
                                        Twine(input) +
                                        " is not that of the new rows")))
      return Value();
  if (failed(context.requireEqual(NodeContext::dim(before, 2), past,
                                  "its caches have different sizes")))
    return Value();
  if (cache == Cache::Moves)
    return moveRows(before, rows);
  if (cache == Cache::Grows)
    return context.create<ConcatOp>(SmallVector<Value>{before, rows},
                                    int64_t(2));
  Value position = math.add(
      getStarts(), math.iota(length, 2, 4, context.builder.getI64Type()));
  return context.create<ScatterElementsOp>(ScatterKind::Set, before,
                                           context.broadcast(position, dims),
                                           rows, int64_t(2));
}

/// Queries see the keys up to their own, or all valid ones, and of these the
/// nearest `local_window_size`.
Value GroupAttention::getVisible() {
  Type i64 = context.builder.getI64Type();
  Value column = math.iota(total, 3, 4, i64);
  bool isCausal = context.getInt("causal", 1) != 0;
  int64_t window = context.getInt("local_window_size", -1);
  if (!isCausal)
    return math.compare(Predicate::Lt, column, getLengths());
  bool isKnown = cache == Cache::None || cache == Cache::Grows;
  // One query at the end sees all.
  if (isKnown && length == 1 && window < 0)
    return Value();
  Value row = math.add(math.iota(length, 2, 4, i64), getStarts());
  Value visible = math.compare(Predicate::Le, column, row);
  if (window < 0)
    return visible;
  Value first = math.sub(row, static_cast<double>(window));
  return allVisible(context, visible,
                    math.compare(Predicate::Gt, column, first));
}

/// The addend of the logits. Of a buffer, it is for those rows alone that are
/// valid in some sequence; no other is seen.
Value GroupAttention::getBias() {
  Value bias = context.input(kBias);
  if (!bias || cache != Cache::Buffer || NodeContext::rank(bias) != 4 ||
      NodeContext::dim(bias, 3) == total)
    return bias;
  Exprs dims = NodeContext::dims(bias);
  if (failed(context.requireLessEqual(dims[3], total,
                                      "its attention_bias is for more rows "
                                      "than its cache has")))
    return Value();
  dims[3] = total;
  Type type = NodeContext::elementType(bias);
  return context.create<PadOp>(getTensorType(dims, type), PadMode::Constant,
                               bias, context.splat(0, type),
                               getSymbolMap(Exprs(4, context.constantExpr(0)),
                                            context.builder.getContext()));
}

LogicalResult GroupAttention::import() {
  if (failed(refuse()) || failed(readHeads()) || failed(chooseCache()))
    return failure();
  if (context.getInt("local_window_size", -1) == 0)
    return context.invalid("local_window_size is 0");
  if (context.hasInput(kSink) && (failed(requireFloats(context, {kSink})) ||
                                  failed(requireRank(context, kSink, 1))))
    return failure();
  query = normalizeHeads(query, kQueryNorm, "q_norm_epsilon");
  key = normalizeHeads(key, kKeyNorm, "k_norm_epsilon");
  if (context.getInt("do_rotary", 0)) {
    if (failed(requireFloats(context, {kCosines, kSines})) ||
        failed(requireRank(context, kCosines, 2)) ||
        failed(requireRank(context, kSines, 2)))
      return failure();
    query = rotateHeads(query);
    key = rotateHeads(key);
  }
  key = addRows(kPastKey, key);
  value = addRows(kPastValue, value);
  AttentionOperands operands{query, key, value};
  operands.scale = context.getFloat("scale", 0);
  operands.softcap = context.getFloat("softcap", 0);
  operands.bias = getBias();
  operands.isVisible = getVisible();
  operands.sink = context.input(kSink);
  if (!operands.sink && context.getInt("smooth_softmax", 0) == 1)
    operands.sink = context.splat(0, context.builder.getF32Type(), {heads});
  return context.setResults({buildAttention(context, operands), key, value});
}

static LogicalResult importGroupQueryAttention(NodeContext &context) {
  return GroupAttention(context).import();
}

void frontend::addGroupAttentionRules(RuleTable &table) {
  table.add("com.microsoft", "GroupQueryAttention", 1,
            importGroupQueryAttention);
}
