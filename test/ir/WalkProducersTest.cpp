// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/WalkProducers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include <gmock/gmock.h>

using namespace mlir;
using namespace mlir::dl;
using ::testing::ElementsAre;

namespace {

class WalkProducersTest : public ::testing::Test {
protected:
  WalkProducersTest() : builder(&context) {
    context.loadDialect<arith::ArithDialect>();
    module = ModuleOp::create(builder, builder.getUnknownLoc());
    builder.setInsertionPointToStart(module->getBody());
  }

  Value number(int64_t value) {
    return arith::ConstantIndexOp::create(builder, module->getLoc(), value);
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, module->getLoc(), a, b);
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
  std::vector<Value> visited;
};

TEST_F(WalkProducersTest, VisitsNearValuesFirstAndEachOnce) {
  Value a = number(1), b = add(a, a), c = add(a, b), d = add(c, b);
  WalkResult result = walkProducers(d, [&](Value value) {
    visited.push_back(value);
    return WalkResult::advance();
  });
  EXPECT_FALSE(result.wasInterrupted());
  EXPECT_THAT(visited, ElementsAre(d, c, b, a));
}

TEST_F(WalkProducersTest, DoesNotLookBehindWhatIsSkipped) {
  Value a = number(1), b = number(2), c = add(a, a), d = add(b, c);
  walkProducers(d, [&](Value value) {
    visited.push_back(value);
    return value == c ? WalkResult::skip() : WalkResult::advance();
  });
  EXPECT_THAT(visited, ElementsAre(d, b, c));
}

TEST_F(WalkProducersTest, EndsWhereItIsInterrupted) {
  Value a = number(1), b = number(2), c = add(a, b);
  WalkResult result = walkProducers(c, [&](Value value) {
    visited.push_back(value);
    return value == a ? WalkResult::interrupt() : WalkResult::advance();
  });
  EXPECT_TRUE(result.wasInterrupted());
  EXPECT_THAT(visited, ElementsAre(c, a));
}

TEST_F(WalkProducersTest, VisitsAsManyValuesAsThereAre) {
  constexpr int kSteps = 64; // with 2^64 paths
  Value value = number(1);
  for (int i = 0; i < kSteps; ++i)
    value = add(value, value);
  int visits = 0;
  walkProducers(value, [&](Value) {
    ++visits;
    return visits > kSteps + 1 ? WalkResult::interrupt()
                               : WalkResult::advance();
  });
  EXPECT_EQ(visits, kSteps + 1);
}

} // namespace
