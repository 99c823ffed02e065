// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/ContribAttention.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Value frontend::splitHeads(NodeContext &context, Value value, int64_t heads) {
  if (!value)
    return value;
  Exprs dims = NodeContext::dims(value);
  auto width = dims.size() == 3 ? dyn_cast<AffineConstantExpr>(dims[2])
                                : AffineConstantExpr();
  if (heads < 1 || !width || width.getValue() % heads) {
    (void)context.invalid("queries, keys or values are not [batch, length, " +
                          Twine(heads) + " heads of a constant size]");
    return Value();
  }
  Value split =
      context.reshape(value, {dims[0], dims[1], context.constantExpr(heads),
                              context.constantExpr(width.getValue() / heads)});
  return context.transpose(split, {0, 2, 1, 3});
}

Value frontend::allVisible(NodeContext &context, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return Arithmetic(context).apply<AndOp>(a, b);
}

/// Heads [B, M, T, H] repeated, so that there are `heads`.
static Value repeatHeads(NodeContext &context, Value value, int64_t heads) {
  if (!value)
    return value;
  Exprs dims = NodeContext::dims(value);
  auto own = dyn_cast<AffineConstantExpr>(dims[1]);
  if (!own || own.getValue() < 1 || heads % own.getValue()) {
    (void)context.invalid("the heads of its queries are no multiple of those "
                          "of its keys");
    return Value();
  }
  if (own.getValue() == heads)
    return value;
  Exprs spread{dims[0], dims[1], context.constantExpr(1), dims[2], dims[3]};
  value = context.reshape(value, spread);
  spread[2] = context.constantExpr(heads / own.getValue());
  value = context.broadcast(value, spread);
  dims[1] = context.constantExpr(heads);
  return context.reshape(value, dims);
}

/// The product of two factors of one type, in at least f32.
static Value multiply(NodeContext &context, Value a, Value b) {
  if (!a || !b)
    return Value();
  bool isHalf = NodeContext::elementType(a).getIntOrFloatBitWidth() < 32;
  return context.create<MatmulOp>(
      a, b, isHalf ? context.builder.getUnitAttr() : UnitAttr());
}

/// Puts a row of zeros behind keys and values: its logit is 0, and it adds
/// nothing.
static Value addZeroRow(NodeContext &context, Value value) {
  if (!value)
    return value;
  Exprs dims = NodeContext::dims(value);
  dims[2] = context.constantExpr(1);
  Value zero = context.broadcast(
      context.splat(0, NodeContext::elementType(value)), dims);
  return zero ? context.create<ConcatOp>(SmallVector<Value>{value, zero},
                                         int64_t(2))
              : zero;
}

/// Makes a logit of the sink's one of a key, the last one.
static void addSink(NodeContext &context, AttentionOperands &operands) {
  Arithmetic math(context);
  AffineExpr count = NodeContext::dim(operands.key, 2),
             all = mlir::dl::simplify(count + 1);
  AffineExpr one = context.constantExpr(1), zero = context.constantExpr(0);
  operands.key = addZeroRow(context, operands.key);
  operands.value = addZeroRow(context, operands.value);
  Type i64 = context.builder.getI64Type();
  Value isSink = math.compare(Predicate::Eq, math.iota(all, 3, 4, i64),
                              context.sizeScalar(count));
  auto widened = [&](Value value, Value filling) {
    if (!value || NodeContext::rank(value) < 1 ||
        NodeContext::dims(value).back() == one)
      return value;
    Exprs dims = NodeContext::dims(value);
    dims.back() = all;
    return context.create<PadOp>(
        getTensorType(dims, NodeContext::elementType(value)), PadMode::Constant,
        value, filling,
        getSymbolMap(Exprs(dims.size(), zero), context.builder.getContext()));
  };
  if (operands.isVisible)
    operands.isVisible =
        math.apply<OrOp>(widened(operands.isVisible,
                                 context.splat(1, context.builder.getI1Type())),
                         isSink);
  Value sink =
      context.reshape(widen(context, operands.sink),
                      {one, NodeContext::dim(operands.sink, 0), one, one});
  if (!sink)
    return;
  Value bias = widen(context, operands.bias);
  if (bias)
    bias = widened(bias, context.splat(0, NodeContext::elementType(bias)));
  Operand others = bias ? Operand(bias) : Operand(0.0);
  operands.bias = math.select(isSink, sink, others);
}

