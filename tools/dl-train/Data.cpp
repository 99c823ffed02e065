// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Data.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using dl::values::Failure;
using dl::values::Value;

namespace dl::train {

Data::Data(std::vector<Value> tensors, const std::vector<std::string> &files)
    : all(std::move(tensors)) {
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].kind != Value::Kind::Tensor || all[i].dims.empty())
      throw Failure(files[i], "it has no dimension for the examples");
    if (i == 0)
      count = all[i].dims[0];
    if (count > 0 && (all[i].dims[0] == 0 || all[i].dims[0] % count != 0))
      throw Failure(files[i], "it has " + std::to_string(all[i].dims[0]) +
                                  " examples, but " + files[0] + " has " +
                                  std::to_string(count));
    if (count == 0)
      throw Failure(files[i], "it has no examples");
  }
}

void Data::gather(const int64_t *numbers, int64_t amount,
                  std::vector<Value> &batch) const {
  batch.resize(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const Value &from = all[i];
    size_t bytes = from.data.size() / static_cast<size_t>(count);
    batch[i].type = from.type;
    batch[i].dims = from.dims;
    batch[i].dims[0] = amount * (from.dims[0] / count);
    batch[i].data.resize(bytes * static_cast<size_t>(amount));
    for (int64_t k = 0; k < amount; ++k)
      std::memcpy(batch[i].data.data() + static_cast<size_t>(k) * bytes,
                  from.data.data() + static_cast<size_t>(numbers[k]) * bytes,
                  bytes);
  }
}

Data Data::splitOff(double share) {
  auto amount =
      static_cast<int64_t>(std::lround(static_cast<double>(count) * share));
  amount = std::clamp<int64_t>(amount, 1, std::max<int64_t>(count - 1, 1));
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  Data last;
  last.count = amount;
  gather(numbers.data() + (count - amount), amount, last.all);
  std::vector<Value> rest;
  gather(numbers.data(), count - amount, rest);
  all = std::move(rest);
  count -= amount;
  return last;
}

/// One number of the sequence that `state` stands in (G. Steele and others,
/// "Fast splittable pseudorandom number generators", 2014).
static uint64_t next(uint64_t &state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::vector<int64_t> shuffle(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  uint64_t state = seed;
  state = next(state) ^ epoch;
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[next(state) % i]);
  return order;
}

} // namespace dl::train
