// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Scores.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Strings.h"
#include "llvm/Support/MathExtras.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Transformations
//===----------------------------------------------------------------------===//

std::optional<PostTransform> frontend::getPostTransform(NodeContext &context,
                                                        int64_t number) {
  if (number >= 0 && number <= static_cast<int64_t>(PostTransform::Probit))
    return static_cast<PostTransform>(number);
  (void)context.invalid("post_transform is " + Twine(number));
  return std::nullopt;
}

std::optional<PostTransform> frontend::getPostTransform(NodeContext &context) {
  constexpr StringLiteral kNames[] = {"NONE", "SOFTMAX", "LOGISTIC",
                                      "SOFTMAX_ZERO", "PROBIT"};
  std::string name = context.getString("post_transform", "NONE");
  for (auto [i, known] : llvm::enumerate(kNames))
    if (name == known)
      return static_cast<PostTransform>(i);
  (void)context.invalid("post_transform is " + name);
  return std::nullopt;
}

Value frontend::computeLogistic(NodeContext &context, Value x) {
  return Arithmetic(context).sigmoid(x);
}

/// sqrt(2) * erfinv(2 x - 1), with the inverse of the error function as
/// Winitzki approximates it, "A handy approximation for the error function and
/// its inverse" (2008), for a = 0.147.
static Value computeProbit(NodeContext &context, Value x) {
  Arithmetic math(context);
  constexpr double a = 0.147;
  Value y = math.sub(math.mul(x, 2.0), 1.0);
  Value log = math.log(math.mul(math.sub(1.0, y), math.add(y, 1.0)));
  Value v = math.add(math.mul(log, 0.5), 2.0 / (llvm::numbers::pi * a));
  Value root = math.sqrt(math.sub(math.square(v), math.mul(log, 1.0 / a)));
  Value size = math.sqrt(math.sub(root, v));
  Value sign = math.select(math.compare(Predicate::Lt, y, 0.0),
                           math.mul(size, -1.0), size);
  return math.mul(sign, llvm::numbers::sqrt2);
}

/// A softmax that leaves scores next to zero out of the sum, and nearly zero.
static Value computeSoftmaxZero(NodeContext &context, Value x) {
  Arithmetic math(context);
  Value most = math.reduce(ReduceKind::Max, x, {1}, /*keepDims=*/true);
  Value counts = math.compare(Predicate::Gt, math.abs(x), 1e-7);
  Value power = math.exp(math.sub(x, most));
  Value sum = math.reduce(ReduceKind::Sum, math.select(counts, power, 0.0), {1},
                          /*keepDims=*/true);
  Value rest = math.mul(x, math.exp(math.mul(most, -1.0)));
  return math.div(math.select(counts, power, rest), sum);
}

Value frontend::transformScores(NodeContext &context, Value scores,
                                PostTransform transform) {
  switch (transform) {
  case PostTransform::None:
    return scores;
  case PostTransform::Softmax:
    return context.create<SoftmaxOp>(scores, int64_t(1), /*log=*/false);
  case PostTransform::Logistic:
    return computeLogistic(context, scores);
  case PostTransform::SoftmaxZero:
    return computeSoftmaxZero(context, scores);
  case PostTransform::Probit:
    return computeProbit(context, scores);
  }
  return Value();
}

