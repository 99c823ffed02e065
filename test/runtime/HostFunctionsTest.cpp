// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/Testing.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

struct TopKCase {
  fb::ElementType type = fb::ElementType_F32;
  std::vector<int64_t> dims;
  int64_t k, axis, largest;
};

/// Runs topk on `data`.
template <typename T>
void topk(const TopKCase &test, const std::vector<T> &data,
          std::vector<T> &values, std::vector<int64_t> &indices,
          int threadCount = 1) {
  ModuleBuilder builder;
  std::vector<int> in, out;
  int64_t elements = 1;
  for (size_t d = 0; d < test.dims.size(); ++d) {
    in.push_back(builder.constant(test.dims[d]));
    out.push_back(int64_t(d) == test.axis ? builder.constant(test.k)
                                          : in.back());
    elements *= int64_t(d) == test.axis ? test.k : test.dims[d];
  }
  int x = builder.input("x", test.type, in);
  int v = builder.output("values", test.type, out);
  int i = builder.output("indices", fb::ElementType_I64, out);
  builder.call("topk", {x, v, i}, {test.axis, test.largest, 1});
  Module module = open(builder);
  Session session(module, threads(threadCount));
  session.bindInput(0, data.data(), dlrt_type(test.type), test.dims);
  values.resize(size_t(elements));
  session.bindOutput(0, values.data(), values.size() * sizeof(T));
  session.run();
  indices = result<int64_t>(session, 1);
}

TEST(TopK, LargestAndSmallestWithTies) {
  std::vector<float> x = {1, 3, 2, 3, -1, -1}, values;
  std::vector<int64_t> indices;
  topk({fb::ElementType_F32, {6}, 3, 0, 1}, x, values, indices);
  EXPECT_EQ(values, (std::vector<float>{3, 3, 2}));
  EXPECT_EQ(indices, (std::vector<int64_t>{1, 3, 2}));
  topk({fb::ElementType_F32, {6}, 3, 0, 0}, x, values, indices);
  EXPECT_EQ(values, (std::vector<float>{-1, -1, 1}));
  EXPECT_EQ(indices, (std::vector<int64_t>{4, 5, 0}));
}

/// Lines of random lengths with many ties, against a sort that keeps their
/// order.
template <typename T>
void expectSorted(fb::ElementType type, std::vector<T> choice) {
  uint32_t state = 1;
  auto next = [&] { return state = state * 1664525u + 1013904223u; };
  for (int64_t length : {1, 2, 31, 64, 255, 256, 257, 1000})
    for (int64_t largest : {0, 1}) {
      std::vector<T> x, values;
      x.resize(size_t(length));
      for (T &value : x)
        value = choice[(next() >> 8) % choice.size()];
      std::vector<int64_t> order(x.size()), indices;
      for (size_t i = 0; i < order.size(); ++i)
        order[i] = int64_t(i);
      auto above = [](T a, T b) { return a > b || (a != a && b == b); };
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        T p = x[size_t(a)], q = x[size_t(b)];
        bool first = largest ? above(p, q) : above(q, p);
        bool second = largest ? above(q, p) : above(p, q);
        return first || (!second && a < b);
      });
      int64_t k = (length + 1) / 2;
      order.resize(size_t(k));
      topk({type, {length}, k, 0, largest}, x, values, indices);
      EXPECT_EQ(indices, order) << "of " << length;
    }
}

TEST(TopK, AnyLength) {
  float infinity = std::numeric_limits<float>::infinity();
  expectSorted<float>(fb::ElementType_F32,
                      {0.0f, -0.0f, 1.5f, -1.5f, 3e38f, infinity, -infinity,
                       std::numeric_limits<float>::quiet_NaN(), 1e-40f});
  expectSorted<int32_t>(fb::ElementType_I32,
                        {0, 1, -1, INT32_MAX, INT32_MIN, 7});
  expectSorted<uint32_t>(fb::ElementType_U32,
                         {0, 1, UINT32_MAX, 0x80000000u, 0x7fffffffu});
  expectSorted<uint8_t>(fb::ElementType_U8, {0, 1, 127, 128, 255});
  expectSorted<int64_t>(fb::ElementType_I64, {0, INT64_MAX, INT64_MIN, -5});
}

TEST(TopK, AnyAxis) {
  // 2 by 3 by 2; the middle axis.
  std::vector<int32_t> x = {1, 10, 5, 30, 3, 20, 7, 0, 9, -1, 8, -2}, values;
  std::vector<int64_t> indices;
  topk({fb::ElementType_I32, {2, 3, 2}, 2, 1, 1}, x, values, indices);
  EXPECT_EQ(values, (std::vector<int32_t>{5, 30, 3, 20, 9, 0, 8, -1}));
  EXPECT_EQ(indices, (std::vector<int64_t>{1, 1, 2, 2, 1, 0, 2, 1}));
}

