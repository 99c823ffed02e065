// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_VALUES_VALUE_H
#define DL_TOOLS_VALUES_VALUE_H

#include "runtime/api/dlrt.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dl::values {

/// A failure that the user sees as "error: WHERE: WHAT".
class Failure : public std::runtime_error {
public:
  Failure(const std::string &where, const std::string &what)
      : std::runtime_error(where + ": " + what) {}
};

/// 64-byte aligned bytes.
template <typename T> struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U> AlignedAllocator(const AlignedAllocator<U> &) {}
  T *allocate(size_t count) {
    return static_cast<T *>(
        ::operator new(count * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T *memory, size_t) {
    ::operator delete(memory, std::align_val_t(64));
  }
  template <typename U> bool operator==(const AlignedAllocator<U> &) const {
    return true;
  }
  template <typename U> bool operator!=(const AlignedAllocator<U> &) const {
    return false;
  }
};
using Bytes = std::vector<unsigned char, AlignedAllocator<unsigned char>>;

/// A dense row-major tensor in memory of its own, little endian; or a sequence
/// of tensors, or nothing (an optional without a value). Of strings, the data
/// is an array of dlrt_string over `texts`, which copies share.
struct Value {
  enum class Kind { Tensor, Sequence, None } kind = Kind::Tensor;
  dlrt_type type = DLRT_NONE;
  std::vector<int64_t> dims;
  Bytes data;
  std::shared_ptr<const std::vector<std::string>> texts;
  std::vector<Value> elements; ///< of a sequence
};

/// A tensor of strings, as many as `dims` has.
Value makeStrings(const std::vector<int64_t> &dims,
                  std::vector<std::string> texts);

/// The bytes of a tensor of this type and shape; throws a Failure located at
/// `where` when a size is negative or the product overflows.
size_t byteSize(const std::string &where, dlrt_type type,
                const std::vector<int64_t> &dims);

/// "float32 [2, 3]"; of a declared value "sequence of float32 [N, 3]".
std::string describe(const runtime::Value &value);
std::string describe(dlrt_type type, const std::vector<int64_t> &dims);

/// Reads a whole file. Throws a Failure located at `path`.
Bytes readFile(const std::string &path);

/// Reads a value from a .npy or .pb file, as the name's ending tells; one that
/// is no tensor from .pb alone.
Value readValue(const std::string &path, dlrt_value_kind kind = DLRT_TENSOR);

/// Reads a map from a .pb file: its keys and its values, each of rank 1.
std::pair<Value, Value> readMap(const std::string &path);

/// "sequence of ", "optional ", or nothing.
const char *describeKind(dlrt_value_kind kind);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_VALUE_H
