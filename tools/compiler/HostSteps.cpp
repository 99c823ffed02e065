// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/HostSteps.h"

#include "codegen/cpu/Lowering.h"
#include "codegen/package/Package.h"
#include "codegen/spirv/GenerateKernels.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Locations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/fuse/RankReductions.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace dl::tools {

/// The nodes of the model that an operation is made of, quoted.
static std::string nameNodes(Operation *op) {
  std::string names;
  for (const mlir::dl::SourceNode &node :
       mlir::dl::getSourceNodes(op->getLoc()))
    names += (names.empty() ? " of '" : ", '") +
             (node.node.empty() ? node.op : node.node).str() + "'";
  return names;
}

HostKernels findHostKernels(ModuleOp module, Target target,
                            const CompileOptions &options) {
  HostKernels result;
  if (target != Target::Vulkan)
    return result;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(cpu::kKernelAttr) || function.isExternal())
      continue;
    std::string why = spirv::whyNoForm(function, options.vulkan);
    if (!why.empty())
      result[function.getSymName()] = why;
  }
  return result;
}

/// The steps that run on the host where these kernels do, each with the reason.
static std::vector<std::string> listHostSteps(ModuleOp module,
                                              const HostKernels &kernels) {
  std::vector<std::string> steps;
  module.walk([&](Operation *op) {
    if (auto call = dyn_cast<mlir::dl::HostCallOp>(op)) {
      steps.push_back("'" + call.getFunction().str() + "'" + nameNodes(op) +
                      ": a call of the runtime");
    } else if (auto dispatch = dyn_cast<mlir::dl::DispatchOp>(op)) {
      auto found = kernels.find(dispatch.getKernel());
      if (found != kernels.end())
        steps.push_back("kernel '" + dispatch.getKernel().str() + "'" +
                        nameNodes(op) + ": " + found->second);
    } else if (mlir::dl::isRuntimeStep(op) &&
               !isa<mlir::dl::IfOp, mlir::dl::LoopOp>(op)) {
      // Choosing and repeating move no data.
      steps.push_back("'" + op->getName().stripDialect().str() + "'" +
                      nameNodes(op) + ": a sequence or an optional");
    }
  });
  return steps;
}

LogicalResult checkStrict(ModuleOp module, const CompileOptions &options) {
  for (Target target : options.targets) {
    if (target == Target::Cpu)
      continue;
    std::vector<std::string> steps =
        listHostSteps(module, findHostKernels(module, target, options));
    if (!steps.empty())
      return emitError(
                 FileLineColLoc::get(module.getContext(), "--strict", 0, 0))
             << steps.size() << (steps.size() == 1 ? " step" : " steps")
             << " would run on the host, not on a device for "
             << getName(target) << ": " << llvm::join(steps, "; ");
  }
  return success();
}

/// Lets a device's plan reduce over ranks in one step each, where a result is
/// needed: what has begun would go on in a copy that the device does not see.
static void joinReductions(ModuleOp plan) {
  plan.walk([](mlir::dl::HostCallOp op) {
    if (op.getFunction() == mlir::dl::fuse::kAllReduceStart) {
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op.erase();
    } else if (op.getFunction() == mlir::dl::fuse::kAllReduceWait) {
      op.setFunction(mlir::dl::fuse::kAllReduce);
    }
  });
}

LogicalResult placeOnHost(ModuleOp plan, const HostKernels &kernels,
                          StringRef suffix, ModuleOp code,
                          std::vector<std::string> &names,
                          function_ref<LogicalResult(ModuleOp)> generate) {
  joinReductions(plan);
  if (kernels.empty())
    return success();
  OpBuilder builder(plan.getContext());
  SmallVector<func::FuncOp> others;
  SmallVector<std::pair<std::string, std::string>> moved; // with their names
  for (auto function :
       llvm::make_early_inc_range(plan.getOps<func::FuncOp>())) {
    if (!function->hasAttr(cpu::kKernelAttr))
      continue;
    std::string name = function.getSymName().str();
    if (!kernels.contains(name)) {
      function->removeAttr(cpu::kKernelAttr);
      others.push_back(function);
      continue;
    }
    std::string symbol = name + suffix.str();
    if (failed(SymbolTable::replaceAllSymbolUses(
            function, builder.getStringAttr(symbol), plan)))
      return function.emitError("cannot be renamed");
    function.setSymName(symbol);
    moved.emplace_back(name, symbol);
  }
  if (failed(generate(plan)))
    return failure();
  for (auto &[name, symbol] : moved) {
    auto function = plan.lookupSymbol<func::FuncOp>(symbol);
    code.push_back(function.clone());
    names.push_back(symbol);
    function->removeAttr(cpu::kKernelAttr);
    function->setAttr(kHostAttr, builder.getStringAttr(name));
    function->setAttr(kHostReasonAttr,
                      builder.getStringAttr(kernels.lookup(name)));
  }
  for (func::FuncOp function : others)
    function->setAttr(cpu::kKernelAttr, builder.getUnitAttr());
  return success();
}

} // namespace dl::tools
