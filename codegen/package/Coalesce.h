// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Merges storages of a program, so that values are made where they are wanted.

#ifndef DL_CODEGEN_PACKAGE_COALESCE_H
#define DL_CODEGEN_PACKAGE_COALESCE_H

#include "codegen/package/Program.h"

namespace dl::package {

/// Removes copies and reuses memory in place, as register coalescing does:
///
/// - A copy from a temporary is removed where the temporary can lie in the
/// copy's
///   destination from the start: nothing else may use the destination between
///   the first write of the temporary and the copy, and nothing may write to it
///   while the temporary is still read. So outputs, slices of stacked results
///   and, where the old one is no longer read, new states of loops are written
///   directly.
/// - A kernel's result takes the memory of an operand that it may overwrite and
///   that nothing uses later.
///
/// The program may have any number of copies; those that remain are needed.
void coalesce(Program &program);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_COALESCE_H
