// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: support vector machines. ONNX's text leaves much open; this is
// what ONNX Runtime does.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Linear.h"
#include "frontend/import/Scores.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

/// The kernel of each row with each support vector, [N, vectors].
static Value computeKernel(NodeContext &context, Value x,
                           ArrayRef<double> vectors, int64_t count) {
  Arithmetic math(context);
  Type f32 = context.builder.getF32Type();
  std::string kind = context.getString("kernel_type", "LINEAR");
  SmallVector<double> parameters = getFloatList(context, "kernel_params");
  parameters.resize(3, 0.0);
  double gamma = parameters[0], offset = parameters[1], degree = parameters[2];
  if (kind == "RBF") {
    int64_t features = vectors.size() / count;
    if (failed(context.requireEqual(NodeContext::dim(x, 1),
                                    context.constantExpr(features),
                                    "its rows have another number of features "
                                    "than its vectors")))
      return Value();
    Value wide =
        context.reshape(x, {NodeContext::dim(x, 0), context.constantExpr(1),
                            context.constantExpr(features)});
    Value difference =
        math.sub(wide, math.constant(vectors, {count, features}, f32));
    Value distance = math.reduce(ReduceKind::Sum, math.square(difference), {2},
                                 /*keepDims=*/false);
    return math.exp(math.mul(distance, -gamma));
  }
  Value product = applyLinear(context, x, vectors, {}, count);
  if (kind == "LINEAR")
    return product;
  Value inner = math.add(math.mul(product, gamma), offset);
  if (kind == "SIGMOID")
    return math.tanh(inner);
  if (kind == "POLY") {
    // Whole degrees of negative numbers, too, without a logarithm.
    if (degree == static_cast<int64_t>(degree) && degree >= 1 && degree <= 8) {
      Value power = inner;
      for (int64_t i = 1; i < static_cast<int64_t>(degree); ++i)
        power = math.mul(power, inner);
      return power;
    }
    return math.pow(inner, degree);
  }
  (void)context.invalid("kernel_type is " + kind);
  return Value();
}

static LogicalResult importSvmRegressor(NodeContext &context) {
  Arithmetic math(context);
  Value x = getFeatureRows(context);
  auto transform = getPostTransform(context);
  if (!x || !transform)
    return failure();
  int64_t count = context.getInt("n_supports", 0);
  SmallVector<double> rho = getFloatList(context, "rho"),
                      coefficients = getFloatList(context, "coefficients"),
                      vectors = getFloatList(context, "support_vectors");
  if (rho.empty())
    return context.invalid("it has no rho");
  Value scores;
  if (count > 0) {
    if (static_cast<int64_t>(coefficients.size()) != count || vectors.empty() ||
        vectors.size() % count != 0)
      return context.invalid("it has " + Twine(count) + " vectors, " +
                             Twine(coefficients.size()) + " coefficients and " +
                             Twine(vectors.size()) + " numbers");
    Value kernel = computeKernel(context, x, vectors, count);
    scores =
        kernel ? applyLinear(context, kernel, coefficients, {}, 1) : Value();
  } else {
    scores = applyLinear(context, x, coefficients, {}, 1);
  }
  scores = math.add(scores, rho.front());
  if (context.getInt("one_class", 0))
    scores =
        math.sub(math.mul(context.cast(math.compare(Predicate::Gt, scores, 0.0),
                                       context.builder.getF32Type()),
                          2.0),
                 1.0);
  return context.setResults(transformTargets(context, scores, *transform, 1));
}

//===----------------------------------------------------------------------===//
// SVMClassifier
//===----------------------------------------------------------------------===//

namespace {

/// A classifier's attributes. With vectors, each pair of classes has a score,
/// (0, 1), (0, 2), .., (1, 2), ..; without, each class has one.
struct VectorClassifier {
  SmallVector<double> coefficients, vectors, rho, probA, probB;
  SmallVector<int64_t> starts; // the first vector of each class, and the end
  int64_t classes = 0;

  int64_t numVectors() const { return starts.back(); }
  int64_t numPairs() const { return classes * (classes - 1) / 2; }
};

} // namespace

