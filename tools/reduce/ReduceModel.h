// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_REDUCE_REDUCEMODEL_H
#define DL_TOOLS_REDUCE_REDUCEMODEL_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>

namespace dl::tools {

class Interest;

/// Reads the ONNX model at `path` and makes it smaller while `interest` holds:
/// fewer outputs, nodes and weights; what nodes that are gone computed becomes
/// an input. Gives the bytes of the smallest model found. `progress` is told
/// how many nodes are left.
llvm::Expected<std::string>
reduceModel(llvm::StringRef path, Interest &interest,
            const std::function<void(size_t nodes)> &progress);

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_REDUCEMODEL_H
