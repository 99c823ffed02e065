// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Memory of other array libraries, by DLPack, as tensors of the runtime; and
// results as arrays.

#ifndef DL_TOOLS_PYTHON_ARRAYS_H
#define DL_TOOLS_PYTHON_ARRAYS_H

#include "runtime/api/dlrt.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <string>
#include <vector>

namespace dl::python {

/// An array of the caller's, held for as long as this lives.
struct Array {
  nanobind::ndarray<nanobind::ro> owner;
  dlrt_type type = DLRT_NONE;
  std::vector<int64_t> dims;
  const void *data = nullptr;
  size_t bytes = 0;
  /// The elements in order, where those of `owner` are not.
  std::unique_ptr<char[]> copy;
  /// Of strings, the data, over the bytes of `texts`.
  std::vector<dlrt_string> strings;
  nanobind::list texts;
};

/// Reads (array, type, dims): an object that gives its memory by DLPack or the
/// buffer protocol, on the CPU. `type` other than 0 and `dims` other than None
/// stand in place of what the array says, which then holds the bytes alone; of
/// strings, `array` is a list of bytes. Not a copy unless the array has
/// strides. Throws runtime::Error; `what` names the value.
Array readArray(nanobind::handle given, const std::string &what);

/// As readArray, of an array to write: it has no strides, and can be written.
Array readOutput(nanobind::handle given, const std::string &what);

/// Throws a runtime::Error.
[[noreturn]] void fail(dlrt_status status, const std::string &message);

/// A result: memory of its own, at a multiple of 64.
class Buffer {
public:
  Buffer(dlrt_type type, std::vector<int64_t> dims, size_t bytes);
  /// Of strings, which are copied.
  Buffer(std::vector<int64_t> dims, std::vector<std::string> texts);

  dlrt_type type;
  std::vector<int64_t> dims;
  size_t bytes;
  void *data() const { return memory.get(); }
  std::vector<std::string> texts;

  /// The elements of a tensor of strings, as bytes.
  nanobind::list strings() const;

  /// A DLPack producer over the same memory; it keeps `self` alive. Throws for
  /// types that DLPack has not.
  static nanobind::object exchange(nanobind::handle self);

  /// A numpy array over the same memory, that keeps `self` alive. Types that
  /// numpy has not come as unsigned integers of that size, packed ones as bytes
  /// in one dimension.
  static nanobind::object array(nanobind::handle self);

private:
  struct Release {
    void operator()(void *memory) const;
  };
  std::unique_ptr<void, Release> memory;
};

} // namespace dl::python

#endif // DL_TOOLS_PYTHON_ARRAYS_H
