// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/Emit.h"
#include "codegen/cpu/LlvmAnalyses.h"
#include "codegen/ptx/GenerateKernels.h"
#include "codegen/ptx/Lowering.h"
#include "codegen/ptx/TensorMaps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;

namespace dl::ptx {

/// The version of PTX that functions need beyond the least of a target:
/// products of 8-bit floats, and those of warpgroups of signed by unsigned
/// integers, came to sm_89 and sm_90 later than these, sparse products to
/// sm_80, and their ordered metadata to all.
static std::string getFeatures(ModuleOp functions, const PtxTarget &target) {
  constexpr unsigned kAlwaysNewer = 100;
  constexpr unsigned kSparse = 71, kMixed = 84, kOrdered = 85;
  unsigned version = 0;
  functions.walk([&](Operation *op) {
    if (auto assembly = dyn_cast<LLVM::InlineAsmOp>(op))
      for (StringRef types : {".e4m3.", ".e5m2.", ".u8.s8 ", ".s8.u8 "})
        if (assembly.getAsmString().contains(types))
          version = std::max(version, kMixed);
    if (auto sparse = dyn_cast<NVVM::MmaSpOp>(op))
      version =
          std::max(version, sparse.getOrderedMetadata() ? kOrdered : kSparse);
  });
  return version && target.capability < kAlwaysNewer
             ? "+ptx" + std::to_string(version)
             : "";
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const PtxTarget &target, StringRef features, std::string &error) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.getArch(), features, options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  ::dl::cpu::LlvmAnalyses analyses(machine);
  analyses.builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, analyses.modules);
}

/// A product of constants and sizes.
static gpucode::SizeProduct toExtent(AffineExpr expr) {
  gpucode::SizeProduct extent;
  SmallVector<AffineExpr> factors = {expr};
  while (!factors.empty()) {
    AffineExpr factor = factors.pop_back_val();
    if (auto product = dyn_cast<AffineBinaryOpExpr>(factor))
      factors.append({product.getLHS(), product.getRHS()});
    else if (auto constant = dyn_cast<AffineConstantExpr>(factor))
      extent.scale *= constant.getValue();
    else
      extent.sizes.push_back(cast<AffineSymbolExpr>(factor).getPosition());
  }
  llvm::sort(extent.sizes);
  return extent;
}

static gpucode::TensorMap toTensorMap(DictionaryAttr about) {
  gpucode::TensorMap map;
  map.arg = static_cast<unsigned>(about.getAs<IntegerAttr>("arg").getInt());
  Type element = about.getAs<TypeAttr>("element").getValue();
  map.element = element.isF16()    ? gpucode::TensorMap::F16
                : element.isBF16() ? gpucode::TensorMap::BF16
                : element.isF32()  ? gpucode::TensorMap::F32
                                   : gpucode::TensorMap::Byte;
  for (AffineExpr expr :
       about.getAs<AffineMapAttr>("extents").getValue().getResults())
    map.extents.push_back(toExtent(expr));
  for (AffineExpr expr :
       about.getAs<AffineMapAttr>("strides").getValue().getResults())
    map.strides.push_back(toExtent(expr));
  llvm::append_range(map.box,
                     about.getAs<DenseI64ArrayAttr>("box").asArrayRef());
  return map;
}

/// How a kernel is launched, before the function is lowered.
static gpucode::DeviceKernel describe(func::FuncOp function,
                                      const PtxTarget &target) {
  gpucode::DeviceKernel kernel;
  kernel.threads = target.workgroupSize;
  if (auto threads = function->getAttrOfType<IntegerAttr>(kPersistentName)) {
    kernel.threads = threads.getInt();
    kernel.isPersistent = true;
  }
  if (auto maps = function->getAttrOfType<ArrayAttr>(kTensorMapsName))
    for (auto map : maps.getAsRange<DictionaryAttr>())
      kernel.maps.push_back(toTensorMap(map));
  for (Type type : function.getArgumentTypes())
    ++(isa<LLVM::LLVMPointerType>(type) ? kernel.args : kernel.sizes);
  kernel.args -= kernel.maps.size();
  function.setPublic();
  return kernel;
}

