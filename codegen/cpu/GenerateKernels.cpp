// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Chooses how each kernel is generated, and the pass that does it.

#include "codegen/cpu/GenerateKernels.h"
#include "codegen/cpu/InPlace.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/KernelWork.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

/// A way to generate kernels, by the name that reports give it.
struct Generator {
  StringLiteral name;
  LogicalResult (*emit)(KernelFunction &kernel);
};

} // namespace

static const Generator &chooseGenerator(func::FuncOp source,
                                        const MachineModel &machine,
                                        const KernelChoice &choice) {
  static const Generator attention{"attention", emitAttentionKernel},
      winograd{"winograd", emitWinogradKernel},
      contraction{"contraction", emitContractionKernel},
      blockMatmul{"block_matmul", emitBlockMatmulKernel},
      sparseMatmul{"sparse_matmul", emitSparseMatmulKernel},
      window{"window", emitWindowKernel},
      transpose{"transpose", emitTransposeKernel}, tree{"tree", emitTreeKernel},
      fourier{"fourier", emitFourierKernel}, loop{"loop", emitLoopKernel};
  return isFourierKernel(source, machine)            ? fourier
         : isAttentionKernel(source)                 ? attention
         : isWinogradKernel(source, machine, choice) ? winograd
         : isContractionKernel(source)               ? contraction
         : isBlockMatmulKernel(source)               ? blockMatmul
         : isSparseMatmulKernel(source, machine)     ? sparseMatmul
         : isWindowKernel(source)                    ? window
         : isTransposeKernel(source, machine)        ? transpose
         : isTreeKernel(source, machine)             ? tree
                                                     : loop;
}

/// Completes what the generator tells of itself.
static void finishReport(KernelReport &report, StringRef generator,
                         bool mayFilter) {
  report.generator = generator.str();
  if (!mayFilter)
    return;
  bool filters = generator == "winograd";
  report.made.winograd = filters;
  KernelChoice other;
  other.winograd = !filters;
  report.alternatives.insert(report.alternatives.begin(), other);
}

LogicalResult mlir::dl::cpu::generateKernels(ModuleOp module,
                                             const MachineModel &machine,
                                             const ChoiceHooks &hooks) {
  module.getContext()
      ->loadDialect<arith::ArithDialect, LLVM::LLVMDialect,
                    memref::MemRefDialect, scf::SCFDialect,
                    vector::VectorDialect, x86vector::X86VectorDialect>();
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function->hasAttr("dl.signature"))
      kernels.push_back(function);
  for (func::FuncOp source : kernels) {
    KernelChoice choice = hooks.choose ? hooks.choose(source) : KernelChoice();
    if (failed(generalizeNamedOps(source)))
      return failure();
    SmallVector<int64_t> inPlace = findInPlaceInputs(source);
    KernelWork work = countWork(source);
    const Generator &generator = chooseGenerator(source, machine, choice);
    bool mayFilter = hooks.report && mayUseWinograd(source, machine);
    KernelFunction kernel(source, machine, choice);
    unsigned numSizes = kernel.getNumSizes();
    if (failed(generator.emit(kernel)) || failed(kernel.finish())) {
      kernel.function.erase();
      return source.emitError("the kernel was not generated");
    }
    setWork(work, numSizes, kernel.function);
    kernel.function->setAttr(
        "dl.generator", StringAttr::get(module.getContext(), generator.name));
    if (llvm::any_of(inPlace, [](int64_t input) { return input >= 0; }))
      kernel.function->setAttr(
          "dl.in_place", DenseI64ArrayAttr::get(module.getContext(), inPlace));
    if (hooks.report) {
      finishReport(kernel.report, generator.name, mayFilter);
      hooks.report(kernel.function.getSymName(), kernel.report);
    }
  }
  return success();
}

namespace {

struct GenerateKernelsPass
    : PassWrapper<GenerateKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GenerateKernelsPass)

  GenerateKernelsPass() = default;
  GenerateKernelsPass(const GenerateKernelsPass &other) : PassWrapper(other) {}
  GenerateKernelsPass(const MachineModel &machine) {
    lanes = machine.vectorLanes;
    registers = machine.vectorRegisters;
    products = machine.narrowProducts;
    bytes = machine.byteProducts;
    permutes = machine.permutesBytes;
  }

  StringRef getArgument() const override { return "cpu-generate-kernels"; }
  StringRef getDescription() const override {
    return "turns kernels on tensors into loops over vectors in memory";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect,
                    memref::MemRefDialect, scf::SCFDialect,
                    vector::VectorDialect, x86vector::X86VectorDialect>();
  }
  void runOnOperation() override {
    MachineModel machine;
    machine.vectorLanes = lanes;
    machine.vectorRegisters = registers;
    machine.narrowProducts = products;
    machine.byteProducts = bytes;
    machine.permutesBytes = permutes;
    ChoiceHooks hooks;
    std::string error;
    std::optional<KernelChoice> forced = parseChoice(choice, error);
    if (!forced) {
      getOperation().emitError("choice: ") << error;
      return signalPassFailure();
    }
    hooks.choose = [&](func::FuncOp) { return *forced; };
    if (failed(generateKernels(getOperation(), machine, hooks)))
      signalPassFailure();
  }

  Option<int64_t> lanes{*this, "lanes",
                        llvm::cl::desc("float32 lanes of a vector register"),
                        llvm::cl::init(16)};
  Option<int64_t> registers{*this, "registers",
                            llvm::cl::desc("number of vector registers"),
                            llvm::cl::init(32)};
  Option<NarrowProducts> products{
      *this, "bf16", llvm::cl::desc("how products of bf16 are made"),
      llvm::cl::init(NarrowProducts::Extend),
      llvm::cl::values(
          clEnumValN(NarrowProducts::Extend, "extend", "in f32"),
          clEnumValN(NarrowProducts::Pairs, "pairs", "by AVX512-BF16"),
          clEnumValN(NarrowProducts::Tiles, "tiles", "by AMX"))};
  Option<NarrowProducts> bytes{
      *this, "bytes", llvm::cl::desc("how products of bytes are made"),
      llvm::cl::init(NarrowProducts::Extend),
      llvm::cl::values(
          clEnumValN(NarrowProducts::Extend, "extend", "in i32"),
          clEnumValN(NarrowProducts::Pairs, "pairs", "in pairs, by AVX2"),
          clEnumValN(NarrowProducts::Quads, "quads", "by VNNI"),
          clEnumValN(NarrowProducts::Tiles, "tiles", "by AMX-INT8"))};
  Option<bool> permutes{
      *this, "permutes",
      llvm::cl::desc("look up bytes by permutations (AVX512-VBMI)"),
      llvm::cl::init(false)};
  Option<std::string> choice{
      *this, "choice",
      llvm::cl::desc("decisions about every kernel, where they are legal: "
                     "block=6x4,range=24,...")};
};

} // namespace

std::unique_ptr<Pass>
mlir::dl::cpu::createGenerateKernelsPass(const MachineModel &machine) {
  return std::make_unique<GenerateKernelsPass>(machine);
}

void mlir::dl::cpu::registerGenerateKernelsPass() {
  PassRegistration<GenerateKernelsPass>();
}
