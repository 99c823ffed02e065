// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Relayout.h"
#include <algorithm>
#include <cstring>
#include <memory>

using namespace dl::package;

namespace {

template <unsigned N> struct Element {
  char bytes[N];
};

template <typename T> class Copier {
public:
  Copier(const Layout &layout, const char *source, size_t maxBytes,
         llvm::function_ref<bool(llvm::ArrayRef<char>)> consume)
      : layout(layout), source(source), consume(consume),
        index(layout.dims.size(), 0) {
    // A piece: some indices of dimension `split`, and all dimensions after it.
    size_t rank = layout.dims.size();
    int64_t capacity =
        std::max<int64_t>(1, static_cast<int64_t>(maxBytes / sizeof(T)));
    split = rank - 1;
    while (split > 0 && inner * layout.dims[split].size <= capacity)
      inner *= layout.dims[split--].size;
    step = std::min(std::max<int64_t>(1, capacity / inner),
                    layout.dims[split].size);
    buffer.reset(new T[step * inner]);
    chooseBlocks();
  }

  bool run() { return runOuter(0, 0); }

private:
  bool runOuter(size_t dim, int64_t offset) {
    const Layout::Dim &d = layout.dims[dim];
    if (dim == split) {
      for (int64_t i = 0; i < d.size; i += step) {
        int64_t count = std::min(step, d.size - i);
        fill(dim, i, i + count, offset, buffer.get(), inner);
        if (!consume({reinterpret_cast<const char *>(buffer.get()),
                      count * inner * sizeof(T)}))
          return false;
      }
      return true;
    }
    for (index[dim] = 0; index[dim] < d.size; ++index[dim])
      if (!runOuter(dim + 1, offset + index[dim] * d.stride))
        return false;
    return true;
  }

  /// The last dimension and, where that is not contiguous in the source, the
  /// one that is: `across`. Both are walked together, in blocks.
  void chooseBlocks() {
    last = layout.dims.size() - 1;
    across = last;
    if (layout.dims[last].stride == 1)
      return;
    for (size_t i = split; i < last; ++i)
      if (layout.dims[i].stride == 1 && layout.dims[i].size > 1)
        across = i;
    // In blocks, limits are found from dimensions that were entered before.
    for (const Layout::Bound &bound : layout.bounds)
      if (bound.outer == across || bound.outer > bound.inner)
        across = last;
  }

  /// How many indices from 0 of dimension `dim` stay within all bounds on it;
  /// its outer dimensions have their index.
  int64_t getLimit(size_t dim, int64_t end) const {
    for (const Layout::Bound &bound : layout.bounds)
      if (bound.inner == dim)
        end = std::clamp<int64_t>(bound.limit - index[bound.outer] * bound.tile,
                                  0, end);
    return end;
  }

  /// Whether a bound between dimensions before `end`, which have their index,
  /// is exceeded.
  bool isOutside(size_t end) const {
    for (const Layout::Bound &bound : layout.bounds)
      if (bound.inner < end && bound.outer < end &&
          index[bound.outer] * bound.tile + index[bound.inner] >= bound.limit)
        return true;
    return false;
  }

  /// Fills indices [begin, end) of `dim` and all of the dimensions after it;
  /// `size` is the number of elements for one index.
  void fill(size_t dim, int64_t begin, int64_t end, int64_t offset, T *out,
            int64_t size) {
    const Layout::Dim &d = layout.dims[dim];
    if (dim == last)
      return fillRow(begin, end, offset, out);
    if (dim == across)
      return fillAcross(begin, end, offset, out, size);
    int64_t nextSize = size / layout.dims[dim + 1].size;
    for (int64_t i = begin; i < end; ++i, out += size) {
      index[dim] = i;
      fill(dim + 1, 0, layout.dims[dim + 1].size, offset + i * d.stride, out,
           nextSize);
    }
  }

  void fillRow(int64_t begin, int64_t end, int64_t offset, T *out) {
    int64_t stride = layout.dims[last].stride;
    const T *in = reinterpret_cast<const T *>(source) + offset;
    for (const Layout::Bound &bound : layout.bounds)
      if (bound.outer == last)
        return fillElements(begin, end, in, out);
    int64_t limit =
        isOutside(last) ? begin : std::max(begin, getLimit(last, end));
    int64_t count = limit - begin;
    if (count > 0 && stride == 1)
      std::memcpy(out, in + begin, count * sizeof(T));
    else
      for (int64_t i = 0; i < count; ++i)
        out[i] = in[(begin + i) * stride];
    setZero(out + count, end - limit);
  }

  /// A row whose own index is the outer one of a bound.
  void fillElements(int64_t begin, int64_t end, const T *in, T *out) {
    for (int64_t i = begin; i < end; ++i) {
      index[last] = i;
      if (isOutside(last + 1))
        setZero(out + i - begin, 1);
      else
        out[i - begin] = in[i * layout.dims[last].stride];
    }
  }

  /// Dimensions `across` to `last`, in blocks of one cache line of the source.
  void fillAcross(int64_t begin, int64_t end, int64_t offset, T *out,
                  int64_t size) {
    constexpr int64_t kBlock = std::max<int64_t>(64 / sizeof(T), 8);
    int64_t limit =
        isOutside(across) ? begin : std::max(begin, getLimit(across, end));
    for (int64_t i = begin; i < limit; i += kBlock)
      fillBlock(across + 1, offset + i, std::min(kBlock, limit - i),
                out + (i - begin) * size, size, size);
    setZero(out + (limit - begin) * size, (end - limit) * size);
  }

  /// `count` indices of `across`; for one of them, dimension `dim` and those
  /// after it are `size` elements. `rowSize` elements are from one to the next.
  void fillBlock(size_t dim, int64_t offset, int64_t count, T *out,
                 int64_t rowSize, int64_t size) {
    const Layout::Dim &d = layout.dims[dim];
    int64_t nextSize = size / d.size;
    int64_t limit = getLimit(dim, d.size);
    for (int64_t j = 0; j < limit; ++j) {
      int64_t position = offset + j * d.stride;
      if (dim != last) {
        index[dim] = j;
        fillBlock(dim + 1, position, count, out + j * nextSize, rowSize,
                  nextSize);
        continue;
      }
      const T *in = reinterpret_cast<const T *>(source) + position;
      for (int64_t i = 0; i < count; ++i)
        out[i * rowSize + j] = in[i];
    }
    if (limit < d.size)
      for (int64_t i = 0; i < count; ++i)
        setZero(out + i * rowSize + limit * nextSize,
                (d.size - limit) * nextSize);
  }

  static void setZero(T *out, int64_t count) {
    std::memset(static_cast<void *>(out), 0, count * sizeof(T));
  }

  const Layout &layout;
  const char *source;
  llvm::function_ref<bool(llvm::ArrayRef<char>)> consume;
  std::vector<int64_t> index;
  std::unique_ptr<T[]> buffer;
  size_t split = 0; // the first dimension within a piece
  size_t last = 0, across = 0;
  int64_t inner = 1; // elements for one index of `split`
  int64_t step = 1;  // indices of `split` in a piece
};

} // namespace

bool dl::package::relayout(
    const Layout &layout, unsigned elementBytes, const char *source,
    size_t maxBytes, llvm::function_ref<bool(llvm::ArrayRef<char>)> consume) {
  int64_t count = layout.getNumElements();
  if (count == 0)
    return true;
  if (layout.isIdentity()) {
    size_t bytes = static_cast<size_t>(count) * elementBytes;
    for (size_t begin = 0; begin < bytes; begin += maxBytes)
      if (!consume({source + begin, std::min(maxBytes, bytes - begin)}))
        return false;
    return true;
  }
  Layout simple = layout.simplify();
  if (simple.dims.empty())
    simple.dims.push_back({1, 1});
  switch (elementBytes) {
  case 1:
    return Copier<Element<1>>(simple, source, maxBytes, consume).run();
  case 2:
    return Copier<Element<2>>(simple, source, maxBytes, consume).run();
  case 4:
    return Copier<Element<4>>(simple, source, maxBytes, consume).run();
  case 8:
    return Copier<Element<8>>(simple, source, maxBytes, consume).run();
  default:
    return Copier<Element<16>>(simple, source, maxBytes, consume).run();
  }
}
