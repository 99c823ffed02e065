// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Where kernels come from and what steps have to do, for people and tools;
// nothing runs by it.

#ifndef DL_CODEGEN_PACKAGE_DEBUGINFO_H
#define DL_CODEGEN_PACKAGE_DEBUGINFO_H

#include "codegen/package/Package.h"
#include "codegen/package/Program.h"

namespace dl::package {

/// JSON, as codegen/package/README.md describes it. Entries stand in the order
/// of `programs`, which are finished; kernels in the module's order.
std::string getDebugInfo(const PackageInput &input,
                         llvm::ArrayRef<PlanPrograms> plans);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_DEBUGINFO_H
