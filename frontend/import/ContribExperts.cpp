// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Mixtures of experts of com.microsoft: all experts are computed for all rows,
// and weighted by zeros where a row was not sent to one. What is multiplied by
// zero is left out later (dl-skip-zero-rows).

#include "frontend/import/Activations.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

/// What both operators have in common.
class Experts {
public:
  explicit Experts(NodeContext &context) : context(context), math(context) {}

  /// The rows, the number of experts and each one's weight.
  LogicalResult read();
  LogicalResult refuse();
  /// The weight of each expert for each row, [rows, experts], f32: zero for
  /// those that it is not sent to.
  Value getMixture(Value scores);
  /// What goes into the last product. `gate` is the first one, [.., rows,
  /// columns]; `up` is that of the third matrix, or null.
  Value activate(Value gate, Value up);
  LogicalResult finish(Value rows);

  NodeContext &context;
  Arithmetic math;
  Value rows;    ///< [rows, features], f32
  Value mixture; ///< [rows, experts]
  int64_t count = 0, features = 0;

private:
  Value applyGated(Value gate, Value up);
  std::pair<Value, Value> splitGate(Value both);
};

} // namespace

LogicalResult Experts::refuse() {
  if (context.getInt("use_sparse_mixer", 0))
    return context.unsupported("the sparse mixer is not supported");
  if (context.getInt("swiglu_limit_after_activation", 0))
    return context.unsupported("a limit after the activation is not supported");
  static constexpr StringLiteral known[] = {"relu", "gelu", "silu", "swiglu",
                                            "identity"};
  std::string name = context.getString("activation_type", "relu");
  if (!llvm::is_contained(known, name))
    return context.unsupported("the activation '" + name + "' is not known");
  return success();
}

LogicalResult Experts::read() {
  if (failed(requireFloats(context, {0, 1})) || failed(refuse()) ||
      failed(requireRank(context, 1, 2)))
    return failure();
  Value x = context.input(0), scores = context.input(1);
  Exprs dims = NodeContext::dims(x);
  auto width = dims.empty() ? AffineConstantExpr()
                            : dyn_cast<AffineConstantExpr>(dims.back()),
       experts = dyn_cast<AffineConstantExpr>(NodeContext::dim(scores, 1));
  constexpr int64_t kMostExperts = 4096;
  if ((dims.size() != 2 && dims.size() != 3) || !width || !experts ||
      experts.getValue() < 1 || experts.getValue() > kMostExperts)
    return context.invalid("its rows and their experts have no constant sizes");
  features = width.getValue();
  count = experts.getValue();
  AffineExpr number = dims.size() == 2 ? dims[0] : dims[0] * dims[1];
  rows = context.reshape(context.cast(x, context.builder.getF32Type()),
                         {mlir::dl::simplify(number), width});
  if (!rows || failed(context.requireEqual(
                   NodeContext::dim(scores, 0), NodeContext::dim(rows, 0),
                   "its router has not one row for each")))
    return failure();
  mixture = getMixture(context.cast(scores, context.builder.getF32Type()));
  return success(static_cast<bool>(mixture));
}

Value Experts::getMixture(Value scores) {
  int64_t k = context.getInt("k", 1);
  if (k < 1 || k > count) {
    (void)context.invalid("k is " + Twine(k) + ", of " + Twine(count) +
                          " experts");
    return Value();
  }
  // Those with the largest scores; other weights may be given for them.
  constexpr size_t kGivenWeights = 14;
  bool isQuantized = context.opType() == "QMoE",
       isGiven = isQuantized && context.hasInput(kGivenWeights);
  Value shares = isGiven ? context.cast(context.input(kGivenWeights),
                                        context.builder.getF32Type())
                         : context.create<SoftmaxOp>(scores, int64_t(1), false);
  if (!shares)
    return Value();
  Exprs dims = NodeContext::dims(scores);
  dims[1] = context.constantExpr(k);
  Type f32 = context.builder.getF32Type();
  SmallVector<Value> best = context.createResults<TopkOp>(
      2, getTensorType(dims, f32),
      getTensorType(dims, context.builder.getI64Type()),
      isGiven ? scores : shares, int64_t(1), /*largest=*/true, /*sorted=*/true);
  if (best.empty())
    return Value();
  Value taken =
      isGiven ? context.create<GatherElementsOp>(shares, best[1], int64_t(1))
              : best[0];
  // ONNX Runtime's QMoE takes the softmax of the chosen scores in any case.
  if (context.getInt("normalize_routing_weights", 0) ||
      (isQuantized && !isGiven))
    taken = math.div(
        taken, math.reduce(ReduceKind::Sum, taken, {1}, /*keepDims=*/true));
  Value zeros =
      context.broadcast(context.splat(0, f32), NodeContext::dims(scores));
  return context.create<ScatterElementsOp>(ScatterKind::Set, zeros, best[1],
                                           taken, int64_t(1));
}