TEST(TopK, NanIsLargestAndZerosAreEqual) {
  float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {-0.0f, 0.0f, nan, infinity, -nan, -infinity}, values;
  std::vector<int64_t> indices;
  topk({fb::ElementType_F32, {6}, 6, 0, 1}, x, values, indices);
  EXPECT_EQ(indices, (std::vector<int64_t>{2, 4, 3, 0, 1, 5}));
  topk({fb::ElementType_F32, {6}, 6, 0, 0}, x, values, indices);
  EXPECT_EQ(indices, (std::vector<int64_t>{5, 0, 1, 3, 2, 4}));
}

TEST(TopK, ManyLinesOnManyThreads) {
  std::vector<float> x(64 * 1000), values;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = float((i * 7919) % 1000); // all different within a line
  for (int64_t k : {1, 5, 500, 1000}) {
    std::vector<int64_t> indices;
    topk({fb::ElementType_F32, {64, 1000}, k, 1, 1}, x, values, indices, 4);
    for (int64_t line = 0; line < 64; ++line)
      for (int64_t i = 0; i < k; ++i) {
        size_t at = size_t(line * k + i);
        ASSERT_EQ(values[at], float(999 - i));
        ASSERT_EQ(x[size_t(line * 1000 + indices[at])], values[at]);
      }
  }
}

TEST(TopK, EveryType) {
  auto check = [](fb::ElementType type, auto one, auto two, auto minus) {
    using T = decltype(one);
    std::vector<T> x = {one, two, minus}, values;
    std::vector<int64_t> indices;
    topk({type, {3}, 3, 0, 1}, x, values, indices);
    EXPECT_EQ(indices, (std::vector<int64_t>{1, 0, 2})) << int(type);
  };
  check(fb::ElementType_F64, 1.0, 2.0, -3.0);
  check(fb::ElementType_F16, uint16_t(0x3c00), uint16_t(0x4000),
        uint16_t(0xc200));
  check(fb::ElementType_BF16, uint16_t(0x3f80), uint16_t(0x4000),
        uint16_t(0xc040));
  check(fb::ElementType_I8, int8_t(1), int8_t(2), int8_t(-3));
  check(fb::ElementType_I16, int16_t(1), int16_t(2), int16_t(-3));
  check(fb::ElementType_I32, int32_t(1), int32_t(2), int32_t(-3));
  check(fb::ElementType_I64, int64_t(1), int64_t(2), int64_t(-3));
  check(fb::ElementType_U8, uint8_t(1), uint8_t(200), uint8_t(0));
  check(fb::ElementType_U16, uint16_t(1), uint16_t(60000), uint16_t(0));
  check(fb::ElementType_U32, 1u, 4000000000u, 0u);
  check(fb::ElementType_U64, uint64_t(1), ~uint64_t(0), uint64_t(0));
}

TEST(TopK, RefusesMoreThanThereAre) {
  ModuleBuilder builder;
  int three = builder.constant(3), four = builder.constant(4);
  int x = builder.input("x", fb::ElementType_F32, {three});
  int v = builder.output("v", fb::ElementType_F32, {four});
  int i = builder.output("i", fb::ElementType_I64, {four});
  builder.call("topk", {x, v, i}, {0, 1, 1});
  Module module = open(builder);
  Session session(module);
  std::vector<float> data = iota(3);
  session.bindInput(0, data.data(), {3});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "<memory>: step 0 'topk': topk takes 4 elements of an axis that "
            "has 3");
}

TEST(Copy, CopiesAndRefusesOtherSizes) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0);
  int x = builder.input("x", fb::ElementType_I16, {n});
  int y = builder.output("y", fb::ElementType_I16, {n});
  builder.call("copy", {x, y});
  Module module = open(builder);
  Session session(module);
  std::vector<int16_t> data = {5, 6, 7};
  session.bindInput(0, data.data(), {3});
  session.run();
  EXPECT_EQ(result<int16_t>(session), data);
  session.bindInput(0, static_cast<int16_t *>(nullptr), {0});
  session.run();
}

/// The order of rows of `data`, checked against a stable sort of the rows.
TEST(RowOrder, SortsRowsAndKeepsEqualOnes) {
  for (int64_t rows : {0, 1, 7, 300})
    for (int64_t size : {0, 1, 3}) {
      ModuleBuilder builder;
      int n = builder.constant(rows), m = builder.constant(size);
      int x = builder.input("x", fb::ElementType_I32, {n, m});
      int y = builder.output("order", fb::ElementType_I64, {n});
      builder.call("row_order", {x, y});
      Module module = open(builder);
      Session session(module);
      std::vector<int32_t> data(size_t(rows * size));
      uint32_t state = 1;
      for (int32_t &value : data)
        value = int32_t((state = state * 1664525u + 1013904223u) >> 30) - 2;
      session.bindInput(0, data.data(), {rows, size});
      session.run();
      std::vector<int64_t> expected(static_cast<size_t>(rows));
      for (int64_t i = 0; i < rows; ++i)
        expected[size_t(i)] = i;
      auto row = [&](int64_t i) { return data.begin() + i * size; };
      std::stable_sort(expected.begin(), expected.end(),
                       [&](int64_t a, int64_t b) {
                         return std::lexicographical_compare(
                             row(a), row(a) + size, row(b), row(b) + size);
                       });
      EXPECT_EQ(result<int64_t>(session), expected);
    }
}

