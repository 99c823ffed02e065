// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/Machine.h"

#include "ir/dialect/Dialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace dl::tools {

mlir::dl::cpu::MachineModel getMachine(ArrayRef<cpu::CpuTarget> cpus) {
  using cpu::CpuTarget;
  using mlir::dl::cpu::NarrowProducts;
  const CpuTarget *widest = &cpus.front();
  for (const CpuTarget &target : cpus)
    if (target.vectorBits() > widest->vectorBits())
      widest = &target;
  mlir::dl::cpu::MachineModel machine;
  machine.vectorLanes = widest->vectorBits() / 32;
  machine.vectorRegisters = widest->has("avx512vl") ? 32 : 16;
  machine.l2Bytes = widest->l2Bytes;
  auto allHave = [&](StringRef feature) {
    return llvm::all_of(
        cpus, [&](const CpuTarget &target) { return target.has(feature); });
  };
  if (allHave("amx-bf16") && allHave("amx-tile") && allHave("avx512f"))
    machine.narrowProducts = NarrowProducts::Tiles;
  else if (allHave("avx512bf16") && allHave("avx512vl"))
    machine.narrowProducts = NarrowProducts::Pairs;
  bool isWide = machine.vectorLanes == 16;
  if (allHave("amx-int8") && allHave("amx-tile") && allHave("avx512bw"))
    machine.byteProducts = NarrowProducts::Tiles;
  else if (isWide ? allHave("avx512vnni") && allHave("avx512bw")
                  : allHave("avxvnni"))
    machine.byteProducts = NarrowProducts::Quads;
  else if (isWide ? allHave("avx512bw") : allHave("avx2"))
    machine.byteProducts = NarrowProducts::Pairs;
  machine.permutesBytes = isWide && allHave("avx512vbmi");
  return machine;
}

std::string describeKept(ModuleOp simplified, Precision precision) {
  int64_t kept = 0, all = 0;
  simplified.walk([&](Operation *op) {
    if (!isa<mlir::dl::MatmulOp, mlir::dl::ConvOp>(op))
      return;
    ++all;
    kept += getElementTypeOrSelf(op->getOperand(1)).isF32();
  });
  if (kept == 0)
    return "";
  StringRef name = precision == Precision::F16 ? "f16" : "bf16";
  return ("precision: " + Twine(kept) + " of " + Twine(all) +
          " products stay in float32, which this CPU multiplies as fast as " +
          name + " or faster (--precision-guard=false: as few as can be)\n")
      .str();
}

bool usesTiles(ModuleOp generated) {
  return generated
      .walk([](LLVM::CallIntrinsicOp call) {
        return call.getIntrin() == "llvm.x86.ldtilecfg"
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

} // namespace dl::tools