Value frontend::buildAttention(NodeContext &context,
                               AttentionOperands operands) {
  if (!operands.query || !operands.key || !operands.value)
    return Value();
  Arithmetic math(context);
  Type type = NodeContext::elementType(operands.query);
  Exprs dims = NodeContext::dims(operands.query);
  auto heads = dyn_cast<AffineConstantExpr>(dims[1]),
       size = dyn_cast<AffineConstantExpr>(dims[3]);
  if (!heads || !size ||
      failed(context.requireEqual(dims[3], NodeContext::dim(operands.key, 3),
                                  "its queries and keys have other sizes")) ||
      failed(context.requireEqual(NodeContext::dim(operands.key, 2),
                                  NodeContext::dim(operands.value, 2),
                                  "it has not one value for each key")))
    return Value();
  if (operands.sink)
    addSink(context, operands);
  Value key = repeatHeads(context, operands.key, heads.getValue()),
        value = repeatHeads(context, operands.value, heads.getValue());
  Value logits =
      multiply(context, operands.query, context.transpose(key, {0, 1, 3, 2}));
  double scale = operands.scale != 0
                     ? operands.scale
                     : 1 / std::sqrt(static_cast<double>(size.getValue()));
  logits = math.mul(logits, scale);
  if (operands.softcap > 0)
    logits = math.mul(math.tanh(math.mul(logits, 1 / operands.softcap)),
                      operands.softcap);
  if (operands.bias)
    logits = math.add(logits, widen(context, operands.bias));
  if (operands.isVisible)
    logits = math.select(operands.isVisible, logits,
                         -std::numeric_limits<double>::infinity());
  if (!logits || !value)
    return Value();
  Value weights =
      context.cast(context.create<SoftmaxOp>(logits, int64_t(3), false), type);
  Value mixed = context.cast(multiply(context, weights, value), type);
  mixed = context.transpose(mixed, {0, 2, 1, 3});
  if (!mixed)
    return Value();
  AffineExpr width = NodeContext::dim(mixed, 3) * heads.getValue();
  return context.reshape(mixed, {dims[0], dims[2], mlir::dl::simplify(width)});
}

//===----------------------------------------------------------------------===//
// Rotation by position
//===----------------------------------------------------------------------===//

/// Numbers begin, begin + step, .. along the last dimension, `count` of them.
static Value takeEach(NodeContext &context, Value x, int64_t begin,
                      int64_t count, int64_t step) {
  Exprs dims = NodeContext::dims(x),
        offsets(dims.size(), context.constantExpr(0));
  SmallVector<int64_t> strides(dims.size(), 1);
  dims.back() = context.constantExpr(count);
  offsets.back() = context.constantExpr(begin);
  strides.back() = step;
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(x)), x,
      getSymbolMap(offsets, context.builder.getContext()), strides);
}

/// Two tensors side by side along the last dimension, or in turns.
static Value join(NodeContext &context, Value a, Value b, bool interleaved) {
  if (!a || !b)
    return Value();
  int64_t rank = NodeContext::rank(a);
  if (!interleaved)
    return context.create<ConcatOp>(SmallVector<Value>{a, b}, rank - 1);
  Exprs dims = NodeContext::dims(a), column = dims;
  column.push_back(context.constantExpr(1));
  Value pairs =
      context.create<ConcatOp>(SmallVector<Value>{context.reshape(a, column),
                                                  context.reshape(b, column)},
                               rank);
  dims.back() = mlir::dl::simplify(dims.back() * 2);
  return context.reshape(pairs, dims);
}

Value frontend::rotate(NodeContext &context, Value x, Value cosines,
                       Value sines, bool interleaved) {
  if (!x || !cosines || !sines)
    return Value();
  Arithmetic math(context);
  auto size = dyn_cast<AffineConstantExpr>(NodeContext::dims(x).back()),
       pairs = dyn_cast<AffineConstantExpr>(NodeContext::dims(cosines).back());
  int64_t width = size ? size.getValue() : 0,
          count = pairs ? pairs.getValue() : 0;
  if (count < 1 || count > width / 2) {
    (void)context.invalid("its angles are for " + Twine(count) +
                          " pairs, a head has " + Twine(width) + " numbers");
    return Value();
  }
  Type type = NodeContext::elementType(x);
  Value wide = widen(context, x);
  cosines = widen(context, cosines);
  sines = widen(context, sines);
  Value real = takeEach(context, wide, 0, count, interleaved ? 2 : 1),
        imaginary = takeEach(context, wide, interleaved ? 1 : count, count,
                             interleaved ? 2 : 1);
  Value rotated = join(
      context, math.sub(math.mul(real, cosines), math.mul(imaginary, sines)),
      math.add(math.mul(imaginary, cosines), math.mul(real, sines)),
      interleaved);
  rotated = context.cast(rotated, type);
  if (2 * count == width || !rotated)
    return rotated;
  return context.create<ConcatOp>(
      SmallVector<Value>{rotated,
                         takeEach(context, x, 2 * count, width - 2 * count, 1)},
      NodeContext::rank(x) - 1);
}

