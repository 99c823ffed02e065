// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Copies into shared memory that go on while threads run, and what tells their
// end.

#include "test/ptx-device/Decode.h"

#include <algorithm>
#include <array>

using namespace dl::ptxdevice;

namespace {

uint64_t sharedAddress(const Warp &warp, const Instruction &in, unsigned lane) {
  uint64_t base = in.mode >> 31 ? warp.at<uint32_t>(in.a)[lane]
                                : warp.at<uint64_t>(in.a)[lane];
  return toSharedAddress(base + static_cast<uint64_t>(in.offset));
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// The source's bytes are read now, the shared memory is written when the copy
/// is waited for. `typeD`: the bytes of a copy; c: those that are read, the
/// others are zeros; `list`: the source's base and its offset's place.
void copy(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t bytes = in.typeD;
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    uint64_t to = sharedAddress(warp, in, i),
             from = warp.at<uint64_t>(in.b)[i] + warp.at<uint64_t>(in.d)[0];
    uint32_t count = std::min(bytes, warp.at<uint32_t>(in.c)[i]);
    std::array<uint8_t, 16> data{};
    if (count)
      memcpy(data.data(), reachGlobal(warp, in, from, bytes, i), count);
    // Whoever reads the place meanwhile races with the copy.
    reachShared(warp, in, to, bytes, i, true);
    warp.copies.emplace_back([&warp, &in, data, to, bytes, i] {
      memcpy(reachShared(warp, in, to, bytes, i, true), data.data(), bytes);
    });
  }
}

bool decodeCopy(const Statement &statement, Places &places, Instruction &in) {
  if (statement.has("commit_group")) {
    in.run = [](Warp &warp, const Instruction &, uint32_t) {
      warp.copyGroups.push_back(std::move(warp.copies));
      warp.copies.clear();
    };
    in.flow = Flow::Together;
    return true;
  }
  if (statement.has("wait_group") || statement.has("wait_all")) {
    bool isAll = statement.has("wait_all");
    in.mode = isAll ? 0 : uint32_t(statement.operands.at(0).value);
    in.typeA = isAll;
    in.run = [](Warp &warp, const Instruction &in, uint32_t) {
      if (in.typeA) {
        warp.copyGroups.push_back(std::move(warp.copies));
        warp.copies.clear();
      }
      while (warp.copyGroups.size() > in.mode) {
        for (const Warp::Action &action : warp.copyGroups.front())
          action();
        warp.copyGroups.pop_front();
      }
    };
    in.flow = Flow::Together;
    return true;
  }
  if (!statement.has("global") || statement.has("mbarrier"))
    return false;
  places.placeAddress(statement.operands.at(0), in);
  Instruction source;
  places.placeAddress(statement.operands.at(1), source);
  if (source.mode >> 31)
    return false;
  in.b = source.a;
  in.d = places.place({Operand::Integer, "", source.offset, {}}, 8);
  in.typeD = uint8_t(statement.operands.at(2).value);
  if (in.typeD != 4 && in.typeD != 8 && in.typeD != 16)
    return false;
  in.c = places.place(
      statement.operands.at(statement.operands.size() > 3 ? 3 : 2), 4);
  in.run = copy;
  return true;
}

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

void initBarrier(Warp &warp, const Instruction &in, uint32_t mask) {
  forLanes(mask, [&](unsigned i) {
    uint64_t at = sharedAddress(warp, in, i);
    reachShared(warp, in, at, 8, i, true);
    uint32_t count = warp.at<uint32_t>(in.b)[i];
    warp.block->phaseBarriers[uint32_t(at)] = {count, count, 0, 0};
  });
}

void arrive(Warp &warp, const Instruction &in, uint32_t mask) {
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    PhaseBarrier &barrier =
        warp.block->phaseBarrier(sharedAddress(warp, in, i));
    if (in.typeA) // expect_tx
      barrier.bytes += warp.at<uint32_t>(in.b)[i];
    if (in.typeD)
      barrier.arrive(in.typeA ? 1 : warp.at<uint32_t>(in.b)[i]);
  }
}

void tryWait(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t &done = warp.predicate(in.d);
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    const PhaseBarrier &barrier =
        warp.block->phaseBarrier(sharedAddress(warp, in, i));
    uint32_t parity = warp.at<uint32_t>(in.b)[i] & 1;
    bool isDone = (barrier.phase & 1) != parity;
    done = (done & ~(uint32_t(1) << i)) | uint32_t(isDone) << i;
  }
}

