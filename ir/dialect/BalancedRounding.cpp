// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/BalancedRounding.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <tuple>
#include <vector>

using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Loops over elements that lie together
//===----------------------------------------------------------------------===//

/// Elements that a loop takes at a time.
static constexpr int64_t kLanes = 128;

// Loops become vectors, for what every CPU has and for AVX2. Both give the same
// bits: no operation but the sum of doubles rounds.
#if defined(__x86_64__)
#define DL_INLINE inline __attribute__((always_inline))
#define DL_VECTORIZED(name, parameters, arguments)                             \
  __attribute__((target("avx2"))) static void name##Wide parameters {          \
    name##Each arguments;                                                      \
  }                                                                            \
  static void name parameters {                                                \
    static const bool isWide = __builtin_cpu_supports("avx2");                 \
    if (isWide)                                                                \
      name##Wide arguments;                                                    \
    else                                                                       \
      name##Each arguments;                                                    \
  }
#else
#define DL_INLINE inline
#define DL_VECTORIZED(name, parameters, arguments)                             \
  static void name parameters { name##Each arguments; }
#endif

/// Element i of floats at any address, as bits.
static DL_INLINE uint32_t load(const char *floats, int64_t i) {
  uint32_t bits;
  std::memcpy(&bits, floats + i * sizeof(bits), sizeof(bits));
  return bits;
}

static DL_INLINE float toFloat(uint32_t bits) {
  return llvm::bit_cast<float>(bits);
}

/// Rounded to nearest, ties to even, as f32; wrong for what is not finite.
static DL_INLINE uint32_t getNearest(uint32_t bits) {
  return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
}

/// The error of rounding to nearest, exactly; zero where either is not finite.
static DL_INLINE float getError(uint32_t bits) {
  uint32_t nearest = getNearest(bits);
  float error = toFloat(nearest) - toFloat(bits);
  bool isFinite =
      (nearest & 0x7f800000) != 0x7f800000 && (bits & 0x7f800000) != 0x7f800000;
  return isFinite ? error : 0;
}

/// The distance between the neighbours of a number; infinite if one is.
static DL_INLINE float getStep(uint32_t bits) {
  uint32_t below = bits & 0x7fff0000;
  return toFloat(below + 0x10000) - toFloat(below);
}

/// Rounds to nearest, and adds the errors to sums.
static DL_INLINE void roundToNearestEach(const char *source, uint16_t *result,
                                         double *sums, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = load(source, i);
    // What is not a number stays so, and is quiet.
    uint32_t rounded =
        (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : getNearest(bits);
    result[i] = static_cast<uint16_t>(rounded >> 16);
    sums[i] += getError(bits);
  }
}
DL_VECTORIZED(roundToNearest,
              (const char *source, uint16_t *result, double *sums,
               int64_t count),
              (source, result, sums, count))

/// Marks numbers with errors of this sign whose move to the other neighbour
/// costs up to this limit for a unit of the sum.
static DL_INLINE void markEach(const char *source, const float *signs,
                               const float *limits, uint8_t *marks,
                               int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = load(source, i);
    float error = signs[i] * getError(bits);
    float cost = getStep(bits) - 2 * error;
    marks[i] = (error > 0) & (cost <= limits[i]);
  }
}
DL_VECTORIZED(mark,
              (const char *source, const float *signs, const float *limits,
               uint8_t *marks, int64_t count),
              (source, signs, limits, marks, count))

//===----------------------------------------------------------------------===//
// Channels
//===----------------------------------------------------------------------===//

namespace {

/// Rounds channels whose elements lie in runs: either a run is of one channel,
/// or it has one element of each of as many channels.
class Rounder {
public:
  Rounder(const void *source, uint16_t *result,
          llvm::ArrayRef<StridedDim> summed)
      : source(static_cast<const char *>(source)), result(result) {
    // The place of an element among those of its channel, in the given order.
    int64_t place = 1;
    for (StridedDim dim : llvm::reverse(summed)) {
      places.push_back({dim, place});
      place *= dim.size;
    }
    llvm::sort(places, [](const Place &a, const Place &b) {
      return std::tie(a.dim.stride, a.place) > std::tie(b.dim.stride, b.place);
    });
    count = place;
  }

