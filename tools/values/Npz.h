// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// numpy's archives of arrays: a ZIP file of .npy files, stored or deflated.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

#ifndef DL_TOOLS_VALUES_NPZ_H
#define DL_TOOLS_VALUES_NPZ_H

#include "tools/values/Value.h"

namespace dl::values {

struct NamedValue {
  std::string name;
  Value value;
};

/// Reads the arrays of an archive, in its order. Throws a Failure located at
/// `path`.
std::vector<NamedValue> readNpz(const std::string &path);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_NPZ_H
