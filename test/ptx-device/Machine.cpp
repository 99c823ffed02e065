// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/ptx-device/Machine.h"

#include <algorithm>
#include <cstdlib>

using namespace dl::ptxdevice;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

uint64_t GlobalMemory::allocate(size_t bytes) {
  constexpr size_t kAlignment = 256;
  size_t whole = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment;
  void *memory = std::aligned_alloc(kAlignment, whole * kAlignment);
  if (!memory)
    throw Fault(kOutOfMemory, "the host has no memory for the device's");
  memset(memory, 0xff, whole * kAlignment);
  uint64_t address = reinterpret_cast<uint64_t>(memory) + kGlobalBias;
  blocks[address] = bytes;
  return address;
}

bool GlobalMemory::free(uint64_t address) {
  if (!blocks.erase(address))
    return false;
  std::free(toHost(address));
  return true;
}

bool GlobalMemory::contains(uint64_t address, size_t bytes, uint64_t &first,
                            uint64_t &last) const {
  auto next = blocks.upper_bound(address);
  if (next == blocks.begin())
    return false;
  --next;
  first = next->first;
  last = next->first + next->second;
  return address + bytes <= last;
}

namespace dl::ptxdevice {

void fail(const Warp &warp, const Instruction &in, int result,
          const std::string &what) {
  throw Fault(result, "kernel " + warp.block->kernel->name + ", line " +
                          std::to_string(in.line) + ", workgroup " +
                          std::to_string(warp.block->group) + ", warp " +
                          std::to_string(warp.number) + ": " + what);
}

static std::string describeAccess(uint64_t address, uint32_t bytes,
                                  unsigned lane) {
  char text[96];
  snprintf(text, sizeof(text), "lane %u, %u bytes at 0x%llx", lane, bytes,
           static_cast<unsigned long long>(address));
  return text;
}

static void checkAlignment(const Warp &warp, const Instruction &in,
                           uint64_t address, uint32_t bytes, unsigned lane) {
  if (address % bytes)
    fail(warp, in, kMisalignedAddress,
         "misaligned: " + describeAccess(address, bytes, lane));
}

uint8_t *reachGlobal(Warp &warp, const Instruction &in, uint64_t address,
                     uint32_t bytes, unsigned lane) {
  checkAlignment(warp, in, address, bytes, lane);
  if ((address < in.first || address + bytes > in.last) &&
      !warp.block->memory->contains(address, bytes, in.first, in.last))
    fail(warp, in, kIllegalAddress,
         "outside of global memory: " + describeAccess(address, bytes, lane));
  return GlobalMemory::toHost(address);
}

uint8_t *reachShared(Warp &warp, const Instruction &in, uint64_t address,
                     uint32_t bytes, unsigned lane, bool writes) {
  uint64_t at = toSharedAddress(address);
  Block &block = *warp.block;
  checkAlignment(warp, in, at, bytes, lane);
  if (at + bytes > block.shared.size() || at > at + bytes)
    fail(warp, in, kIllegalAddress,
         "outside of shared memory: " + describeAccess(at, bytes, lane));
  block.touch(warp, in, at, bytes, writes);
  return block.shared.data() + at;
}

void noteStore(Warp &warp, uint64_t address, uint32_t bytes, unsigned lane) {
  if (!warp.block->kernel->hasProducts)
    return;
  uint64_t at = toSharedAddress(address);
  memset(warp.block->written.data() + at, kUnpublished, bytes);
  warp.unpublished.push_back({at, bytes, lane});
}

void publishStores(Warp &warp, uint32_t mask) {
  std::vector<Warp::Store> rest;
  for (const Warp::Store &store : warp.unpublished)
    if (mask >> store.lane & 1)
      memset(warp.block->written.data() + store.at, kPublished, store.bytes);
    else
      rest.push_back(store);
  warp.unpublished = std::move(rest);
}

uint8_t *reachGeneric(Warp &warp, const Instruction &in, uint64_t address,
                      uint32_t bytes, unsigned lane, bool writes) {
  if (address >= kSharedBase)
    return reachShared(warp, in, address, bytes, lane, writes);
  if (address < kParameterBase)
    return reachGlobal(warp, in, address, bytes, lane);
  uint64_t at = address - kParameterBase;
  if (writes || at + bytes > warp.block->kernel->parameterBytes)
    fail(warp, in, kIllegalAddress, "outside of the parameters");
  return const_cast<uint8_t *>(warp.block->parameters) + at;
}

} // namespace dl::ptxdevice

