// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Accesses.h"

using namespace dl::package;

Accesses::Accesses(Program &program) : lists(program.storages.size()) {
  regions.push_back({-1, 0, 0, {}});
  visit(program.steps, 0);
}

void Accesses::visit(std::vector<Step> &steps, int32_t region) {
  for (size_t i = 0; i < steps.size(); ++i) {
    Step &step = steps[i];
    int32_t index = static_cast<int32_t>(i);
    int64_t first = next++;
    for (size_t arg = 0; arg < step.args.size(); ++arg)
      lists[step.args[arg].storage].push_back(
          {&step, arg, region, index, nextAccess++});
    if (step.kind == Step::Kind::Loop) {
      int32_t body = static_cast<int32_t>(regions.size());
      regions.push_back({region, index, regions[region].depth + 1, {}});
      visit(step.body, body);
    }
    int64_t last = step.kind == Step::Kind::Loop ? next++ : first;
    regions[region].ranges.push_back({first, last});
  }
}

int32_t Accesses::getCommonRegion(const std::vector<Access> &accesses) const {
  int32_t common = accesses.front().region;
  for (const Access &access : accesses) {
    int32_t other = access.region;
    while (common != other) {
      int32_t &deeper =
          regions[common].depth >= regions[other].depth ? common : other;
      deeper = regions[deeper].parent;
    }
  }
  return common;
}

int32_t Accesses::getIndexIn(int32_t region, const Access &access) const {
  int32_t current = access.region, index = access.index;
  while (current != region) {
    index = regions[current].index;
    current = regions[current].parent;
    if (current < 0)
      return -1;
  }
  return index;
}

std::pair<int64_t, int64_t> Accesses::getRange(int32_t region,
                                               const Access &access) const {
  return regions[region].ranges[getIndexIn(region, access)];
}
