// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What LLVM's passes ask about code.

#ifndef DL_CODEGEN_CPU_LLVMANALYSES_H
#define DL_CODEGEN_CPU_LLVMANALYSES_H

#include "llvm/Passes/PassBuilder.h"

namespace dl::cpu {

/// The analyses of modules and of their parts, for passes on a target's code.
struct LlvmAnalyses {
  explicit LlvmAnalyses(llvm::TargetMachine &machine) : builder(&machine) {
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(calls);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, calls, modules);
  }

  llvm::PassBuilder builder;
  // Those of parts outlive those of the whole.
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
};

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_LLVMANALYSES_H
