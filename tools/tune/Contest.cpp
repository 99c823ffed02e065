// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tune/Contest.h"

#include "tools/measure/Profile.h"
#include "tools/measure/RandomInputs.h"
#include "tools/values/Inputs.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace dl::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// Whether least times, of which the sum is given after each pair of batches,
/// have settled.
class Settled {
public:
  explicit Settled(Rounds rounds) : rounds(rounds) {}
  bool operator()(int batch, double sum) {
    constexpr int kChunk = 4;
    constexpr double kSame = 0.995;
    bool isSame = sum > kSame * before;
    if (batch % kChunk != kChunk - 1)
      return false;
    before = sum;
    return batch + 1 >= rounds.mostBatches ||
           (batch + 1 >= rounds.batches && isSame);
  }

private:
  Rounds rounds;
  double before = 0;
};

/// Second over first, 1 without turns.
double medianRatio(const Turns &turns) {
  std::vector<double> values;
  for (size_t i = 0; i < turns.first.size(); ++i)
    values.push_back(turns.second[i] / turns.first[i]);
  if (values.empty())
    return 1;
  auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Least times of each step, of one contestant.
struct LeastTimes {
  std::vector<double> all, turn;

  void run(Contestant &contestant, int count) {
    turn.clear();
    contestant.runProfiled(count, turn);
    if (all.empty())
      all = turn;
    for (size_t s = 0; s < turn.size(); ++s)
      all[s] = std::min(all[s], turn[s]);
  }
};

runtime::SessionOptions withThreads(int threads) {
  runtime::SessionOptions options;
  options.threads = threads;
  return options;
}

} // namespace

Contestant::Contestant(const std::string &path, int threads)
    : module(runtime::Module::open(path)),
      session(module, withThreads(threads)) {
  // Sizes that do not fit each other may fit when they are small.
  for (bool small : {false, true}) {
    try {
      inputs = randomInputs(module, 0, exampleSizes(module, 0, small));
      values::bindInputs(session, inputs, {});
      session.enableProfile(true);
      session.run();
      break;
    } catch (const std::exception &) {
      if (small)
        throw;
    }
  }
  for (const dlrt_profile_event &event : session.profile())
    stepKernels.emplace_back(event.kernel);
}

double Contestant::run(int count) {
  session.enableProfile(false);
  double least = 0;
  for (int i = 0; i < count; ++i) {
    keepPosition(module, session, 0)();
    Clock::time_point start = Clock::now();
    session.run();
    double seconds =
        std::chrono::duration<double>(Clock::now() - start).count();
    least = i == 0 ? seconds : std::min(least, seconds);
  }
  return least;
}

void Contestant::runProfiled(int count, std::vector<double> &steps) {
  session.enableProfile(true);
  for (int i = 0; i < count; ++i) {
    keepPosition(module, session, 0)();
    session.run();
    std::vector<dlrt_profile_event> events = session.profile();
    bool isFirst = steps.empty();
    steps.resize(events.size());
    for (size_t s = 0; s < events.size(); ++s) {
      double seconds = static_cast<double>(events[s].duration_ns) * 1e-9;
      steps[s] = isFirst ? seconds : std::min(steps[s], seconds);
    }
  }
}

Rounds chooseRounds(double seconds, double limit) {
  // The first run of a batch finds the other's data in the caches, and its
  // threads still spinning. What runs long holds more than any cache.
  constexpr double kBatch = 3e-3, kAll = 0.3, kLong = 0.06;
  constexpr int kMostRuns = 200, kBatches = 8, kMostBatches = 40, kPatience = 4;
  seconds = std::max(seconds, 1e-6);
  Rounds rounds{};
  rounds.batch = static_cast<int>(
      std::clamp<double>(kBatch / seconds, seconds < kLong ? 3 : 1, kMostRuns));
  double turn = 2 * seconds * rounds.batch;
  rounds.batches = static_cast<int>(
      std::clamp<double>(2 * kAll / turn, kBatches, kMostBatches));
  rounds.mostBatches = static_cast<int>(std::clamp<double>(
      limit / turn, rounds.batches, kPatience * rounds.batches));
  return rounds;
}

std::map<std::string, Comparison>
compareKernels(Contestant &first, Contestant &second, Rounds rounds,
               const std::map<std::string, std::string> &keys) {
  auto getKeys = [&](const Contestant &contestant) {
    std::vector<std::string> ofSteps;
    for (const std::string &kernel : contestant.kernels()) {
      auto key = keys.find(kernel);
      ofSteps.push_back(key == keys.end() ? "" : key->second);
    }
    return ofSteps;
  };
  return compareSteps(first, second, rounds, getKeys(first), getKeys(second));
}

std::map<std::string, Comparison>
compareSteps(Contestant &first, Contestant &second, Rounds rounds,
             const std::vector<std::string> &keysOfFirst,
             const std::vector<std::string> &keysOfSecond) {
  using Sums = std::map<std::string, double>;
  auto sum = [](const std::vector<std::string> &keys,
                const std::vector<double> &steps) {
    Sums sums;
    for (size_t s = 0; s < steps.size(); ++s)
      if (!keys[s].empty())
        sums[keys[s]] += steps[s];
    return sums;
  };
  LeastTimes ofFirst, ofSecond;
  std::map<std::string, Turns> turns;
  Settled hasSettled(rounds);
  for (int i = 0;; ++i) {
    // Each goes first in turn.
    if (i % 2 == 0)
      ofFirst.run(first, rounds.batch);
    ofSecond.run(second, rounds.batch);
    if (i % 2 == 1)
      ofFirst.run(first, rounds.batch);
    Sums before = sum(keysOfFirst, ofFirst.turn);
    for (const auto &[key, seconds] : sum(keysOfSecond, ofSecond.turn))
      if (before[key] > 0)
        turns[key].add(before[key], seconds);
    double all = std::accumulate(ofFirst.all.begin(), ofFirst.all.end(), 0.0) +
                 std::accumulate(ofSecond.all.begin(), ofSecond.all.end(), 0.0);
    if (hasSettled(i, all))
      break;
  }
  std::map<std::string, Comparison> result;
  for (const auto &[key, seconds] : sum(keysOfFirst, ofFirst.all))
    result[key].first = seconds;
  for (const auto &[key, seconds] : sum(keysOfSecond, ofSecond.all)) {
    result[key].second = seconds;
    result[key].turns = turns[key];
    result[key].ratio = medianRatio(turns[key]);
  }
  return result;
}

Comparison compareRuns(Contestant &first, Contestant &second, Rounds rounds,
                       double share) {
  Comparison result;
  Settled hasSettled(rounds);
  for (int i = 0;; ++i) {
    double seconds[2] = {0, 0};
    for (int c : {i % 2, 1 - i % 2})
      seconds[c] = (c == 0 ? first : second).run(rounds.batch);
    result.first = i ? std::min(result.first, seconds[0]) : seconds[0];
    result.second = i ? std::min(result.second, seconds[1]) : seconds[1];
    result.turns.add(seconds[0], seconds[1]);
    bool isDecided = share == 0 || i + 1 >= rounds.mostBatches ||
                     judge(result.turns, share) != Verdict::Open;
    if (hasSettled(i, result.first + result.second) && isDecided)
      break;
  }
  result.ratio = medianRatio(result.turns);
  return result;
}

} // namespace dl::tools
