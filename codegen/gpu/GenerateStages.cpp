// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace ::dl::gpucode;

namespace dl::gpucode {

LogicalResult generateStages(func::FuncOp kernel, SymbolTable &functions,
                             EntryBuilder &entry) {
  if (failed(mlir::dl::cpu::generalizeNamedOps(kernel)))
    return failure();
  OpBuilder builder(kernel.getContext());
  bool sequential = mlir::dl::cpu::isSequential(kernel);
  Plan plan = sequential ? planOutputs(kernel) : choosePlan(kernel);
  SmallVector<Attribute> stages;
  SmallVector<Operation *> made;
  SmallVector<Attribute> temporaries(plan.temporaries.size());
  for (auto [i, stage] : llvm::enumerate(plan.stages)) {
    builder.clearInsertionPoint();
    StageFunction function(kernel, plan, entry, builder);
    function.declare(plan, i);
    bool keeps = false;
    for (const Stage &earlier : ArrayRef(plan.stages).take_front(i))
      keeps |= earlier.buffer == stage.buffer;
    AffineMap elements = sequential ? function.emitSequential(stage)
                                    : function.emit(stage, keeps);
    StringAttr name = builder.getStringAttr(kernel.getName() + "." + Twine(i));
    SymbolTable::setSymbolName(function.function, name);
    functions.insert(function.function);
    made.push_back(function.function);
    if (!elements) {
      for (Operation *stage : made)
        functions.erase(stage);
      return failure();
    }
    stages.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("entry",
                              SymbolTable::getSymbolName(function.function)),
         builder.getNamedAttr(
             "buffers", builder.getDenseI64ArrayAttr(function.getTaken())),
         builder.getNamedAttr("elements", AffineMapAttr::get(elements)),
         builder.getNamedAttr("workgroup", builder.getI64IntegerAttr(
                                               entry.getWorkgroupSize()))}));
  }
  kernel->setAttr("dl.stages", builder.getArrayAttr(stages));
  if (!temporaries.empty()) {
    // A function for the formulas alone.
    builder.clearInsertionPoint();
    StageFunction function(kernel, plan, entry, builder);
    function.declare(plan, plan.stages.size());
    for (auto [i, value] : llvm::enumerate(plan.temporaries)) {
      AffineMap bytes = function.getBytesOf(value);
      if (!bytes)
        return failure();
      temporaries[i] = AffineMapAttr::get(bytes);
    }
    function.function->erase();
  }
  kernel->setAttr("dl.temporaries", builder.getArrayAttr(temporaries));
  kernel.eraseBody();
  kernel.setPrivate();
  return success();
}

} // namespace dl::gpucode
