// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tune/Contest.h"

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

double sumOf(const std::vector<double> (&steps)[2][2]) {
  double sum = 0;
  for (const auto &contestant : steps)
    for (const std::vector<double> &half : contestant)
      sum = std::accumulate(half.begin(), half.end(), sum);
  return sum;
}

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

double KernelTimes::of(const std::string &kernel) const {
  double least = 0;
  for (const auto &half : halves) {
    auto found = half.find(kernel);
    double seconds = found == half.end() ? 0 : found->second;
    least = least > 0 ? std::min(least, seconds) : seconds;
  }
  return least;
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

void compareKernels(Contestant &first, Contestant &second, Rounds rounds,
                    const std::map<std::string, std::string> &keys,
                    KernelTimes &firstTimes, KernelTimes &secondTimes) {
  std::vector<double> steps[2][2]; // contestant, half
  Settled hasSettled(rounds);
  for (int i = 0;; ++i) {
    // Each goes first in turn.
    bool turned = i / 2 % 2 == 1;
    Contestant &one = turned ? second : first, &other = turned ? first : second;
    one.runProfiled(rounds.batch, steps[turned ? 1 : 0][i % 2]);
    other.runProfiled(rounds.batch, steps[turned ? 0 : 1][i % 2]);
    if (hasSettled(i, sumOf(steps)))
      break;
  }
  auto sum = [&](const Contestant &contestant, std::vector<double> *halves,
                 KernelTimes &times) {
    for (int half : {0, 1})
      for (size_t s = 0; s < halves[half].size(); ++s) {
        auto key = keys.find(contestant.kernels()[s]);
        if (key != keys.end())
          times.halves[half][key->second] += halves[half][s];
      }
  };
  sum(first, steps[0], firstTimes);
  sum(second, steps[1], secondTimes);
}

std::pair<double, double> compareRuns(Contestant &first, Contestant &second,
                                      Rounds rounds) {
  double least[2] = {0, 0};
  Settled hasSettled(rounds);
  for (int i = 0;; ++i) {
    for (int c : {i % 2, 1 - i % 2}) {
      double seconds = (c == 0 ? first : second).run(rounds.batch);
      least[c] = least[c] > 0 ? std::min(least[c], seconds) : seconds;
    }
    if (hasSettled(i, least[0] + least[1]))
      return {least[0], least[1]};
  }
}

} // namespace dl::tools
