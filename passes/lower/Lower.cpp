// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/Passes.h"
#include "passes/lower/KernelBuilder.h"
#include "llvm/ADT/StringMap.h"

namespace dl {
#define GEN_PASS_DEF_LOWER
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

/// A readable name for a group: its ops, movement only where there is nothing
/// else.
static std::string getStem(FusedOp group) {
  constexpr size_t kMaxParts = 4;
  SmallVector<StringRef> parts, movement;
  for (Operation &op : group.getBody().front().without_terminator()) {
    StringRef name = op.getName().stripDialect();
    auto fusion = dyn_cast<FusionInterface>(op);
    bool moves = fusion && fusion.getFusionKind() == FusionKind::Movement;
    SmallVector<StringRef> &list = moves ? movement : parts;
    if (list.size() < kMaxParts && !llvm::is_contained(list, name))
      list.push_back(name);
  }
  return llvm::join(parts.empty() ? movement : parts, "_");
}

namespace {

class Lower : public ::dl::impl::LowerBase<Lower> {
  using LowerBase::LowerBase;

  void runOnOperation() override {
    symbols.emplace(getOperation());
    kernels.clear();
    SmallVector<FusedOp> groups;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](FusedOp group) { groups.push_back(group); });
    for (FusedOp group : groups)
      if (failed(isHostCall(group) ? lowerToHostCall(group)
                                   : lowerToKernel(group)))
        return signalPassFailure();
  }

  static bool isHostCall(FusedOp group) {
    return isRuntimeCall(&group.getBody().front().front());
  }

  /// The integers that the runtime's function takes beside its operands.
  static SmallVector<int64_t> getCallArguments(Operation *op) {
    if (auto topk = dyn_cast<TopkOp>(op))
      return {static_cast<int64_t>(topk.getAxis()), topk.getLargest(),
              topk.getSorted()};
    if (auto suppress = dyn_cast<SuppressOp>(op))
      return {suppress.getCentered()};
    return {};
  }

  LogicalResult lowerToHostCall(FusedOp group) {
    Operation *op = &group.getBody().front().front();
    Operation *yield = group.getBody().front().getTerminator();
    if (op->getNextNode() != yield)
      return op->emitOpError("stands in a group with other ops");
    OpBuilder builder(group);
    auto call =
        HostCallOp::create(builder, op->getLoc(), op->getResultTypes(),
                           op->getName().stripDialect(), op->getOperands(),
                           builder.getDenseI64ArrayAttr(getCallArguments(op)));
    for (auto [result, yielded] :
         llvm::zip(group.getResults(), yield->getOperands()))
      result.replaceAllUsesWith(
          call.getResult(cast<OpResult>(yielded).getResultNumber()));
    group.erase();
    return success();
  }

  LogicalResult lowerToKernel(FusedOp group) {
    KernelBuilder kernel(group);
    kernel.keepsFloat8 = keepFloat8;
    LogicalResult built = kernel.run();
    OwningOpRef<func::FuncOp> function(kernel.function);
    if (failed(built))
      return failure();
    Location loc = function->getLoc();
    StringAttr name = enter(std::move(function), getStem(group));
    OpBuilder builder(group);
    auto dispatch = DispatchOp::create(
        builder, loc, group.getResultTypes(), FlatSymbolRefAttr::get(name),
        kernel.inputs,
        AffineMapAttr::get(getSymbolMap(kernel.sizes, &getContext())));
    group.replaceAllUsesWith(dispatch.getResults());
    group.erase();
    return success();
  }

  /// Adds a kernel to the module, or finds an equal one; returns its name.
  StringAttr enter(OwningOpRef<func::FuncOp> function, StringRef stem) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    function->print(stream,
                    OpPrintingFlags().useLocalScope().enableDebugInfo(false));
    auto [entry, isNew] = kernels.try_emplace(text);
    if (isNew) {
      std::string name = (stem + "_" + Twine(kernels.size() - 1)).str();
      function->setName(name);
      entry->second = symbols->insert(function.release());
    }
    return entry->second;
  }

  std::optional<SymbolTable> symbols;
  llvm::StringMap<StringAttr> kernels;
};

} // namespace
