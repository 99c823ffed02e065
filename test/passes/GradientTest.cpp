// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The gradient of each differentiable op against central differences, in f64,
// on random shapes, by the reference interpreter.

#include "test/passes/GradientTest.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "passes/differentiate/Losses.h"

using namespace dl;
using namespace mlir;
using namespace mlir::dl;
using namespace ::dl::gradienttest;

static double weigh(const Tensor &value, const std::vector<double> &weights) {
  std::vector<double> elements = value.load<double>();
  double sum = 0;
  for (auto [element, weight] : llvm::zip(elements, weights))
    sum += element * weight;
  return sum;
}

TEST_P(GradientTest, IsTheLimitOfDifferences) {
  constexpr int kShapes = 4;
  constexpr double kStep = 1e-5;
  const Case &tested = GetParam();
  for (unsigned seed = 1; seed <= kShapes; ++seed) {
    Random random(seed);
    Inputs inputs = tested.shape(random);
    OwningOpRef<ModuleOp> module = build(tested, inputs);
    ASSERT_TRUE(succeeded(verify(*module)));
    PassManager passes(&context);
    passes.addPass(createDifferentiate());
    ASSERT_TRUE(succeeded(passes.run(*module)));
    auto value = module->lookupSymbol<func::FuncOp>("value"),
         gradient = module->lookupSymbol<func::FuncOp>("gradient");

    SmallVector<Tensor> arguments;
    for (const Input &input : inputs)
      arguments.push_back(fill(input, random));
    auto result = reference::interpret(value, arguments);
    ASSERT_TRUE(succeeded(result));
    Input weightInput{SmallVector<int64_t>(result->front().getShape())};
    SmallVector<Tensor> withWeights(arguments);
    withWeights.push_back(fill(weightInput, random));
    std::vector<double> weights = withWeights.back().load<double>();
    auto found = reference::interpret(gradient, withWeights);
    ASSERT_TRUE(succeeded(found));

    size_t number = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].below)
        continue;
      std::vector<double> derivatives = (*found)[number++].load<double>();
      std::vector<double> elements = arguments[i].load<double>();
      ASSERT_EQ(derivatives.size(), elements.size());
      for (size_t e = 0; e < elements.size(); ++e) {
        auto valueAt = [&](double x) {
          std::vector<double> moved = elements;
          moved[e] = x;
          SmallVector<Tensor> changed(arguments);
          changed[i] = Tensor::store<double>(Float64Type::get(&context),
                                             inputs[i].shape, moved);
          auto results = reference::interpret(value, changed);
          EXPECT_TRUE(succeeded(results));
          return weigh(results->front(), weights);
        };
        double expected =
            (valueAt(elements[e] + kStep) - valueAt(elements[e] - kStep)) /
            (2 * kStep);
        EXPECT_NEAR(derivatives[e], expected, 1e-6 * (1 + std::abs(expected)))
            << tested.name << ", seed " << seed << ", input " << i
            << ", element " << e << " at " << elements[e];
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

using V = ValueRange;
using C = const Calculus &;
/// An op of one operand, of elements in [low, high).
template <typename Op>
static Case unary(const char *name, double low = -2, double high = 2) {
  return {name,
          [=](Random &random) -> Inputs {
            return {{{random.integer(1, 4), random.integer(1, 3)}, low, high}};
          },
          [](C math, V x) { return math.create<Op>(x[0]); }};
}

/// An op of two operands that are broadcast to each other.
template <typename Op>
static Case binary(const char *name, double low = -2, double high = 2,
                   double secondLow = -2, double secondHigh = 2) {
  return {name,
          [=](Random &random) -> Inputs {
            int64_t a = random.integer(1, 3), b = random.integer(2, 4);
            bool isLower = random.integer(0, 1);
            SmallVector<int64_t> first{a, b}, second{b};
            if (random.integer(0, 1))
              second = {a, 1};
            if (isLower)
              std::swap(first, second);
            return {{first, low, high}, {second, secondLow, secondHigh}};
          },
          [](C math, V x) { return math.create<Op>(x[0], x[1]); }};
}

namespace dl::gradienttest {
std::vector<Case> getElementwiseCases() {
  return {
      unary<AbsOp>("abs"),
      unary<NegOp>("neg"),
      unary<SqrtOp>("sqrt", 0.1),
      unary<RsqrtOp>("rsqrt", 0.1),
      unary<ReciprocalOp>("reciprocal", 0.3),
      unary<ExpOp>("exp"),
      unary<LogOp>("log", 0.1),
      unary<SinOp>("sin"),
      unary<CosOp>("cos"),
      unary<TanOp>("tan", -1.2, 1.2),
      unary<AsinOp>("asin", -0.9, 0.9),
      unary<AcosOp>("acos", -0.9, 0.9),
      unary<AtanOp>("atan"),
      unary<SinhOp>("sinh"),
      unary<CoshOp>("cosh"),
      unary<AsinhOp>("asinh"),
      unary<AcoshOp>("acosh", 1.2, 4),
      unary<AtanhOp>("atanh", -0.9, 0.9),
      unary<ErfOp>("erf"),
      unary<TanhOp>("tanh"),
      unary<SigmoidOp>("sigmoid"),
      unary<FloorOp>("floor", 0.1, 0.9),
      unary<CeilOp>("ceil", 0.1, 0.9),
      unary<RoundOp>("round", 0.6, 1.4),
      unary<SignOp>("sign", 0.1),
      binary<AddOp>("add"),
      binary<SubOp>("sub"),
      binary<MulOp>("mul"),
      binary<DivOp>("div", -2, 2, 0.5),
      binary<ModOp>("mod", 4.1, 4.9, 2.1, 2.4),
      binary<PowOp>("pow", 0.2, 2),
      binary<MaxOp>("max"),
      binary<MinOp>("min"),
      {"select",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 3), b = random.integer(1, 4);
         return {{{a, b}}, {{b}}, {{a, 1}}};
       },
       [](C math, V x) {
         return math.select(math.compare(Predicate::Gt, x[2], 0.0), x[0], x[1]);
       }},
      {"cast",
       [](Random &random) -> Inputs { return {{{random.integer(1, 5)}}}; },
       [](C math, V x) { return math.cast(x[0], Calculus::element(x[0])); }},
      // The same value on several ways, one of which is constant.
      {"shared",
       [](Random &random) -> Inputs { return {{{random.integer(1, 5)}}}; },
       [](C math, V x) {
         Value square = math.square(x[0]);
         return math.add(math.mul(square, x[0]),
                         math.mul(math.create<SignOp>(square), square));
       }},
  };
}
} // namespace dl::gradienttest

