// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Parallel.h"

#include "runtime/artifact/Hash.h"
#include "tools/values/Value.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>

using dl::values::Failure;

namespace dl::train {

Share getShare(const ranks::Ranks &ranks, int64_t size) {
  int64_t amount = size / ranks.count();
  return {ranks.rank() * amount, amount};
}

/// A number that is another one for another module: a file begins with a hash
/// of its header, which has those of all other parts.
static int64_t identify(const std::string &path) {
  constexpr size_t kPrefix = 64;
  char bytes[kPrefix] = {};
  std::ifstream(path, std::ios::binary).read(bytes, kPrefix);
  return static_cast<int64_t>(dlrt::hashBytes(bytes, kPrefix));
}

void checkAlike(ranks::Ranks &ranks, const std::string &path,
                const runtime::Module &module,
                const std::vector<int64_t> &numbers) {
  if (ranks.count() == 1)
    return;
  if (!module.info().data_parallel)
    throw Failure(path, "its steps are for one rank, not for " +
                            std::to_string(ranks.count()) +
                            "; dl-compile --train --data-parallel makes one "
                            "for several");
  int64_t own = identify(path), first = own;
  ranks.broadcast(&first, sizeof first);
  if (first != own)
    throw Failure(path, "rank " + std::to_string(ranks.rank()) +
                            " has another module than rank 0");
  std::vector<int64_t> firsts = numbers;
  ranks.broadcast(firsts.data(), firsts.size() * sizeof(int64_t));
  if (firsts != numbers)
    throw Failure("rank " + std::to_string(ranks.rank()),
                  "has other data or options than rank 0");
}

void broadcastStates(ranks::Ranks &ranks, const runtime::Module &module,
                     runtime::State &state) {
  if (ranks.count() == 1)
    return;
  std::vector<runtime::StateInfo> infos = module.states();
  values::Bytes bytes;
  for (uint32_t i = 0; i < infos.size(); ++i) {
    runtime::Tensor tensor = state.tensor(i);
    const auto *data = static_cast<const unsigned char *>(tensor.data);
    bytes.assign(data, data + tensor.bytes);
    ranks.broadcast(bytes.data(), bytes.size());
    if (!ranks.isFirst())
      state.set(i, {infos[i].type, infos[i].dims, bytes.data(), bytes.size()});
  }
}

double countWireBytes(const ranks::Ranks &ranks, uint64_t bytes) {
  double count = ranks.count();
  return 2 * (count - 1) / count * double(bytes);
}

Metrics measureTraffic(const ranks::Ranks &ranks,
                       const ranks::Traffic &before) {
  if (ranks.count() == 1)
    return {};
  ranks::Traffic now = ranks.traffic();
  return {
      {"wire_bytes", countWireBytes(ranks, now.bytes - before.bytes)},
      {"communicating_ms", 1e3 * (now.communicating - before.communicating)},
      {"waiting_ms", 1e3 * (now.waiting - before.waiting)}};
}

std::string describeTraffic(const ranks::Ranks &ranks, int64_t steps) {
  ranks::Traffic traffic = ranks.traffic();
  double each = double(std::max<int64_t>(steps, 1));
  double hidden =
      traffic.communicating > 0
          ? std::max(0.0, 1 - traffic.waiting / traffic.communicating)
          : 0;
  char text[256];
  if (traffic.isInStream) {
    std::snprintf(text, sizeof text,
                  "%d ranks: a step reduced %.0f bytes in %.3g buckets by "
                  "NCCL, for which a rank sends at least %.0f",
                  ranks.count(), double(traffic.bytes) / each,
                  double(traffic.reductions) / each,
                  countWireBytes(ranks, traffic.bytes) / each);
    return text;
  }
  std::snprintf(text, sizeof text,
                "%d ranks: a step reduced %.0f bytes in %.3g buckets, for "
                "which a rank sends at least %.0f; that took %.3g ms, of "
                "which steps waited %.3g ms (%.0f %% overlapped)",
                ranks.count(), double(traffic.bytes) / each,
                double(traffic.reductions) / each,
                countWireBytes(ranks, traffic.bytes) / each,
                1e3 * traffic.communicating / each,
                1e3 * traffic.waiting / each, 100 * hidden);
  return text;
}

} // namespace dl::train
