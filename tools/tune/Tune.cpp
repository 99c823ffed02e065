// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tune/Tune.h"

#include "tools/tune/Contest.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <memory>

namespace dl::tools {
namespace {

using Clock = std::chrono::steady_clock;
using mlir::dl::cpu::KernelChoice;
using mlir::dl::cpu::KernelReport;
using mlir::dl::cpu::printChoice;

/// Below this share of a run, nothing is won.
constexpr double kLeastShare = 0.005;
/// Kernels that one variant changes: each is compiled.
constexpr size_t kMostInRound = 16;
/// Alternatives of one kernel.
constexpr size_t kMostTried = 24;
/// What counts as faster, in time, in a contest and once more at the end; what
/// an earlier tuning found stays unless it is slower.
constexpr double kFaster = 0.97, kStillFaster = 1.0;
/// Of all the time, that one contest may take where least times do not settle.
constexpr double kContestShare = 0.04;
/// Of a whole run: more than what measuring leaves open.
constexpr double kMostLost = 1.01;

/// A variant could not be built; what is wrong has been reported.
struct BuildFailed {};

/// One kernel, by content, and how far its search is.
struct Search {
  std::string key, name, generator;
  double modelSeconds = 0; // of all its calls, by the cost model
  double seconds = 0;      // with the best choice
  cpu::StoredChoice state;
  std::vector<KernelChoice> pending; // whole choices, next first
  std::optional<KernelChoice> trial; // in this round's variant
  bool isMeasured = false, wasStored = false;

  /// Lets what a build made of the best choice say what is next.
  void plan(const KernelReport &report) {
    generator = report.generator;
    pending.clear();
    for (const KernelChoice &other : report.alternatives) {
      // Another algorithm has other decisions.
      KernelChoice next = other.winograd ? KernelChoice() : state.choice;
      next.override(other);
      if (!isTried(next))
        pending.push_back(next);
    }
  }
  bool isTried(const KernelChoice &choice) const {
    return std::find(state.tried.begin(), state.tried.end(),
                     printChoice(choice)) != state.tried.end();
  }
  bool isOver() const {
    return pending.empty() || state.tried.size() >= kMostTried;
  }
};

std::string format(const char *form, ...) {
  char text[512];
  va_list values;
  va_start(values, form);
  vsnprintf(text, sizeof text, form, values);
  va_end(values);
  return text;
}

class Tuner {
public:
  Tuner(Variants &variants, const TuneOptions &options)
      : variants(variants), options(options), begin(Clock::now()) {}

