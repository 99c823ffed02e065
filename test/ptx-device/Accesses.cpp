// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Loads, stores and atomic operations.

#include "test/ptx-device/Decode.h"

#include <algorithm>

using namespace dl::ptxdevice;

namespace {

enum Space : uint8_t { Generic, Global, Shared, Parameters };

uint64_t addressOf(const Warp &warp, const Instruction &in, unsigned lane) {
  uint64_t base = in.mode >> 31 ? warp.at<uint32_t>(in.a)[lane]
                                : warp.at<uint64_t>(in.a)[lane];
  return base + static_cast<uint64_t>(in.offset);
}

template <Space space>
uint8_t *reach(Warp &warp, const Instruction &in, unsigned lane, uint32_t bytes,
               bool writes) {
  uint64_t address = addressOf(warp, in, lane);
  if constexpr (space == Global)
    return reachGlobal(warp, in, address, bytes, lane);
  if constexpr (space == Shared)
    return reachShared(warp, in, address, bytes, lane, writes);
  if constexpr (space == Parameters) {
    if (address + bytes > warp.block->kernel->parameterBytes)
      fail(warp, in, kIllegalAddress, "outside of the parameters");
    return const_cast<uint8_t *>(warp.block->parameters) + address;
  }
  return reachGeneric(warp, in, address, bytes, lane, writes);
}

/// Values of type T in registers of type R, which is not narrower.
template <Space space, typename T, typename R>
void load(Warp &warp, const Instruction &in, uint32_t mask) {
  auto count = uint32_t(in.list.size());
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    const uint8_t *from =
        reach<space>(warp, in, i, uint32_t(sizeof(T)) * count, false);
    for (uint32_t n = 0; n < count; ++n) {
      T value;
      memcpy(&value, from + n * sizeof(T), sizeof(T));
      warp.at<R>(in.list[n])[i] = R(value);
    }
  }
}

template <Space space, typename T, typename R>
void store(Warp &warp, const Instruction &in, uint32_t mask) {
  auto count = uint32_t(in.list.size());
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    uint8_t *to = reach<space>(warp, in, i, uint32_t(sizeof(T)) * count, true);
    for (uint32_t n = 0; n < count; ++n) {
      T value = T(warp.at<R>(in.list[n])[i]);
      memcpy(to + n * sizeof(T), &value, sizeof(T));
    }
    if constexpr (space == Shared)
      noteStore(warp, addressOf(warp, in, i), uint32_t(sizeof(T)) * count, i);
  }
}

template <Space space, typename T, typename R> Run choose(bool stores) {
  return stores ? store<space, T, R> : load<space, T, R>;
}

/// `type` as in PTX, `width` of the register.
template <Space space>
Run chooseRun(const std::string &type, uint32_t width, bool stores) {
  bool isSigned = type[0] == 's';
  uint32_t bytes = typeBytes(type).value_or(0);
  if (bytes == 1) {
    switch (width) {
    case 2:
      return isSigned ? choose<space, int8_t, int16_t>(stores)
                      : choose<space, uint8_t, uint16_t>(stores);
    case 4:
      return isSigned ? choose<space, int8_t, int32_t>(stores)
                      : choose<space, uint8_t, uint32_t>(stores);
    case 8:
      return isSigned ? choose<space, int8_t, int64_t>(stores)
                      : choose<space, uint8_t, uint64_t>(stores);
    default:
      return nullptr;
    }
  }
  if (bytes == 2 && width == 2)
    return choose<space, uint16_t, uint16_t>(stores);
  if (bytes == 2 && width == 4)
    return isSigned ? choose<space, int16_t, int32_t>(stores)
                    : choose<space, uint16_t, uint32_t>(stores);
  if (bytes == 4 && width == 4)
    return choose<space, uint32_t, uint32_t>(stores);
  if (bytes == 4 && width == 8)
    return isSigned ? choose<space, int32_t, int64_t>(stores)
                    : choose<space, uint32_t, uint64_t>(stores);
  if (bytes == 8 && width == 8)
    return choose<space, uint64_t, uint64_t>(stores);
  return nullptr;
}

Space findSpace(const Statement &statement) {
  for (const std::string &word : statement.words) {
    if (word == "global")
      return Global;
    if (word.compare(0, 6, "shared") == 0)
      return Shared;
    if (word == "param")
      return Parameters;
  }
  return Generic;
}