  /// Rounds the channels that start at `first` and the elements after it:
  /// `width` of them, up to kLanes, or one if it is zero.
  void round(int64_t first, int64_t width, llvm::ArrayRef<int64_t> runs,
             int64_t length) {
    channels.resize(std::max<int64_t>(width, 1));
    for (Channel &channel : channels)
      channel.reset();
    std::array<double, kLanes> sums{};
    forEachPiece(first, runs, length, [&](int64_t at, int64_t count) {
      roundToNearest(source + at * sizeof(float), result + at, sums.data(),
                     count);
    });
    if (width == 0) {
      for (int64_t half = kLanes / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; ++i)
          sums[i] += sums[i + half];
      channels[0].sum = sums[0];
      signs.fill(getSign(sums[0]));
      limits.fill(getLimit(sums[0], first + runs.front(), 1, length));
    } else {
      int64_t distance = runs.size() > 1 ? runs[1] - runs[0] : 0;
      for (int64_t i = 0; i < width; ++i) {
        channels[i].sum = sums[i];
        signs[i] = getSign(sums[i]);
        limits[i] =
            getLimit(sums[i], first + runs.front() + i, distance, runs.size());
      }
    }
    while (!collect(first, width, runs, length))
      ;
    for (Channel &channel : channels)
      cancel(channel, first + (width ? &channel - channels.data() : 0));
  }

private:
  static constexpr float kHighest = 0x1p122f; // beyond all finite steps

  struct Move {
    float cost; // that a unit of the sum costs
    int64_t at;
  };
  struct Channel {
    double sum = 0, reached = 0;
    bool isDone = false;
    std::vector<Move> moves;

    void reset() {
      reached = 0;
      isDone = false;
      moves.clear();
    }
  };
  struct Place {
    StridedDim dim;
    int64_t place;
  };

  static float getSign(double sum) { return sum > 0 ? 1 : -1; }

  /// The cost of moves that probably cancel a sum. Errors are spread evenly:
  /// half of a channel's numbers have the sign, and of these, those that cost
  /// less than c have steps of c for each number altogether, whatever their
  /// size. Twice as many as needed are asked for, and some more: there is
  /// another round where they do not suffice.
  float getLimit(double sum, int64_t at, int64_t distance,
                 int64_t length) const {
    constexpr int64_t kSamples = 8, kMore = 6;
    double steps = 0;
    int64_t samples = std::min(length, kSamples);
    for (int64_t i = 0; i < samples; ++i)
      steps += getStep(load(source, at + i * distance));
    double limit =
        (4 * std::fabs(sum) + kMore * steps / static_cast<double>(samples)) /
        static_cast<double>(count);
    return limit < kHighest ? static_cast<float>(limit) : kHighest;
  }

  template <typename Body>
  void forEachPiece(int64_t first, llvm::ArrayRef<int64_t> runs, int64_t length,
                    Body body) {
    // Runs far apart are no stream that a CPU fetches ahead by itself.
    constexpr size_t kAhead = 8;
    for (size_t i = 0; i < runs.size(); ++i) {
      if (length <= kLanes && i + kAhead < runs.size())
        for (int64_t at = 0; at < length; at += 16)
          __builtin_prefetch(source +
                             (first + runs[i + kAhead] + at) * sizeof(float));
      for (int64_t at = 0; at < length; at += kLanes)
        body(first + runs[i] + at, std::min(length - at, kLanes));
    }
  }

  int64_t getPlace(int64_t offset) const {
    int64_t place = 0;
    for (const Place &dim : places) {
      // Of a size of 1, the stride says nothing.
      if (dim.dim.size == 1)
        continue;
      place += offset / dim.dim.stride * dim.place;
      offset %= dim.dim.stride;
    }
    return place;
  }