  std::string run() {
    start();
    while (mayGoOn() && runRound()) {
    }
    finish();
    return describe();
  }

private:
  double elapsed() const {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  void progress(const std::string &what) {
    if (options.progress)
      options.progress("tuning: " + what +
                       format(", %.0f of %.0f s", elapsed(), options.seconds));
  }

  std::unique_ptr<Contestant> build(const Choices &choices) {
    std::string path = variants.folder + "/variant.dlm";
    if (!variants.build(choices, path))
      throw BuildFailed();
    auto result = std::make_unique<Contestant>(path, options.threads);
    // What is mapped stays.
    std::remove(path.c_str());
    return result;
  }

  Choices bestChoices() const {
    Choices choices;
    for (const Search &search : searches)
      if (!search.state.choice.isEmpty())
        choices[search.key] = search.state.choice;
    return choices;
  }

  void start() {
    progress("the cost model's choice");
    model = build({});
    runSeconds = model->run(2);
    rounds = chooseRounds(runSeconds, kContestShare * options.seconds);
    Rounds few{rounds.batch, rounds.batches / 2, rounds.batches / 2};
    auto times = compareKernels(*model, *model, few, variants.keys);
    for (const auto &[name, key] : variants.keys) {
      bool isKnown =
          std::any_of(searches.begin(), searches.end(),
                      [key = &key](const Search &s) { return s.key == *key; });
      if (isKnown)
        continue;
      Search &search = searches.emplace_back();
      search.key = key;
      search.name = name;
      search.modelSeconds = search.seconds = times[key].first;
      total += search.seconds;
      if (auto stored = variants.store->load(key)) {
        search.state = *stored;
        search.wasStored = true;
      }
    }
    std::sort(searches.begin(), searches.end(),
              [](const Search &a, const Search &b) {
                return a.modelSeconds > b.modelSeconds;
              });
    buildBest();
    for (Search &search : searches) {
      const KernelReport &report = variants.reports[search.key];
      search.generator = report.generator;
      if (!search.state.isComplete &&
          search.modelSeconds >= kLeastShare * total)
        search.plan(report);
    }
  }

  /// The module with the best choices so far; `variants.reports` is of them.
  void buildBest() {
    Choices choices = bestChoices();
    if (!choices.empty() || best)
      best = build(choices);
  }
  Contestant &getBest() { return best ? *best : *model; }

  /// Whether there is time for another round and the last check; one round runs
  /// in any case.
  bool mayGoOn() const {
    // Two contests of two.
    double check = 4.0 * rounds.batch * rounds.batches * runSeconds;
    return roundCount == 0 ||
           elapsed() + roundSeconds + check < options.seconds;
  }

  /// Measures one alternative of each of the heaviest kernels that have any.
  bool runRound() {
    double start = elapsed();
    Choices choices = bestChoices();
    std::vector<Search *> active;
    for (Search &search : searches) {
      if (search.isOver() || active.size() == kMostInRound)
        continue;
      search.trial = search.pending.front();
      search.pending.erase(search.pending.begin());
      search.state.tried.push_back(printChoice(*search.trial));
      search.isMeasured = true;
      choices[search.key] = *search.trial;
      active.push_back(&search);
    }
    if (active.empty())
      return false;
    progress(format("round %d, %zu kernels, %d gained", ++roundCount,
                    active.size(), gained));
    std::unique_ptr<Contestant> trial = build(choices);
    auto result = compareKernels(getBest(), *trial, rounds, variants.keys);
    bool isBetter = false;
    for (Search *search : active) {
      ++measured;
      if (!result[search->key].isBelow(kFaster))
        continue;
      isBetter = true;
      ++gained;
      search->state.choice = *search->trial;
      search->seconds = result[search->key].second;
      search->plan(variants.reports[search->key]);
    }
    if (isBetter)
      buildBest();
    roundSeconds = std::max(elapsed() - start, 0.8 * roundSeconds);
    return true;
  }

  /// Whether what was faster before is so still, or others on the machine leave
  /// that open and it is no slower.
  static bool holds(const Comparison &now, double share) {
    return now.isBelow(share) ||
           (now.isBelow(1) && judge(now.turns, share) == Verdict::Open);
  }

  /// Compares with the cost model once more; what does not hold is dropped.
  void finish() {
    progress("comparing");
    for (int attempt = 0; attempt < 2 && !bestChoices().empty(); ++attempt) {
      auto result = compareKernels(*model, *best, rounds, variants.keys);
      bool areAll = true;
      for (Search &search : searches) {
        if (search.state.choice.isEmpty())
          continue;
        const Comparison &now = result[search.key];
        search.modelSeconds = now.first;
        search.seconds = now.second;
        if (holds(now, search.wasStored ? kStillFaster : kFaster))
          continue;
        search.state.choice = {};
        search.isMeasured = true;
        areAll = false;
      }
      if (areAll)
        break;
      buildBest();
    }
    if (!bestChoices().empty()) {
      // What is won in kernels and lost between them is not won.
      whole = compareRuns(*model, *best, rounds);
      hasLost =
          whole.second > kMostLost * whole.first && whole.ratio > kMostLost;
      if (hasLost)
        for (Search &search : searches) {
          search.isMeasured |= !search.state.choice.isEmpty();
          search.state.choice = {};
        }
    }
    for (Search &search : searches) {
      if (!search.isMeasured)
        continue;
      search.state.seconds = search.seconds;
      search.state.modelSeconds = search.modelSeconds;
      search.state.isComplete |= search.isOver();
      variants.store->store(search.key, search.state);
    }
    variants.chosen = bestChoices();
  }

  std::string describe() const {
    size_t kernels = 0, open = 0;
    for (const Search &search : searches) {
      kernels += search.isMeasured;
      open += !search.isOver() && search.modelSeconds >= kLeastShare * total;
    }
    int threads = model->threads();
    std::string text =
        format("tuned in %.1f s on %d thread%s: %d alternatives of %zu kernels "
               "measured\n",
               elapsed(), threads, threads == 1 ? "" : "s", measured, kernels);
    if (hasLost)
      text += "faster kernels made no faster run: nothing is changed\n";
    else if (variants.chosen.empty())
      text += "no alternative is faster than the cost model's choice\n";
    else
      text += "        ms     tuned  change  kernel\n";
    for (const Search &search : searches)
      if (!search.state.choice.isEmpty())
        text += format("%10.4f%10.4f  %+5.1f%%  ", search.modelSeconds * 1e3,
                       search.seconds * 1e3,
                       (search.seconds / search.modelSeconds - 1) * 100) +
                search.name + " (" + search.generator +
                "): " + printChoice(search.state.choice) + "\n";
    if (whole.first > 0)
      text += format("a run: %.4f ms by the cost model, %.4f ms tuned: "
                     "%+.1f%%, in turns %+.1f%%\n",
                     whole.first * 1e3, whole.second * 1e3,
                     (whole.second / whole.first - 1) * 100,
                     (whole.ratio - 1) * 100);
    if (open)
      text += format("%zu kernels have alternatives left for another --tune\n",
                     open);
    return text;
  }

  Variants &variants;
  const TuneOptions &options;
  Clock::time_point begin;
  std::vector<Search> searches;
  std::unique_ptr<Contestant> model, best;
  Rounds rounds{};
  double runSeconds = 0, total = 0, roundSeconds = 0;
  Comparison whole; // runs by the cost model, and tuned
  int roundCount = 0, measured = 0, gained = 0;
  bool hasLost = false;
};

} // namespace

bool tune(Variants &variants, const TuneOptions &options, std::string &summary,
          std::string &error) {
  try {
    summary = Tuner(variants, options).run();
    return true;
  } catch (const BuildFailed &) {
    return false;
  } catch (const std::exception &failure) {
    error = std::string("--tune: ") + failure.what();
    return false;
  }
}

} // namespace dl::tools
