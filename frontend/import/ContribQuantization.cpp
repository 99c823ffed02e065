// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The quantized operators of the domain com.microsoft.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Packed.h"
#include "frontend/import/Quantization.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

/// Whether an input has a type of 8-bit integers.
static LogicalResult requireBytes(NodeContext &context,
                                  ArrayRef<size_t> inputs) {
  if (failed(requireInputs(context, inputs)))
    return failure();
  for (size_t i : inputs) {
    auto type =
        dyn_cast<IntegerType>(NodeContext::elementType(context.input(i)));
    if (!type || type.getWidth() != 8)
      return context.invalid("its input " + Twine(i) +
                             " is no tensor of 8-bit integers");
  }
  return success();
}

static Value scalar(NodeContext &context, size_t input) {
  Value value = context.input(input);
  return value ? context.reshape(value, {}) : value;
}

/// Inputs `first`, a scale and a zero point after it, as f32.
static Value dequantizeInput(NodeContext &context, size_t first) {
  return dequantize(context, context.input(first), scalar(context, first + 1),
                    scalar(context, first + 2));
}

/// Quantizes to the type `type` by the scale and zero point from input `first`
/// on.
static Value quantizeResult(NodeContext &context, Value value, size_t first,
                            Type type) {
  return quantize(context, value, scalar(context, first),
                  scalar(context, first + 1), type,
                  context.builder.getF32Type());
}

//===----------------------------------------------------------------------===//
// Elementwise and movement
//===----------------------------------------------------------------------===//

template <class Op> static LogicalResult importBinary(NodeContext &context) {
  if (failed(requireBytes(context, {0, 3})) ||
      failed(requireInputs(context, {1, 4, 6})))
    return failure();
  Value result = Arithmetic(context).apply<Op>(dequantizeInput(context, 0),
                                               dequantizeInput(context, 3));
  return context.setResults(quantizeResult(
      context, result, 6, NodeContext::elementType(context.input(0))));
}

/// A function of one quantized tensor.
static LogicalResult
importUnary(NodeContext &context,
            function_ref<Value(Arithmetic &, Value)> compute) {
  if (failed(requireBytes(context, {0})) ||
      failed(requireInputs(context, {1, 3})))
    return failure();
  Arithmetic math(context);
  Value result = compute(math, dequantizeInput(context, 0));
  return context.setResults(quantizeResult(
      context, result, 3, NodeContext::elementType(context.input(0))));
}

static LogicalResult importSigmoid(NodeContext &context) {
  return importUnary(context,
                     [](Arithmetic &math, Value x) { return math.sigmoid(x); });
}

static LogicalResult importLeakyRelu(NodeContext &context) {
  float alpha = context.getFloat("alpha", 0.01F);
  return importUnary(context, [&](Arithmetic &math, Value x) {
    return math.select(math.compare(Predicate::Lt, x, 0.0), math.mul(x, alpha),
                       x);
  });
}

static LogicalResult importSoftmax(NodeContext &context) {
  if (failed(requireInputs(context, {0})))
    return failure();
  constexpr int64_t kFlattens = 12; // the last version that does
  int64_t rank = NodeContext::rank(context.input(0));
  if (context.getInt("opset", kFlattens + 1) <= kFlattens)
    return context.unsupported("softmax over several dimensions, as of opset " +
                               Twine(kFlattens) + ", is not supported");
  auto axis = context.normalizeAxis(context.getInt("axis", -1), rank);
  if (!axis)
    return failure();
  return importUnary(context, [&](Arithmetic &, Value x) {
    return context.create<SoftmaxOp>(x, *axis, /*log=*/false);
  });
}

static LogicalResult importGlobalAveragePool(NodeContext &context) {
  if (failed(requireInputs(context, {0})))
    return failure();
  int64_t rank = NodeContext::rank(context.input(0));
  bool isChannelsLast = context.getInt("channels_last", 0) != 0;
  if (rank < 3)
    return context.invalid("its input has no spatial dimensions");
  return importUnary(context, [&](Arithmetic &math, Value x) {
    return math.mean(x, isChannelsLast ? range(1, rank - 1) : range(2, rank),
                     /*keepDims=*/true);
  });
}

