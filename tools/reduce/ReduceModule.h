// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_REDUCE_REDUCEMODULE_H
#define DL_TOOLS_REDUCE_REDUCEMODULE_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>

namespace dl::tools {

class Interest;

/// Reads the .mlir file at `path` and makes its first function smaller while
/// `interest` holds; gives the text. Where all arguments have `dl.value`, so
/// have those that take the place of ops. `progress` is told how many ops are
/// left. Diagnostics go to the context's handlers.
llvm::Expected<std::string>
reduceModule(llvm::StringRef path, const mlir::DialectRegistry &registry,
             Interest &interest,
             const std::function<void(size_t ops)> &progress);

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_REDUCEMODULE_H