TEST(RowOrder, RefusesArgumentsThatDoNotAgree) {
  ModuleBuilder builder;
  int n = builder.constant(4), m = builder.constant(2);
  int x = builder.input("x", fb::ElementType_F32, {n, m});
  int y = builder.output("order", fb::ElementType_I64, {m});
  builder.call("row_order", {x, y});
  Module module = open(builder);
  std::vector<float> data = iota(8);
  Session session(module);
  session.bindInput(0, data.data(), {4, 2});
  EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
            "<memory>: step 0 'row_order': row_order has arguments that do not "
            "agree");
}

/// Runs suppress on one class of boxes, and gives the rows that it selects.
std::vector<int64_t> suppress(const std::vector<float> &boxes,
                              const std::vector<float> &scores, int64_t most,
                              float overlap, float threshold) {
  ModuleBuilder builder;
  int one = builder.constant(1), four = builder.constant(4);
  int n = builder.constant(int64_t(scores.size())), three = builder.constant(3);
  std::vector<int> args = {
      builder.input("boxes", fb::ElementType_F32, {one, n, four}),
      builder.input("scores", fb::ElementType_F32, {one, one, n}),
      builder.input("most", fb::ElementType_I64, {}),
      builder.input("overlap", fb::ElementType_F32, {}),
      builder.input("threshold", fb::ElementType_F32, {}),
      builder.output("selected", fb::ElementType_I64, {n, three}),
      builder.output("count", fb::ElementType_I64, {one})};
  builder.call("suppress", args, {0});
  Module module = open(builder);
  Session session(module);
  session.bindInput(0, boxes.data(), {1, int64_t(scores.size()), 4});
  session.bindInput(1, scores.data(), {1, 1, int64_t(scores.size())});
  session.bindInput(2, &most, {});
  session.bindInput(3, &overlap, {});
  session.bindInput(4, &threshold, {});
  session.run();
  std::vector<int64_t> rows = result<int64_t>(session);
  std::vector<int64_t> count = result<int64_t>(session, 1);
  EXPECT_TRUE(std::all_of(rows.begin() + 3 * count[0], rows.end(),
                          [](int64_t value) { return value == -1; }));
  rows.resize(size_t(3 * count[0]));
  return rows;
}

TEST(Suppress, KeepsTheBestThatDoNotOverlap) {
  std::vector<float> boxes = {0, 0,  1, 1,  1.1f, 1, 0.1f, 0,
                              0, 10, 1, 11, 0,    0, 0,    0};
  std::vector<float> scores = {0.8f, 0.9f, 0.8f, 0.8f};
  EXPECT_EQ(suppress(boxes, scores, 9, 0.5f, 0.5f),
            (std::vector<int64_t>{0, 0, 1, 0, 0, 2, 0, 0, 3}));
  EXPECT_EQ(suppress(boxes, scores, 2, 1.0f, 0.5f),
            (std::vector<int64_t>{0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(suppress(boxes, scores, 9, 0.5f, 0.8f),
            (std::vector<int64_t>{0, 0, 1}));
  EXPECT_TRUE(suppress(boxes, scores, 0, 0.5f, 0.5f).empty());
  scores[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(suppress(boxes, scores, 9, 0.5f, 0.0f),
            (std::vector<int64_t>{0, 0, 1, 0, 0, 3}));
}

TEST(HostFunctions, UnknownOnesAreRefusedByName) {
  ModuleBuilder builder;
  int n = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  builder.call("sort", {x, y});
  Module module = open(builder);
  float data = 0;
  Session session(module);
  session.bindInput(0, &data, {1});
  EXPECT_EQ(errorOf(DLRT_UNSUPPORTED, [&] { session.run(); }),
            "<memory>: this runtime has no function 'sort', which the module "
            "calls");
}

TEST(HostFunctions, RefusesArgumentsThatDoNotFit) {
  ModuleBuilder builder;
  int n = builder.constant(4), two = builder.constant(2);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {two});
  builder.call("copy", {x, y}).types[1]->dims = {n};
  Module module = open(builder);
  std::vector<float> data = iota(4);
  Session session(module);
  session.bindInput(0, data.data(), {4});
  EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
            "<memory>: step 0 'copy': argument 1 does not fit into its "
            "buffer");
}

} // namespace