  /// The moves within the limits, for channels that are not done; raises the
  /// limits where these are not enough. Whether all are done.
  bool collect(int64_t first, int64_t width, llvm::ArrayRef<int64_t> runs,
               int64_t length) {
    std::array<uint8_t, kLanes> marks{};
    forEachPiece(first, runs, length, [&](int64_t at, int64_t count) {
      mark(source + at * sizeof(float), signs.data(), limits.data(),
           marks.data(), count);
      for (int64_t word = 0; word < count; word += 8) {
        uint64_t any;
        std::memcpy(&any, &marks[word], sizeof(any));
        // Marks are the lowest bits of their bytes.
        for (; any; any &= any - 1) {
          int64_t i = word + llvm::countr_zero(any) / 8;
          if (i < count)
            add(channels[width ? i : 0], at + i, signs[i]);
        }
      }
    });
    bool isDone = true;
    for (auto [i, channel] : llvm::enumerate(channels)) {
      channel.isDone |=
          channel.reached >= std::fabs(channel.sum) || limits[i] >= kHighest;
      isDone &= channel.isDone;
    }
    if (isDone)
      return true;
    for (auto [i, channel] : llvm::enumerate(channels)) {
      if (channel.isDone) {
        limits[i] = -1; // no cost
        continue;
      }
      limits[i] = std::clamp(limits[i] * 8, 0x1p-149f, kHighest);
      channel.reset();
    }
    if (width == 0)
      limits.fill(limits[0]);
    return false;
  }

  void add(Channel &channel, int64_t at, float sign) {
    uint32_t bits = load(source, at);
    float step = getStep(bits);
    channel.moves.push_back({step - 2 * sign * getError(bits), at});
    channel.reached += step;
  }

  void cancel(Channel &channel, int64_t first) {
    // Of equal costs, in the order of the channel.
    std::sort(channel.moves.begin(), channel.moves.end(),
              [&](const Move &a, const Move &b) {
                return a.cost != b.cost
                           ? a.cost < b.cost
                           : getPlace(a.at - first) < getPlace(b.at - first);
              });
    bool isAbove = channel.sum > 0;
    double sum = std::fabs(channel.sum);
    for (const Move &move : channel.moves) {
      double step = getStep(load(source, move.at));
      if (2 * sum <= step)
        break;
      sum -= step;
      // Away from zero, or toward it, is one more or less in the bits.
      uint16_t &rounded = result[move.at];
      bool isNegative = rounded >> 15;
      rounded =
          static_cast<uint16_t>(rounded + (isAbove == isNegative ? 1 : -1));
    }
  }

  const char *source;
  uint16_t *result;
  int64_t count;                   // of a channel's elements
  llvm::SmallVector<Place> places; // by descending strides
  std::vector<Channel> channels;
  std::array<float, kLanes> signs, limits;
};

} // namespace

/// The positions of all elements along `dims`, the last one fastest.
static std::vector<int64_t> getPositions(llvm::ArrayRef<StridedDim> dims) {
  std::vector<int64_t> positions{0};
  for (StridedDim dim : dims) {
    std::vector<int64_t> finer;
    finer.reserve(positions.size() * dim.size);
    for (int64_t position : positions)
      for (int64_t i = 0; i < dim.size; ++i)
        finer.push_back(position + i * dim.stride);
    positions.swap(finer);
  }
  return positions;
}

/// Takes dimensions from the end of `dims` that are dense in memory, and gives
/// their size. `dims` are by descending strides.
static int64_t takeDense(llvm::SmallVector<StridedDim> &dims) {
  int64_t size = 1;
  while (!dims.empty() && dims.back().stride == size)
    size *= dims.pop_back_val().size;
  return size;
}

void mlir::dl::roundBalanced(const void *source, uint16_t *result,
                             llvm::ArrayRef<StridedDim> channels,
                             llvm::ArrayRef<StridedDim> summed) {
  auto isEmpty = [](StridedDim dim) { return dim.size == 0; };
  if (llvm::any_of(channels, isEmpty) || llvm::any_of(summed, isEmpty))
    return;
  auto sort = [](llvm::ArrayRef<StridedDim> dims) {
    llvm::SmallVector<StridedDim> sorted;
    for (StridedDim dim : dims)
      if (dim.size > 1)
        sorted.push_back(dim);
    llvm::sort(sorted,
               [](StridedDim a, StridedDim b) { return a.stride > b.stride; });
    return sorted;
  };
  llvm::SmallVector<StridedDim> outer = sort(channels), inner = sort(summed);
  Rounder rounder(source, result, summed);
  int64_t length = takeDense(inner), width = length > 1 ? 1 : takeDense(outer);
  std::vector<int64_t> runs = getPositions(inner);
  for (int64_t start : getPositions(outer)) {
    if (width == 1)
      rounder.round(start, 0, runs, length);
    else
      for (int64_t first = 0; first < width; first += kLanes) {
        int64_t block = std::min(width - first, kLanes);
        rounder.round(start + first, block, runs, block);
      }
  }
}
