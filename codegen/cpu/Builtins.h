// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The functions that generated code may call for itself, compiled with the
// compiler.

#ifndef DL_CODEGEN_CPU_BUILTINS_H
#define DL_CODEGEN_CPU_BUILTINS_H

#include "llvm/ADT/StringRef.h"

namespace dl::cpu {

/// An ELF object for every x86-64 CPU, made of builtins/builtins.c. Lives as
/// long as the program.
llvm::StringRef getBuiltinsObject();

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_BUILTINS_H