static Value reduce(C math, ReduceKind kind, Value x, ArrayRef<int64_t> axes,
                    bool keepDims) {
  return math.create<ReduceOp>(kind, x, axes, keepDims);
}

namespace dl::gradienttest {
std::vector<Case> getReductionCases() {
  std::vector<Case> cases;
  for (auto [kind, name] :
       {std::pair(ReduceKind::Sum, "sum"), std::pair(ReduceKind::Prod, "prod"),
        std::pair(ReduceKind::Max, "max"), std::pair(ReduceKind::Min, "min")}) {
    cases.push_back(
        {std::string("reduce_") + name, cube, [kind = kind](C math, V x) {
           return reduce(math, kind, x[0], {1}, false);
         }});
    cases.push_back(
        {std::string("reduce_all_") + name, cube, [kind = kind](C math, V x) {
           return reduce(math, kind, x[0], {0, 1, 2}, true);
         }});
  }
  for (bool isLog : {false, true})
    cases.push_back(
        {isLog ? "log_softmax" : "softmax", cube, [isLog](C math, V x) {
           return math.create<SoftmaxOp>(x[0], int64_t(1), isLog);
         }});
  for (bool exclusive : {false, true})
    for (bool backward : {false, true})
      cases.push_back({std::string("cumsum") + (exclusive ? "_exclusive" : "") +
                           (backward ? "_reverse" : ""),
                       cube, [=](C math, V x) {
                         return math.create<CumsumOp>(x[0], int64_t(1),
                                                      exclusive, backward);
                       }});
  return cases;
}
} // namespace dl::gradienttest

