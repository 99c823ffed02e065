// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Transposed, reshaped and blocked copies of constants, made as they are
// written.

#ifndef DL_CODEGEN_PACKAGE_RELAYOUT_H
#define DL_CODEGEN_PACKAGE_RELAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dl::package {

/// A dense tensor read from another tensor: the element at an index is the
/// source's at the sum of index * stride (in elements), or zero where a bound
/// is exceeded: index[outer] * tile + index[inner] >= limit.
class Layout {
public:
  struct Dim {
    int64_t size;
    int64_t stride;
  };
  struct Bound {
    size_t outer;
    size_t inner;
    int64_t tile;
    int64_t limit;
  };

  /// The source itself; every element is the source's only one if `splat`.
  static Layout identity(llvm::ArrayRef<int64_t> shape, bool splat = false);

  /// Dimension i of the result is dimension permutation[i] of this.
  Layout transpose(llvm::ArrayRef<int64_t> permutation) const;

  /// As linalg.pack: each dimension innerDims[i] is divided into tiles of
  /// innerTiles[i] (the last one filled up with zeros); dimensions within tiles
  /// come last; `outerPerm` (empty for none) reorders the others. Nothing where
  /// a dimension to be divided is already part of a division.
  std::optional<Layout> pack(llvm::ArrayRef<int64_t> outerPerm,
                             llvm::ArrayRef<int64_t> innerDims,
                             llvm::ArrayRef<int64_t> innerTiles) const;

  /// The same elements in another shape; nothing where strides cannot say it.
  std::optional<Layout> reshape(llvm::ArrayRef<int64_t> shape) const;

  bool isIdentity() const;
  /// This layout with strides in elements of `other` in place of the source's:
  /// where in `other`, another order of the same source, each element lies.
  /// Nothing where strides cannot say that, or where some of the source's
  /// `elements` elements are missing here.
  std::optional<Layout> relativeTo(const Layout &other, int64_t elements) const;
  int64_t getNumElements() const;

  /// Dimensions that are contiguous in source and result made one, and those of
  /// size 1 dropped: equal copies become equal layouts.
  Layout simplify() const;

  /// Equal text for equal layouts.
  std::string getKey() const;

  std::vector<Dim> dims;
  std::vector<Bound> bounds;
};

/// Makes the tensor in pieces of at most `maxBytes` (but at least one element),
/// in order, and hands each to `consume`, which returns whether to go on.
/// `source` holds elements of `elementBytes` (1, 2, 4, 8 or 16) bytes. Source
/// and result are read and written in blocks, so that each cache line is
/// touched once.
bool relayout(const Layout &layout, unsigned elementBytes, const char *source,
              size_t maxBytes,
              llvm::function_ref<bool(llvm::ArrayRef<char>)> consume);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_RELAYOUT_H
