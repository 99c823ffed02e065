// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// PTX, decoded: kernels as lists of instructions that warps run.

#ifndef DL_TEST_PTXDEVICE_PROGRAM_H
#define DL_TEST_PTXDEVICE_PROGRAM_H

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace dl::ptxdevice {

struct Warp;
struct Instruction;

/// What went wrong, as a CUresult.
enum : int {
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kInvalidPtx = 218,
  kIllegalAddress = 700,
  kMisalignedAddress = 716,
  kLaunchFailed = 719,
};

struct Fault : std::runtime_error {
  Fault(int result, const std::string &text)
      : std::runtime_error(text), result(result) {}
  int result;
};

constexpr unsigned kLanes = 32;
constexpr uint32_t kAllLanes = ~uint32_t(0);

/// Runs an instruction for the lanes of `mask`, of which there is at least one.
using Run = void (*)(Warp &warp, const Instruction &in, uint32_t mask);

enum class Flow : uint8_t {
  Next,     ///< goes on with the next instruction
  Together, ///< the same, but for all lanes of a warp at once
  Branch,
  Exit,
  Barrier, ///< waits for threads of the workgroup
  Arrive,  ///< counts at such a barrier, and does not wait
  Try,     ///< asks whether a phase has ended: others run before it asks again
};

/// Operands are places in a warp's registers, in bytes: 32 values one after the
/// other, or the 32 bits of a predicate. Constants lie in registers, too.
struct Instruction {
  Run run = nullptr;
  Flow flow = Flow::Next;
  bool guardNegated = false;
  int32_t guard = -1; ///< a predicate
  uint32_t d = 0, a = 0, b = 0, c = 0;
  uint32_t target = 0;        ///< of a branch
  uint32_t line = 0;          ///< in the text
  std::vector<uint32_t> list; ///< operands of which there are many
  int64_t offset = 0;         ///< of an address
  uint32_t mode = 0;          ///< what else the instruction must know
  uint8_t typeD = 0, typeA = 0;
  /// The block of global memory of the last access.
  mutable uint64_t first = 1, last = 0;
};

struct Parameter {
  uint32_t offset = 0, bytes = 0;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0;
  std::vector<Instruction> code;
  uint32_t registerBytes = 0;
  uint32_t sharedBytes = 0;  ///< static
  uint32_t dynamicStart = 0; ///< where the launch's shared memory begins
  uint32_t requiredThreads = 0;
  /// Barriers are of the whole workgroup alone: accesses between two of them
  /// must not touch each other's memory.
  bool hasEpochs = true;
  bool hasProducts = false; ///< by wgmma
  struct Constant {
    uint32_t slot, width;
    uint64_t value;
  };
  std::vector<Constant> constants;
  struct Special {
    uint32_t slot;
    std::string name;
  };
  std::vector<Special> specials;
};

/// Kernels by name. Fault (kInvalidPtx): what is not understood, with its line.
std::map<std::string, Kernel> parseModule(const std::string &text);

/// Where the address spaces begin as generic addresses. Global memory lies at
/// the host's addresses plus a bias, so that no host code reads it by mistake.
constexpr uint64_t kSharedBase = uint64_t(0x7E) << 56,
                   kParameterBase = uint64_t(0x7D) << 56,
                   kGlobalBias = uint64_t(1) << 50;

} // namespace dl::ptxdevice

#endif // DL_TEST_PTXDEVICE_PROGRAM_H