/// Gives a function's shared memory its variable.
static void addShared(func::FuncOp function, StringRef name) {
  auto type = function->getAttrOfType<TypeAttr>(kSharedName);
  if (!type)
    return;
  constexpr unsigned kSharedSpace = 3, kAlignment = 16;
  OpBuilder builder(function);
  auto variable = LLVM::GlobalOp::create(
      builder, function.getLoc(), type.getValue(), /*isConstant=*/false,
      LLVM::Linkage::Internal, (name + "_shared").str(), Attribute(),
      kAlignment, kSharedSpace);
  function.walk([&](LLVM::AddressOfOp op) {
    if (op.getGlobalName() == kSharedName)
      op.setGlobalName(variable.getSymName());
  });
  function->removeAttr(kSharedName);
}

/// Gives a function the shared memory that a launch brings; returns its bytes.
static int64_t addDynamicShared(func::FuncOp function, StringRef name) {
  auto bytes = function->getAttrOfType<IntegerAttr>(kDynamicSharedName);
  if (!bytes)
    return 0;
  // Boxes with a swizzle begin at multiples of this.
  constexpr unsigned kSharedSpace = 3, kAlignment = 1024;
  OpBuilder builder(function);
  auto variable = LLVM::GlobalOp::create(
      builder, function.getLoc(),
      LLVM::LLVMArrayType::get(builder.getI8Type(), 0), /*isConstant=*/false,
      LLVM::Linkage::External, (name + "_dynamic").str(), Attribute(),
      kAlignment, kSharedSpace);
  function.walk([&](LLVM::AddressOfOp op) {
    if (op.getGlobalName() == kDynamicSharedName)
      op.setGlobalName(variable.getSymName());
  });
  function->removeAttr(kDynamicSharedName);
  return bytes.getInt();
}

/// PTX's names have letters, digits and underscores; the number tells names
/// apart that differ in other characters.
static std::string getPtxName(StringRef name, size_t number) {
  constexpr size_t kMost = 80;
  std::string result;
  for (char c : name.take_front(kMost))
    result += llvm::isAlnum(c) ? c : '_';
  return "k" + std::to_string(number) + "_" + result;
}

LogicalResult emitPtx(ModuleOp functions, const PtxTarget &target,
                      gpucode::DeviceImage &result) {
  result = {};
  result.target = "cuda";
  result.arch = target.getArch();
  for (auto function : functions.getOps<func::FuncOp>()) {
    gpucode::DeviceKernel kernel = describe(function, target);
    kernel.entry = function.getSymName().str();
    kernel.name = getPtxName(kernel.entry, result.kernels.size());
    function.setSymName(kernel.name);
    addShared(function, kernel.name);
    kernel.sharedBytes = addDynamicShared(function, kernel.name);
    result.kernels.push_back(std::move(kernel));
  }
  PassManager manager(functions.getContext(), ModuleOp::getOperationName());
  addLoweringPasses(manager);
  if (failed(manager.run(functions)))
    return failure();
  for (auto function : functions.getOps<LLVM::LLVMFuncOp>()) {
    if (Attribute resident = function->removeAttr(kResidentName))
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), resident);
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                      UnitAttr::get(functions.getContext()));
    auto threads = function->removeAttr(kPersistentName);
    function->setAttr(
        NVVM::NVVMDialect::getReqntidAttrName(),
        DenseI32ArrayAttr::get(
            functions.getContext(),
            {static_cast<int32_t>(threads ? cast<IntegerAttr>(threads).getInt()
                                          : target.workgroupSize)}));
    function->removeAttr(kTensorMapsName);
    // Tensor maps stay where the launch has put them.
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (function.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName()))
        function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(),
                            UnitAttr::get(functions.getContext()));
  }
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine =
      createMachine(target, getFeatures(functions, target), error);
  if (!machine)
    return functions.emitError("no code generator for PTX: ") << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(functions, context);
  if (!translated)
    return functions.emitError("cannot be translated to LLVM IR");
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  optimize(*translated, *machine);
  llvm::SmallString<0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return functions.emitError("no PTX can be emitted");
  passes.run(*translated);
  result.code = std::string(buffer);
  return success();
}

void registerTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

} // namespace dl::ptx