/// Reads what nothing has written, and accesses of different warps to the same
/// memory between two barriers of which one writes, are mistakes.
void Block::touch(const Warp &warp, const Instruction &in, uint64_t at,
                  uint32_t bytes, bool writes) {
  if (writes)
    memset(written.data() + at, kPublished, bytes);
  else if (!written[at] || !written[at + bytes - 1])
    fail(warp, in, kLaunchFailed,
         "shared memory is read at " + std::to_string(at) +
             " that nothing has written");
  if (!kernel->hasEpochs)
    return;
  uint32_t own = uint32_t(1) << warp.number;
  for (uint64_t byte = at; byte < at + bytes; ++byte) {
    Access &access = accesses[byte];
    if (access.epoch != epoch)
      access = {epoch, 0, 0};
    uint32_t others = writes ? access.readers | access.writers : access.writers;
    if (others & ~own)
      fail(warp, in, kLaunchFailed,
           "a race: no barrier is between this access to shared memory at " +
               std::to_string(at) + " and another warp's");
    (writes ? access.writers : access.readers) |= own;
  }
}

PhaseBarrier &Block::phaseBarrier(uint64_t address) {
  auto found =
      phaseBarriers.find(static_cast<uint32_t>(toSharedAddress(address)));
  if (found == phaseBarriers.end())
    throw Fault(kLaunchFailed, "kernel " + kernel->name +
                                   ": no mbarrier was made at " +
                                   std::to_string(toSharedAddress(address)));
  return found->second;
}

void PhaseBarrier::arrive(uint32_t arrivals) {
  if (arrivals > pending)
    throw Fault(kLaunchFailed, "more arrivals at an mbarrier than it counts");
  pending -= arrivals;
  complete(0);
}

void PhaseBarrier::complete(int64_t done) {
  bytes -= done;
  if (pending || bytes)
    return;
  pending = count;
  ++phase;
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

namespace {

/// Lets a warp run until no group of its lanes can go on. Lanes that have
/// parted meet again because those that lie behind go first.
class Stepper {
public:
  explicit Stepper(Warp &warp)
      : warp(warp), block(*warp.block), code(block.kernel->code.data()) {}
  uint64_t run();

private:
  /// Groups in order, those at the same instruction as one.
  void sort() {
    std::vector<Group> &groups = warp.groups;
    std::sort(groups.begin(), groups.end(), [](const Group &a, const Group &b) {
      return std::pair(a.pc, a.barrier) < std::pair(b.pc, b.barrier);
    });
    size_t kept = 0;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!groups[i].mask)
        continue;
      if (kept && groups[kept - 1].pc == groups[i].pc &&
          groups[kept - 1].barrier == groups[i].barrier) {
        groups[kept - 1].mask |= groups[i].mask;
        groups[kept - 1].isBlocked = false;
      } else {
        groups[kept++] = groups[i];
      }
    }
    groups.resize(kept);
  }
  void step(size_t number);
  void wait(Group &group, const Instruction &in, bool waits);

  Warp &warp;
  Block &block;
  const Instruction *code;
  uint64_t steps = 0;
};