/// Gate and up projections that one product gives: in turns, or one behind the
/// other.
std::pair<Value, Value> Experts::splitGate(Value both) {
  Exprs dims = NodeContext::dims(both);
  auto width = dyn_cast<AffineConstantExpr>(dims.back());
  int64_t layout = context.getInt("swiglu_fusion", 0);
  if (!width || width.getValue() % 2 || (layout != 1 && layout != 2)) {
    (void)context.invalid("its gates and their factors are not in one matrix");
    return {};
  }
  int64_t half = width.getValue() / 2;
  dims.back() = context.constantExpr(half);
  auto part = [&](int64_t i) {
    Exprs offsets(dims.size(), context.constantExpr(0));
    SmallVector<int64_t> strides(dims.size(), 1);
    strides.back() = layout == 1 ? 2 : 1;
    offsets.back() = context.constantExpr(layout == 1 ? i : i * half);
    return context.create<SliceOp>(
        getTensorType(dims, NodeContext::elementType(both)), both,
        getSymbolMap(offsets, context.builder.getContext()), strides);
  };
  return {part(0), part(1)};
}

/// gate * sigmoid(alpha * gate) * (up + beta), both within a limit.
Value Experts::applyGated(Value gate, Value up) {
  if (!up)
    std::tie(gate, up) = splitGate(gate);
  if (!gate || !up)
    return Value();
  if (context.hasAttr("swiglu_limit")) {
    double limit = context.getFloat("swiglu_limit", 0);
    gate = math.min(gate, limit);
    up = math.clip(up, -limit, limit);
  }
  float beta = context.getFloat("activation_beta", 0);
  if (beta != 0)
    up = math.add(up, beta);
  return math.mul(
      buildSwish(context, gate, context.getFloat("activation_alpha", 1)), up);
}

Value Experts::activate(Value gate, Value up) {
  if (!gate)
    return gate;
  std::string name = context.getString("activation_type", "relu");
  if (name == "swiglu")
    return applyGated(gate, up);
  if (name == "relu")
    gate = math.max(gate, 0.0);
  else if (name == "gelu")
    gate = buildGeluByTanh(context, gate); // as ONNX Runtime has it
  else if (name == "silu")
    gate = buildSwish(context, gate, 1);
  return up ? math.mul(gate, up) : gate;
}

LogicalResult Experts::finish(Value result) {
  Value x = context.input(0);
  return context.setResults(
      context.cast(context.reshape(result, NodeContext::dims(x)),
                   NodeContext::elementType(x)));
}

//===----------------------------------------------------------------------===//
// MoE
//===----------------------------------------------------------------------===//

/// rows [.., rows, K] times the matrices [experts, N, K] of an input, plus the
/// biases, [experts, N], of the one behind it; null without the input.
static Value multiplyStacked(NodeContext &context, Value rows, size_t input,
                             int64_t experts) {
  if (!context.hasInput(input))
    return Value();
  Type f32 = context.builder.getF32Type();
  if (failed(requireFloats(context, {input})) ||
      failed(requireRank(context, input, 3)) ||
      failed(context.requireEqual(NodeContext::dim(context.input(input), 0),
                                  context.constantExpr(experts),
                                  "its matrices are not one for each expert")))
    return Value();
  Value weights =
      context.transpose(context.cast(context.input(input), f32), {0, 2, 1});
  Value product = buildMatmul(context, rows, weights);
  Value bias = context.input(input + 1);
  if (!bias || !product)
    return product;
  if (failed(requireRank(context, input + 1, 2)))
    return Value();
  Exprs dims = NodeContext::dims(bias);
  dims.insert(dims.begin() + 1, context.constantExpr(1));
  return Arithmetic(context).add(
      product, context.reshape(context.cast(bias, f32), dims));
}