/// Windows that overlap, have gaps, leave a rest.
namespace dl::gradienttest {
std::vector<Case> getWindowCases() {
  std::vector<Case> cases;
  auto image = [](Random &random) -> Inputs {
    return {{{random.integer(1, 2), random.integer(1, 2), random.integer(5, 7),
              random.integer(4, 6)}}};
  };
  for (auto [kind, name] :
       {std::pair(ReduceKind::Sum, "sum"), std::pair(ReduceKind::Max, "max"),
        std::pair(ReduceKind::Min, "min")}) {
    cases.push_back(
        {std::string("window_") + name, image, [kind = kind](C math, V x) {
           return math.create<WindowReduceOp>(
               kind, x[0], ArrayRef<int64_t>{3, 2}, ArrayRef<int64_t>{2, 1},
               ArrayRef<int64_t>{1, 2});
         }});
    cases.push_back({std::string("window_apart_") + name, image,
                     [kind = kind](C math, V x) {
                       return math.create<WindowReduceOp>(
                           kind, x[0], ArrayRef<int64_t>{1, 2},
                           ArrayRef<int64_t>{3, 3}, ArrayRef<int64_t>{1, 1});
                     }});
  }
  return cases;
}
} // namespace dl::gradienttest

namespace dl::gradienttest {
std::vector<Case> getContractionCases() {
  std::vector<Case> cases{
      {"matmul",
       [](Random &random) -> Inputs {
         int64_t m = random.integer(1, 4), k = random.integer(1, 4),
                 n = random.integer(1, 4);
         return {{{m, k}}, {{k, n}}};
       },
       [](C math, V x) { return math.matmul(x[0], x[1]); }},
      {"matmul_shared",
       [](Random &random) -> Inputs {
         int64_t b = random.integer(2, 3), m = random.integer(1, 4),
                 k = random.integer(1, 4), n = random.integer(1, 4);
         return {{{b, m, k}}, {{k, n}}};
       },
       [](C math, V x) { return math.matmul(x[0], x[1]); }},
      {"matmul_batch",
       [](Random &random) -> Inputs {
         int64_t b = random.integer(2, 3), m = random.integer(1, 3),
                 k = random.integer(1, 3), n = random.integer(1, 3);
         return {{{b, 1, m, k}}, {{2, k, n}}};
       },
       [](C math, V x) { return math.matmul(x[0], x[1]); }}};
  struct Conv {
    const char *name;
    int64_t stride, padLow, padHigh, dilation, groups;
  };
  for (Conv c :
       {Conv{"conv", 1, 0, 0, 1, 1}, Conv{"conv_padded", 1, 1, 1, 1, 1},
        Conv{"conv_strided", 2, 1, 0, 1, 1},
        Conv{"conv_dilated", 1, 2, 1, 2, 1},
        Conv{"conv_groups", 2, 1, 1, 1, 2}}) {
    auto shape = [=](Random &random) -> Inputs {
      return {{{random.integer(1, 2), 2 * c.groups, random.integer(5, 6), 5}},
              {{c.groups, 2, random.integer(1, 3), 2}}};
    };
    auto list = [](int64_t value) {
      return SmallVector<int64_t>{value, value};
    };
    cases.push_back({c.name, shape, [=](C math, V x) {
                       return math.create<ConvOp>(
                           x[0], x[1], list(c.stride), list(c.padLow),
                           list(c.padHigh), list(c.dilation), c.groups,
                           /*channels_last=*/false);
                     }});
    auto transposed = [=](Random &random) -> Inputs {
      return {{{random.integer(1, 2), c.groups, random.integer(3, 4), 3}},
              {{c.groups, 2, random.integer(2, 3), 2}}};
    };
    cases.push_back(
        {std::string(c.name) + "_transpose", transposed, [=](C math, V x) {
           auto small = Calculus::type(x[0]), window = Calculus::type(x[1]);
           SmallVector<int64_t> dims{small.getDimSize(0), 2 * c.groups};
           for (int64_t d = 2; d < 4; ++d)
             dims.push_back((small.getDimSize(d) - 1) * c.stride +
                            (window.getDimSize(d) - 1) * c.dilation + 1 -
                            c.padLow - c.padHigh + (c.stride > 1));
           return math.create<ConvTransposeOp>(
               RankedTensorType::get(dims, small.getElementType()), x[0], x[1],
               list(c.stride), list(c.padLow), list(c.dilation), c.groups);
         }});
    constexpr int64_t kSize = 5, kWindow = 2;
    auto pair = [=](Random &random) -> Inputs {
      int64_t n = random.integer(1, 2),
              positions = (kSize + c.padLow + c.padHigh -
                           (kWindow - 1) * c.dilation - 1) /
                              c.stride +
                          1;
      return {{{n, 2 * c.groups, kSize, kSize}},
              {{n, c.groups, positions, positions}}};
    };
    cases.push_back(
        {std::string(c.name) + "_filter_gradient", pair, [=](C math, V x) {
           auto type = RankedTensorType::get({c.groups, 2, kWindow, kWindow},
                                             Calculus::element(x[0]));
           return math.create<ConvFilterGradientOp>(
               type, x[0], x[1], list(c.stride), list(c.padLow),
               list(c.dilation), c.groups, /*channels_last=*/false);
         }});
  }
  return cases;
}
} // namespace dl::gradienttest

