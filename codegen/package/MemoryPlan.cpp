// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/MemoryPlan.h"
#include "codegen/package/Accesses.h"
#include "llvm/ADT/BitVector.h"
#include <algorithm>
#include <limits>
#include <numeric>

using namespace dl::package;

static int64_t align(int64_t value) {
  return (value + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

namespace {

/// Items by number, from the lowest to the highest in a layout.
using Order = std::vector<int32_t>;

/// The ways in which a greedy placement picks the next item.
enum class Pick { LargestFirst, LongestFirst, LargestAreaFirst, InTime };

class Planner {
public:
  Planner(Formulas &formulas, const std::vector<PlanItem> &items)
      : formulas(formulas), items(items) {
    findNeighbours();
    takeSamples();
    rank.resize(items.size());
  }

  MemoryPlan plan() {
    Order best;
    double bestCost = std::numeric_limits<double>::infinity();
    // Time is quadratic in the items: of very many, the best picks alone are
    // tried, and the last sample, which has the largest sizes.
    constexpr size_t kManyItems = 1000;
    bool many = items.size() >= kManyItems;
    std::vector<Pick> picks{Pick::LargestFirst, Pick::LargestAreaFirst};
    if (!many)
      picks.insert(picks.end(), {Pick::LongestFirst, Pick::InTime});
    for (size_t sample = many ? samples.size() - 1 : 0; sample < samples.size();
         ++sample)
      for (Pick pick : picks)
        for (bool bestFit : {true, false}) {
          if (many && !bestFit)
            continue;
          Order order = layOut(samples[sample], pick, bestFit);
          double cost = getCost(order);
          if (cost < bestCost) {
            bestCost = cost;
            best = std::move(order);
          }
        }
    return toFormulas(best);
  }

private:
  void findNeighbours() {
    neighbours.resize(items.size());
    std::vector<int32_t> byStart(items.size());
    std::iota(byStart.begin(), byStart.end(), 0);
    std::sort(byStart.begin(), byStart.end(), [&](int32_t a, int32_t b) {
      return std::pair(items[a].first, a) < std::pair(items[b].first, b);
    });
    std::vector<int32_t> open;
    for (int32_t item : byStart) {
      open.erase(std::remove_if(open.begin(), open.end(),
                                [&](int32_t other) {
                                  return items[other].last < items[item].first;
                                }),
                 open.end());
      for (int32_t other : open) {
        neighbours[item].push_back(other);
        neighbours[other].push_back(item);
      }
      open.push_back(item);
    }
  }

  /// Sizes for a few values of the symbols; one sample if there is no symbol.
  void takeSamples() {
    int32_t symbols = 0;
    bool symbolic = false;
    for (size_t i = 0; i < formulas.size(); ++i)
      if (formulas[i].op == FormulaOp::Symbol)
        symbols = std::max(symbols, formulas[i].a + 1);
    for (const PlanItem &item : items)
      symbolic |= !formulas.getConstant(item.size);
    std::vector<std::vector<int64_t>> bindings;
    if (symbolic)
      for (int64_t value : {4, 32, 128, 1024}) {
        bindings.emplace_back(symbols);
        // Not all equal: differences of symbols are dimensions, too.
        std::iota(bindings.back().begin(), bindings.back().end(), value);
      }
    else
      bindings.emplace_back(symbols, 0);
    for (const auto &binding : bindings) {
      auto values = formulas.evaluate(binding);
      if (!values)
        continue;
      std::vector<int64_t> sizes;
      for (const PlanItem &item : items) {
        // So large that sums overflow: of no use as a sample.
        constexpr int64_t kLimit = int64_t(1) << 48;
        sizes.push_back(
            align(std::clamp<int64_t>((*values)[item.size], 0, kLimit)));
      }
      lowerBounds.push_back(std::max<int64_t>(1, getPeakUse(items, *values)));
      samples.push_back(std::move(sizes));
    }
    if (samples.empty()) {
      samples.emplace_back(items.size(), kArenaAlignment);
      lowerBounds.push_back(1);
    }
  }

  Order layOut(const std::vector<int64_t> &sizes, Pick pick, bool bestFit) {
    std::vector<int32_t> sequence(items.size());
    std::iota(sequence.begin(), sequence.end(), 0);
    auto key = [&](int32_t i) -> double {
      double length = static_cast<double>(items[i].last - items[i].first + 1);
      switch (pick) {
      case Pick::LargestFirst:
        return -static_cast<double>(sizes[i]);
      case Pick::LongestFirst:
        return -length;
      case Pick::LargestAreaFirst:
        return -length * static_cast<double>(sizes[i]);
      case Pick::InTime:
        return static_cast<double>(items[i].first);
      }
      return 0;
    };
    std::sort(sequence.begin(), sequence.end(), [&](int32_t a, int32_t b) {
      double x = key(a), y = key(b);
      if (x == y)
        return std::pair(-sizes[a], a) < std::pair(-sizes[b], b);
      return x < y;
    });
    std::vector<int64_t> offsets(items.size(), -1);
    std::vector<std::pair<int64_t, int64_t>> taken; // offset, end
    for (int32_t item : sequence) {
      taken.clear();
      for (int32_t other : neighbours[item])
        if (offsets[other] >= 0)
          taken.push_back({offsets[other], offsets[other] + sizes[other]});
      std::sort(taken.begin(), taken.end());
      offsets[item] = findGap(taken, sizes[item], bestFit);
    }
    // Of two items at one offset, an empty one lies below.
    Order order(items.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return std::tuple(offsets[a], sizes[a], a) <
             std::tuple(offsets[b], sizes[b], b);
    });
    return order;
  }

  static int64_t findGap(const std::vector<std::pair<int64_t, int64_t>> &taken,
                         int64_t size, bool bestFit) {
    int64_t end = 0, best = -1;
    int64_t bestGap = std::numeric_limits<int64_t>::max();
    for (auto [from, to] : taken) {
      int64_t gap = from - end;
      if (gap >= size && gap < bestGap && (best < 0 || bestFit)) {
        best = end;
        bestGap = gap;
      }
      end = std::max(end, to);
    }
    return best >= 0 ? best : end;
  }

  /// The arena's size under an order, relative to the least possible, summed
  /// over the samples.
  double getCost(const Order &order) {
    double cost = 0;
    std::vector<int64_t> ends(items.size());
    for (size_t s = 0; s < samples.size(); ++s) {
      std::fill(ends.begin(), ends.end(), -1);
      int64_t arena = 0;
      for (int32_t item : order) {
        int64_t offset = 0;
        for (int32_t other : neighbours[item])
          offset = std::max(offset, ends[other]);
        ends[item] = offset + samples[s][item];
        arena = std::max(arena, ends[item]);
      }
      cost += static_cast<double>(arena) / static_cast<double>(lowerBounds[s]);
    }
    return cost;
  }

  MemoryPlan toFormulas(const Order &order) {
    FormulaId zero = formulas.constant(0);
    MemoryPlan plan{std::vector<FormulaId>(items.size(), zero), zero};
    std::vector<FormulaId> ends(items.size(), kNoFormula);
    // Bit i of below[k]: i is in use together with k, and lies below it.
    std::vector<llvm::BitVector> below(items.size());
    llvm::BitVector covered(items.size()), top(items.size(), true);
    Order lower;
    for (size_t position = 0; position < order.size(); ++position) {
      int32_t item = order[position];
      lower.clear();
      for (int32_t other : neighbours[item])
        if (ends[other] != kNoFormula)
          lower.push_back(other);
      std::sort(lower.begin(), lower.end(),
                [&](int32_t a, int32_t b) { return rank[a] > rank[b]; });
      // What lies below an item that itself lies below needs no term.
      covered.reset();
      below[item].resize(items.size());
      FormulaId offset = zero;
      for (int32_t other : lower) {
        if (!covered[other])
          offset = formulas.maxSize(offset, ends[other]);
        covered |= below[other];
        below[item].set(other);
        top.reset(other);
      }
      plan.offsets[item] = offset;
      ends[item] = formulas.add(
          offset, formulas.roundUp(items[item].size, kArenaAlignment));
      rank[item] = position;
    }
    for (unsigned item : top.set_bits())
      plan.arenaSize = formulas.maxSize(plan.arenaSize, ends[item]);
    return plan;
  }

  Formulas &formulas;
  const std::vector<PlanItem> &items;
  std::vector<std::vector<int32_t>> neighbours;
  std::vector<std::vector<int64_t>> samples; // aligned sizes of the items
  std::vector<int64_t> lowerBounds;          // of the arena, for each sample
  std::vector<size_t> rank;                  // of items in the order taken
};

} // namespace

MemoryPlan dl::package::planMemory(Formulas &formulas,
                                   const std::vector<PlanItem> &items) {
  return Planner(formulas, items).plan();
}

int64_t dl::package::getPeakUse(const std::vector<PlanItem> &items,
                                const std::vector<int64_t> &values) {
  std::vector<std::pair<int64_t, int64_t>> events; // step, change
  for (const PlanItem &item : items) {
    events.push_back({item.first, align(values[item.size])});
    events.push_back({item.last + 1, -align(values[item.size])});
  }
  // At one step, what ends goes before what begins: negative changes sort
  // first.
  std::sort(events.begin(), events.end());
  int64_t use = 0, peak = 0;
  for (auto [step, change] : events)
    peak = std::max(peak, use += change);
  return peak;
}

bool dl::package::verifyMemoryPlan(const Formulas &formulas,
                                   const std::vector<PlanItem> &items,
                                   const MemoryPlan &plan,
                                   const std::vector<int64_t> &symbols,
                                   std::string &error) {
  auto values = formulas.evaluate(symbols);
  if (!values) {
    error = "a formula cannot be evaluated";
    return false;
  }
  int64_t arena = (*values)[plan.arenaSize];
  for (size_t i = 0; i < items.size(); ++i) {
    int64_t offset = (*values)[plan.offsets[i]];
    int64_t size = (*values)[items[i].size];
    if (offset % kArenaAlignment || offset < 0 || offset + size > arena) {
      error = "item " + std::to_string(i) + " at " + std::to_string(offset) +
              " is not aligned or leaves the arena";
      return false;
    }
    for (size_t j = 0; j < i; ++j) {
      int64_t other = (*values)[plan.offsets[j]];
      int64_t otherSize = (*values)[items[j].size];
      if (items[i].meets(items[j]) && offset < other + otherSize &&
          other < offset + size) {
        error = "items " + std::to_string(j) + " and " + std::to_string(i) +
                " overlap";
        return false;
      }
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

ArenaUse dl::package::getArenaUse(Program &program) {
  Accesses accesses(program);
  ArenaUse use;
  for (size_t i = 0; i < program.storages.size(); ++i) {
    const Storage &storage = program.storages[i];
    const std::vector<Access> &list = accesses.of(static_cast<int32_t>(i));
    if (storage.kind != StorageKind::Arena || list.empty())
      continue;
    int32_t home = accesses.getCommonRegion(list);
    PlanItem item{std::numeric_limits<int64_t>::max(), 0, storage.size};
    for (const Access &access : list) {
      auto [first, last] = accesses.getRange(home, access);
      item.first = std::min(item.first, first);
      item.last = std::max(item.last, last);
    }
    use.storages.push_back(static_cast<int32_t>(i));
    use.items.push_back(item);
  }
  return use;
}

void dl::package::planArena(Program &program) {
  ArenaUse use = getArenaUse(program);
  Stages stages(program);
  for (int32_t stage = 0; stage < stages.count(); ++stage) {
    std::vector<PlanItem> items;
    std::vector<int32_t> storages;
    for (size_t i = 0; i < use.storages.size(); ++i)
      if (stages.of(use.items[i].size) == stage) {
        items.push_back(use.items[i]);
        storages.push_back(use.storages[i]);
      }
    MemoryPlan plan = planMemory(program.formulas, items);
    for (size_t i = 0; i < storages.size(); ++i)
      program.storages[storages[i]].offset = plan.offsets[i];
    if (stage == 0)
      program.arenaSize = plan.arenaSize;
    else
      program.lateArenaSizes.push_back(plan.arenaSize);
  }
}
