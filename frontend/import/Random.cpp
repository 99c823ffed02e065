// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators that draw random numbers. A number is a hash of its position and of
// a seed, so that it does not depend on threads, and a module draws the same
// ones in every run; in training, of the number of the step, too. Without an
// attribute `seed`, the seed is a hash of the node's name.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/xxhash.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

static uint32_t getSeed(NodeContext &context) {
  if (context.hasAttr("seed"))
    return llvm::bit_cast<uint32_t>(context.getFloat("seed", 0));
  std::string name = context.node.name();
  for (const std::string &output : context.node.output())
    name += "/" + output;
  return static_cast<uint32_t>(llvm::xxh3_64bits(name));
}

namespace {

/// Random numbers for a tensor of these dimensions.
class Random {
public:
  Random(NodeContext &context, ArrayRef<AffineExpr> dims)
      : context(context), math(context), dims(dims), seed(getSeed(context)) {}

  /// Uniform in [0, 1), f32, with 24 bits. Each call draws others.
  Value drawUniform() {
    // Wellons' hash of 32 bits, "Prospecting for Hash Functions", 2018, of the
    // position, with the seed before and in between.
    Type ui32 = context.builder.getIntegerType(32, /*isSigned=*/false);
    Value x = math.iota(getProduct(context, dims), 0, 1, ui32);
    x = combine<AddOp>(x, next());
    x = mix(x);
    x = combine<XorOp>(x, next());
    x = mix(x);
    if (Value counter = context.getCounter()) {
      // Each step draws others: the number of the step is hashed, too.
      x = context.create<XorOp>(
          x, mix(combine<AddOp>(context.cast(counter, ui32), next())));
      x = mix(x);
    }
    Value high = combine<ShrOp>(x, 8);
    Value number = math.mul(context.cast(high, context.builder.getF32Type()),
                            std::ldexp(1.0, -24));
    return context.reshape(number, dims);
  }

  /// Of mean 0 and variance 1: Box and Muller, "A Note on the Generation of
  /// Random Normal Deviates", 1958.
  Value drawNormal() {
    // In (0, 1], which has a logarithm.
    Value radius = math.sub(1.0, drawUniform());
    radius = math.sqrt(math.mul(math.log(radius), -2.0));
    Value angle = math.mul(drawUniform(), 2 * M_PI);
    return math.mul(radius, context.create<CosOp>(angle));
  }

private:
  template <class Op> Value combine(Value x, uint32_t number) {
    return x ? context.create<Op>(
                   x, context.splat(number, NodeContext::elementType(x)))
             : x;
  }
  Value shiftIn(Value x, uint32_t bits) {
    return context.create<XorOp>(x, combine<ShrOp>(x, bits));
  }
  Value mix(Value x) {
    x = combine<MulOp>(shiftIn(x, 16), 0x7feb352dU);
    x = combine<MulOp>(shiftIn(x, 15), 0x846ca68bU);
    return shiftIn(x, 16);
  }
  /// Another number for each use of the seed.
  uint32_t next() { return seed += 0x9e3779b9U; }

  NodeContext &context;
  Arithmetic math;
  Exprs dims;
  uint32_t seed;
};

} // namespace

/// The element type that `dtype` asks for, or that of `like`.
static Type getResultType(NodeContext &context, Value like) {
  if (int64_t given = context.getInt("dtype", 0))
    return context.getElementType(static_cast<int32_t>(given));
  return like ? NodeContext::elementType(like)
              : Type(context.builder.getF32Type());
}

static LogicalResult importBernoulli(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  Random random(context, NodeContext::dims(x));
  Value drawn = random.drawUniform();
  Value isOne = math.compare(Predicate::Lt, drawn,
                             context.cast(x, context.builder.getF32Type()));
  return context.setResults(context.cast(isOne, getResultType(context, x)));
}