uint64_t Stepper::run() {
  for (Group &group : warp.groups)
    group.isBlocked = false;
  while (true) {
    sort();
    auto ready = std::find_if(warp.groups.begin(), warp.groups.end(),
                              [](const Group &group) {
                                return !group.isBlocked && group.barrier < 0;
                              });
    if (ready == warp.groups.end())
      return steps;
    step(static_cast<size_t>(ready - warp.groups.begin()));
  }
}

void Stepper::wait(Group &group, const Instruction &in, bool waits) {
  int barrier = static_cast<int>(*warp.at<uint32_t>(in.a));
  auto &[arrived, expected] = block.barriers[barrier];
  arrived += static_cast<uint32_t>(__builtin_popcount(group.mask));
  expected = in.mode ? *warp.at<uint32_t>(in.b) : 0;
  if (waits)
    group.barrier = barrier;
}

/// Runs a group until it parts, waits, ends or meets the next one.
void Stepper::step(size_t number) {
  Group &group = warp.groups[number];
  uint32_t pc = group.pc, mask = group.mask;
  bool isAlone = warp.groups.size() == 1;
  uint32_t limit = ~uint32_t(0);
  for (size_t next = warp.groups.size(); next-- > number;)
    if (warp.groups[next].pc > pc) // others wait here for a barrier
      limit = warp.groups[next].pc;
  for (;; ++steps) {
    group.pc = pc;
    if (pc >= limit)
      return;
    const Instruction &in = code[pc];
    uint32_t active = mask;
    if (in.guard >= 0) {
      uint32_t guard = warp.predicate(static_cast<uint32_t>(in.guard));
      active &= in.guardNegated ? ~guard : guard;
    }
    switch (in.flow) {
    case Flow::Together:
      if (mask != warp.live) {
        group.isBlocked = true;
        return;
      }
      [[fallthrough]];
    case Flow::Next:
      if (active)
        in.run(warp, in, active);
      ++pc;
      continue;
    case Flow::Try:
      if (active)
        in.run(warp, in, active);
      group.pc = pc + 1;
      if (active & ~warp.predicate(in.d)) {
        group.isBlocked = true;
        return;
      }
      ++pc;
      continue;
    case Flow::Branch:
      if (!active) {
        ++pc;
        continue;
      }
      if (active == mask) {
        pc = in.target;
        if (isAlone)
          continue;
        group.pc = pc;
        return;
      }
      group.pc = pc + 1;
      group.mask = mask & ~active;
      warp.groups.push_back({in.target, active, false, -1});
      return;
    case Flow::Exit:
      warp.live &= ~active;
      mask &= ~active;
      group.mask = mask;
      if (!mask)
        return;
      ++pc;
      continue;
    case Flow::Arrive:
      wait(group, in, false);
      ++pc;
      continue;
    case Flow::Barrier:
      wait(group, in, true);
      return;
    }
  }
}

} // namespace

/// Lets those go on that wait at a barrier at which all have arrived.
static bool openBarriers(Block &block) {
  bool opened = false;
  for (auto &[barrier, counts] : block.barriers) {
    auto &[arrived, expected] = counts;
    if (!arrived)
      continue;
    uint32_t all = expected;
    if (!all)
      for (const Warp &warp : block.warps)
        all += static_cast<uint32_t>(__builtin_popcount(warp.live));
    if (arrived < all)
      continue;
    arrived = 0;
    opened = true;
    ++block.epoch;
    for (Warp &warp : block.warps)
      for (Group &group : warp.groups)
        if (group.barrier == barrier) {
          group.barrier = -1;
          ++group.pc;
        }
  }
  return opened;
}

