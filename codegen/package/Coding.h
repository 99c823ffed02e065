// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants entropy-coded, as runtime/artifact/Coding.h tells.

#ifndef DL_CODEGEN_PACKAGE_CODING_H
#define DL_CODEGEN_PACKAGE_CODING_H

#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace dl::package {

/// The coded form of elements of `elementBytes` each. Equal elements give equal
/// bytes.
std::vector<char> codeConstant(llvm::ArrayRef<char> elements,
                               unsigned elementBytes);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_CODING_H
