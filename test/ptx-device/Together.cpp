// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Instructions in which the lanes of a warp look at each other.

#include "test/ptx-device/Decode.h"

#include <algorithm>

using namespace dl::ptxdevice;

namespace {

enum Kind : uint32_t { Index, Butterfly, Up, Down };

/// PTX ISA, "shfl.sync": `c` has the largest lane of a segment in bits 0 to 4,
/// and a mask of what lanes of a segment have in common in bits 8 to 12.
void shuffle(Warp &warp, const Instruction &in, uint32_t mask) {
  auto *d = warp.at<uint32_t>(in.d);
  const auto *a = warp.at<uint32_t>(in.a), *b = warp.at<uint32_t>(in.b),
             *c = warp.at<uint32_t>(in.c);
  uint32_t values[kLanes], valid = 0;
  memcpy(values, a, sizeof(values));
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    uint32_t segment = c[lane] >> 8 & 31, clamp = c[lane] & 31;
    uint32_t most = (lane & segment) | (clamp & ~segment),
             least = lane & segment, by = b[lane] & 31;
    uint32_t from = lane;
    bool isInside = false;
    switch (Kind(in.mode)) {
    case Index:
      from = least | (by & ~segment);
      isInside = from <= most;
      break;
    case Butterfly:
      from = lane ^ by;
      isInside = from <= most;
      break;
    case Up:
      from = lane - by;
      isInside = int32_t(from) >= int32_t(most);
      break;
    case Down:
      from = lane + by;
      isInside = from <= most;
      break;
    }
    if (!(mask >> lane & 1))
      continue;
    if (!isInside)
      from = lane;
    else if (!(mask >> from & 1))
      fail(warp, in, kLaunchFailed,
           "shfl from lane " + std::to_string(from) + ", which does not run");
    d[lane] = values[from];
    valid |= uint32_t(isInside) << lane;
  }
  if (!in.list.empty()) {
    uint32_t &p = warp.predicate(in.list[0]);
    p = (p & ~mask) | (valid & mask);
  }
}

bool decodeShuffle(const Statement &statement, Places &places,
                   Instruction &in) {
  in.mode = statement.has("idx")    ? Index
            : statement.has("bfly") ? Butterfly
            : statement.has("up")   ? Up
                                    : Down;
  const Operand &result = statement.operands.at(0);
  if (result.kind == Operand::List)
    in.list.push_back(places.place(result.of[1], 0));
  in.d = places.place(result.kind == Operand::List ? result.of[0] : result, 4);
  in.a = places.place(statement.operands.at(1), 4);
  in.b = places.place(statement.operands.at(2), 4);
  in.c = places.place(statement.operands.at(3), 4);
  in.run = shuffle;
  return true;
}

void elect(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t lane = uint32_t(__builtin_ctz(mask));
  forLanes(mask, [&](unsigned i) { warp.at<uint32_t>(in.d)[i] = lane; });
  uint32_t &p = warp.predicate(in.a);
  p = (p & ~mask) | uint32_t(1) << lane;
}

enum Vote : uint32_t { Ballot, All, Any };

void vote(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t holds = warp.predicate(in.a) & mask;
  if (in.mode == Ballot) {
    forLanes(mask, [&](unsigned i) { warp.at<uint32_t>(in.d)[i] = holds; });
    return;
  }
  bool value = in.mode == All ? holds == mask : holds != 0;
  uint32_t &d = warp.predicate(in.d);
  d = (d & ~mask) | (value ? mask : 0);
}

template <typename T, typename Op>
void reduce(Warp &warp, const Instruction &in, uint32_t mask) {
  const T *a = warp.at<T>(in.a);
  auto first = unsigned(__builtin_ctz(mask));
  T value = a[first];
  for (uint32_t rest = mask & (mask - 1); rest; rest &= rest - 1)
    value = Op::run(value, a[__builtin_ctz(rest)]);
  forLanes(mask, [&](unsigned i) { warp.at<T>(in.d)[i] = value; });
}

struct Sum {
  template <typename T> static T run(T a, T b) { return a + b; }
};
struct Least {
  template <typename T> static T run(T a, T b) { return std::min(a, b); }
};
struct Most {
  template <typename T> static T run(T a, T b) { return std::max(a, b); }
};

template <typename T> Run chooseReduction(const Statement &statement) {
  return statement.has("add")   ? reduce<T, Sum>
         : statement.has("min") ? reduce<T, Least>
         : statement.has("max") ? reduce<T, Most>
                                : nullptr;
}

} // namespace

namespace dl::ptxdevice {

bool decodeTogether(const Statement &statement, Places &places,
                    Instruction &in) {
  const std::string &name = statement.words[0];
  in.flow = Flow::Together;
  if (name == "shfl")
    return decodeShuffle(statement, places, in);
  if (name == "elect") {
    const Operand &result = statement.operands.at(0);
    in.d = places.place(result.of.at(0), 4);
    in.a = places.place(result.of.at(1), 0);
    in.run = elect;
    return true;
  }
  if (name == "vote") {
    in.mode = statement.has("ballot") ? Ballot
              : statement.has("all")  ? All
                                      : Any;
    in.d = places.place(statement.operands.at(0), in.mode == Ballot ? 4 : 0);
    in.a = places.place(statement.operands.at(1), 0);
    in.run = vote;
    return in.mode != Any || statement.has("any");
  }
  if (name == "redux") {
    in.d = places.place(statement.operands.at(0), 4);
    in.a = places.place(statement.operands.at(1), 4);
    in.run = statement.has("s32")   ? chooseReduction<int32_t>(statement)
             : statement.has("f32") ? chooseReduction<float>(statement)
                                    : chooseReduction<uint32_t>(statement);
    return in.run != nullptr;
  }
  in.flow = Flow::Next;
  return false;
}

} // namespace dl::ptxdevice
