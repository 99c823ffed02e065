// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Observation.h"

#include <atomic>
#include <thread>

namespace dl::tools {

static void observe(Observation &one) {
  const runtime::Tensor &value = one.value;
  const auto *data = static_cast<const float *>(value.data);
  one.isFinite = one.histogram->add(data, value.bytes / sizeof(float));
  if (!one.isFinite)
    return;
  one.statistics->add(data, value.dims, one.channelAxis);
  if (one.correlation)
    one.correlation->add(data, value.elements() / value.dims.back());
}

void observeAll(std::vector<Observation> &values, int threads) {
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < values.size(); i = next++)
      observe(values[i]);
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
}

} // namespace dl::tools
