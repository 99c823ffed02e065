// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/ContractionTile.h"
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
  // Barriers order what invocations share, and on some targets nothing else.
  bool sequential = entry.hasShared() && mlir::dl::cpu::isSequential(kernel);
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
    auto contraction = sequential || stage.part || !entry.hasShared()
                           ? std::nullopt
                           : findContraction(stage.value);
    bool isAlone = sequential || stage.part || !entry.hasShared();
    auto reduction = isAlone || (contraction && isByTiles(*contraction))
                         ? std::nullopt
                         : findReduction(stage.value);
    AffineMap elements = sequential  ? function.emitSequential(stage)
                         : reduction ? function.emitReduction(stage, *reduction)
                         : contraction
                             ? function.emitContraction(stage, *contraction)
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
    auto toInteger = [&](int64_t value) {
      return builder.getI64IntegerAttr(value);
    };
    SmallVector<NamedAttribute> about = {
        builder.getNamedAttr("entry",
                             SymbolTable::getSymbolName(function.function)),
        builder.getNamedAttr("buffers",
                             builder.getDenseI64ArrayAttr(function.getTaken())),
        builder.getNamedAttr("elements", AffineMapAttr::get(elements)),
        builder.getNamedAttr("workgroup", toInteger(entry.getWorkgroupSize()))};
    if (entry.getAlignment() > 1)
      about.push_back(
          builder.getNamedAttr("alignment", toInteger(entry.getAlignment())));
    stages.push_back(builder.getDictionaryAttr(about));
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