bool decodeBarrier(const Statement &statement, Places &places,
                   Instruction &in) {
  const std::vector<Operand> &operands = statement.operands;
  const std::string &what = statement.words.at(1);
  if (what == "init") {
    places.placeAddress(operands.at(0), in);
    in.b = places.place(operands.at(1), 4);
    in.run = initBarrier;
    return true;
  }
  if (what == "inval") {
    in.run = [](Warp &, const Instruction &, uint32_t) {};
    return true;
  }
  if (what == "try_wait" || what == "test_wait") {
    if (!statement.has("parity"))
      return false;
    in.d = places.place(operands.at(0), 0);
    places.placeAddress(operands.at(1), in);
    in.b = places.place(operands.at(2), 4);
    in.flow = Flow::Try;
    in.run = tryWait;
    return true;
  }
  if (what != "arrive" && what != "expect_tx")
    return false;
  // The state that some forms return tells the phase; asked by parity alone.
  size_t first = operands.at(0).kind == Operand::Address ? 0 : 1;
  if (first && operands[0].name != "_")
    return false;
  places.placeAddress(operands.at(first), in);
  in.typeA = statement.has("expect_tx");
  in.typeD = what == "arrive";
  Operand one{Operand::Integer, "", 1, {}};
  in.b =
      places.place(operands.size() > first + 1 ? operands[first + 1] : one, 4);
  in.run = arrive;
  return true;
}

//===----------------------------------------------------------------------===//
// The copy engine
//===----------------------------------------------------------------------===//

/// Copies a box: what lies outside of the tensor is zeros. Bytes are counted at
/// the barrier, also those.
void copyBox(Warp &warp, const Instruction &in, const TensorMap &map,
             const std::array<int64_t, 5> &at, uint64_t to, uint64_t barrier) {
  uint64_t count = 1;
  for (uint32_t d = 0; d < map.rank; ++d)
    count *= map.box[d];
  constexpr uint32_t kSwizzle128 = 3;
  for (uint64_t linear = 0; linear < count; ++linear) {
    uint64_t rest = linear, from = map.address;
    bool isInside = true;
    for (uint32_t d = 0; d < map.rank; ++d) {
      int64_t position = at[d] + int64_t(rest % map.box[d]);
      rest /= map.box[d];
      isInside &= position >= 0 && uint64_t(position) < map.extents[d];
      from += uint64_t(position) * (d ? map.strides[d - 1] : map.elementBytes);
    }
    uint64_t place = to + linear * map.elementBytes;
    if (map.swizzle == kSwizzle128)
      place ^= (place >> 7 & 7) << 4;
    uint8_t *bytes = reachShared(warp, in, place, map.elementBytes, 0, true);
    if (isInside)
      memcpy(bytes, reachGlobal(warp, in, from, map.elementBytes, 0),
             map.elementBytes);
    else
      memset(bytes, 0, map.elementBytes);
  }
  warp.block->phaseBarrier(barrier).complete(int64_t(count * map.elementBytes));
}

/// b: the tensor map's generic address; `list`: positions; c: the barrier; d:
/// what is added to its address.
void copyTensor(Warp &warp, const Instruction &in, uint32_t mask) {
  constexpr uint32_t kBoxAlignment = 128;
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    TensorMap map;
    memcpy(&map,
           reachGeneric(warp, in, warp.at<uint64_t>(in.b)[i], 64, i, false),
           sizeof(map));
    if (map.rank != in.list.size())
      fail(warp, in, kLaunchFailed, "a tensor map of another rank");
    std::array<int64_t, 5> at{};
    for (size_t d = 0; d < in.list.size(); ++d)
      at[d] = warp.at<int32_t>(in.list[d])[i];
    uint64_t to = sharedAddress(warp, in, i),
             barrier = warp.at<uint64_t>(in.c)[i] + warp.at<uint64_t>(in.d)[i];
    if (to % kBoxAlignment)
      fail(warp, in, kMisalignedAddress, "a box at no multiple of 128");
    warp.block->engine.emplace_back([&warp, &in, map, at, to, barrier] {
      copyBox(warp, in, map, at, to, barrier);
    });
  }
}

bool decodeTensorCopy(const Statement &statement, Places &places,
                      Instruction &in) {
  if (!statement.has("tile") || statement.has("multicast::cluster") ||
      statement.operands.size() != 3)
    return false;
  const Operand &source = statement.operands[1];
  places.placeAddress(statement.operands[0], in);
  Instruction map, barrier;
  places.placeAddress(source, map);
  places.placeAddress(statement.operands[2], barrier);
  if (map.mode >> 31 || map.offset || barrier.mode >> 31 ||
      source.of.size() != 1)
    return false;
  in.b = map.a;
  in.c = barrier.a;
  in.d = places.place({Operand::Integer, "", barrier.offset, {}}, 8);
  for (const Operand &position : source.of[0].of)
    in.list.push_back(places.place(position, 4));
  in.run = copyTensor;
  return true;
}

} // namespace

namespace dl::ptxdevice {

bool decodeAsync(const Statement &statement, Places &places, Instruction &in) {
  const std::string &name = statement.words[0];
  if (name == "mbarrier")
    return decodeBarrier(statement, places, in);
  if (name == "setmaxnreg" || name == "griddepcontrol") {
    in.run = [](Warp &, const Instruction &, uint32_t) {};
    return true;
  }
  if (name != "cp" || statement.words.at(1) != "async")
    return false;
  return statement.has("bulk") ? decodeTensorCopy(statement, places, in)
                               : decodeCopy(statement, places, in);
}

} // namespace dl::ptxdevice