static std::optional<VectorClassifier>
readClassifier(NodeContext &context, const ClassLabels &labels) {
  VectorClassifier machine;
  machine.classes = labels.size();
  machine.coefficients = getFloatList(context, "coefficients");
  machine.vectors = getFloatList(context, "support_vectors");
  machine.rho = getFloatList(context, "rho");
  machine.probA = getFloatList(context, "prob_a");
  machine.probB = getFloatList(context, "prob_b");
  machine.starts = {0};
  for (int64_t count :
       context.getInts("vectors_per_class").value_or(SmallVector<int64_t>())) {
    int64_t end = 0;
    if (count < 0 || llvm::AddOverflow(machine.starts.back(), count, end)) {
      (void)context.invalid("vectors_per_class has " + Twine(count));
      return std::nullopt;
    }
    machine.starts.push_back(end);
  }
  auto demand = [&](bool holds, const Twine &what) {
    if (!holds)
      (void)context.invalid(what);
    return holds;
  };
  auto size = [](auto &list) { return static_cast<int64_t>(list.size()); };
  int64_t count = machine.numVectors(), classes = machine.classes;
  if (!demand(size(machine.probA) == size(machine.probB),
              "prob_a and prob_b have different lengths") ||
      !demand(!machine.rho.empty(), "it has no rho"))
    return std::nullopt;
  if (count == 0) {
    machine.probA.clear();
    return machine;
  }
  bool sound =
      demand(classes > 1 && size(machine.starts) == classes + 1,
             "it has " + Twine(classes) + " labels for " +
                 Twine(size(machine.starts) - 1) + " classes") &&
      demand(!machine.vectors.empty() && size(machine.vectors) % count == 0,
             "it has " + Twine(size(machine.vectors)) + " numbers for " +
                 Twine(count) + " vectors") &&
      demand(size(machine.coefficients) == (classes - 1) * count,
             "it has " + Twine(size(machine.coefficients)) +
                 " coefficients for " + Twine(count) + " vectors of " +
                 Twine(classes) + " classes") &&
      demand(size(machine.rho) >= machine.numPairs(),
             "it has " + Twine(size(machine.rho)) + " rho for " +
                 Twine(machine.numPairs()) + " pairs of classes") &&
      demand(machine.probA.empty() || size(machine.probA) >= machine.numPairs(),
             "it has " + Twine(size(machine.probA)) + " prob_a for " +
                 Twine(machine.numPairs()) + " pairs of classes");
  return sound ? std::optional(machine) : std::nullopt;
}

/// The score of each pair of classes, [N, pairs].
static Value scorePairs(NodeContext &context, const VectorClassifier &machine,
                        Value kernel) {
  int64_t count = machine.numVectors();
  SmallVector<double> weights, offsets;
  for (int64_t i = 0; i < machine.classes; ++i)
    for (int64_t j = i + 1; j < machine.classes; ++j) {
      offsets.push_back(machine.rho[offsets.size()]);
      size_t first = weights.size();
      weights.resize(first + count, 0.0);
      for (int64_t v = machine.starts[i]; v < machine.starts[i + 1]; ++v)
        weights[first + v] = machine.coefficients[(j - 1) * count + v];
      for (int64_t v = machine.starts[j]; v < machine.starts[j + 1]; ++v)
        weights[first + v] = machine.coefficients[i * count + v];
    }
  return applyLinear(context, kernel, weights, offsets,
                     static_cast<int64_t>(offsets.size()));
}

/// The class that wins most of its pairs, of several the first: [N].
static Value countVotes(NodeContext &context, int64_t classes, Value scores) {
  Arithmetic math(context);
  // A class gains where it is the first of a pair that is positive, or the
  // second of one that is not.
  SmallVector<double> gains, always;
  int64_t pairs = classes * (classes - 1) / 2;
  for (int64_t c = 0; c < classes; ++c) {
    double constant = 0;
    for (int64_t i = 0; i < classes; ++i)
      for (int64_t j = i + 1; j < classes; ++j) {
        gains.push_back(i == c ? 1 : j == c ? -1 : 0);
        constant += j == c;
      }
    always.push_back(constant);
  }
  Value isFirst = context.cast(math.compare(Predicate::Gt, scores, 0.0),
                               context.builder.getF32Type());
  Value votes =
      pairs ? applyLinear(context, isFirst, gains, always, classes) : Value();
  return context.create<ArgReduceOp>(ReduceKind::Max, votes, int64_t(1),
                                     /*keepdims=*/false,
                                     /*select_last=*/false);
}

