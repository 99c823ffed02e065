// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A test of gradients for functions of random shapes: cases of any file run it.

#ifndef DL_TEST_PASSES_GRADIENTTEST_H
#define DL_TEST_PASSES_GRADIENTTEST_H

#include "ir/reference/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/differentiate/Calculus.h"
#include <functional>
#include <gtest/gtest.h>
#include <random>

namespace dl::gradienttest {

using namespace mlir;
using namespace mlir::dl;
using ::dl::Calculus;
using mlir::dl::reference::Tensor;

struct Random {
  explicit Random(unsigned seed) : engine(seed) {}
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  }
  double real(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine);
  }
  std::mt19937 engine;
};

/// An input: of floats in [low, high), or, where `below` is positive, of
/// integers in [0, below), which have no gradient.
struct Input {
  SmallVector<int64_t> shape;
  double low = -2, high = 2;
  int64_t below = 0;
};

using Inputs = SmallVector<Input>;

/// A function of some inputs of random shapes.
struct Case {
  std::string name;
  std::function<Inputs(Random &)> shape;
  std::function<Value(const Calculus &, ValueRange)> build;
};

inline void PrintTo(const Case &tested, std::ostream *os) {
  *os << tested.name;
}

/// Builds the functions of cases, in a context of its own.
class CaseBuilder {
public:
  CaseBuilder() { context.loadDialect<DlDialect, func::FuncDialect>(); }

  RankedTensorType getType(const Input &input) {
    Type element = input.below ? Type(IntegerType::get(&context, 64))
                               : Type(Float64Type::get(&context));
    return RankedTensorType::get(input.shape, element);
  }

  Tensor fill(const Input &input, Random &random) {
    int64_t count = reference::getNumElements(input.shape);
    if (input.below) {
      std::vector<int64_t> values(count);
      for (int64_t &value : values)
        value = random.integer(0, input.below - 1);
      return Tensor::store<int64_t>(IntegerType::get(&context, 64), input.shape,
                                    values);
    }
    std::vector<double> values(count);
    for (double &value : values)
      value = random.real(input.low, input.high);
    return Tensor::store<double>(Float64Type::get(&context), input.shape,
                                 values);
  }

  /// `@value` computes the function, `@gradient` the derivatives of its
  /// elements' sum, each weighted by the last input.
  OwningOpRef<ModuleOp> build(const Case &tested, const Inputs &inputs) {
    Location loc = UnknownLoc::get(&context);
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
    SmallVector<Type> types;
    for (const Input &input : inputs)
      types.push_back(getType(input));
    auto begin = [&](StringRef name, ArrayRef<Type> arguments) {
      builder.setInsertionPointToEnd(module->getBody());
      auto function = func::FuncOp::create(
          builder, loc, name, builder.getFunctionType(arguments, {}));
      builder.setInsertionPointToEnd(function.addEntryBlock());
      return function;
    };
    auto end = [&](func::FuncOp function, ValueRange results) {
      func::ReturnOp::create(builder, loc, results);
      function.setFunctionType(builder.getFunctionType(
          function.getArgumentTypes(), results.getTypes()));
    };
    func::FuncOp value = begin("value", types);
    end(value, tested.build(Calculus(builder, loc), value.getArguments()));
    types.push_back(value.getResultTypes().front());
    func::FuncOp gradient = begin("gradient", types);
    ValueRange arguments(gradient.getArguments());
    Calculus math(builder, loc);
    Value weighted =
        math.mul(tested.build(math, arguments.drop_back()), arguments.back());
    SmallVector<Value> variables;
    for (Value argument : arguments.drop_back())
      if (Calculus::isFloat(argument))
        variables.push_back(argument);
    auto op = GradientOp::create(builder, loc, ValueRange(variables).getTypes(),
                                 weighted, variables);
    end(gradient, op.getResults());
    return module;
  }

  MLIRContext context;
};

class GradientTest : public ::testing::TestWithParam<Case>,
                     protected CaseBuilder {};

/// A tensor of rank 3.
inline Inputs cube(Random &random) {
  return {{{random.integer(1, 3), random.integer(2, 4), random.integer(1, 3)}}};
}

/// The cases of families of ops.
std::vector<Case> getElementwiseCases();
std::vector<Case> getReductionCases();
std::vector<Case> getWindowCases();
std::vector<Case> getContractionCases();
std::vector<Case> getMovementCases();
std::vector<Case> getIndexingCases();
std::vector<Case> getSignalCases();
std::vector<Case> getLossCases();
std::vector<Case> getControlCases();

inline std::string getName(const ::testing::TestParamInfo<Case> &info) {
  return info.param.name;
}

} // namespace dl::gradienttest

#endif // DL_TEST_PASSES_GRADIENTTEST_H
