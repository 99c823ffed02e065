// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Object.h"
#include "codegen/cpu/LlvmAnalyses.h"
#include "codegen/cpu/Target.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/PassInfo.h"
#include "llvm/PassRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/DeadStoreElimination.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <elf.h>
#include <link.h>
#include <mutex>

using namespace mlir;

namespace dl::cpu {

static std::unique_ptr<llvm::TargetMachine>
createMachine(const CpuTarget &target, std::string &error) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
  llvm::Triple triple(kTriple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return nullptr;
  llvm::TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  // Fusing a multiplication with the addition that follows rounds once, not
  // twice.
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, "x86-64", target.featureString(), options, llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

/// Code uses the features of the baseline and those listed, so that what the
/// module file says about it is exact; the CPU's name only chooses instruction
/// costs.
static void setTargetAttributes(llvm::Module &module, const CpuTarget &target) {
  std::string width = std::to_string(target.vectorBits());
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("tune-cpu", target.cpu);
    function.addFnAttr("target-features", target.featureString());
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
    // One Newton step after the estimate, for divisions that allow it (arcp,
    // ninf).
    function.addFnAttr("reciprocal-estimates", "vec-divf:1");
    function.addFnAttr("no-trapping-math", "true");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

/// Kernels arrive vectorized and unrolled, so that what is left is scalar
/// cleaning.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  LlvmAnalyses analyses(machine);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::LoopPassManager rotate;
  rotate.addPass(llvm::LoopRotatePass());
  rotate.addPass(llvm::LICMPass(llvm::LICMOptions()));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(rotate),
                                                       /*UseMemorySSA=*/true));
  passes.addPass(llvm::GVNPass());
  passes.addPass(llvm::DSEPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager manager;
  manager.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  manager.run(module, analyses.modules);
}

/// Every op must be in the LLVM dialect: names the first that is not.
static LogicalResult checkLowered(ModuleOp module) {
  WalkResult result = module.walk([&](Operation *op) {
    if (op == module || isa<LLVM::LLVMDialect>(op->getDialect()))
      return WalkResult::advance();
    op->emitError("op '") << op->getName() << "' cannot be lowered for a CPU";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {

/// LLVM's code generator without loop strength reduction: it took a third of
/// the code generator's time, and kernels are as fast and no longer without it.
class CodePassManager : public llvm::legacy::PassManager {
public:
  void add(llvm::Pass *pass) override {
    // A pass that is already there is deleted in the same way.
    if (reducesStrength(*pass))
      delete pass;
    else
      llvm::legacy::PassManager::add(pass);
  }

private:
  static bool reducesStrength(const llvm::Pass &pass) {
    const llvm::PassInfo *info =
        llvm::PassRegistry::getPassRegistry()->getPassInfo(pass.getPassID());
    return info && info->getPassArgument() == "loop-reduce";
  }
};

} // namespace

FailureOr<std::string> generateCode(ModuleOp module, const CpuTarget &target,
                                    CodeKind kind) {
  if (failed(checkLowered(module)))
    return failure();
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, error);
  if (!machine)
    return module.emitError("no code generator for ")
           << kTriple << ": " << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(module, context);
  if (!translated)
    return module.emitError("cannot be translated to LLVM IR");
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  setTargetAttributes(*translated, target);
  optimize(*translated, *machine);

  llvm::SmallString<0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  if (kind == CodeKind::Llvm) {
    translated->print(stream, nullptr);
    return std::string(buffer);
  }
  CodePassManager passes;
  auto fileType = kind == CodeKind::Assembly
                      ? llvm::CodeGenFileType::AssemblyFile
                      : llvm::CodeGenFileType::ObjectFile;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, fileType))
    return module.emitError("no machine code can be emitted for ") << kTriple;
  passes.run(*translated);
  return std::string(buffer);
}

/// The build identity in one segment of notes, or nothing.
static std::string findBuildId(const char *note, const char *end) {
  while (note + sizeof(ElfW(Nhdr)) <= end) {
    auto *header = reinterpret_cast<const ElfW(Nhdr) *>(note);
    const char *bytes =
        note + sizeof *header + llvm::alignTo(header->n_namesz, 4);
    if (header->n_type == NT_GNU_BUILD_ID)
      return llvm::toHex(StringRef(bytes, header->n_descsz));
    note = bytes + llvm::alignTo(header->n_descsz, 4);
  }
  return {};
}

/// Finds the identity that the linker gave the file which this code is in.
static int readBuildId(dl_phdr_info *info, size_t, void *data) {
  auto *id = static_cast<std::string *>(data);
  auto address = reinterpret_cast<uintptr_t>(&readBuildId);
  ArrayRef<ElfW(Phdr)> headers(info->dlpi_phdr, info->dlpi_phnum);
  bool isHere = llvm::any_of(headers, [&](const ElfW(Phdr) & header) {
    return header.p_type == PT_LOAD &&
           address - (info->dlpi_addr + header.p_vaddr) < header.p_memsz;
  });
  if (!isHere)
    return 0;
  for (const ElfW(Phdr) &header : headers) {
    if (header.p_type != PT_NOTE || !id->empty())
      continue;
    auto *note =
        reinterpret_cast<const char *>(info->dlpi_addr + header.p_vaddr);
    *id = findBuildId(note, note + header.p_memsz);
  }
  return 1;
}

std::string getGeneratorVersion() {
  static const std::string version = [] {
    std::string id;
    dl_iterate_phdr(readBuildId, &id);
    return "LLVM " LLVM_VERSION_STRING " " + id;
  }();
  return version;
}

} // namespace dl::cpu
