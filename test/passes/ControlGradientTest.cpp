// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of control flow against central differences.

#include "test/passes/GradientTest.h"

#include "ir/dialect/DerivativeOps.h"
#include "ir/dialect/Dims.h"

using namespace ::dl::gradienttest;
using V = ValueRange;
using C = const Calculus &;

/// A scan whose body takes the states and slices, and returns what it yields.
static ScanOp scan(C math, V states, V inputs, TypeRange types, bool reverse,
                   llvm::function_ref<SmallVector<Value>(C, V)> body) {
  auto op =
      ScanOp::create(math.builder, math.loc, types, states, inputs, reverse);
  while (!op.getBody().empty())
    op.getBody().front().erase();
  auto *block = new Block;
  op.getBody().push_back(block);
  for (Value state : states)
    block->addArgument(state.getType(), math.loc);
  for (Value input : inputs) {
    auto type = Calculus::type(input);
    block->addArgument(RankedTensorType::get(type.getShape().drop_front(),
                                             type.getElementType()),
                       math.loc);
  }
  OpBuilder builder = OpBuilder::atBlockEnd(block);
  SmallVector<Value> results =
      body(Calculus(builder, math.loc), block->getArguments());
  YieldOp::create(builder, math.loc, results);
  return op;
}

/// h' = tanh(h * w + x), y = h' * h: the last state and the sum of all y.
static Case recurrence(const char *name, bool reverse) {
  return {
      name,
      [](Random &random) -> ::dl::gradienttest::Inputs {
        int64_t n = random.integer(1, 4), size = random.integer(1, 3);
        return {{{2, size}}, {{n, 2, size}}, {{size, size}}};
      },
      [=](C math, V x) {
        auto op = scan(math, {x[0]}, {x[1]}, {x[0].getType(), x[1].getType()},
                       reverse, [&](C inside, V own) -> SmallVector<Value> {
                         Value next = inside.create<TanhOp>(
                             inside.add(inside.matmul(own[0], x[2]), own[1]));
                         return {next, inside.mul(next, own[0])};
                       });
        return math.add(op.getResult(0), math.sum(op.getResult(1), {0}, false));
      }};
}

/// Only one of the results is used, a state of integers counts, and nothing
/// depends on one of the inputs.
static Case counting() {
  return {"counting_scan",
          [](Random &random) -> ::dl::gradienttest::Inputs {
            return {{{3}}, {{random.integer(1, 4), 3}}, {{3}}};
          },
          [](C math, V x) {
            Value zero = math.number(0, math.builder.getI64Type());
            auto op = scan(math, {zero, x[0], x[2]}, {x[1]},
                           {zero.getType(), x[0].getType(), x[2].getType()},
                           false, [&](C inside, V own) -> SmallVector<Value> {
                             Value count = inside.add(own[0], 1);
                             Value scale =
                                 inside.cast(count, Calculus::element(own[1]));
                             return {count,
                                     inside.add(inside.mul(own[1], scale),
                                                inside.square(own[3])),
                                     inside.mul(own[2], 2)};
                           });
            return math.mul(op.getResult(1), x[0]);
          }};
}

/// A scan in a scan: x * (w ^ rows ^ columns), and sums of it.
static Case nested() {
  return {"nested_scan",
          [](Random &random) -> ::dl::gradienttest::Inputs {
            return {{{2}},
                    {{random.integer(1, 3), random.integer(1, 3), 2}},
                    {{2}, 0.5, 1.5}};
          },
          [](C math, V x) {
            auto op = scan(
                math, {x[0]}, {x[1]}, {x[0].getType()}, false,
                [&](C inside, V own) -> SmallVector<Value> {
                  auto inner = scan(
                      inside, {own[0]}, {own[1]}, {own[0].getType()}, true,
                      [&](C deep, V most) -> SmallVector<Value> {
                        return {deep.add(deep.mul(most[0], x[2]), most[1])};
                      });
                  return {inside.mul(inner.getResult(0), own[0])};
                });
            return op.getResult(0);
          }};
}

/// x * w where their sum is positive, otherwise w * w: both ways are taken for
/// some seed.
static Case branch(const char *name, double low, double high) {
  return {name,
          [=](Random &random) -> ::dl::gradienttest::Inputs {
            return {{{random.integer(1, 3), 2}, low, high}, {{2}, 0.1, 0.5}};
          },
          [](C math, V x) {
            Value condition =
                math.compare(Predicate::Gt, math.sumAll(x[0]), 0.0);
            auto op = IfOp::create(math.builder, math.loc, {x[0].getType()},
                                   condition, ArrayRef<int64_t>());
            for (Region &region : op->getRegions()) {
              while (!region.empty())
                region.front().erase();
              auto *block = new Block;
              region.push_back(block);
              OpBuilder builder = OpBuilder::atBlockEnd(block);
              Calculus inside(builder, math.loc);
              Value result = &region == &op.getOnTrue()
                                 ? inside.mul(x[0], x[1])
                                 : inside.broadcast(inside.square(x[1]),
                                                    Calculus::type(x[0]));
              YieldOp::create(builder, math.loc, ValueRange{result});
            }
            return math.mul(op->getResult(0), x[0]);
          }};
}

