// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/StringArguments.h"

#include <algorithm>
#include <vector>

namespace dlrt {
namespace {

constexpr int kMaxDims = 32;

/// The distance, in elements, to an operand's next element along dimension d of
/// the result: 0 where it is repeated, -1 where it does not fit.
int64_t operandStride(const HostArgument &operand, const HostArgument &result,
                      int d) {
  int own = d - (result.rank - operand.rank);
  if (own < 0 || operand.dims[own] == 1)
    return 0;
  if (operand.dims[own] != result.dims[d])
    return -1;
  int64_t stride = 1;
  for (int i = own + 1; i < operand.rank; ++i)
    stride *= operand.dims[i];
  return stride;
}

Status prepareConcat(const HostCallFrame &frame, int64_t &) {
  bool sound = frame.argCount == 3 && frame.attributeCount == 0;
  for (int i = 0; sound && i < 3; ++i)
    sound = frame.args[i].type == fb::ElementType_I64 &&
            frame.args[i].rank <= frame.args[2].rank &&
            frame.args[i].rank <= kMaxDims;
  for (int i = 0; sound && i < 2; ++i)
    for (int d = 0; d < frame.args[2].rank; ++d)
      sound &= operandStride(frame.args[i], frame.args[2], d) >= 0;
  if (!sound)
    return {Code::BadModule, "string_concat has arguments that do not agree"};
  return {};
}

void runConcat(const HostCallFrame &frame, const HostResources &resources) {
  const HostArgument &result = frame.args[2];
  const int64_t *operands[2] = {stringsOf(frame.args[0]),
                                stringsOf(frame.args[1])};
  auto *to = static_cast<int64_t *>(result.data);
  int64_t index[kMaxDims] = {}, strides[2][kMaxDims] = {};
  for (int d = 0; d < result.rank; ++d)
    for (int i : {0, 1})
      strides[i][d] = operandStride(frame.args[i], result, d);
  std::string joined;
  for (int64_t n = 0; n < result.elements; ++n) {
    joined.clear();
    for (const int64_t *operand : operands)
      joined += resources.strings->text(*operand);
    to[n] = resources.strings->number(joined);
    for (int d = result.rank; d-- > 0;) {
      bool goesOn = ++index[d] < result.dims[d];
      for (int i : {0, 1})
        operands[i] += strides[i][d] * (goesOn ? 1 : 1 - result.dims[d]);
      if (goesOn)
        break;
      index[d] = 0;
    }
  }
}

Status prepareRank(const HostCallFrame &frame, int64_t &) {
  return checkStringMap("string_rank", frame, fb::ElementType_I64,
                        fb::ElementType_I64, 0);
}

void runRank(const HostCallFrame &frame, const HostResources &resources) {
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<int64_t *>(frame.args[1].data);
  auto before = [&](int64_t a, int64_t b) {
    return resources.strings->text(a) < resources.strings->text(b);
  };
  std::vector<int64_t> sorted(from, from + frame.args[0].elements);
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::sort(sorted.begin(), sorted.end(), before);
  for (int64_t n = 0; n < frame.args[0].elements; ++n)
    to[n] = std::lower_bound(sorted.begin(), sorted.end(), from[n], before) -
            sorted.begin();
}

} // namespace

const HostFunction kStringConcatFunction = {"string_concat", prepareConcat,
                                            runConcat};
const HostFunction kStringRankFunction = {"string_rank", prepareRank, runRank};

} // namespace dlrt
