// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tables and matrices of few bits an element, of the domain com.microsoft;
// MatMulNBits stands with the other quantized operators.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "llvm/Support/MathExtras.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// GatherBlockQuantized
//===----------------------------------------------------------------------===//

namespace {

/// Rows of a table that is quantized in blocks, dequantized once they have been
/// taken: the table stays as it is.
class QuantizedTable {
public:
  explicit QuantizedTable(NodeContext &context) : context(context) {}

  LogicalResult import();

private:
  LogicalResult read();
  Value getTaken(size_t input, int64_t axis);
  Value spreadBlocks(Value parameters);
  Value getZeroPoint();

  NodeContext &context;
  int64_t gatherAxis = 0, quantizeAxis = 0, bits = 4, block = 0;
  int64_t axis = 0;      ///< of the blocks, in what was taken
  int64_t length = 0;    ///< along it
  bool isPacked = false; ///< bytes hold several elements
};

} // namespace

LogicalResult QuantizedTable::read() {
  if (failed(requireInputs(context, {0, 1})) ||
      failed(requireFloats(context, {2})))
    return failure();
  Value data = context.input(0);
  auto type = dyn_cast<IntegerType>(NodeContext::elementType(data));
  int64_t rank = NodeContext::rank(data);
  if (!type || type.getWidth() > 8)
    return context.unsupported("a table that does not hold integers of at "
                               "most 8 bits is not supported");
  auto gathered = context.normalizeAxis(context.getInt("gather_axis", 0), rank),
       quantized =
           context.normalizeAxis(context.getInt("quantize_axis", 1), rank);
  if (!gathered || !quantized)
    return failure();
  gatherAxis = *gathered;
  quantizeAxis = *quantized;
  block = context.getInt("block_size", 128);
  bits = context.getInt("bits", 4);
  isPacked = type.getWidth() == 8 && bits < 8;
  if (type.getWidth() < 8)
    bits = type.getWidth();
  if ((bits != 2 && bits != 4 && bits != 8) || block < 1)
    return context.unsupported("elements of " + Twine(bits) +
                               " bits in blocks of " + Twine(block) +
                               " are not supported");
  if (gatherAxis == quantizeAxis || (isPacked && gatherAxis == rank - 1))
    return context.unsupported(
        "a table of which elements are taken along its blocks");
  if (failed(requireRank(context, 2, rank)) ||
      (context.hasInput(3) && failed(requireRank(context, 3, rank))))
    return failure();
  auto size =
      dyn_cast<AffineConstantExpr>(NodeContext::dim(data, quantizeAxis));
  if (!size)
    return context.unsupported("the length of its blocks' dimension is not "
                               "constant");
  length = size.getValue();
  if (isPacked && quantizeAxis == rank - 1)
    length *= 8 / bits;
  axis =
      quantizeAxis +
      (quantizeAxis > gatherAxis ? NodeContext::rank(context.input(1)) - 1 : 0);
  return context.requireEqual(
      NodeContext::dim(context.input(2), quantizeAxis),
      context.constantExpr(llvm::divideCeil(length, block)),
      "it has not one scale for each block");
}

Value QuantizedTable::getTaken(size_t input, int64_t along) {
  return context.create<GatherOp>(context.input(input), context.input(1),
                                  along);
}

/// Parameters of blocks, for each element of the blocks.
Value QuantizedTable::spreadBlocks(Value parameters) {
  if (!parameters)
    return parameters;
  Exprs dims = NodeContext::dims(parameters), wide = dims, flat = dims;
  wide.insert(wide.begin() + axis + 1, context.constantExpr(1));
  Value each = context.reshape(parameters, wide);
  wide[axis + 1] = context.constantExpr(block);
  flat[axis] = context.constantExpr(llvm::divideCeil(length, block) * block);
  each = context.reshape(context.broadcast(each, wide), flat);
  // The last block may reach beyond the end.
  return sliceAlong(context, each, axis, context.constantExpr(0),
                    context.constantExpr(length));
}

/// What stands for zero, in i32: by default the middle of what bytes hold, 0 of
/// other types.
Value QuantizedTable::getZeroPoint() {
  Type i32 = context.builder.getI32Type();
  bool isBytes = isPacked || bits == 8;
  if (!context.hasInput(3))
    return context.splat(isBytes ? 1 << (bits - 1) : 0, i32);
  Value taken = getTaken(3, gatherAxis);
  if (isPacked && taken) {
    int64_t last = NodeContext::rank(taken) - 1;
    taken = unpackBytes(context, taken, bits);
    // A row's zero points fill whole bytes.
    if (taken && last == axis)
      taken = sliceAlong(context, taken, last, context.constantExpr(0),
                         context.constantExpr(llvm::divideCeil(length, block)));
  }
  return spreadBlocks(context.cast(taken, i32));
}

LogicalResult QuantizedTable::import() {
  if (failed(read()))
    return failure();
  Arithmetic math(context);
  Type i32 = context.builder.getI32Type(), f32 = context.builder.getF32Type();
  Value elements = getTaken(0, gatherAxis);
  if (isPacked)
    elements = unpackBytes(context, elements, bits);
  Value centered = math.sub(context.cast(elements, i32), getZeroPoint());
  Type type = NodeContext::elementType(context.input(2));
  Value scale = spreadBlocks(context.cast(getTaken(2, gatherAxis), f32));
  return context.setResults(
      context.cast(math.mul(context.cast(centered, f32), scale), type));
}

