// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/Target.h"

using dl::spirv::SpirvTarget;

/// What every description begins with; limits are those that Vulkan requires,
/// or, of `generic`, that GPUs have.
static SpirvTarget makeBasic() {
  SpirvTarget target;
  target.name = "basic";
  target.shuffles = target.float64 = target.float16 = false;
  target.int8 = target.int16 = false;
  target.tileRows = 16;
  return target;
}

/// GPUs for desktops: twice the push constants, and buffers that need not be
/// divided. Many sums would cost them invocations that hide latencies.
static SpirvTarget makeDesktop(llvm::StringRef name, int64_t workgroupSize) {
  SpirvTarget target;
  target.name = name.str();
  target.workgroupSize = target.rowInvocations = workgroupSize;
  target.pushConstantBytes = 256;
  target.bufferBytes = int64_t(1) << 30;
  target.tileRows = 16;
  target.dotProducts = target.stagesOperands = true;
  return target;
}

std::optional<SpirvTarget> dl::spirv::parseTarget(llvm::StringRef name) {
  SpirvTarget target;
  if (name == target.name)
    return target;
  if (name == "basic")
    return makeBasic();
  if (name == "lavapipe") {
    target.name = name.str();
    target.fewestInvocations = 8; // in lockstep
    target.busyInvocations = 256;
    target.rowInvocations = 8;
    target.rowColumns = 128; // in memory, which costs less than to compute anew
    target.dotProducts = true;
    return target;
  }
  if (name == "rdna3") {
    target = makeDesktop(name, 64);
    target.cooperativeMatrices = true;
    target.subgroup = 64;
    target.byteMatrixDepth = 16;
    return target;
  }
  if (name == "pascal") {
    target = makeDesktop(name, 128);
    target.float16 = false; // they lie in buffers alone
    return target;
  }
  if (name == "ampere") {
    target = makeDesktop(name, 128);
    target.cooperativeMatrices = true;
    target.byteMatrixDepth = 32;
    return target;
  }
  return std::nullopt;
}

llvm::StringRef dl::spirv::getTargetNames() {
  return "generic, basic, lavapipe, rdna3, pascal, ampere";
}