static LogicalResult importMoE(NodeContext &context) {
  constexpr size_t kFirst = 2, kSecond = 4, kThird = 6;
  if (failed(requireFloats(context, {kFirst, kSecond})))
    return failure();
  Experts experts(context);
  if (failed(experts.read()))
    return failure();
  const Arithmetic &math = experts.math;
  Value gate = multiplyStacked(context, experts.rows, kFirst, experts.count),
        up = multiplyStacked(context, experts.rows, kThird, experts.count);
  if (!gate || (context.hasInput(kThird) && !up))
    return failure();
  Value results = multiplyStacked(context, experts.activate(gate, up), kSecond,
                                  experts.count);
  // [experts, rows, 1]
  Value mixture = context.transpose(experts.mixture, {1, 0});
  Exprs dims = NodeContext::dims(mixture);
  dims.push_back(context.constantExpr(1));
  mixture = context.reshape(mixture, dims);
  return experts.finish(math.reduce(ReduceKind::Sum, math.mul(results, mixture),
                                    {0}, /*keepDims=*/false));
}

//===----------------------------------------------------------------------===//
// QMoE
//===----------------------------------------------------------------------===//

namespace {

/// The matrices of one projection, [N, K] for each expert, of few bits.
struct NarrowMatrices {
  NodeContext &context;
  size_t weights, zeroPoints; ///< inputs; scales and biases follow the weights
  int64_t experts, depth, bits;
  int64_t columns = 0, blocks = 1;

  LogicalResult read();
  Value multiply(Value rows, int64_t expert);

private:
  Value takeExpert(size_t input, int64_t expert);
  Value getZeroPoints(int64_t expert);
};

} // namespace

LogicalResult NarrowMatrices::read() {
  Type u8 = context.builder.getIntegerType(8, /*isSigned=*/false);
  if (failed(requireInputs(context, {weights})) ||
      failed(requireFloats(context, {weights + 1})) ||
      failed(requireRank(context, weights, 3)))
    return failure();
  RankedTensorType type = NodeContext::type(context.input(weights));
  if (type.getElementType() != u8)
    return context.unsupported("matrices that are not bytes are not supported");
  if (bits != 2 && bits != 4 && bits != 8)
    return context.unsupported("elements of " + Twine(bits) +
                               " bits are not supported");
  int64_t block = context.getInt("block_size", 0);
  if (!type.hasStaticShape() || type.getDimSize(0) != experts ||
      type.getDimSize(2) * 8 / bits != depth || depth * bits % 8 || block < 0 ||
      (block > 0 && (depth % block || block * bits % 8)))
    return context.invalid("its input " + Twine(weights) +
                           " is not a matrix for each of " + Twine(experts) +
                           " experts and " + Twine(depth) + " numbers");
  columns = type.getDimSize(1);
  blocks = block > 0 ? depth / block : 1;
  RankedTensorType scales = NodeContext::type(context.input(weights + 1));
  if (!scales.hasStaticShape() ||
      scales.getNumElements() != experts * columns * blocks)
    return context.invalid("its input " + Twine(weights + 1) +
                           " has not one scale for each block");
  return success();
}

/// What an input, [experts, ..], has for one.
Value NarrowMatrices::takeExpert(size_t input, int64_t expert) {
  return sliceAlong(context, context.input(input), 0,
                    context.constantExpr(expert), context.constantExpr(1));
}

