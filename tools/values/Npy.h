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

/// A .npy file of which a part is read at a time: its header is read when it is
/// opened. Throws Failures located at the file.
class NpyFile {
public:
  explicit NpyFile(const std::string &path);
  ~NpyFile();
  NpyFile(const NpyFile &) = delete;
  NpyFile &operator=(const NpyFile &) = delete;

  dlrt_type type() const { return elementType; }
  const std::vector<int64_t> &dims() const { return shape; }
  /// `count` positions from `first` on along the first dimension; a tensor
  /// without dimensions is read whole. What is in column-major order is read
  /// as a whole first.
  Value read(int64_t first, int64_t count) const;

private:
  std::string path;
  int descriptor = -1;
  dlrt_type elementType;
  std::vector<int64_t> shape;
  size_t start = 0; ///< of the data
  bool isBigEndian = false, isColumnMajor = false;
};

/// Whether .npy holds elements of this type.
bool npyHolds(dlrt_type type);

/// The header of a .npy file for a tensor whose data follows it.
std::string npyHeader(dlrt_type type, const std::vector<int64_t> &dims);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_NPY_H
