// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Where kernels come from, for people and tools; nothing runs by it.

#ifndef DL_CODEGEN_PACKAGE_DEBUGINFO_H
#define DL_CODEGEN_PACKAGE_DEBUGINFO_H

#include "codegen/package/Package.h"

namespace dl::package {

/// JSON: `{"kernels": [{"name": .., "sources": [{"graph": .., "node": .., "op":
/// ..}, ..]}, ..]}`, kernels in the module's order, with the source nodes of
/// all dispatches of each.
std::string getDebugInfo(const PackageInput &input);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_DEBUGINFO_H
