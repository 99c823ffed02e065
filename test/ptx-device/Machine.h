// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The state of a workgroup that runs.

#ifndef DL_TEST_PTXDEVICE_MACHINE_H
#define DL_TEST_PTXDEVICE_MACHINE_H

#include "test/ptx-device/Program.h"

#include <cstring>
#include <deque>
#include <functional>
#include <memory>

namespace dl::ptxdevice {

/// Blocks of global memory, by address. Its user locks.
class GlobalMemory {
public:
  /// Memory that nothing has written holds not-a-numbers.
  uint64_t allocate(size_t bytes);
  bool free(uint64_t address);
  /// Where bytes lie on the host; null if they are not of one block.
  static uint8_t *toHost(uint64_t address) {
    return reinterpret_cast<uint8_t *>(address - kGlobalBias);
  }
  bool contains(uint64_t address, size_t bytes, uint64_t &first,
                uint64_t &last) const;

private:
  std::map<uint64_t, size_t> blocks;
};

/// A CUtensorMap as this device has it.
struct TensorMap {
  uint64_t address;
  uint32_t elementBytes, rank;
  uint64_t extents[5];
  uint64_t strides[4];
  uint32_t box[5];
  uint32_t swizzle; ///< CUtensorMapSwizzle
};
static_assert(sizeof(TensorMap) <= 128);

struct Block;

/// Lanes of a warp at the same instruction.
struct Group {
  uint32_t pc = 0, mask = 0;
  bool isBlocked = false;
  int barrier = -1; ///< at which it waits
};

struct Warp {
  uint8_t *registers = nullptr;
  Block *block = nullptr;
  uint32_t number = 0, live = 0;
  std::vector<Group> groups;
  using Action = std::function<void()>;
  /// Asynchronous copies and products are done when they are waited for: who
  /// does not wait gets what was there before.
  std::vector<Action> copies, products;
  std::deque<std::vector<Action>> copyGroups, productGroups;
  /// What lanes have stored in shared memory since their last fence, of kernels
  /// with wgmma.
  struct Store {
    uint64_t at;
    uint32_t bytes, lane;
  };
  std::vector<Store> unpublished;

  template <typename T> T *at(uint32_t slot) const {
    return reinterpret_cast<T *>(registers + slot);
  }
  uint32_t &predicate(uint32_t slot) const { return *at<uint32_t>(slot); }
};

/// In an object of shared memory, by its address.
struct PhaseBarrier {
  uint32_t count = 0, pending = 0, phase = 0;
  int64_t bytes = 0; ///< that are still to come
  void arrive(uint32_t arrivals);
  void complete(int64_t done);
};

struct Block {
  const Kernel *kernel = nullptr;
  GlobalMemory *memory = nullptr;
  /// `written`: of each byte, whether it was, and whether only by a thread that
  /// has not told the copy engine and wgmma of it.
  std::vector<uint8_t> shared, written;
  const uint8_t *parameters = nullptr;
  uint32_t group = 0, groupCount = 0, threads = 0;
  std::vector<Warp> warps;
  std::map<uint32_t, PhaseBarrier> phaseBarriers;
  std::map<int, std::pair<uint32_t, uint32_t>> barriers; ///< arrived, expected
  std::deque<Warp::Action> engine;                       ///< copies under way
  uint32_t epoch = 1;                                    ///< barriers so far
  /// Of each byte of shared memory: who touched it since the barrier.
  struct Access {
    uint32_t epoch = 0;
    uint32_t readers = 0, writers = 0; ///< warps
  };
  std::vector<Access> accesses;

  /// Runs all warps to their end.
  void run();
  void touch(const Warp &warp, const Instruction &in, uint64_t at,
             uint32_t bytes, bool writes);
  PhaseBarrier &phaseBarrier(uint64_t address);
};

/// Values of Block::written.
constexpr uint8_t kUnwritten = 0, kPublished = 1, kUnpublished = 2;

/// Says of bytes that a lane has just stored that no fence followed.
void noteStore(Warp &warp, uint64_t address, uint32_t bytes, unsigned lane);
/// A fence of these lanes.
void publishStores(Warp &warp, uint32_t mask);

/// Where bytes of a space lie, which are checked. `lane` is for the message.
uint8_t *reachGlobal(Warp &warp, const Instruction &in, uint64_t address,
                     uint32_t bytes, unsigned lane);
uint8_t *reachShared(Warp &warp, const Instruction &in, uint64_t address,
                     uint32_t bytes, unsigned lane, bool writes);
/// By generic address.
uint8_t *reachGeneric(Warp &warp, const Instruction &in, uint64_t address,
                      uint32_t bytes, unsigned lane, bool writes);

/// Of a shared address, as generic or in its own space.
inline uint64_t toSharedAddress(uint64_t address) {
  return address >= kSharedBase ? address - kSharedBase : address;
}

[[noreturn]] void fail(const Warp &warp, const Instruction &in, int result,
                       const std::string &what);

template <typename F> inline void forLanes(uint32_t mask, F body) {
  if (mask == kAllLanes) {
#pragma clang loop vectorize(assume_safety)
    for (unsigned i = 0; i < kLanes; ++i)
      body(i);
    return;
  }
  for (; mask; mask &= mask - 1)
    body(static_cast<unsigned>(__builtin_ctz(mask)));
}

/// Launches a grid. Fault: what a kernel did wrong.
void launch(const Kernel &kernel, GlobalMemory &memory, uint32_t groups,
            uint32_t threads, uint32_t dynamicBytes, const uint8_t *parameters);

} // namespace dl::ptxdevice

#endif // DL_TEST_PTXDEVICE_MACHINE_H