void Block::run() {
  constexpr int kPatience = 1000;
  int idle = 0;
  while (true) {
    uint64_t steps = 0;
    bool isLive = false;
    for (Warp &warp : warps) {
      if (!warp.live)
        continue;
      steps += Stepper(warp).run();
      isLive |= warp.live != 0;
    }
    if (!isLive)
      break;
    bool moved = openBarriers(*this);
    if (!engine.empty()) {
      engine.front()();
      engine.pop_front();
      moved = true;
    }
    // A thread that asks in vain runs some instructions around its question.
    constexpr uint64_t kFew = 16;
    idle = moved || steps > kFew * warps.size() ? 0 : idle + 1;
    if (idle > kPatience) {
      std::string at;
      for (const Warp &warp : warps)
        for (const Group &group : warp.groups)
          if (warp.live)
            at += " warp " + std::to_string(warp.number) + " at line " +
                  std::to_string(kernel->code[group.pc].line);
      throw Fault(kLaunchFailed,
                  "kernel " + kernel->name + ": all wait for each other:" + at);
    }
  }
  for (const Warp &warp : warps)
    if (!warp.copies.empty() || !warp.copyGroups.empty())
      for (const auto &group : warp.copyGroups)
        if (!group.empty())
          throw Fault(kLaunchFailed,
                      "kernel " + kernel->name +
                          ": ends before its copies into shared memory do");
}

namespace dl::ptxdevice {

void launch(const Kernel &kernel, GlobalMemory &memory, uint32_t groups,
            uint32_t threads, uint32_t dynamicBytes,
            const uint8_t *parameters) {
  if (kernel.requiredThreads && threads != kernel.requiredThreads)
    throw Fault(kInvalidValue, "kernel " + kernel.name + " wants " +
                                   std::to_string(kernel.requiredThreads) +
                                   " threads in a workgroup, not " +
                                   std::to_string(threads));
  Block block;
  block.kernel = &kernel;
  block.memory = &memory;
  block.parameters = parameters;
  block.groupCount = groups;
  block.threads = threads;
  uint32_t warps = (threads + kLanes - 1) / kLanes;
  std::vector<uint8_t> registers(size_t(kernel.registerBytes) * warps + 64);
  size_t shared =
      dynamicBytes ? kernel.dynamicStart + dynamicBytes : kernel.sharedBytes;
  block.warps.resize(warps);
  for (uint32_t w = 0; w < warps; ++w) {
    Warp &warp = block.warps[w];
    warp.registers = registers.data() + size_t(kernel.registerBytes) * w;
    for (const Kernel::Constant &constant : kernel.constants)
      for (unsigned i = 0; i < (constant.width ? kLanes : 1); ++i)
        memcpy(warp.registers + constant.slot + i * constant.width,
               &constant.value, constant.width ? constant.width : 4);
  }
  for (uint32_t g = 0; g < groups; ++g) {
    block.group = g;
    block.shared.assign(shared, 0xff);
    block.written.assign(shared, kUnwritten);
    block.accesses.assign(kernel.hasEpochs ? shared : 0, {});
    block.epoch = 1;
    block.phaseBarriers.clear();
    block.barriers.clear();
    for (uint32_t w = 0; w < warps; ++w) {
      Warp &warp = block.warps[w];
      warp.block = &block;
      warp.number = w;
      uint32_t own = std::min(kLanes, threads - w * kLanes);
      warp.live = own == kLanes ? kAllLanes : (uint32_t(1) << own) - 1;
      warp.groups.assign(1, {0, warp.live, false, -1});
      warp.unpublished.clear();
      warp.copies.clear();
      warp.products.clear();
      warp.copyGroups.clear();
      warp.productGroups.clear();
      for (const Kernel::Special &special : kernel.specials)
        for (uint32_t i = 0; i < kLanes; ++i) {
          const std::string &name = special.name;
          uint32_t value = name == "%tid.x"      ? w * kLanes + i
                           : name == "%ctaid.x"  ? g
                           : name == "%nctaid.x" ? groups
                           : name == "%ntid.x"   ? threads
                           : name == "%laneid"   ? i
                           : name == "%warpid"   ? w
                           : name[1] == 'n'      ? 1 // along y and z
                                                 : 0;
          warp.at<uint32_t>(special.slot)[i] = value;
        }
    }
    block.run();
  }
}

} // namespace dl::ptxdevice