/// How likely the first class of each pair is, [N, pairs].
static Value estimatePairs(NodeContext &context,
                           const VectorClassifier &machine, Value scores) {
  Arithmetic math(context);
  int64_t pairs = machine.numPairs();
  auto row = [&](ArrayRef<double> values) {
    return math.constant(values.take_front(pairs), {pairs},
                         context.builder.getF32Type());
  };
  Value inner =
      math.add(math.mul(scores, row(machine.probA)), row(machine.probB));
  // 1 / (1 + e^inner)
  return math.clip(math.sigmoid(math.mul(inner, -1.0)), 1e-7, 1.0 - 1e-7);
}

/// The likelihood of each class, [N, classes], from those of the pairs: the
/// second method of T.-F. Wu, C.-J. Lin, R. C. Weng, "Probability estimates for
/// multi-class classification by pairwise coupling" (2004), as LIBSVM iterates
/// it.
static Value coupleClasses(NodeContext &context, int64_t classes, Value pairs) {
  Arithmetic math(context);
  if (!pairs)
    return Value();
  AffineExpr rows = NodeContext::dim(pairs, 0);
  AffineExpr one = context.constantExpr(1);
  MLIRContext *mlir = context.builder.getContext();
  auto column = [&](Value matrix, int64_t c) {
    return matrix ? context.create<SliceOp>(
                        getTensorType({rows, one},
                                      NodeContext::elementType(matrix)),
                        matrix,
                        getSymbolMap(
                            {context.constantExpr(0), context.constantExpr(c)},
                            mlir),
                        SmallVector<int64_t>{1, 1})
                  : Value();
  };
  SmallVector<SmallVector<Value>> r(classes, SmallVector<Value>(classes));
  int64_t next = 0;
  for (int64_t i = 0; i < classes; ++i)
    for (int64_t j = i + 1; j < classes; ++j) {
      r[i][j] = column(pairs, next++);
      r[j][i] = math.sub(1.0, r[i][j]);
    }
  // Q [classes][classes], each [N, 1].
  SmallVector<SmallVector<Value>> q(classes, SmallVector<Value>(classes));
  for (int64_t i = 0; i < classes; ++i)
    for (int64_t j = 0; j < classes; ++j) {
      if (i == j) {
        for (int64_t k = 0; k < classes; ++k)
          if (k != i)
            q[i][i] = q[i][i] ? math.add(q[i][i], math.square(r[k][i]))
                              : math.square(r[k][i]);
        continue;
      }
      q[i][j] = math.mul(math.mul(r[j][i], r[i][j]), -1.0);
    }
  Type f32 = context.builder.getF32Type();
  Value start = context.broadcast(
      context.splat(1.0 / static_cast<double>(classes), f32, {1, 1}),
      {rows, context.constantExpr(classes)});
  Value steps = context.intConstant(range(0, std::max<int64_t>(100, classes)));
  if (!start || !steps)
    return Value();
  OpBuilder &builder = context.builder;
  auto scan = ScanOp::create(builder, context.loc, TypeRange{start.getType()},
                             ValueRange{start}, ValueRange{steps}, false);
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&scan.getBody());
  Value state = body->addArgument(start.getType(), context.loc);
  body->addArgument(RankedTensorType::get({}, builder.getI64Type()),
                    context.loc);
  SmallVector<Value> p, qp(classes);
  for (int64_t c = 0; c < classes; ++c)
    p.push_back(column(state, c));
  Value pqp, error;
  for (int64_t t = 0; t < classes; ++t) {
    for (int64_t j = 0; j < classes; ++j) {
      Value term = math.mul(q[t][j], p[j]);
      qp[t] = qp[t] ? math.add(qp[t], term) : term;
    }
    Value term = math.mul(p[t], qp[t]);
    pqp = pqp ? math.add(pqp, term) : term;
  }
  for (int64_t t = 0; t < classes; ++t) {
    Value own = math.abs(math.sub(qp[t], pqp));
    error = error ? math.max(error, own) : own;
  }
  for (int64_t t = 0; t < classes; ++t) {
    Value step = math.div(math.sub(pqp, qp[t]), q[t][t]);
    Value sum = math.add(step, 1.0);
    p[t] = math.add(p[t], step);
    pqp = math.div(
        math.div(math.add(pqp, math.mul(step, math.add(math.mul(step, q[t][t]),
                                                       math.mul(qp[t], 2.0)))),
                 sum),
        sum);
    for (int64_t j = 0; j < classes; ++j) {
      qp[j] = math.div(math.add(qp[j], math.mul(step, q[t][j])), sum);
      p[j] = math.div(p[j], sum);
    }
  }
  // A row that has come close enough stays as it is.
  double enough = 0.005 / static_cast<double>(classes);
  Value changed = context.create<ConcatOp>(p, int64_t(1));
  Value result =
      math.select(math.compare(Predicate::Lt, error, enough), state, changed);
  if (!result) {
    // The block must end all the same.
    YieldOp::create(builder, context.loc, ValueRange{state});
    return Value();
  }
  YieldOp::create(builder, context.loc, ValueRange{result});
  return scan.getResult(0);
}