/// A number, or [columns, blocks]: packed along blocks, or without these along
/// columns.
Value NarrowMatrices::getZeroPoints(int64_t expert) {
  Type u8 = context.builder.getIntegerType(8, /*isSigned=*/false);
  if (!context.hasInput(zeroPoints))
    return context.splat(std::exp2(bits - 1), u8);
  bool isOne = NodeContext::rank(context.input(zeroPoints)) == 2;
  int64_t lines = isOne ? 1 : columns, numbers = isOne ? columns : blocks,
          bytes = llvm::divideCeil(numbers * bits, 8);
  Value packed = context.reshape(
      takeExpert(zeroPoints, expert),
      {context.constantExpr(lines), context.constantExpr(bytes)});
  Value all =
      sliceAlong(context, unpackBytes(context, packed, bits), 1,
                 context.constantExpr(0), context.constantExpr(numbers));
  return context.reshape(
      all, {context.constantExpr(columns), context.constantExpr(blocks)});
}

Value NarrowMatrices::multiply(Value rows, int64_t expert) {
  Type f32 = context.builder.getF32Type();
  Value bytes = context.reshape(
      takeExpert(weights, expert),
      {context.constantExpr(columns), context.constantExpr(blocks),
       context.constantExpr(depth * bits / 8 / blocks)});
  Value scales = context.reshape(
      context.cast(takeExpert(weights + 1, expert), f32),
      {context.constantExpr(columns), context.constantExpr(blocks)});
  bool isFixed = context.getInt("accuracy_level", 0) == 4;
  Value product =
      context.create<BlockMatmulOp>(rows, bytes, scales, getZeroPoints(expert),
                                    static_cast<uint64_t>(bits), isFixed);
  if (!context.hasInput(weights + 2))
    return product;
  Value bias = context.reshape(takeExpert(weights + 2, expert),
                               {context.constantExpr(columns)});
  return Arithmetic(context).add(product, context.cast(bias, f32));
}

static LogicalResult importQMoE(NodeContext &context) {
  constexpr size_t kFirst = 2, kSecond = 5, kThird = 8, kZeroPoints = 11;
  if (std::string kind = context.getString("quant_type", "int"); kind != "int")
    return context.unsupported("quant_type '" + kind + "' is not supported");
  if (context.getInt("weights_prepacked", -1) == 1)
    return context.unsupported("matrices in the order of another device "
                               "(weights_prepacked) are not supported");
  Experts experts(context);
  if (failed(experts.read()))
    return failure();
  const Arithmetic &math = experts.math;
  int64_t bits = context.getInt("expert_weight_bits", 4);
  auto make = [&](size_t input, size_t number, int64_t depth) {
    std::string name =
        "fc" + std::to_string(number + 1) + "_expert_weight_bits";
    return NarrowMatrices{context,       input, kZeroPoints + number,
                          experts.count, depth, context.getInt(name, bits)};
  };
  NarrowMatrices first = make(kFirst, 0, experts.features);
  std::optional<NarrowMatrices> third;
  if (context.hasInput(kThird))
    third.emplace(make(kThird, 2, experts.features));
  if (failed(first.read()) || (third && failed(third->read())))
    return failure();
  bool isHalved =
      context.getString("activation_type", "relu") == "swiglu" && !third;
  NarrowMatrices second =
      make(kSecond, 1, isHalved ? first.columns / 2 : first.columns);
  if (failed(second.read()))
    return failure();
  Value sum;
  for (int64_t expert = 0; expert < experts.count; ++expert) {
    Value up = third ? third->multiply(experts.rows, expert) : Value();
    Value hidden = experts.activate(first.multiply(experts.rows, expert), up);
    Value share =
        sliceAlong(context, experts.mixture, 1, context.constantExpr(expert),
                   context.constantExpr(1));
    Value part = math.mul(second.multiply(hidden, expert), share);
    sum = sum ? math.add(sum, part) : part;
    if (!sum)
      return failure();
  }
  return experts.finish(sum);
}

void frontend::addContribExpertRules(RuleTable &table) {
  table.add("com.microsoft", "MoE", 1, importMoE);
  table.add("com.microsoft", "QMoE", 1, importQMoE);
}