/// s * w + x until the sum of squares is large, or for so many times.
static Case iteration(const char *name, double bound) {
  return {name,
          [](Random &random) -> ::dl::gradienttest::Inputs {
            return {{{2}}, {{2}, 1.1, 1.8}, {{random.integer(1, 3), 2}, 0.5}};
          },
          [=](C math, V x) {
            Value limit = math.number(5, math.builder.getI64Type());
            Value first = math.compare(Predicate::Lt, math.number(0, x[0]), 1);
            auto op = LoopOp::create(math.builder, math.loc,
                                     {x[2].getType(), limit.getType()}, limit,
                                     first, ValueRange{x[2], limit},
                                     ArrayRef<int64_t>(), ArrayRef<int64_t>());
            while (!op.getBody().empty())
              op.getBody().front().erase();
            auto *block = new Block;
            op.getBody().push_back(block);
            for (Value argument : {limit, x[2], limit})
              block->addArgument(argument.getType(), math.loc);
            OpBuilder builder = OpBuilder::atBlockEnd(block);
            Calculus inside(builder, math.loc);
            Value scale = inside.cast(
                inside.add(block->getArgument(0), block->getArgument(2)),
                Calculus::element(x[0]));
            Value next = inside.add(inside.mul(block->getArgument(1), x[1]),
                                    inside.mul(x[0], scale));
            Value goesOn = inside.compare(
                Predicate::Lt, inside.sumAll(inside.square(next)), bound);
            Value count = inside.add(block->getArgument(2), 1);
            YieldOp::create(builder, math.loc, ValueRange{goesOn, next, count});
            return math.mul(op.getResult(0), x[0]);
          }};
}

/// States of other sizes each time, and slices that are stacked: s becomes
/// tanh(s * w) above x, and of each s the sum of its rows is kept. A state that
/// has as many rows as iterations are left ends nothing.
static Case growth(const char *name, int64_t limit) {
  return {
      name,
      [](Random &random) -> ::dl::gradienttest::Inputs {
        return {{{random.integer(1, 2), 2}}, {{2}}, {{3, 2}}};
      },
      [=](C math, V x) {
        auto function =
            cast<func::FuncOp>(math.builder.getInsertionBlock()->getParentOp());
        function->setAttr(kSymbolsAttr, math.builder.getStrArrayAttr(
                                            {"before", "after", "count"}));
        auto type = Calculus::type(x[0]);
        auto getType = [&](AffineExpr rows) {
          return getTensorType({rows, math.constant(2)}, type.getElementType());
        };
        AffineExpr before = math.builder.getAffineSymbolExpr(0),
                   after = math.builder.getAffineSymbolExpr(1),
                   count = math.builder.getAffineSymbolExpr(2);
        Type i64 = math.builder.getI64Type();
        auto row = RankedTensorType::get({2}, type.getElementType());
        auto sequence = SequenceType::get(math.builder.getContext(), row);
        Value none = SequenceCreateOp::create(math.builder, math.loc, sequence,
                                              ValueRange());
        Value always = math.compare(Predicate::Lt, math.number(0, x[0]), 1);
        auto op = LoopOp::create(
            math.builder, math.loc, {getType(after), sequence},
            math.number(static_cast<double>(limit), i64), always,
            ValueRange{x[2], none}, ArrayRef<int64_t>{1}, ArrayRef<int64_t>{0});
        while (!op.getBody().empty())
          op.getBody().front().erase();
        auto *block = new Block;
        op.getBody().push_back(block);
        block->addArgument(RankedTensorType::get({}, i64), math.loc);
        block->addArgument(getType(before), math.loc);
        block->addArgument(sequence, math.loc);
        OpBuilder builder = OpBuilder::atBlockEnd(block);
        Calculus inside(builder, math.loc);
        Value state = block->getArgument(1);
        Value next = inside.create<ConcatOp>(
            SmallVector<Value>{inside.create<TanhOp>(inside.mul(state, x[1])),
                               x[0]},
            int64_t(0));
        Value kept = SequenceInsertOp::create(
            builder, math.loc, sequence, block->getArgument(2),
            inside.sum(inside.square(state), {0}, false), Value());
        YieldOp::create(builder, math.loc, ValueRange{always, next, kept});
        Value stacked = SequenceConcatOp::create(
            math.builder, math.loc, getType(count), op.getResult(1),
            uint64_t(0), /*stack=*/true, ArrayRef<int64_t>{2});
        return math.add(math.sum(math.square(op.getResult(0)), {0}, false),
                        math.sum(math.mul(stacked, x[1]), {0}, false));
      }};
}

/// A product of constant derivative, given by the program: not that of the
/// value itself where that is constant almost everywhere.
static Case given() {
  return {"with_gradient",
          [](Random &random) -> ::dl::gradienttest::Inputs {
            return {{{random.integer(1, 3), 2}, 0.6, 1.4}, {{2}}};
          },
          [](C math, V x) {
            Value y = math.mul(math.create<RoundOp>(x[0]), x[1]);
            auto op = WithGradientOp::create(math.builder, math.loc,
                                             TypeRange(y.getType()),
                                             ValueRange(y), ValueRange{x[1]});
            auto *block = &op.getBody().emplaceBlock();
            Value gradient = block->addArgument(y.getType(), math.loc);
            OpBuilder builder = OpBuilder::atBlockEnd(block);
            Calculus inside(builder, math.loc);
            YieldGradientOp::create(
                builder, math.loc,
                ValueRange{inside.reduceTo(gradient, Calculus::type(x[1]))});
            return op.getResult(0);
          }};
}

namespace dl::gradienttest {
std::vector<Case> getControlCases() {
  return {growth("growing_loop", 3),
          growth("growing_loop_once", 1),
          growth("growing_loop_never", 0),
          given(),
          recurrence("scan", false),
          recurrence("reverse_scan", true),
          counting(),
          nested(),
          iteration("loop", 1e9),
          iteration("loop_that_ends", 2000),
          iteration("loop_once", 0),
          branch("if_true", 0.1, 2),
          branch("if_false", -2, -0.1)};
}
} // namespace dl::gradienttest

INSTANTIATE_TEST_SUITE_P(Control, GradientTest,
                         ::testing::ValuesIn(getControlCases()), getName);
