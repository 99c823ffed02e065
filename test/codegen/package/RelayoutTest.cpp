// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Relayout.h"
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace dl::package;

namespace {

using Shape = std::vector<int64_t>;

/// A tensor of numbers, and the operations by their definitions.
struct Tensor {
  Shape shape;
  std::vector<uint32_t> values;

  static int64_t count(const Shape &shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                           std::multiplies<int64_t>());
  }

  uint32_t &at(const Shape &index) {
    int64_t position = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      position = position * shape[i] + index[i];
    return values[position];
  }

  template <typename F> static void forEach(const Shape &shape, F visit) {
    Shape index(shape.size(), 0);
    for (int64_t i = 0, e = count(shape); i < e; ++i) {
      visit(index);
      for (size_t d = shape.size(); d-- > 0;) {
        if (++index[d] < shape[d])
          break;
        index[d] = 0;
      }
    }
  }

  Tensor transpose(const Shape &permutation) {
    Tensor result;
    for (int64_t d : permutation)
      result.shape.push_back(shape[d]);
    result.values.resize(values.size());
    forEach(result.shape, [&](const Shape &index) {
      Shape from(index.size());
      for (size_t i = 0; i < index.size(); ++i)
        from[permutation[i]] = index[i];
      result.at(index) = at(from);
    });
    return result;
  }

  Tensor pack(const Shape &outerPerm, const Shape &dims, const Shape &tiles) {
    size_t rank = shape.size();
    Shape outer = shape;
    for (size_t i = 0; i < dims.size(); ++i)
      outer[dims[i]] = (outer[dims[i]] + tiles[i] - 1) / tiles[i];
    Tensor result;
    for (size_t i = 0; i < rank; ++i)
      result.shape.push_back(outer[outerPerm.empty() ? i : outerPerm[i]]);
    result.shape.insert(result.shape.end(), tiles.begin(), tiles.end());
    result.values.assign(count(result.shape), 0);
    forEach(result.shape, [&](const Shape &index) {
      Shape from(rank);
      for (size_t i = 0; i < rank; ++i)
        from[outerPerm.empty() ? i : outerPerm[i]] = index[i];
      for (size_t i = 0; i < dims.size(); ++i)
        from[dims[i]] = from[dims[i]] * tiles[i] + index[rank + i];
      for (size_t i = 0; i < rank; ++i)
        if (from[i] >= shape[i])
          return;
      result.at(index) = at(from);
    });
    return result;
  }
};

std::vector<char> run(const Layout &layout, unsigned elementBytes,
                      const std::vector<char> &source, size_t maxBytes) {
  std::vector<char> result;
  EXPECT_TRUE(relayout(
      layout, elementBytes, source.data(), maxBytes,
      [&](llvm::ArrayRef<char> piece) {
        EXPECT_LE(piece.size(), std::max<size_t>(maxBytes, elementBytes));
        result.insert(result.end(), piece.begin(), piece.end());
        return true;
      }));
  return result;
}

/// Element i as its number, little endian, in the lowest bytes.
std::vector<char> encode(const std::vector<uint32_t> &values, unsigned bytes) {
  std::vector<char> result(values.size() * bytes, 0);
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(&result[i * bytes], &values[i], std::min(bytes, 4u));
  return result;
}

Shape randomPermutation(size_t rank, std::mt19937 &random) {
  Shape permutation(rank);
  std::iota(permutation.begin(), permutation.end(), 0);
  std::shuffle(permutation.begin(), permutation.end(), random);
  return permutation;
}

} // namespace

TEST(Relayout, RandomChains) {
  const unsigned widths[] = {1, 2, 4, 8, 16};
  int packed = 0, reshaped = 0;
  for (unsigned round = 0; round < 600; ++round) {
    std::mt19937 random(round);
    Tensor tensor;
    size_t rank = 1 + random() % 4;
    for (size_t i = 0; i < rank; ++i)
      tensor.shape.push_back(1 + random() % (rank < 3 ? 70 : 9));
    tensor.values.resize(Tensor::count(tensor.shape));
    for (size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] = i + 1;
    unsigned bytes = widths[random() % 5];
    std::vector<char> source = encode(tensor.values, bytes);
    Layout layout = Layout::identity(tensor.shape);
    for (int step = random() % 4; step > 0; --step) {
      size_t r = tensor.shape.size();
      std::optional<Layout> next;
      Tensor result;
      switch (random() % 3) {
      case 0: {
        Shape permutation = randomPermutation(r, random);
        next = layout.transpose(permutation);
        result = tensor.transpose(permutation);
        break;
      }
      case 1: {
        Shape outer, dims = randomPermutation(r, random), tiles;
        if (random() % 2)
          outer = randomPermutation(r, random);
        dims.resize(1 + random() % r);
        for (size_t i = 0; i < dims.size(); ++i)
          tiles.push_back(1 + random() % 17);
        next = layout.pack(outer, dims, tiles);
        result = tensor.pack(outer, dims, tiles);
        packed += next.has_value();
        break;
      }
      case 2: {
        Shape shape;
        for (size_t i = 0; i < r; ++i) {
          int64_t size = tensor.shape[i];
          if (size % 3 == 0 && random() % 2) {
            shape.push_back(size / 3);
            shape.push_back(3);
          } else if (!shape.empty() && random() % 2) {
            shape.back() *= size;
          } else {
            shape.push_back(size);
          }
        }
        if (random() % 3 == 0)
          shape.insert(shape.begin() + random() % (shape.size() + 1), 1);
        next = layout.reshape(shape);
        result = tensor;
        result.shape = shape;
        reshaped += next.has_value();
        break;
      }
      }
      if (!next)
        break;
      if (result.values.size() > 50000)
        break;
      layout = *next;
      tensor = result;
    }
    ASSERT_EQ(layout.getNumElements(), Tensor::count(tensor.shape));
    std::vector<char> expected = encode(tensor.values, bytes);
    for (size_t maxBytes : {size_t(1) << 20, size_t(500), size_t(64)})
      ASSERT_EQ(run(layout, bytes, source, maxBytes), expected)
          << "round " << round << ": " << layout.getKey();
    ASSERT_EQ(layout.simplify().simplify().getKey(),
              layout.simplify().getKey());
  }
  EXPECT_GT(packed, 60);
  EXPECT_GT(reshaped, 60);
}

