// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/Emit.h"
#include "codegen/cpu/ElementEmitter.h"
#include "codegen/cpu/KernelWork.h"
#include "codegen/gpu/CompressWeights.h"
#include "codegen/spirv/Pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/SPIRV/Serialization.h"

using namespace mlir;

/// What the attributes of a generated kernel say.
static ::dl::spirv::SpirvKernel describe(func::FuncOp function) {
  ::dl::spirv::SpirvKernel kernel;
  kernel.name = function.getName().str();
  for (Type type : function.getArgumentTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type)) {
      ++kernel.arguments;
      kernel.sizes += tensor.getNumDynamicDims();
    } else {
      ++kernel.sizes;
    }
  for (auto bytes : function->getAttrOfType<ArrayAttr>("dl.temporaries")
                        .getAsRange<AffineMapAttr>())
    kernel.temporaries.push_back(bytes.getValue());
  for (auto stage : function->getAttrOfType<ArrayAttr>("dl.stages")
                        .getAsRange<DictionaryAttr>()) {
    std::vector<int64_t> offsets;
    if (auto found = stage.getAs<DenseI64ArrayAttr>("offsets"))
      offsets = found.asArrayRef().vec();
    auto trips = stage.getAs<AffineMapAttr>("trips");
    kernel.stages.push_back(
        {stage.getAs<StringAttr>("entry").str(),
         stage.getAs<DenseI64ArrayAttr>("buffers").asArrayRef().vec(),
         stage.getAs<AffineMapAttr>("elements").getValue(),
         stage.getAs<IntegerAttr>("workgroup").getInt(), offsets,
         kernel.sizes + (trips ? 2 : 0),
         trips ? trips.getValue() : AffineMap()});
  }
  return kernel;
}

namespace dl::spirv {

/// Copies of the kernels of a module, compiled.
static FailureOr<OwningOpRef<ModuleOp>>
compileKernels(ModuleOp module, const SpirvTarget &target,
               SpirvModule &result) {
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function.isExternal())
      kernels->push_back(function->clone());
  if (kernels->getBody()->empty())
    return module.emitError("there is no kernel to write as SPIR-V");
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  addSpirvPasses(manager, target);
  if (failed(manager.run(*kernels)))
    return failure();
  result = {};
  for (auto function : kernels->getOps<func::FuncOp>())
    result.kernels.push_back(describe(function));
  auto modules = kernels->getOps<mlir::spirv::ModuleOp>();
  if (!llvm::hasSingleElement(modules))
    return module.emitError("the kernels have not become one SPIR-V module");
  if (failed(mlir::spirv::serialize(*modules.begin(), result.words)))
    return failure();
  return kernels;
}

LogicalResult emitSpirv(ModuleOp module, const SpirvTarget &target,
                        SpirvModule &result) {
  return compileKernels(module, target, result);
}

/// Where a module has the dispatches that give kernels their weights. Rows are
/// read as vectors of four.
static LogicalResult compressWeights(ModuleOp module,
                                     const SpirvTarget &target) {
  gpucode::CompressionForms forms;
  forms.panels = target.int16; // of positions
  forms.rowGroup = 4;
  return target.compressesWeights ? gpucode::compressWeights(module, forms)
                                  : success();
}

LogicalResult emitSpirv(ModuleOp module, const SpirvTarget &target,
                        gpucode::DeviceImage &result) {
  result = {};
  result.target = "vulkan";
  if (failed(compressWeights(module, target)))
    return failure();
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function.isExternal())
      kernels.push_back(function);
  if (kernels.empty()) // a model of constants, say
    return success();
  for (func::FuncOp kernel : kernels)
    if (failed(mlir::dl::cpu::generalizeNamedOps(kernel)))
      return failure();
  SpirvModule compiled;
  auto made = compileKernels(module, target, compiled);
  if (failed(made))
    return failure();
  result.code.assign(reinterpret_cast<const char *>(compiled.words.data()),
                     compiled.words.size() * sizeof(uint32_t));
  SymbolTable stages(**made);
  for (auto [kernel, described] : llvm::zip(kernels, compiled.kernels)) {
    for (const SpirvStage &stage : described.stages)
      result.kernels.push_back({stage.entry, stage.entry,
                                static_cast<unsigned>(stage.buffers.size()),
                                stage.sizes, stage.workgroup, 0});
    mlir::dl::cpu::KernelWork work = mlir::dl::cpu::countWork(kernel);
    kernel->setAttr("dl.signature", TypeAttr::get(kernel.getFunctionType()));
    auto declared = stages.lookup<func::FuncOp>(kernel.getSymName());
    for (StringRef name : {"dl.stages", "dl.temporaries"})
      kernel->setAttr(name, declared->getAttr(name));
    kernel.eraseBody();
    kernel.setPrivate();
    mlir::dl::cpu::setWork(work, described.sizes, kernel);
  }
  return success();
}

} // namespace dl::spirv
