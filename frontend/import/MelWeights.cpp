// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// MelWeightMatrix: triangles over the bins of a spectrum, at distances that are
// equal on the mel scale.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// Hertz in mel, by O'Shaughnessy's formula, 2595 log10(1 + f / 700).
static Value toMel(const Arithmetic &math, Value hertz) {
  return math.mul(math.log(math.add(math.div(hertz, 700.0), 1.0)),
                  2595.0 / M_LN10);
}

static Value toHertz(const Arithmetic &math, Value mel) {
  return math.mul(
      math.sub(math.exp(math.mul(math.div(mel, 2595.0), M_LN10)), 1.0), 700.0);
}

/// The number that an input holds, as an f64 scalar.
static Value getScalar(NodeContext &context, size_t i) {
  return context.cast(context.reshape(context.input(i), {}),
                      context.builder.getF64Type());
}

/// Elements [first, first + size) of a vector, as a row.
static Value getRow(NodeContext &context, Value vector, int64_t first,
                    AffineExpr size) {
  if (!vector)
    return vector;
  Value part = context.create<SliceOp>(
      getTensorType({size}, NodeContext::elementType(vector)), vector,
      getSymbolMap({context.constantExpr(first)}, context.builder.getContext()),
      SmallVector<int64_t>{1});
  return context.reshape(part, {context.constantExpr(1), size});
}

static LogicalResult importMelWeightMatrix(NodeContext &context) {
  Arithmetic math(context);
  auto bins = getSize(context, context.input(0), "the number of mel bins");
  auto length = getSize(context, context.input(1), "the length of the DFT");
  Type type = context.getElementType(
      static_cast<int32_t>(context.getInt("output_datatype", 1)));
  if (!bins || !length || !type)
    return failure();
  Type f64 = context.builder.getF64Type();
  Value low = toMel(math, getScalar(context, 3));
  Value high = toMel(math, getScalar(context, 4));
  Value count = context.cast(context.sizeScalar(simplify(*bins + 2)), f64);
  Value mel = math.add(math.mul(math.iota(simplify(*bins + 2), 0, 1, f64),
                                math.div(math.sub(high, low), count)),
                       low);
  // The bins of the spectrum in which the triangles begin, peak and end.
  Value points =
      math.mul(toHertz(math, mel),
               context.cast(context.sizeScalar(simplify(*length + 1)), f64));
  points = context.create<FloorOp>(math.div(points, getScalar(context, 2)));
  Value begin = getRow(context, points, 0, *bins),
        peak = getRow(context, points, 1, *bins),
        end = getRow(context, points, 2, *bins);
  Value bin = math.iota(simplify((*length).floorDiv(2) + 1), 0, 2, f64);

  auto isBetween = [&](Value from, Value to, Predicate relation) {
    return context.create<AndOp>(math.compare(Predicate::Ge, bin, from),
                                 math.compare(relation, bin, to));
  };
  Value rise = math.sub(peak, begin), fall = math.sub(end, peak);
  Value rising = math.select(isBetween(begin, peak, Predicate::Le),
                             math.div(math.sub(bin, begin), rise), 0.0);
  // Without a slope, the peak alone counts.
  Value isSteep = math.compare(Predicate::Eq, rise, 0.0);
  rising = math.select(
      isSteep, context.cast(math.compare(Predicate::Eq, bin, peak), f64),
      rising);
  Value weights = math.select(isBetween(peak, end, Predicate::Lt),
                              math.div(math.sub(end, bin), fall), rising);
  return context.setResults(context.cast(weights, type));
}

void frontend::addMelWeightRules(RuleTable &table) {
  table.add("MelWeightMatrix", importMelWeightMatrix);
}
