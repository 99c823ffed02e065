// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Relayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace dl::package;

Layout Layout::identity(llvm::ArrayRef<int64_t> shape, bool splat) {
  Layout layout;
  int64_t stride = 1;
  layout.dims.resize(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    layout.dims[i] = {shape[i], splat ? 0 : stride};
    stride *= shape[i];
  }
  return layout;
}

Layout Layout::transpose(llvm::ArrayRef<int64_t> permutation) const {
  Layout result;
  std::vector<size_t> position(dims.size());
  for (size_t i = 0; i < permutation.size(); ++i) {
    result.dims.push_back(dims[permutation[i]]);
    position[permutation[i]] = i;
  }
  for (const Bound &bound : bounds)
    result.bounds.push_back({position[bound.outer], position[bound.inner],
                             bound.tile, bound.limit});
  return result;
}

std::optional<Layout> Layout::pack(llvm::ArrayRef<int64_t> outerPerm,
                                   llvm::ArrayRef<int64_t> innerDims,
                                   llvm::ArrayRef<int64_t> innerTiles) const {
  for (const Bound &bound : bounds)
    for (int64_t dim : innerDims)
      if (static_cast<size_t>(dim) == bound.outer ||
          static_cast<size_t>(dim) == bound.inner)
        return std::nullopt;
  Layout result = *this;
  for (auto [dim, tile] : llvm::zip(innerDims, innerTiles)) {
    Dim &outer = result.dims[dim];
    Dim inner{tile, outer.stride};
    if (outer.size % tile)
      result.bounds.push_back(
          {static_cast<size_t>(dim), result.dims.size(), tile, outer.size});
    outer = {(outer.size + tile - 1) / tile, outer.stride * tile};
    result.dims.push_back(inner);
  }
  if (outerPerm.empty())
    return result;
  llvm::SmallVector<int64_t> permutation(outerPerm);
  for (size_t i = outerPerm.size(); i < result.dims.size(); ++i)
    permutation.push_back(static_cast<int64_t>(i));
  return result.transpose(permutation);
}

int64_t Layout::getNumElements() const {
  int64_t count = 1;
  for (const Dim &dim : dims)
    count *= dim.size;
  return count;
}

namespace {

/// A dense tensor's dimension, and its stride in another order of the elements.
struct Axis {
  int64_t size, source, own;
};

} // namespace

/// The dimensions of a layout that is a permutation of its source, those of the
/// largest strides there first; empty for others.
static std::vector<Axis> getAxes(const Layout &layout, int64_t elements) {
  std::vector<Axis> axes;
  int64_t own = 1;
  for (const Layout::Dim &dim : llvm::reverse(layout.dims)) {
    if (dim.size > 1)
      axes.push_back({dim.size, dim.stride, own});
    own *= dim.size;
  }
  llvm::sort(axes,
             [](const Axis &a, const Axis &b) { return a.source > b.source; });
  int64_t reach = 1; // of the dimensions of smaller strides
  for (const Axis &axis : llvm::reverse(axes)) {
    if (axis.source != reach)
      return {};
    reach *= axis.size;
  }
  bool isWhole = layout.bounds.empty() && own == elements && reach == elements;
  return isWhole ? axes : std::vector<Axis>();
}

