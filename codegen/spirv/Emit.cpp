// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/Emit.h"
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
                        .getAsRange<DictionaryAttr>())
    kernel.stages.push_back(
        {stage.getAs<StringAttr>("entry").str(),
         stage.getAs<AffineMapAttr>("elements").getValue()});
  return kernel;
}

namespace dl::spirv {

LogicalResult emitSpirv(ModuleOp module, const SpirvTarget &target,
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
  result.workgroupSize = target.workgroupSize;
  for (auto function : kernels->getOps<func::FuncOp>())
    result.kernels.push_back(describe(function));
  auto modules = kernels->getOps<mlir::spirv::ModuleOp>();
  if (!llvm::hasSingleElement(modules))
    return module.emitError("the kernels have not become one SPIR-V module");
  return mlir::spirv::serialize(*modules.begin(), result.words);
}

} // namespace dl::spirv