bool decodeLoadStore(const Statement &statement, Places &places,
                     Instruction &in) {
  bool stores = statement.words[0] == "st";
  const Operand &address = statement.operands.at(stores ? 0 : 1),
                &values = statement.operands.at(stores ? 1 : 0);
  const std::string &type = statement.words.back();
  if (!typeBytes(type))
    return false;
  places.placeAddress(address, in);
  uint32_t width = 0;
  std::vector<Operand> all =
      values.kind == Operand::List ? values.of : std::vector{values};
  for (const Operand &value : all)
    width = std::max(width, places.widthOf(value));
  if (!width)
    width = std::max(2u, *typeBytes(type)); // constants alone
  for (const Operand &value : all)
    in.list.push_back(places.place(value, width));
  switch (findSpace(statement)) {
  case Global:
    in.run = chooseRun<Global>(type, width, stores);
    break;
  case Shared:
    in.run = chooseRun<Shared>(type, width, stores);
    break;
  case Parameters:
    in.run = stores ? nullptr : chooseRun<Parameters>(type, width, false);
    break;
  case Generic:
    in.run = chooseRun<Generic>(type, width, stores);
    break;
  }
  return in.run != nullptr;
}

//===----------------------------------------------------------------------===//
// Atomic operations
//===----------------------------------------------------------------------===//

struct AddAtomic {
  template <typename T> static T run(T old, T value, T) { return old + value; }
};
struct MaximumAtomic {
  template <typename T> static T run(T old, T value, T) {
    return std::max(old, value);
  }
};
struct MinimumAtomic {
  template <typename T> static T run(T old, T value, T) {
    return std::min(old, value);
  }
};
struct Exchange {
  template <typename T> static T run(T, T value, T) { return value; }
};
struct CompareExchange { // the value is what is expected
  template <typename T> static T run(T old, T value, T other) {
    return old == value ? other : old;
  }
};

template <typename T, typename Op>
void atomic(Warp &warp, const Instruction &in, uint32_t mask) {
  for (; mask; mask &= mask - 1) {
    auto i = unsigned(__builtin_ctz(mask));
    uint64_t address = addressOf(warp, in, i);
    uint8_t *place = reachGeneric(warp, in, address, sizeof(T), i, true);
    T old;
    memcpy(&old, place, sizeof(T));
    T next = Op::run(old, warp.at<T>(in.b)[i], warp.at<T>(in.c)[i]);
    memcpy(place, &next, sizeof(T));
    warp.at<T>(in.d)[i] = old;
  }
}

template <typename T> Run chooseAtomic(const Statement &statement) {
  return statement.has("add")    ? atomic<T, AddAtomic>
         : statement.has("max")  ? atomic<T, MaximumAtomic>
         : statement.has("min")  ? atomic<T, MinimumAtomic>
         : statement.has("exch") ? atomic<T, Exchange>
         : statement.has("cas")  ? atomic<T, CompareExchange>
                                 : nullptr;
}

bool decodeAtomic(const Statement &statement, Places &places, Instruction &in) {
  bool hasResult = statement.words[0] == "atom";
  const std::string &type = statement.words.back();
  uint32_t width = typeBytes(type).value_or(0);
  if (width < 4 || findSpace(statement) == Parameters)
    return false;
  size_t first = hasResult ? 1 : 0;
  in.d = hasResult ? places.place(statement.operands.at(0), width)
                   : places.scratch(width);
  places.placeAddress(statement.operands.at(first), in);
  if (findSpace(statement) == Shared)
    in.offset += static_cast<int64_t>(kSharedBase);
  in.b = in.c = places.place(statement.operands.at(first + 1), width);
  if (statement.has("cas"))
    in.c = places.place(statement.operands.at(first + 2), width);
  in.run = type == "f32"                    ? chooseAtomic<float>(statement)
           : type == "f64"                  ? chooseAtomic<double>(statement)
           : type == "s32"                  ? chooseAtomic<int32_t>(statement)
           : type == "s64"                  ? chooseAtomic<int64_t>(statement)
           : width == 4                     ? chooseAtomic<uint32_t>(statement)
           : type == "u64" || type == "b64" ? chooseAtomic<uint64_t>(statement)
                                            : nullptr;
  return in.run != nullptr;
}

} // namespace

namespace dl::ptxdevice {

bool decodeAccess(const Statement &statement, Places &places, Instruction &in) {
  const std::string &name = statement.words[0];
  if (name == "ld" || name == "st" || name == "ldu")
    return decodeLoadStore(statement, places, in);
  if (name == "atom" || name == "red")
    return decodeAtomic(statement, places, in);
  if (name == "fence" && statement.has("proxy") && statement.has("async")) {
    in.run = [](Warp &warp, const Instruction &, uint32_t mask) {
      publishStores(warp, mask);
    };
    return true;
  }
  // One thread of the host runs all: memory is in order.
  if (name == "fence" || name == "membar" || name == "prefetch") {
    in.run = [](Warp &, const Instruction &, uint32_t) {};
    return true;
  }
  return false;
}

} // namespace dl::ptxdevice
