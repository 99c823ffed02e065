// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From the LLVM dialect to a CPU's machine code.

#ifndef DL_CODEGEN_CPU_OBJECT_H
#define DL_CODEGEN_CPU_OBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace dl::cpu {

struct CpuTarget;

/// What to make of a module: LLVM IR as text, assembly, or an ELF object.
enum class CodeKind { Llvm, Assembly, Object };

/// Translates `module`, which holds the LLVM dialect alone, optimizes it and
/// returns the text or object. Each function has a section of its own. Emits a
/// diagnostic on failure. May run on several modules of one context at once.
mlir::FailureOr<std::string>
generateCode(mlir::ModuleOp module, const CpuTarget &target, CodeKind kind);

/// The versions of everything that decides what generateCode returns.
std::string getGeneratorVersion();

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_OBJECT_H
