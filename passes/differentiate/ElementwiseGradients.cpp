// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Rules.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;

namespace dl {

//===----------------------------------------------------------------------===//
// One operand: dy/dx
//===----------------------------------------------------------------------===//

static void addUnaryGradients(GradientRules &rules) {
  using C = const Calculus &;
  using V = Value;
  rules.addUnary<AbsOp>([](C c, V x, V) { return c.create<SignOp>(x); });
  rules.addUnary<NegOp>([](C c, V x, V) { return c.number(-1, x); });
  rules.addUnary<SqrtOp>(
      [](C c, V, V y) { return c.div(c.number(0.5, y), y); });
  rules.addUnary<RsqrtOp>(
      [](C c, V, V y) { return c.mul(c.mul(y, c.square(y)), -0.5); });
  rules.addUnary<ReciprocalOp>([](C c, V, V y) { return c.neg(c.square(y)); });
  rules.addUnary<ExpOp>([](C, V, V y) { return y; });
  rules.addUnary<LogOp>([](C c, V x, V) { return c.create<ReciprocalOp>(x); });
  rules.addUnary<SinOp>([](C c, V x, V) { return c.create<CosOp>(x); });
  rules.addUnary<CosOp>([](C c, V x, V) { return c.neg(c.create<SinOp>(x)); });
  rules.addUnary<TanOp>([](C c, V, V y) { return c.add(c.square(y), 1); });
  rules.addUnary<AsinOp>(
      [](C c, V x, V) { return c.create<RsqrtOp>(c.sub(1, c.square(x))); });
  rules.addUnary<AcosOp>([](C c, V x, V) {
    return c.neg(c.create<RsqrtOp>(c.sub(1, c.square(x))));
  });
  rules.addUnary<AtanOp>([](C c, V x, V) {
    return c.create<ReciprocalOp>(c.add(c.square(x), 1));
  });
  rules.addUnary<SinhOp>([](C c, V x, V) { return c.create<CoshOp>(x); });
  rules.addUnary<CoshOp>([](C c, V x, V) { return c.create<SinhOp>(x); });
  rules.addUnary<AsinhOp>(
      [](C c, V x, V) { return c.create<RsqrtOp>(c.add(c.square(x), 1)); });
  rules.addUnary<AcoshOp>(
      [](C c, V x, V) { return c.create<RsqrtOp>(c.add(c.square(x), -1)); });
  rules.addUnary<AtanhOp>([](C c, V x, V) {
    return c.create<ReciprocalOp>(c.sub(1, c.square(x)));
  });
  rules.addUnary<ErfOp>([](C c, V x, V) {
    return c.mul(c.exp(c.neg(c.square(x))), 2 / std::sqrt(M_PI));
  });
  rules.addUnary<TanhOp>([](C c, V, V y) { return c.sub(1, c.square(y)); });
  rules.addUnary<SigmoidOp>([](C c, V, V y) { return c.mul(y, c.sub(1, y)); });
  rules.addConstant<CeilOp, FloorOp, RoundOp, SignOp>();
}

static LogicalResult differentiate(CastOp op, const GradientContext &context) {
  Value x = op.getOperand();
  context.addTo(x, context.cast(context.getGradient(), Calculus::element(x)));
  return success();
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(AddOp op, const GradientContext &context) {
  context.addTo(op.getLhs(), context.getGradient());
  context.addTo(op.getRhs(), context.getGradient());
  return success();
}

static LogicalResult differentiate(SubOp op, const GradientContext &context) {
  context.addTo(op.getLhs(), context.getGradient());
  if (context.wants(op.getRhs()))
    context.addTo(op.getRhs(), context.neg(context.getGradient()));
  return success();
}

static LogicalResult differentiate(MulOp op, const GradientContext &context) {
  Value gradient = context.getGradient();
  if (context.wants(op.getLhs()))
    context.addTo(op.getLhs(), context.mul(gradient, op.getRhs()));
  if (context.wants(op.getRhs()))
    context.addTo(op.getRhs(), context.mul(gradient, op.getLhs()));
  return success();
}

static LogicalResult differentiate(DivOp op, const GradientContext &context) {
  Value share = context.div(context.getGradient(), op.getRhs());
  context.addTo(op.getLhs(), share);
  if (context.wants(op.getRhs()))
    context.addTo(op.getRhs(), context.neg(context.mul(share, op.getResult())));
  return success();
}

/// a mod b = a - q * b, with a quotient q that is constant between jumps.
static LogicalResult differentiate(ModOp op, const GradientContext &context) {
  Value gradient = context.getGradient(), a = op.getLhs(), b = op.getRhs();
  context.addTo(a, gradient);
  if (!context.wants(b))
    return success();
  Value quotient =
      context.create<RoundOp>(context.div(context.sub(a, op.getResult()), b));
  context.addTo(b, context.neg(context.mul(gradient, quotient)));
  return success();
}

static LogicalResult differentiate(PowOp op, const GradientContext &context) {
  Value gradient = context.getGradient(), a = op.getLhs(), b = op.getRhs();
  if (context.wants(a)) {
    // Of exponent 0, the derivative is 0, also where a is 0.
    Value slope = context.mul(b, context.pow(a, context.add(b, -1)));
    slope = context.select(context.compare(Predicate::Eq, b, 0.0),
                           context.number(0, slope), slope);
    context.addTo(a, context.mul(gradient, slope));
  }
  if (context.wants(b)) {
    Value slope = context.mul(op.getResult(), context.log(a));
    slope = context.select(context.compare(Predicate::Eq, a, 0.0),
                           context.number(0, slope), slope);
    context.addTo(b, context.mul(gradient, slope));
  }
  return success();
}

/// The larger (or smaller) operand takes the gradient. Of equal ones, each
/// takes half; beside a constant, as in a rectifier, none.
template <typename Op, Predicate predicate>
static LogicalResult differentiateExtreme(Op op,
                                          const GradientContext &context) {
  Value gradient = context.getGradient(), a = op.getLhs(), b = op.getRhs();
  bool both = context.wants(a) && context.wants(b);
  auto addShare = [&](Value x, Value other) {
    if (!context.wants(x))
      return;
    Value zero = context.number(0, gradient);
    if (both)
      zero = context.select(context.compare(Predicate::Eq, x, other),
                            context.mul(gradient, 0.5), zero);
    context.addTo(x, context.select(context.compare(predicate, x, other),
                                    gradient, zero));
  };
  addShare(a, b);
  addShare(b, a);
  return success();
}

static LogicalResult differentiate(SelectOp op,
                                   const GradientContext &context) {
  Value gradient = context.getGradient(), zero = context.number(0, gradient);
  if (context.wants(op.getOnTrue()))
    context.addTo(op.getOnTrue(),
                  context.select(op.getCondition(), gradient, zero));
  if (context.wants(op.getOnFalse()))
    context.addTo(op.getOnFalse(),
                  context.select(op.getCondition(), zero, gradient));
  return success();
}

void addElementwiseGradients(GradientRules &rules) {
  addUnaryGradients(rules);
  rules.add<CastOp>(differentiate);
  rules.add<AddOp>(differentiate);
  rules.add<SubOp>(differentiate);
  rules.add<MulOp>(differentiate);
  rules.add<DivOp>(differentiate);
  rules.add<ModOp>(differentiate);
  rules.add<PowOp>(differentiate);
  rules.add<MaxOp>(differentiateExtreme<MaxOp, Predicate::Gt>);
  rules.add<MinOp>(differentiateExtreme<MinOp, Predicate::Lt>);
  rules.add<SelectOp>(differentiate);
}

} // namespace dl