std::optional<Layout> Layout::relativeTo(const Layout &other,
                                         int64_t elements) const {
  std::vector<Axis> axes = getAxes(other, elements);
  if (axes.empty())
    return std::nullopt;
  Layout result = *this;
  for (Dim &dim : result.dims) {
    auto axis = llvm::find_if(axes, [&](const Axis &axis) {
      return dim.stride >= axis.source && dim.stride % axis.source == 0;
    });
    if (axis != axes.end())
      dim.stride = dim.stride / axis->source * axis->own;
  }
  // Dimensions may have been taken for others: every element is looked at.
  std::vector<bool> found(elements);
  int64_t count = 0;
  llvm::SmallVector<int64_t> index(dims.size());
  for (int64_t n = getNumElements(); n > 0; --n) {
    int64_t offset = 0, told = 0, place = 0;
    for (size_t d = 0; d < dims.size(); ++d) {
      offset += index[d] * dims[d].stride;
      told += index[d] * result.dims[d].stride;
    }
    bool isOutside = llvm::any_of(bounds, [&](const Bound &bound) {
      return index[bound.outer] * bound.tile + index[bound.inner] >=
             bound.limit;
    });
    for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d].size;)
      index[d] = 0;
    if (isOutside)
      continue;
    int64_t rest = offset;
    for (const Axis &axis : axes) {
      place += rest / axis.source * axis.own;
      rest %= axis.source;
    }
    if (offset >= elements || place != told)
      return std::nullopt;
    count += !found[place];
    found[place] = true;
  }
  return count == elements ? std::optional(result) : std::nullopt;
}

bool Layout::isIdentity() const {
  int64_t stride = 1;
  for (const Dim &dim : llvm::reverse(dims)) {
    if (dim.size != 1 && dim.stride != stride)
      return false;
    stride *= dim.size;
  }
  return bounds.empty();
}

/// Dimensions of size 1 say nothing about strides.
std::optional<Layout> Layout::reshape(llvm::ArrayRef<int64_t> shape) const {
  if (getNumElements() == 0)
    return identity(shape);
  Layout from = simplify();
  Layout result;
  size_t next = 0;  // dimension of `from` that is being divided
  int64_t rest = 1; // what is left of it
  std::vector<size_t> whole(from.dims.size(),
                            SIZE_MAX); // same dim in the result
  for (int64_t size : shape) {
    if (size == 1) {
      result.dims.push_back({1, 0});
      continue;
    }
    if (rest == 1)
      rest = from.dims[next++].size;
    const Dim &dim = from.dims[next - 1];
    if (rest % size)
      return std::nullopt;
    rest /= size;
    if (size == dim.size)
      whole[next - 1] = result.dims.size();
    result.dims.push_back({size, dim.stride * rest});
  }
  for (const Bound &bound : from.bounds) {
    if (whole[bound.outer] == SIZE_MAX || whole[bound.inner] == SIZE_MAX)
      return std::nullopt;
    result.bounds.push_back(
        {whole[bound.outer], whole[bound.inner], bound.tile, bound.limit});
  }
  return result;
}

Layout Layout::simplify() const {
  Layout result;
  std::vector<size_t> position(dims.size(), SIZE_MAX);
  auto isBounded = [&](size_t dim) {
    return llvm::any_of(bounds, [&](const Bound &bound) {
      return bound.outer == dim || bound.inner == dim;
    });
  };
  bool canGrow = false; // the last dimension of the result
  for (size_t i = 0; i < dims.size(); ++i) {
    bool bounded = isBounded(i);
    if (dims[i].size == 1 && !bounded)
      continue;
    if (canGrow && !bounded) {
      Dim &last = result.dims.back();
      if (last.stride == dims[i].stride * dims[i].size) {
        last = {last.size * dims[i].size, dims[i].stride};
        continue;
      }
    }
    position[i] = result.dims.size();
    result.dims.push_back(dims[i]);
    canGrow = !bounded;
  }
  for (const Bound &bound : bounds)
    result.bounds.push_back({position[bound.outer], position[bound.inner],
                             bound.tile, bound.limit});
  return result;
}

std::string Layout::getKey() const {
  std::string key;
  auto append = [&](int64_t value) {
    key += std::to_string(value);
    key += ' ';
  };
  for (const Dim &dim : dims) {
    append(dim.size);
    append(dim.stride);
  }
  for (const Bound &bound : bounds) {
    key += '|';
    append(static_cast<int64_t>(bound.outer));
    append(static_cast<int64_t>(bound.inner));
    append(bound.tile);
    append(bound.limit);
  }
  return key;
}
