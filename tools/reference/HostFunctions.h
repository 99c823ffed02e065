// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_REFERENCE_HOSTFUNCTIONS_H
#define DL_TOOLS_REFERENCE_HOSTFUNCTIONS_H

#include "ir/reference/HostLibrary.h"

namespace dl::tools {

/// The runtime's library of optional functions, libdlrtHostOps, for the
/// interpreter. It is opened at the first call of one of its functions.
const mlir::dl::reference::HostLibrary &getHostLibrary();

} // namespace dl::tools

#endif // DL_TOOLS_REFERENCE_HOSTFUNCTIONS_H