/// Predictions, then labels of classes, or of the predictions' type.
namespace dl::gradienttest {
std::vector<Case> getLossCases() {
  std::vector<Case> cases;
  auto classes = [](Random &random) -> Inputs {
    int64_t n = random.integer(1, 4), d = random.integer(1, 2);
    return {{{n, 3, d}}, {{n, d}, 0, 0, 3}};
  };
  auto shares = [](Random &random) -> Inputs {
    int64_t n = random.integer(1, 4), d = random.integer(1, 3);
    return {{{n, d}, 0.1, 0.9}, {{n, d}, 0.1, 0.9}};
  };
  for (auto [loss, name] : {std::pair(Loss::CrossEntropy, "cross_entropy"),
                            std::pair(Loss::Nll, "nll")})
    for (double smoothing : {0.0, 0.1})
      cases.push_back(
          {std::string("loss_") + name + (smoothing > 0 ? "_smoothed" : ""),
           classes, [loss = loss, smoothing](C math, V x) {
             return buildLoss(math, loss, x[0], x[1], smoothing);
           }});
  for (auto [loss, name] :
       {std::pair(Loss::Mse, "mse"), std::pair(Loss::L1, "l1"),
        std::pair(Loss::Huber, "huber"), std::pair(Loss::Bce, "bce"),
        std::pair(Loss::BceLogits, "bce_logits"), std::pair(Loss::Kl, "kl")})
    cases.push_back(
        {std::string("loss_") + name, shares, [loss = loss](C math, V x) {
           return buildLoss(math, loss, x[0], x[1]);
         }});
  return cases;
}
} // namespace dl::gradienttest

INSTANTIATE_TEST_SUITE_P(Elementwise, GradientTest,
                         ::testing::ValuesIn(getElementwiseCases()), getName);
INSTANTIATE_TEST_SUITE_P(Reduction, GradientTest,
                         ::testing::ValuesIn(getReductionCases()), getName);
INSTANTIATE_TEST_SUITE_P(Window, GradientTest,
                         ::testing::ValuesIn(getWindowCases()), getName);
INSTANTIATE_TEST_SUITE_P(Contraction, GradientTest,
                         ::testing::ValuesIn(getContractionCases()), getName);
INSTANTIATE_TEST_SUITE_P(Loss, GradientTest,
                         ::testing::ValuesIn(getLossCases()), getName);
