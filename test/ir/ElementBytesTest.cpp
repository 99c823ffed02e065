// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/ElementBytes.h"
#include "ir/dialect/Dialect.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/MLIRContext.h"
#include <gmock/gmock.h>

using namespace mlir;
using namespace mlir::dl;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

class ElementBytesTest : public ::testing::Test {
protected:
  ElementBytesTest() { context.loadDialect<DlDialect>(); }

  ElementsAttr parse(StringRef source) {
    return cast<ElementsAttr>(parseAttribute(source, &context));
  }

  /// A resource of type si16 with these bytes.
  ElementsAttr store(ArrayRef<int64_t> shape, ArrayRef<char> bytes) {
    auto si16 = IntegerType::get(&context, 16, IntegerType::Signed);
    return storeElementBytes(RankedTensorType::get(shape, si16), "name", bytes);
  }

  MLIRContext context;
};

TEST_F(ElementBytesTest, DenseElementsLieOneAfterTheOther) {
  ElementsAttr value = parse("dense<[1, 258]> : tensor<2xi16>");
  EXPECT_THAT(getStoredBytes(value), ElementsAre(1, 0, 2, 1));
  EXPECT_THAT(getElementBytes(value), ElementsAre(1, 0, 2, 1));
}

TEST_F(ElementBytesTest, ResourcesAreReadWhereTheyLie) {
  ElementsAttr value = store({2}, {1, 0, 2, 1});
  EXPECT_THAT(getElementBytes(value), ElementsAre(1, 0, 2, 1));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(getElementBytes(value).data()) % 64, 0);
}

TEST_F(ElementBytesTest, ASplatHasOneElement) {
  ElementsAttr value = parse("dense<7> : tensor<3xi16>");
  EXPECT_THAT(getStoredBytes(value), ElementsAre(7, 0));
  EXPECT_THAT(getElementBytes(value), IsEmpty());
  EXPECT_THAT(getElementBytes(parse("dense<7> : tensor<1xi16>")),
              ElementsAre(7, 0));
}

TEST_F(ElementBytesTest, ElementsOfLessThanAByteHaveOneEach) {
  EXPECT_THAT(getElementBytes(parse("dense<[1, 2, 3]> : tensor<3xi4>")),
              ElementsAre(1, 2, 3));
}

TEST_F(ElementBytesTest, WhatHasNoSuchBytesGivesNone) {
  EXPECT_THAT(getStoredBytes({}), IsEmpty());
  EXPECT_THAT(getStoredBytes(parse("dense<\"a\"> : tensor<1x!dl.string>")),
              IsEmpty());
  ElementsAttr missing = parse("dense_resource<missing> : tensor<2xi16>");
  EXPECT_THAT(getStoredBytes(missing), IsEmpty());
  EXPECT_THAT(getElementBytes(missing), IsEmpty());
  ElementsAttr shorter = store({3}, {1, 0, 2, 1});
  EXPECT_THAT(getStoredBytes(shorter), ElementsAre(1, 0, 2, 1));
  EXPECT_THAT(getElementBytes(shorter), IsEmpty());
}

} // namespace
