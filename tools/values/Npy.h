// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// numpy's file format, versions 1 to 3:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#ifndef DL_TOOLS_VALUES_NPY_H
#define DL_TOOLS_VALUES_NPY_H

#include "tools/values/Value.h"

namespace dl::values {

/// Reads a tensor from the bytes of a .npy file. Big-endian and column-major
/// data is brought into our order. Throws a Failure located at `where`.
Value parseNpy(const std::string &where, const unsigned char *bytes,
               size_t size);

/// Whether .npy holds elements of this type.
bool npyHolds(dlrt_type type);

/// The header of a .npy file for a tensor whose data follows it.
std::string npyHeader(dlrt_type type, const std::vector<int64_t> &dims);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_NPY_H
