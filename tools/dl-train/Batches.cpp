// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Batches.h"

#include <algorithm>
#include <new>

namespace dl::train {

Batches::Batches(const Data &data, std::vector<int64_t> order, int64_t batch,
                 int64_t first, int64_t end, const ranks::Ranks &ranks)
    : data(data), order(std::move(order)), ranks(ranks), batch(batch),
      at(first), end(end), taken(first), ready(first),
      worker([this] { work(); }) {}

Batches::~Batches() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    isOver = true;
  }
  changed.notify_all();
  worker.join();
}

/// Fills the buffer that next() has not given last.
void Batches::work() {
  for (; at < end; ++at) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return isOver || at <= taken; });
      if (isOver)
        return;
    }
    bool done = true;
    try {
      int64_t begin = at * batch;
      Share share = getShare(
          ranks, std::min(batch, static_cast<int64_t>(order.size()) - begin));
      const int64_t *first = order.data() + begin + share.begin;
      examples[at % 2].assign(first, first + share.amount);
      data.gather(first, share.amount, buffers[at % 2]);
    } catch (const std::bad_alloc &) {
      done = false;
    }
    {
      std::lock_guard<std::mutex> lock(mutex);
      ready = at + 1;
      hasFailed = !done;
    }
    changed.notify_all();
    if (!done)
      return;
  }
}

const std::vector<values::Value> &Batches::next() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return hasFailed || ready > taken; });
  if (hasFailed)
    throw std::bad_alloc();
  const std::vector<values::Value> &result = buffers[taken % 2];
  ++taken;
  lock.unlock();
  changed.notify_all();
  return result;
}

} // namespace dl::train