/// The dimensions of an attribute `shape`, or of the first input.
static std::optional<Exprs> getDims(NodeContext &context) {
  if (Value x = context.input(0))
    return NodeContext::dims(x);
  auto shape = context.getInts("shape");
  if (!shape || llvm::any_of(*shape, [](int64_t size) { return size < 0; })) {
    (void)context.invalid("its shape is missing or has a negative size");
    return std::nullopt;
  }
  Exprs dims;
  for (int64_t size : *shape)
    dims.push_back(context.constantExpr(size));
  return dims;
}

template <bool isNormal>
static LogicalResult importRandom(NodeContext &context) {
  Arithmetic math(context);
  auto dims = getDims(context);
  if (!dims)
    return failure();
  Random random(context, *dims);
  Value result;
  if (isNormal) {
    result =
        math.add(math.mul(random.drawNormal(), context.getFloat("scale", 1)),
                 context.getFloat("mean", 0));
  } else {
    double low = context.getFloat("low", 0), high = context.getFloat("high", 1);
    result = math.add(math.mul(random.drawUniform(), high - low), low);
  }
  return context.setResults(
      context.cast(result, getResultType(context, context.input(0))));
}

/// Draws classes by their unnormalized logarithms of probabilities: how many
/// partial sums of the probabilities lie below a uniform number.
static LogicalResult importMultinomial(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  if (NodeContext::rank(x) != 2)
    return context.invalid("its operand does not have rank 2");
  int64_t count = context.getInt("sample_size", 1);
  if (count < 0)
    return context.invalid("sample_size is negative");
  Exprs dims = NodeContext::dims(x);
  Value sums = context.create<CumsumOp>(
      context.create<SoftmaxOp>(context.cast(x, context.builder.getF32Type()),
                                1, /*log=*/false),
      1, /*exclusive=*/false, /*reverse=*/false);
  AffineExpr one = context.constantExpr(1),
             samples = context.constantExpr(count);
  Random random(context, {dims[0], samples});
  Value drawn = context.reshape(random.drawUniform(), {dims[0], samples, one});
  Value below = math.compare(
      Predicate::Le, context.reshape(sums, {dims[0], one, dims[1]}), drawn);
  Value number = math.reduce(ReduceKind::Sum,
                             context.cast(below, context.builder.getI64Type()),
                             {2}, /*keepDims=*/false);
  // A sum that falls short of one by rounding does not lead past the end.
  number = math.min(number, math.sub(context.sizeScalar(dims[1]), 1.0));
  int64_t type = context.getInt("dtype", onnx::TensorProto::INT32);
  return context.setResults(
      context.cast(number, context.getElementType(static_cast<int32_t>(type))));
}

LogicalResult frontend::importTrainingDropout(NodeContext &context, Value x,
                                              Value ratio, Value isTraining) {
  Arithmetic math(context);
  Type f32 = context.builder.getF32Type();
  Random random(context, NodeContext::dims(x));
  ratio = ratio ? context.cast(context.reshape(ratio, {}), f32)
                : context.splat(0.5, f32);
  isTraining = context.reshape(isTraining, {});
  Value rate = math.select(isTraining, ratio, 0.0);
  Value kept = math.compare(Predicate::Ge, random.drawUniform(), rate);
  if (!kept)
    return failure();
  // At a ratio of 1, nothing is kept, and nothing divided by zero.
  Value scale = math.div(1.0, math.sub(1.0, math.min(rate, 1 - 0x1p-24)));
  Value scaled = math.mul(x, context.cast(scale, NodeContext::elementType(x)));
  SmallVector<Value> results = {math.select(kept, scaled, 0.0)};
  if (context.hasOutput(1))
    results.push_back(kept);
  return context.setResults(results);
}

void frontend::addRandomRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"Bernoulli", importBernoulli},
      {"Multinomial", importMultinomial},
      {"RandomNormal", importRandom<true>},
      {"RandomNormalLike", importRandom<true>},
      {"RandomUniform", importRandom<false>},
      {"RandomUniformLike", importRandom<false>},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
}
