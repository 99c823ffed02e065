// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of what moves elements, and of what sums elements that it has
// moved.

#include "test/passes/GradientTest.h"

#include "ir/dialect/Dims.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;
using namespace ::dl::gradienttest;
using V = ValueRange;
using C = const Calculus &;

/// A border whose elements are others', which also cuts some off.
static Case border(const char *name, PadMode mode) {
  return {name,
          [](Random &random) -> Inputs {
            return {{{random.integer(2, 4), 3, random.integer(3, 4)}}};
          },
          [mode](C math, V x) {
            auto type = Calculus::type(x[0]);
            auto padded = RankedTensorType::get(
                {type.getDimSize(0) + 2, 3, type.getDimSize(2) + 1},
                type.getElementType());
            return math.create<PadOp>(
                padded, mode, x[0], math.number(0, x[0]),
                getSymbolMap(
                    {math.constant(1), math.constant(0), math.constant(-1)},
                    math.builder.getContext()));
          }};
}

namespace dl::gradienttest {
std::vector<Case> getMovementCases() {
  return {
      {"reshape", cube,
       [](C math, V x) {
         auto type = Calculus::type(x[0]);
         return math.square(math.reshape(
             x[0], {math.constant(type.getNumElements()), math.constant(1)}));
       }},
      {"transpose", cube,
       [](C math, V x) { return math.transpose(x[0], {2, 0, 1}); }},
      {"broadcast",
       [](Random &random) -> Inputs { return {{{random.integer(1, 3), 1}}}; },
       [](C math, V x) {
         auto type = Calculus::type(x[0]);
         return math.broadcast(x[0],
                               RankedTensorType::get({2, type.getDimSize(0), 3},
                                                     type.getElementType()));
       }},
      {"slice",
       [](Random &random) -> Inputs {
         return {{{random.integer(3, 6), random.integer(4, 7)}}};
       },
       [](C math, V x) {
         auto type = Calculus::type(x[0]);
         return math.slice(
             x[0], {math.constant(1), math.constant(0)}, {1, 2},
             RankedTensorType::get({2, 2}, type.getElementType()));
       }},
      {"slice_reverse",
       [](Random &random) -> Inputs { return {{{random.integer(4, 6)}}}; },
       [](C math, V x) {
         auto type = Calculus::type(x[0]);
         return math.slice(x[0], {math.constant(3)}, {-2},
                           RankedTensorType::get({2}, type.getElementType()));
       }},
      {"pad",
       [](Random &random) -> Inputs {
         return {{{random.integer(1, 3), random.integer(2, 3)}}, {{}}};
       },
       [](C math, V x) {
         auto type = Calculus::type(x[0]);
         auto padded = RankedTensorType::get(
             {type.getDimSize(0) + 3, type.getDimSize(1) + 1},
             type.getElementType());
         return math.create<PadOp>(
             padded, PadMode::Constant, x[0], x[1],
             getSymbolMap({math.constant(1), math.constant(-1)},
                          math.builder.getContext()));
       }},
      border("pad_edge", PadMode::Edge),
      border("pad_reflect", PadMode::Reflect),
      border("pad_wrap", PadMode::Wrap),
      {"concat",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 3);
         return {{{a, random.integer(1, 3)}}, {{a, random.integer(1, 3)}}};
       },
       [](C math, V x) {
         return math.create<ConcatOp>(SmallVector<Value>{x[0], x[1], x[0]},
                                      int64_t(1));
       }},
  };
}
} // namespace dl::gradienttest

static Case scatterElements(const char *name, ScatterKind kind) {
  return {name,
          [](Random &random) -> Inputs {
            int64_t a = random.integer(1, 4);
            return {{{a, 3}}, {{a, 4}, 0, 0, 3}, {{a, 4}}};
          },
          [kind](C math, V x) {
            return math.create<ScatterElementsOp>(kind, x[0], x[1], x[2],
                                                  int64_t(1));
          }};
}

/// A transform of rows of `size` numbers of `parts` parts to a length.
static Case transform(const char *name, int64_t size, int64_t parts,
                      int64_t length, int64_t outputs, bool inverse) {
  return {name,
          [=](Random &random) -> Inputs {
            return {{{random.integer(1, 3), size, parts}}};
          },
          [=](C math, V x) {
            std::vector<double> roots;
            for (int64_t i = 0; i < length; ++i)
              for (double shift : {0.5, 0.0})
                roots.push_back(std::sin(
                    2 * M_PI * (double(i) / double(length)) + shift * M_PI));
            auto type =
                RankedTensorType::get({length, 2}, math.builder.getF64Type());
            Value table = ConstantOp::create(
                math.builder, math.loc,
                DenseElementsAttr::get(type, ArrayRef<double>(roots)));
            return math.create<DftOp>(x[0], table, uint64_t(length),
                                      uint64_t(outputs), inverse);
          }};
}