Value frontend::transformTargets(NodeContext &context, Value scores,
                                 PostTransform transform, int64_t targets) {
  if (!scores || (targets == 1 && transform != PostTransform::Probit))
    return scores;
  return transformScores(context, scores, transform);
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

std::optional<ClassLabels> frontend::getClassLabels(NodeContext &context,
                                                    StringRef name) {
  ClassLabels labels;
  if (auto texts = context.getStrings("classlabels_strings");
      texts && !texts->empty()) {
    labels.texts = *texts;
    labels.numbers = range(0, static_cast<int64_t>(texts->size()));
    return labels;
  }
  labels.numbers = context.getInts(name).value_or(SmallVector<int64_t>());
  if (!labels.numbers.empty())
    return labels;
  (void)context.invalid("it has no class labels");
  return std::nullopt;
}

Value frontend::chooseLabels(NodeContext &context, Value numbers,
                             ArrayRef<int64_t> chosen,
                             const ClassLabels &labels) {
  bool inOrder = llvm::all_of(llvm::enumerate(chosen), [](auto entry) {
    return entry.value() == static_cast<int64_t>(entry.index());
  });
  if (!labels.texts.empty()) {
    SmallVector<std::string> texts;
    for (int64_t number : chosen)
      texts.push_back(number >= 0 && number < labels.size()
                          ? labels.texts[number]
                          : labels.texts.back());
    return context.create<GatherOp>(stringConstant(context, texts), numbers,
                                    int64_t(0));
  }
  if (inOrder)
    return numbers;
  return context.create<GatherOp>(context.intConstant(chosen), numbers,
                                  int64_t(0));
}

/// Column `c` of scores, [N, 1].
static Value getColumn(NodeContext &context, Value scores, int64_t c) {
  if (!scores)
    return Value();
  SmallVector<AffineExpr> dims = NodeContext::dims(scores);
  if (c == 0 && NodeContext::type(scores).getDimSize(1) == 1)
    return scores;
  dims[1] = context.constantExpr(1);
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(scores)), scores,
      getSymbolMap({context.constantExpr(0), context.constantExpr(c)},
                   context.builder.getContext()),
      SmallVector<int64_t>{1, 1});
}

static Value joinColumns(NodeContext &context, Value a, Value b) {
  return context.create<ConcatOp>(SmallVector<Value>{a, b}, int64_t(1));
}

LogicalResult frontend::finishClassifier(NodeContext &context,
                                         const ClassVotes &votes,
                                         const ClassLabels &labels,
                                         PostTransform transform) {
  Arithmetic math(context);
  Type f32 = context.builder.getF32Type(), i64 = context.builder.getI64Type();
  Value all = votes.scores;
  if (!all)
    return failure();
  AffineExpr rows = NodeContext::dim(all, 0);
  auto finish = [&](Value numbers, ArrayRef<int64_t> names, Value scores) {
    Value flat = numbers ? context.reshape(numbers, {rows}) : Value();
    return context.setResults({chooseLabels(context, flat, names, labels),
                               context.cast(scores, f32)});
  };
  if (labels.size() > 2) {
    Value winner = context.create<ArgReduceOp>(ReduceKind::Max, all, int64_t(1),
                                               /*keepdims=*/false,
                                               /*select_last=*/false);
    return finish(winner, labels.numbers,
                  transformScores(context, all, transform));
  }
  // With one class or two, the score of one decides.
  bool isBinary = labels.size() == 2 && votes.voted.count() == 1;
  ArrayRef<double> base = votes.base;
  Value first = getColumn(context, all, 0), second;
  if (labels.size() == 2)
    second = getColumn(context, all, 1);
  bool hasSecond = second && votes.voted.test(1);
  if (base.size() == 2) {
    if (labels.size() == 1 || hasSecond) {
      second = math.add(first, base[1]);
      first = math.mul(second, -1.0);
      if (labels.size() == 1)
        return context.unsupported("one class with two base values");
    } else {
      second = math.add(second, base[1]);
      first = math.add(first, base[0]);
    }
  } else {
    if (base.size() == 1 && (labels.size() == 1 || votes.voted.test(0)))
      first = math.add(first, base[0]);
    if (!hasSecond)
      second = Value();
  }
  bool decidesSecond = hasSecond;
  Value deciding = decidesSecond ? second : first;
  double limit = isBinary && !votes.anyNegative ? 0.5 : 0.0;
  Value isPositive = math.compare(Predicate::Gt, deciding, limit);
  Value number = context.cast(isPositive, i64);
  SmallVector<int64_t> names(labels.numbers);
  if (!isBinary)
    names = {0, 1};
  if (second)
    return finish(number, names,
                  transformScores(context, joinColumns(context, first, second),
                                  transform));
  if (transform == PostTransform::Probit || !isBinary) {
    Value score = transform == PostTransform::Probit
                      ? computeProbit(context, first)
                      : first;
    if (labels.size() == 2)
      score = joinColumns(context, score, math.mul(score, 0.0));
    return finish(number, names, score);
  }
  Value scores;
  if (!votes.anyNegative)
    scores = joinColumns(context, math.sub(1.0, first), first);
  else if (transform == PostTransform::Logistic)
    scores =
        joinColumns(context, computeLogistic(context, math.mul(first, -1.0)),
                    computeLogistic(context, first));
  else
    scores = joinColumns(context, math.mul(first, -1.0), first);
  return finish(number, names, scores);
}