/// The number of each row's label in [0, 1] of two labels, or whether it is
/// positive of one or many, where there is one rho.
static Value chooseOfOneRho(NodeContext &context, int64_t classes,
                            bool hasProbabilities, bool allPositive,
                            Value winner, Value most) {
  Arithmetic math(context);
  Type i64 = context.builder.getI64Type();
  if (classes == 2 && hasProbabilities)
    return winner;
  Value isPositive =
      math.compare(allPositive && classes == 2 ? Predicate::Ge : Predicate::Gt,
                   most, allPositive && classes == 2 ? 0.5 : 0.0);
  Value number = context.cast(isPositive, i64);
  return classes == 2 ? math.max(number, winner) : number;
}

static LogicalResult importSvmClassifier(NodeContext &context) {
  Arithmetic math(context);
  Value x = getFeatureRows(context);
  auto transform = getPostTransform(context);
  auto labels = getClassLabels(context, "classlabels_ints");
  if (!x || !transform || !labels)
    return failure();
  auto machine = readClassifier(context, *labels);
  if (!machine)
    return failure();
  int64_t classes = machine->classes, count = machine->numVectors();
  AffineExpr rows = NodeContext::dim(x, 0);
  bool allPositive = llvm::all_of(machine->coefficients,
                                  [](double value) { return value >= 0; });
  bool hasProbabilities = !machine->probA.empty();
  Value scores, winner, most;
  if (count > 0) {
    Value kernel = computeKernel(context, x, machine->vectors, count);
    scores = kernel ? scorePairs(context, *machine, kernel) : Value();
    if (!scores)
      return failure();
    winner = countVotes(context, classes, scores);
    // With votes, no score decides.
    most = context.broadcast(
        context.splat(0.0, context.builder.getF32Type(), {1}), {rows});
    if (hasProbabilities)
      scores = coupleClasses(context, classes,
                             estimatePairs(context, *machine, scores));
  } else {
    scores = applyLinear(context, x, machine->coefficients, {}, classes);
    if (!scores)
      return failure();
    scores = math.add(scores, machine->rho.front());
    winner = context.create<ArgReduceOp>(ReduceKind::Max, scores, int64_t(1),
                                         /*keepdims=*/false,
                                         /*select_last=*/false);
    most = math.reduce(ReduceKind::Max, scores, {1}, /*keepDims=*/false);
  }
  if (!scores)
    return failure();
  SmallVector<int64_t> names(labels->numbers);
  // Of linear machines for many classes, the largest score decides.
  bool isBinary = machine->rho.size() == 1 && (count > 0 || classes == 2);
  if (isBinary) {
    winner = chooseOfOneRho(context, classes, hasProbabilities, allPositive,
                            winner, most);
    if (classes != 2)
      names = {0, 1};
  }
  Value label =
      winner ? chooseLabels(context, winner, names, *labels) : Value();
  bool isSingle = NodeContext::type(scores).getDimSize(1) == 1;
  if (!isSingle || *transform == PostTransform::Probit)
    return context.setResults(
        {label, transformScores(context, scores, *transform)});
  if (!isBinary || classes != 2)
    return context.setResults({label, scores});
  Value negative = math.mul(scores, -1.0);
  Value opposite =
      *transform == PostTransform::None ? negative : math.sub(1.0, scores);
  if (*transform == PostTransform::Logistic) {
    opposite = computeLogistic(context, negative);
    scores = computeLogistic(context, scores);
  }
  return context.setResults(
      {label, context.create<ConcatOp>(SmallVector<Value>{opposite, scores},
                                       int64_t(1))});
}

void frontend::addVectorMachineRules(RuleTable &table) {
  constexpr const char *kDomain = "ai.onnx.ml";
  table.add(kDomain, "SVMClassifier", 1, importSvmClassifier);
  table.add(kDomain, "SVMRegressor", 1, importSvmRegressor);
}
