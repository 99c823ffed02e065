// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From kernels on tensors to loops over vectors in memory.

#ifndef DL_CODEGEN_CPU_GENERATEKERNELS_H
#define DL_CODEGEN_CPU_GENERATEKERNELS_H

#include "codegen/cpu/KernelChoice.h"
#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace mlir {
class Pass;
} // namespace mlir

namespace mlir::dl::cpu {

/// How products of narrow factors are made: in the type of the sums; by
/// instructions that add pairs of products (of bf16: AVX512-BF16; of bytes,
/// extended to 16 bits: AVX2 and AVX512-BW) or four (u8 times s8: AVX-VNNI and
/// AVX512-VNNI) to a sum; or by tile registers (AMX).
enum class NarrowProducts { Extend, Pairs, Quads, Tiles };

/// Properties of the machine that strategies choose by.
struct MachineModel {
  int64_t vectorLanes = 16; // float32 lanes of a vector register
  int64_t vectorRegisters = 32;
  int64_t l1Bytes = 32 << 10; // data cache of a core
  int64_t l2Bytes = 1 << 20;  // cache of a core
  NarrowProducts narrowProducts = NarrowProducts::Extend; // of bf16
  NarrowProducts byteProducts = NarrowProducts::Extend;
  bool permutesBytes = false; // AVX512-VBMI
};

/// Generates every `dl.kernel` function on tensors of a module; failure is
/// reported. `hooks` may decide in place of the cost model.
LogicalResult generateKernels(ModuleOp module, const MachineModel &machine,
                              const ChoiceHooks &hooks = {});

/// The same as a pass, `cpu-generate-kernels`.
std::unique_ptr<Pass> createGenerateKernelsPass(const MachineModel &machine);
void registerGenerateKernelsPass();

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_GENERATEKERNELS_H
