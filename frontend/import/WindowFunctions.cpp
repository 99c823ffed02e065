// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// HannWindow, HammingWindow, BlackmanWindow: sums of cosines over a period. In
// f64, because an integer type has no room for a peak of 0.99999994, which is
// what ONNX's bodies for them give in f32.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

namespace {
/// a[0] + a[1] cos(t) + a[2] cos(2 t), t from -pi to pi: at the peak, both
/// cosines are exactly 1.
using CosineSum = std::array<double, 3>;
} // namespace

static LogicalResult importWindow(NodeContext &context, const CosineSum &a) {
  Arithmetic math(context);
  auto size = getSize(context, context.input(0), "the length of the window");
  Type type = context.getElementType(
      static_cast<int32_t>(context.getInt("output_datatype", 1)));
  if (!size || !type)
    return failure();
  Type f64 = context.builder.getF64Type();
  // A symmetric window has the last point of its period, too.
  AffineExpr period =
      context.getInt("periodic", 1) ? *size : simplify(*size - 1);
  Value fraction = math.div(math.iota(*size, 0, 1, f64),
                            context.cast(context.sizeScalar(period), f64));
  Value angle = math.mul(math.sub(fraction, 0.5), 2 * M_PI);
  Value result = math.mul(context.create<CosOp>(angle), a[1]);
  if (a[2] != 0)
    result = math.add(
        result, math.mul(context.create<CosOp>(math.mul(angle, 2.0)), a[2]));
  // a[0] last: 0.5 + 0.08 + 0.42 is 1, other orders round below it.
  return context.setResults(context.cast(math.add(result, a[0]), type));
}

template <int kA0, int kA1, int kA2, int kDenominator>
static LogicalResult importWindow(NodeContext &context) {
  constexpr double kUnit = kDenominator;
  return importWindow(context, {kA0 / kUnit, kA1 / kUnit, kA2 / kUnit});
}

void frontend::addWindowFunctionRules(RuleTable &table) {
  table.add("HannWindow", importWindow<1, 1, 0, 2>);
  table.add("HammingWindow", importWindow<25, 21, 0, 46>);
  table.add("BlackmanWindow", importWindow<42, 50, 8, 100>);
}
