// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A C header that says what a module's callers and planners want to know of it
// without opening it.

#ifndef DL_CODEGEN_PACKAGE_CHEADER_H
#define DL_CODEGEN_PACKAGE_CHEADER_H

#include "codegen/package/Program.h"
#include <string>

namespace dl::package {

/// For each entry: names, element types and ranks of inputs and outputs, and as
/// C functions of the entry's symbols, their dimensions and the bytes of the
/// arena on the CPU, by the formulas that stand in the module. Names that are
/// no identifiers of C get underscores.
std::string makeCHeader(const std::vector<Program> &programs,
                        const std::string &producer);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_CHEADER_H
