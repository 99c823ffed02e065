// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What compilations end in, and what they begin with.

#include "tools/compiler/Compile.h"

#include "ir/dialect/Dialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace dl::tools {

StringRef getName(Target target) {
  switch (target) {
  case Target::Cpu:
    return "cpu";
  case Target::Cuda:
    return "cuda";
  case Target::Vulkan:
    return "vulkan";
  case Target::Reference:
    break;
  }
  return "reference";
}

std::optional<EmitKind> parseEmitKind(StringRef name) {
  return llvm::StringSwitch<std::optional<EmitKind>>(name)
      .Case("dl", EmitKind::Dl)
      .Case("linalg", EmitKind::Linalg)
      .Case("llvm", EmitKind::Llvm)
      .Case("asm", EmitKind::Assembly)
      .Case("object", EmitKind::Object)
      .Case("ptx", EmitKind::Ptx)
      .Case("spirv", EmitKind::Spirv)
      .Case("module", EmitKind::Module)
      .Default(std::nullopt);
}

Phase findPhase(ModuleOp module) {
  bool hasDispatch = false, hasFused = false, hasDl = false;
  // Of elements that early passes replace.
  auto isReplaced = [](Type type) {
    return isa<mlir::dl::StringType, ComplexType>(getElementTypeOrSelf(type));
  };
  module.walk([&](Operation *op) {
    hasDispatch |= isa<mlir::dl::DispatchOp>(op);
    hasFused |= isa<mlir::dl::FusedOp>(op);
    hasDl |= isa<mlir::dl::DlDialect>(op->getDialect()) ||
             llvm::any_of(op->getOperandTypes(), isReplaced);
  });
  return hasDispatch || !hasDl ? Phase::Lower
         : hasFused            ? Phase::Fuse
                               : Phase::Import;
}

bool isKernelLibrary(ModuleOp module) {
  return !module
              ->walk([](Operation *op) {
                return isa<mlir::dl::DlDialect>(op->getDialect())
                           ? WalkResult::interrupt()
                           : WalkResult::advance();
              })
              .wasInterrupted();
}

void printPipeline(const CompileOptions &options, raw_ostream &output) {
  MLIRContext context;
  for (Phase phase : getPhases()) {
    PassManager manager(&context, ModuleOp::getOperationName());
    addPhase(phase, manager, options.pipeline);
    output << getPhaseName(phase) << ": ";
    manager.printAsTextualPipeline(output);
    output << "\n";
    if (phase == options.stopAfter)
      break;
  }
}

std::string getProducer() {
  return "dl-compile " DL_VERSION " (LLVM " LLVM_VERSION_STRING ")";
}

} // namespace dl::tools
