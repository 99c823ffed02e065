// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/module_generated.h"
#include "runtime/device/cpu/host/HostFunctions.h"

#include <algorithm>

namespace dlrt {
namespace {

/// A box by its lower and upper corner, and where it stood.
struct Box {
  float low[2], high[2];
  float score;
  int64_t index;

  float area() const { return (high[0] - low[0]) * (high[1] - low[1]); }

  /// Intersection over union; 0 where either is empty.
  float overlap(const Box &other) const {
    float height =
        std::min(high[0], other.high[0]) - std::max(low[0], other.low[0]);
    float width =
        std::min(high[1], other.high[1]) - std::max(low[1], other.low[1]);
    if (height <= 0 || width <= 0)
      return 0;
    float common = height * width;
    return common / (area() + other.area() - common);
  }
};

Status prepareSuppress(const HostCallFrame &frame, int64_t &scratchBytes) {
  if (frame.argCount != 7 || frame.attributeCount != 1)
    return {Code::BadModule, "suppress has seven arguments and an attribute"};
  const HostArgument *args = frame.args;
  const HostArgument &boxes = args[0], &scores = args[1], &selected = args[5];
  bool sound = boxes.rank == 3 && scores.rank == 3 && selected.rank == 2;
  for (int i : {0, 1, 3, 4})
    sound &= args[i].type == fb::ElementType_F32;
  for (int i : {2, 5, 6})
    sound &= args[i].type == fb::ElementType_I64;
  for (int i : {2, 3, 4, 6})
    sound &= args[i].elements == 1;
  sound = sound && boxes.dims[0] == scores.dims[0] &&
          boxes.dims[1] == scores.dims[2] && boxes.dims[2] == 4 &&
          selected.dims[1] == 3 && selected.dims[0] == scores.elements;
  if (!sound)
    return {Code::BadModule, "suppress has arguments that do not agree"};
  // The candidates of a class, then those that are kept.
  if (!checkedMul(boxes.dims[1], 2 * sizeof(Box), scratchBytes))
    return {Code::Mismatch, "suppress has too many boxes"};
  return {};
}

Box loadBox(const float *from, bool centered, float score, int64_t index) {
  Box box{};
  for (int d = 0; d < 2; ++d) {
    float a = from[d], b = from[d + 2];
    box.low[d] = centered ? a - b / 2 : std::min(a, b);
    box.high[d] = centered ? a + b / 2 : std::max(a, b);
  }
  box.score = score;
  box.index = index;
  return box;
}

void runSuppress(const HostCallFrame &frame, const HostResources &resources) {
  const HostArgument *args = frame.args;
  auto *boxes = static_cast<const float *>(args[0].data);
  auto *scores = static_cast<const float *>(args[1].data);
  int64_t most = *static_cast<const int64_t *>(args[2].data);
  float limit = *static_cast<const float *>(args[3].data);
  float threshold = *static_cast<const float *>(args[4].data);
  auto *selected = static_cast<int64_t *>(args[5].data);
  int64_t classes = args[1].dims[1], count = args[1].dims[2];
  auto *candidates = static_cast<Box *>(resources.scratchOf(0));
  Box *kept = candidates + count;
  int64_t rows = 0;
  for (int64_t i = 0; i < args[1].dims[0] * classes; ++i) {
    const float *box = boxes + i / classes * count * 4;
    int64_t found = 0, taken = 0;
    for (int64_t j = 0; j < count; ++j)
      if (float score = scores[i * count + j]; score > threshold)
        candidates[found++] =
            loadBox(box + j * 4, frame.attributes[0] != 0, score, j);
    std::sort(candidates, candidates + found, [](const Box &a, const Box &b) {
      return a.score != b.score ? a.score > b.score : a.index < b.index;
    });
    for (int64_t j = 0; j < found && taken < most; ++j) {
      const Box &candidate = candidates[j];
      bool isFree = std::none_of(kept, kept + taken, [&](const Box &other) {
        return candidate.overlap(other) > limit;
      });
      if (!isFree)
        continue;
      kept[taken++] = candidate;
      int64_t *row = selected + rows++ * 3;
      row[0] = i / classes;
      row[1] = i % classes;
      row[2] = candidate.index;
    }
  }
  std::fill(selected + rows * 3, selected + args[5].elements, int64_t(-1));
  *static_cast<int64_t *>(args[6].data) = rows;
}

} // namespace

const HostFunction kSuppressFunction = {"suppress", prepareSuppress,
                                        runSuppress};

} // namespace dlrt
