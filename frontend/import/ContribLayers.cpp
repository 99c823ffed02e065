// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Of the domain com.microsoft: layers with their channels last, and operators
// that ONNX has as well.

#include "frontend/import/Activations.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Normalization.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// Channels last
//===----------------------------------------------------------------------===//

/// [N, spatial.., C] as [N, C, spatial..].
static Value putChannelsFirst(NodeContext &context, Value value) {
  if (!value)
    return value;
  SmallVector<int64_t> order = range(0, NodeContext::rank(value));
  std::rotate(order.begin() + 1, order.end() - 1, order.end());
  return context.transpose(value, order);
}

/// [N, C, spatial..] as [N, spatial.., C].
static Value putChannelsLast(NodeContext &context, Value value) {
  if (!value)
    return value;
  SmallVector<int64_t> order = range(0, NodeContext::rank(value));
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return context.transpose(value, order);
}

/// A vector of channels beside [N, C, spatial..].
static Value asChannels(NodeContext &context, size_t input, int64_t rank) {
  if (failed(requireRank(context, input, 1)))
    return Value();
  Exprs dims(rank - 1, context.constantExpr(1));
  dims.front() = NodeContext::dim(context.input(input), 0);
  return context.reshape(widen(context, context.input(input)), dims);
}

/// Normalizes groups of x, [N, C, spatial..] of f32; input 1 is a scale and
/// input 2 a shift for each channel.
static Value normalizeChannels(NodeContext &context, Value x) {
  if (!x)
    return x;
  Arithmetic math(context);
  int64_t rank = NodeContext::rank(x);
  Value groups = normalizeGroups(context, x, context.getInt("groups", 0),
                                 context.getFloat("epsilon", 1e-5F));
  Value result = context.reshape(groups, NodeContext::dims(x));
  result = math.add(math.mul(result, asChannels(context, 1, rank)),
                    asChannels(context, 2, rank));
  return context.getInt("activation", 0) == 1 ? buildSwish(context, result, 1)
                                              : result;
}

/// Input 0 as [N, C, spatial..] of f32.
static Value readImage(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1, 2})))
    return Value();
  Value x = widen(context, context.input(0));
  if (NodeContext::rank(x) < 3) {
    (void)context.invalid("its input 0 has no spatial dimensions");
    return Value();
  }
  return context.getInt("channels_last", 1) ? putChannelsFirst(context, x) : x;
}

/// Back in the order and type of input 0.
static Value writeImage(NodeContext &context, Value value) {
  if (context.getInt("channels_last", 1))
    value = putChannelsLast(context, value);
  return value ? context.cast(value, NodeContext::elementType(context.input(0)))
               : value;
}

static LogicalResult importGroupNorm(NodeContext &context) {
  Value image = readImage(context);
  return context.setResults(
      writeImage(context, normalizeChannels(context, image)));
}

/// Of x + skip + bias. Outputs: the result, the sum.
static LogicalResult importSkipGroupNorm(NodeContext &context) {
  constexpr size_t kSkip = 3, kBias = 4;
  if (failed(requireFloats(context, {kSkip})))
    return failure();
  Arithmetic math(context);
  Value image = readImage(context), skip = widen(context, context.input(kSkip));
  if (!image)
    return failure();
  int64_t rank = NodeContext::rank(image);
  if (NodeContext::rank(skip) == 2) { // one for each channel
    Exprs dims(rank, context.constantExpr(1));
    dims[0] = NodeContext::dim(skip, 0);
    dims[1] = NodeContext::dim(skip, 1);
    skip = context.reshape(skip, dims);
  } else if (context.getInt("channels_last", 1)) {
    skip = putChannelsFirst(context, skip);
  }
  Value sum = math.add(image, skip);
  if (context.hasInput(kBias))
    sum = math.add(sum, asChannels(context, kBias, rank));
  return context.setResults(
      {writeImage(context, normalizeChannels(context, sum)),
       writeImage(context, sum)});
}

/// X [N, spatial.., C], filters [M, window.., C / group].
static LogicalResult importNhwcConv(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  for (size_t i : {0, 1})
    if (NodeContext::rank(context.input(i)) < 3)
      return context.invalid("its input " + Twine(i) +
                             " has no spatial dimensions");
  Value result =
      buildConvolution(context, putChannelsFirst(context, context.input(0)),
                       putChannelsFirst(context, context.input(1)));
  return context.setResults(putChannelsLast(
      context, addChannelBias(context, result, context.input(2))));
}

//===----------------------------------------------------------------------===//
// Forms of ONNX's operators
//===----------------------------------------------------------------------===//

/// Whether an input holds integers, if it is there; otherwise the node is
/// reported.
static LogicalResult requireIntegers(NodeContext &context, size_t input) {
  Value value = context.input(input);
  if (value && !isa<IntegerType>(NodeContext::elementType(value)))
    return context.invalid("its input " + Twine(input) +
                           " is no tensor of integers");
  return success();
}

/// By ONNX's rule, whose input 1 holds integers.
template <ImportRule rule, size_t... required>
static LogicalResult importAs(NodeContext &context) {
  if (failed(requireInputs(context, {required...})) ||
      failed(requireIntegers(context, 1)))
    return failure();
  return rule(context);
}

static LogicalResult importSamples(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  return importGridSample(context);
}

static LogicalResult importExpandDims(NodeContext &context) {
  if (failed(requireInputs(context, {0, 1})) ||
      failed(requireIntegers(context, 1)))
    return failure();
  auto given = getKnownInt(context, context.input(1), "the axis");
  if (!given)
    return failure();
  Exprs dims = NodeContext::dims(context.input(0));
  auto axis = context.normalizeAxis(*given, dims.size() + 1);
  if (!axis)
    return failure();
  dims.insert(dims.begin() + *axis, context.constantExpr(1));
  return context.setResults(context.reshape(context.input(0), dims));
}

void frontend::addContribLayerRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"ExpandDims", importExpandDims},
      {"GatherND", importAs<importGatherND, 0, 1>},
      {"GridSample", importSamples},
      {"GroupNorm", importGroupNorm},
      {"NhwcConv", importNhwcConv},
      {"Pad", importAs<importPad, 0, 1>},
      {"SkipGroupNorm", importSkipGroupNorm},
      {"Trilu", importAs<importTrilu, 0>},
  };
  for (auto [op, rule] : rules)
    table.add("com.microsoft", op, 1, rule);
}