namespace dl::gradienttest {
std::vector<Case> getSignalCases() {
  return {
      transform("dft", 4, 2, 4, 4, false),
      transform("dft_real", 5, 1, 5, 3, false),
      transform("dft_cut", 6, 1, 4, 3, false),
      transform("dft_continued", 3, 2, 8, 5, false),
      transform("dft_inverse", 4, 2, 6, 6, true),
      {"unfold",
       [](Random &random) -> Inputs {
         return {{{random.integer(1, 2), random.integer(4, 7), 2}}};
       },
       [](C math, V x) {
         return math.create<UnfoldOp>(x[0], uint64_t(1), uint64_t(3),
                                      uint64_t(2));
       }},
  };
}
} // namespace dl::gradienttest

namespace dl::gradienttest {
std::vector<Case> getIndexingCases() {
  return {
      {"gather",
       [](Random &random) -> Inputs {
         return {{{3, random.integer(1, 3)}},
                 {{random.integer(1, 4), 2}, 0, 0, 3}};
       },
       [](C math, V x) {
         return math.create<GatherOp>(x[0], x[1], int64_t(0));
       }},
      {"gather_inner",
       [](Random &random) -> Inputs {
         return {{{random.integer(1, 2), 4, 2}},
                 {{random.integer(1, 4)}, 0, 0, 4}};
       },
       [](C math, V x) {
         return math.create<GatherOp>(x[0], x[1], int64_t(1));
       }},
      {"gather_elements",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 3);
         return {{{a, 4}}, {{a, random.integer(1, 5)}, 0, 0, 4}};
       },
       [](C math, V x) {
         return math.create<GatherElementsOp>(x[0], x[1], int64_t(1));
       }},
      {"gather_nd",
       [](Random &random) -> Inputs {
         return {{{3, 3, 2}}, {{random.integer(1, 4), 2}, 0, 0, 3}};
       },
       [](C math, V x) {
         return math.create<GatherNdOp>(x[0], x[1], int64_t(0));
       }},
      {"gather_nd_batch",
       [](Random &random) -> Inputs {
         return {{{2, 3, 2}}, {{2, random.integer(1, 4), 1}, 0, 0, 3}};
       },
       [](C math, V x) {
         return math.create<GatherNdOp>(x[0], x[1], int64_t(1));
       }},
      {"scatter_elements_add",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 4);
         return {{{a, 3}}, {{a, 2}, 0, 0, 3}, {{a, 2}}};
       },
       [](C math, V x) {
         return math.create<ScatterElementsOp>(ScatterKind::Add, x[0], x[1],
                                               x[2], int64_t(1));
       }},
      {"scatter_elements_set",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 4);
         return {{{a, 3}}, {{a, 1}, 0, 0, 3}, {{a, 1}}};
       },
       [](C math, V x) {
         return math.create<ScatterElementsOp>(ScatterKind::Set, x[0], x[1],
                                               x[2], int64_t(1));
       }},
      {"scatter_nd_add",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 4);
         return {{{3, 2}}, {{a, 1}, 0, 0, 3}, {{a, 2}}};
       },
       [](C math, V x) {
         return math.create<ScatterNdOp>(ScatterKind::Add, x[0], x[1], x[2]);
       }},
      scatterElements("scatter_elements_max", ScatterKind::Max),
      scatterElements("scatter_elements_min", ScatterKind::Min),
      scatterElements("scatter_elements_mul", ScatterKind::Mul),
      {"scatter_nd_mul",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 4);
         return {{{3, 2}}, {{a, 1}, 0, 0, 3}, {{a, 2}}};
       },
       [](C math, V x) {
         return math.create<ScatterNdOp>(ScatterKind::Mul, x[0], x[1], x[2]);
       }},
      {"scatter_nd_mul_zeros",
       [](Random &random) -> Inputs {
         int64_t a = random.integer(1, 4);
         return {{{2, 2}, 0, 0}, {{a, 1}, 0, 0, 2}, {{a, 2}}};
       },
       [](C math, V x) {
         return math.create<ScatterNdOp>(ScatterKind::Mul, x[0], x[1], x[2]);
       }},
      {"topk",
       [](Random &random) -> Inputs {
         return {{{random.integer(1, 3), random.integer(3, 5)}}};
       },
       [](C math, V x) {
         auto type = Calculus::type(x[0]);
         SmallVector<int64_t> shape{type.getDimSize(0), 2};
         auto op = TopkOp::create(
             math.builder, math.loc,
             TypeRange{RankedTensorType::get(shape, type.getElementType()),
                       RankedTensorType::get(shape, math.builder.getI64Type())},
             x[0], int64_t(1), /*largest=*/true);
         return op.getResult(0);
       }},
  };
}
} // namespace dl::gradienttest

INSTANTIATE_TEST_SUITE_P(Movement, GradientTest,
                         ::testing::ValuesIn(getMovementCases()), getName);
INSTANTIATE_TEST_SUITE_P(Indexing, GradientTest,
                         ::testing::ValuesIn(getIndexingCases()), getName);
INSTANTIATE_TEST_SUITE_P(Signal, GradientTest,
                         ::testing::ValuesIn(getSignalCases()), getName);