static LogicalResult importGatherBlockQuantized(NodeContext &context) {
  return QuantizedTable(context).import();
}

//===----------------------------------------------------------------------===//
// MatMulBnb4
//===----------------------------------------------------------------------===//

/// What the 16 numbers of 4 bits stand for, relative to a block's largest
/// magnitude. Source: T. Dettmers et al., "QLoRA: Efficient Finetuning of
/// Quantized LLMs", 2023, and the library bitsandbytes.
static ArrayRef<double> getLevels(bool isNormalFloat) {
  static const double floats[] = {
      0,    0.005208333333,  0.66666667,  1,  1. / 3,  0.5,  1. / 6,  0.25,
      -0.0, -0.005208333333, -0.66666667, -1, -1. / 3, -0.5, -1. / 6, -0.25};
  static const double normalFloats[] = {-1.0,
                                        -0.6961928009986877,
                                        -0.5250730514526367,
                                        -0.39491748809814453,
                                        -0.28444138169288635,
                                        -0.18477343022823334,
                                        -0.09105003625154495,
                                        0.0,
                                        0.07958029955625534,
                                        0.16093020141124725,
                                        0.24611230194568634,
                                        0.33791524171829224,
                                        0.44070982933044434,
                                        0.5626170039176941,
                                        0.7229568362236023,
                                        1.0};
  return isNormalFloat ? ArrayRef(normalFloats) : ArrayRef(floats);
}

/// Weights [N, K], one after the other in blocks of `block_size`, by a table.
static Value readBnb4(NodeContext &context, int64_t rows, int64_t columns) {
  int64_t block = context.getInt("block_size", 0),
          kind = context.getInt("quant_type", -1);
  int64_t count = 0;
  if (llvm::MulOverflow(rows, columns, count)) {
    (void)context.invalid("N * K is too large");
    return Value();
  }
  Value bytes = context.input(1), largest = context.input(2);
  Type f32 = context.builder.getF32Type(),
       u8 = context.builder.getIntegerType(8, /*isSigned=*/false);
  int64_t blocks = llvm::divideCeil(count, block);
  if (NodeContext::elementType(bytes) != u8 ||
      failed(context.requireEqual(
          getNumElements(NodeContext::type(bytes)),
          context.constantExpr(llvm::divideCeil(count, 2)),
          "its input 1 has not the bytes that its attributes say")) ||
      failed(context.requireEqual(
          getNumElements(NodeContext::type(largest)),
          context.constantExpr(blocks),
          "its input 2 has not one element for each block"))) {
    (void)context.invalid("its input 1 does not hold bytes");
    return Value();
  }
  Arithmetic math(context);
  bytes = context.reshape(bytes,
                          {context.constantExpr(llvm::divideCeil(count, 2))});
  Value codes = unpackBytes(context, bytes, 4, /*highestFirst=*/true);
  codes = sliceAlong(context, codes, 0, context.constantExpr(0),
                     context.constantExpr(count));
  Value weights = context.create<GatherOp>(
      math.constant(getLevels(kind == 1), {16}, f32),
      context.cast(codes, context.builder.getI32Type()), int64_t(0));
  Value scales =
      context.reshape(context.cast(largest, f32),
                      {context.constantExpr(blocks), context.constantExpr(1)});
  scales = context.broadcast(
      scales, {context.constantExpr(blocks), context.constantExpr(block)});
  scales = context.reshape(scales, {context.constantExpr(blocks * block)});
  scales = sliceAlong(context, scales, 0, context.constantExpr(0),
                      context.constantExpr(count));
  return context.reshape(
      math.mul(weights, scales),
      {context.constantExpr(rows), context.constantExpr(columns)});
}

static LogicalResult importMatMulBnb4(NodeContext &context) {
  if (failed(requireFloats(context, {0, 2})) ||
      failed(requireInputs(context, {1})))
    return failure();
  int64_t rows = context.getInt("N", 0), columns = context.getInt("K", 0),
          kind = context.getInt("quant_type", -1);
  if (rows < 1 || columns < 1 || context.getInt("block_size", 0) < 1)
    return context.invalid("K, N and block_size are not all positive");
  if (kind != 0 && kind != 1)
    return context.unsupported("quant_type " + Twine(kind) +
                               " is neither FP4 nor NF4");
  Value x = context.input(0), weights = readBnb4(context, rows, columns);
  if (context.getInt("transB", 1))
    weights = context.transpose(weights, {1, 0});
  Value product = buildMatmul(
      context, context.cast(x, context.builder.getF32Type()), weights);
  return context.setResults(context.cast(product, NodeContext::elementType(x)));
}

void frontend::addContribWeightRules(RuleTable &table) {
  table.add("com.microsoft", "GatherBlockQuantized", 1,
            importGatherBlockQuantized);
  table.add("com.microsoft", "MatMulBnb4", 1, importMatMulBnb4);
}