TEST(Relayout, SplatsAndEmptyTensors) {
  std::vector<char> source = encode({7}, 4);
  Layout splat = Layout::identity({3, 5}, /*splat=*/true);
  auto packed = splat.pack({}, {1}, {4});
  ASSERT_TRUE(packed);
  std::vector<uint32_t> expected;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 8; ++j)
      expected.push_back(j < 5 ? 7 : 0);
  EXPECT_EQ(run(*packed, 4, source, 64), encode(expected, 4));
  EXPECT_TRUE(run(Layout::identity({3, 0}), 4, source, 64).empty());
  EXPECT_EQ(run(Layout::identity({}), 4, source, 64), source);
}

TEST(Relayout, EqualCopiesHaveEqualKeys) {
  Layout a = *Layout::identity({4, 6}).reshape({4, 2, 3});
  EXPECT_TRUE(a.isIdentity());
  EXPECT_EQ(a.simplify().getKey(), Layout::identity({24}).getKey());
  Layout b = Layout::identity({4, 6}).transpose({1, 0});
  Layout c = *b.reshape({1, 6, 4});
  EXPECT_EQ(b.simplify().getKey(), c.simplify().getKey());
  EXPECT_FALSE(b.reshape({24}));
}

/// What is packed, put in the order of another layout of the same source.
static std::vector<uint32_t>
unpack(const Layout &relative, const std::vector<char> &packed, size_t count) {
  std::vector<uint32_t> result(count, ~0u);
  Shape sizes;
  for (const Layout::Dim &dim : relative.dims)
    sizes.push_back(dim.size);
  const char *next = packed.data();
  Tensor::forEach(sizes, [&](const Shape &index) {
    uint32_t value;
    memcpy(&value, next, sizeof(value));
    next += sizeof(value);
    int64_t place = 0;
    for (size_t d = 0; d < index.size(); ++d)
      place += index[d] * relative.dims[d].stride;
    for (const Layout::Bound &bound : relative.bounds)
      if (index[bound.outer] * bound.tile + index[bound.inner] >= bound.limit)
        return;
    result[static_cast<size_t>(place)] = value;
  });
  return result;
}

TEST(Relayout, LayoutsRelativeToOthers) {
  Layout whole = Layout::identity({3, 10, 12});
  std::vector<uint32_t> numbers(360);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::vector<char> source = encode(numbers, 4);
  std::vector<Layout> packed = {
      whole, whole.transpose({2, 0, 1}), *whole.pack({}, {1, 2}, {4, 8}),
      *whole.transpose({0, 2, 1}).pack({1, 0, 2}, {1}, {5})};
  for (const Layout &from : packed)
    for (const Layout &to :
         {whole, whole.transpose({1, 2, 0}), *whole.reshape({30, 12})}) {
      auto relative = from.relativeTo(to, 360);
      ASSERT_TRUE(relative);
      EXPECT_EQ(encode(unpack(*relative, run(from, 4, source, 64), 360), 4),
                run(to, 4, source, 64));
    }
  // Into a layout with padding, or one that lacks elements, nothing is put.
  EXPECT_FALSE(whole.relativeTo(packed[2], 360));
  EXPECT_FALSE(Layout::identity({3, 10}).relativeTo(whole, 360));
  EXPECT_FALSE(
      Layout::identity({3, 120}, /*splat=*/true).relativeTo(whole, 360));
}

TEST(Relayout, StopsWhenToldTo) {
  std::vector<char> source(4096);
  int pieces = 0;
  EXPECT_FALSE(relayout(Layout::identity({64, 64}).transpose({1, 0}), 1,
                        source.data(), 256,
                        [&](llvm::ArrayRef<char>) { return ++pieces < 3; }));
  EXPECT_EQ(pieces, 3);
}