static LogicalResult importConcat(NodeContext &context) {
  if (failed(requireInputs(context, {0, 1})) || context.numInputs() < 5 ||
      context.numInputs() % 3 != 2)
    return context.invalid("its inputs are not a scale, a zero point and three "
                           "for each tensor");
  Type type = NodeContext::elementType(context.input(1));
  SmallVector<Value> parts;
  for (size_t i = 2; i < context.numInputs(); i += 3) {
    if (failed(requireBytes(context, {i})) ||
        failed(requireInputs(context, {i + 1, i + 2})))
      return failure();
    parts.push_back(dequantizeInput(context, i));
  }
  auto axis = context.normalizeAxis(context.getInt("axis", 0),
                                    NodeContext::rank(context.input(2)));
  if (!axis)
    return failure();
  Value all = parts.size() == 1 ? parts.front()
                                : context.create<ConcatOp>(parts, *axis);
  return context.setResults(quantizeResult(context, all, 0, type));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A parameter of the columns of a matrix, a scalar or [N], as it broadcasts
/// with the product.
static Value perColumn(NodeContext &context, size_t input) {
  Value value = context.input(input);
  if (!value)
    return value;
  SmallVector<AffineExpr> dims = NodeContext::dims(value);
  bool isScalar = llvm::all_of(dims, [](AffineExpr dim) { return dim == 1; });
  return isScalar ? context.reshape(value, {}) : value;
}

/// The product of centered integers, as f32, times both scales; plus a bias
/// that may be null.
static Value multiply(NodeContext &context, Value a, Value aScale, Value b,
                      Value bScale, Value bias) {
  Arithmetic math(context);
  Value product =
      context.cast(buildMatmul(context, a, b), context.builder.getF32Type());
  Value result = math.mul(product, math.mul(aScale, bScale));
  return bias ? math.add(result, bias) : result;
}

static LogicalResult importMatMulIntegerToFloat(NodeContext &context) {
  if (failed(requireBytes(context, {0, 1})) ||
      failed(requireInputs(context, {2, 3})))
    return failure();
  Value aScale = scalar(context, 2), bScale = perColumn(context, 3);
  return context.setResults(
      multiply(context, center(context, context.input(0), scalar(context, 4)),
               aScale, center(context, context.input(1), perColumn(context, 5)),
               bScale, context.input(6)));
}

/// A tensor of f32 quantized to ui8 by its range: the integers, the scale and
/// the zero point, as DynamicQuantizeLinear of ONNX.
static std::array<Value, 3> quantizeByRange(NodeContext &context, Value x) {
  Arithmetic math(context);
  constexpr double kMost = 255;
  SmallVector<int64_t> axes = range(0, NodeContext::rank(x));
  Value high = math.max(math.reduce(ReduceKind::Max, x, axes, false), 0.0);
  Value low = math.min(math.reduce(ReduceKind::Min, x, axes, false), 0.0);
  Value scale = math.div(math.sub(high, low), kMost);
  scale = math.select(math.compare(Predicate::Eq, scale, 0.0), 1.0, scale);
  Type u8 = context.builder.getIntegerType(8, /*isSigned=*/false);
  Value zero = context.create<RoundOp>(
      math.clip(math.div(math.sub(0.0, low), scale), 0.0, kMost));
  zero = context.cast(zero, u8);
  Value integers =
      quantize(context, x, scale, zero, u8, context.builder.getF32Type());
  return {integers, scale, zero};
}

static LogicalResult importDynamicQuantizeMatMul(NodeContext &context) {
  if (failed(requireBytes(context, {1})) ||
      failed(requireInputs(context, {0, 2})))
    return failure();
  if (!NodeContext::elementType(context.input(0)).isF32())
    return context.invalid("its input 0 is no tensor of float");
  auto [integers, scale, zero] = quantizeByRange(context, context.input(0));
  return context.setResults(
      multiply(context, center(context, integers, zero), scale,
               center(context, context.input(1), perColumn(context, 3)),
               perColumn(context, 2), context.input(4)));
}

/// alpha * A' * B' + C, C of i32 by the scale of the product; quantized where
/// there is a scale for it.
static LogicalResult importGemm(NodeContext &context) {
  if (failed(requireBytes(context, {0, 3})) ||
      failed(requireInputs(context, {1, 4})))
    return failure();
  Arithmetic math(context);
  for (size_t i : {0, 3})
    if (NodeContext::rank(context.input(i)) != 2)
      return context.invalid("its input " + Twine(i) + " is no matrix");
  // Of a transposed B, parameters still belong to columns of the product.
  Value a = center(context, context.input(0), scalar(context, 2));
  Value b = context.input(3);
  if (context.getInt("transA", 0))
    a = context.transpose(a, {1, 0});
  if (context.getInt("transB", 0))
    b = context.transpose(b, {1, 0});
  b = center(context, b, perColumn(context, 5));
  Value scale = math.mul(scalar(context, 1), perColumn(context, 4));
  float alpha = context.getFloat("alpha", 1);
  if (alpha != 1)
    scale = math.mul(scale, alpha);
  Value sums = buildMatmul(context, a, b);
  if (Value bias = context.input(6))
    sums = math.add(sums, bias);
  Value result =
      math.mul(context.cast(sums, context.builder.getF32Type()), scale);
  if (!context.hasInput(7))
    return context.setResults(result);
  Type type = context.hasInput(8) ? NodeContext::elementType(context.input(8))
                                  : NodeContext::elementType(context.input(0));
  return context.setResults(quantizeResult(context, result, 7, type));
}

//===----------------------------------------------------------------------===//
// Weights of few bits
//===----------------------------------------------------------------------===//

namespace {

/// The attributes of MatMulNBits and what follows from them.
struct BlockedWeights {
  int64_t depth, columns, bits, blockSize;

  int64_t blocks() const { return llvm::divideCeil(depth, blockSize); }
  int64_t blockBytes() const { return blockSize * bits / 8; }

  static std::optional<BlockedWeights> read(NodeContext &context);
};

} // namespace

std::optional<BlockedWeights> BlockedWeights::read(NodeContext &context) {
  BlockedWeights weights{context.getInt("K", 0), context.getInt("N", 0),
                         context.getInt("bits", 4),
                         context.getInt("block_size", 0)};
  if (weights.depth < 1 || weights.columns < 1 || weights.blockSize < 1) {
    (void)context.invalid("K, N and block_size are not all positive");
    return std::nullopt;
  }
  if ((weights.bits != 2 && weights.bits != 4 && weights.bits != 8) ||
      weights.blockSize * weights.bits % 8) {
    (void)context.unsupported("weights of " + Twine(weights.bits) +
                              " bits in blocks of " + Twine(weights.blockSize) +
                              " are not supported");
    return std::nullopt;
  }
  return weights;
}

/// An input as a tensor of this static shape, if it has as many elements.
static Value reshapeInput(NodeContext &context, size_t input,
                          ArrayRef<int64_t> shape) {
  Value value = context.input(input);
  int64_t count = 1;
  SmallVector<AffineExpr> dims;
  for (int64_t size : shape) {
    count *= size;
    dims.push_back(context.constantExpr(size));
  }
  RankedTensorType type = NodeContext::type(value);
  if (!type.hasStaticShape() || type.getNumElements() != count) {
    (void)context.invalid("its input " + Twine(input) + " has not the " +
                          Twine(count) + " elements that its attributes say");
    return {};
  }
  return context.reshape(value, dims);
}

/// Zero points as ui8: a scalar, or [N, blocks].
static Value readZeroPoints(NodeContext &context,
                            const BlockedWeights &weights) {
  OpBuilder &builder = context.builder;
  Type u8 = builder.getIntegerType(8, /*isSigned=*/false);
  constexpr size_t kInput = 3;
  if (!context.hasInput(kInput))
    return context.splat(static_cast<double>(1 << (weights.bits - 1)), u8);
  if (NodeContext::elementType(context.input(kInput)) != u8) {
    (void)context.unsupported("zero points that are not packed integers are "
                              "not supported");
    return {};
  }
  // Those of a column fill whole bytes.
  int64_t bytes = llvm::divideCeil(weights.blocks() * weights.bits, 8),
          inBytes = bytes * 8 / weights.bits;
  Value packed = reshapeInput(context, kInput, {weights.columns * bytes});
  if (!packed || weights.bits == 8)
    return packed ? context.reshape(packed,
                                    {context.constantExpr(weights.columns),
                                     context.constantExpr(weights.blocks())})
                  : packed;
  auto narrow = builder.getIntegerType(weights.bits, /*isSigned=*/false);
  Value all = context.cast(
      unpack(builder, context.loc, packed,
             RankedTensorType::get({weights.columns, inBytes}, narrow)),
      u8);
  if (inBytes == weights.blocks())
    return all;
  return context.create<SliceOp>(
      RankedTensorType::get({weights.columns, weights.blocks()}, u8), all,
      AffineMapAttr::get(AffineMap::get(
          0, 0, {context.constantExpr(0), context.constantExpr(0)},
          builder.getContext())),
      builder.getDenseI64ArrayAttr({1, 1}));
}

static LogicalResult importMatMulNBits(NodeContext &context) {
  auto weights = BlockedWeights::read(context);
  if (!weights || failed(requireInputs(context, {0, 1, 2})))
    return failure();
  constexpr size_t kGroups = 4, kBias = 5;
  if (context.hasInput(kGroups))
    return context.unsupported("an order of the groups is not supported");
  OpBuilder &builder = context.builder;
  Type f32 = builder.getF32Type(),
       u8 = builder.getIntegerType(8, /*isSigned=*/false);
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  if (NodeContext::elementType(context.input(1)) != u8 ||
      !isa<FloatType>(type) || NodeContext::rank(x) < 1)
    return context.unsupported("its first inputs are not floats and bytes");
  if (failed(context.requireEqual(NodeContext::dims(x).back(),
                                  context.constantExpr(weights->depth),
                                  "its input 0 does not end with K")))
    return failure();
  // The rows as one dimension.
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  AffineExpr rowCount = context.constantExpr(1);
  for (AffineExpr dim : ArrayRef(dims).drop_back())
    rowCount = rowCount * dim;
  Value rows = context.reshape(
      context.cast(x, f32),
      {mlir::dl::simplify(rowCount), context.constantExpr(weights->depth)});
  Value bytes = reshapeInput(
      context, 1, {weights->columns, weights->blocks(), weights->blockBytes()});
  Value scales =
      reshapeInput(context, 2, {weights->columns, weights->blocks()});
  Value zeroPoints = readZeroPoints(context, *weights);
  // Levels 2 to 4 allow float16, bfloat16 and int8 for the rows.
  int64_t level = context.getInt("accuracy_level", 0);
  Value product = context.create<BlockMatmulOp>(
      rows, bytes, scales ? context.cast(scales, f32) : scales, zeroPoints,
      static_cast<uint64_t>(weights->bits), /*fixed_point=*/level >= 2);
  dims.back() = context.constantExpr(weights->columns);
  product = product ? context.reshape(product, dims) : product;
  if (Value bias = context.input(kBias))
    product = Arithmetic(context).add(product, context.cast(bias, f32));
  return context.setResults(context.cast(product, type));
}

void frontend::addContribQuantizationRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"DequantizeLinear", importDequantizeLinear},
      {"DynamicQuantizeMatMul", importDynamicQuantizeMatMul},
      {"MatMulIntegerToFloat", importMatMulIntegerToFloat},
      {"MatMulNBits", importMatMulNBits},
      {"QGemm", importGemm},
      {"QLinearAdd", importBinary<AddOp>},
      {"QLinearConcat", importConcat},
      {"QLinearGlobalAveragePool", importGlobalAveragePool},
      {"QLinearLeakyRelu", importLeakyRelu},
      {"QLinearMul", importBinary<MulOp>},
      {"QLinearSigmoid", importSigmoid},
      {"QLinearSoftmax", importSoftmax},
      {"QuantizeLinear", importQuantizeLinear},
  };
  for (auto [op, rule] : rules)
    table.add("com.microsoft", op, 1, rule);
}