/// Rows [S, pairs] or [B, S, pairs] as [B or 1, 1, S, pairs].
static Value asAngles(NodeContext &context, Value rows) {
  if (!rows)
    return rows;
  Exprs dims = NodeContext::dims(rows);
  AffineExpr one = context.constantExpr(1);
  if (dims.size() == 2)
    dims.insert(dims.begin(), one);
  dims.insert(dims.begin() + 1, one);
  return context.reshape(rows, dims);
}

Value frontend::lookUpAngles(NodeContext &context, Value table,
                             Value positions) {
  return asAngles(context,
                  context.create<GatherOp>(table, positions, int64_t(0)));
}

Value frontend::sliceAngles(NodeContext &context, Value table, AffineExpr begin,
                            AffineExpr size) {
  if (failed(context.requireLessEqual(
          mlir::dl::simplify(begin + size), NodeContext::dim(table, 0),
          "its angles are for fewer positions than there are")))
    return Value();
  return asAngles(context, sliceAlong(context, table, 0, begin, size));
}

/// Heads [B, N, S, H] back as [B, S, N * H].
static Value joinHeads(NodeContext &context, Value heads) {
  heads = context.transpose(heads, {0, 2, 1, 3});
  if (!heads)
    return heads;
  Exprs dims = NodeContext::dims(heads);
  return context.reshape(
      heads, {dims[0], dims[1], mlir::dl::simplify(dims[2] * dims[3])});
}

/// Inputs: heads, positions, tables of cosines and sines. Positions are those
/// of each token, [B, S], or [1], of the first one.
static LogicalResult importRotaryEmbedding(NodeContext &context) {
  Arithmetic math(context);
  if (failed(requireFloats(context, {0, 2, 3})) ||
      failed(requireInputs(context, {1})) ||
      failed(requireRank(context, 2, 2)) || failed(requireRank(context, 3, 2)))
    return failure();
  Value x = context.input(0), positions = context.input(1),
        cosines = context.input(2), sines = context.input(3);
  int64_t rank = NodeContext::rank(x), heads = context.getInt("num_heads", 0),
          rotated = context.getInt("rotary_embedding_dim", 0);
  auto pairs = dyn_cast<AffineConstantExpr>(NodeContext::dim(cosines, 1));
  if (rank != 3 && rank != 4)
    return context.invalid("its input has rank " + Twine(rank) +
                           ", expected 3 or 4");
  if (!pairs || pairs.getValue() < 1)
    return context.invalid("the number of its angles is not constant");
  Value split = x;
  if (rank == 3) {
    // Without rotary_embedding_dim, all numbers of a head are rotated.
    auto width = dyn_cast<AffineConstantExpr>(NodeContext::dim(x, 2));
    if (!rotated && width)
      heads = width.getValue() / (2 * pairs.getValue());
    split = splitHeads(context, x, heads);
  }
  if (!split)
    return failure();
  AffineExpr length = NodeContext::dim(split, 2);
  if (NodeContext::rank(positions) == 1)
    positions =
        math.add(positions,
                 math.iota(length, 0, 1, NodeContext::elementType(positions)));
  else if (NodeContext::rank(positions) != 2)
    return context.invalid("its positions have rank " +
                           Twine(NodeContext::rank(positions)) +
                           ", expected 1 or 2");
  Value result =
      rotate(context, split, lookUpAngles(context, cosines, positions),
             lookUpAngles(context, sines, positions),
             context.getInt("interleaved", 0) != 0);
  return context.setResults(rank == 3 ? joinHeads(context, result) : result);
}

void frontend::addContribAttentionRules(RuleTable &table) {
  table.add("com.microsoft", "RotaryEmbedding", 1, importRotaryEmbedding);
  addGroupAttentionRules(table);
  addMultiHeadAttentionRules(table);
}
