// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Unpack.h"

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/Validate.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace dlrt {
namespace {

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

/// Copies rows of the innermost dimension, one after the other.
template <typename Element> class Unpacker {
public:
  Unpacker(const fb::Unpack &unpack, const std::byte *from, std::byte *to)
      : unpack(unpack), rank(count(unpack.sizes())), index(rank),
        from(reinterpret_cast<const Element *>(from)),
        to(reinterpret_cast<Element *>(to)) {}

  void run() {
    if (rank)
      fill(0, 0);
    else
      *to = *from;
  }

private:
  void fill(uint32_t dim, int64_t offset) {
    int64_t size = unpack.sizes()->Get(dim),
            stride = unpack.strides()->Get(dim);
    bool isRow = dim + 1 == rank;
    for (int64_t i = 0; i < size; ++i, offset += stride) {
      index[dim] = i;
      if (!isRow)
        fill(dim + 1, offset);
      else if (++from; !isPadding())
        to[offset] = from[-1];
    }
  }

  bool isPadding() const {
    for (uint32_t i = 0; i < count(unpack.bounds()); ++i) {
      const fb::UnpackBound &bound = *unpack.bounds()->Get(i);
      if (index[size_t(bound.outer())] * bound.tile() +
              index[size_t(bound.inner())] >=
          bound.limit())
        return true;
    }
    return false;
  }

  const fb::Unpack &unpack;
  uint32_t rank;
  std::vector<int64_t> index;
  const Element *from;
  Element *to;
};

/// The furthest that an element lies, bounds not counted, which only leave some
/// out; false where that overflows.
bool findReach(const fb::Unpack &unpack, int64_t &elements, int64_t &reach) {
  for (uint32_t d = 0; d < count(unpack.sizes()); ++d) {
    int64_t size = unpack.sizes()->Get(d), stride = unpack.strides()->Get(d);
    int64_t far = 0;
    if (size < 1 || stride < 0 || !checkedMul(elements, size, elements) ||
        !checkedMul(size - 1, stride, far) || !checkedAdd(reach, far, reach))
      return false;
  }
  return true;
}

} // namespace

Status checkUnpack(const fb::Unpack &unpack, uint64_t packedBytes,
                   const std::string &what) {
  auto bad = [&](const char *why) {
    return Status(Code::BadModule,
                  "module header: " + what + " cannot be unpacked: " + why);
  };
  constexpr uint32_t kMostDims = 2 * kMaxRank;
  uint32_t rank = count(unpack.sizes());
  if (rank > kMostDims || count(unpack.strides()) != rank ||
      count(unpack.bounds()) > rank)
    return bad("its dimensions");
  int64_t width = unpack.element_bytes();
  if (width != 1 && width != 2 && width != 4 && width != 8)
    return bad("its elements' bytes");
  int64_t elements = 1, reach = 0, bytes = 0, end = 0;
  if (!findReach(unpack, elements, reach) ||
      !checkedMul(elements, width, bytes) || uint64_t(bytes) != packedBytes)
    return bad("its sizes");
  // Padding may reach beyond the end, by less than a tile in each dimension.
  int64_t spare = 0;
  for (uint32_t i = 0; i < count(unpack.bounds()); ++i) {
    const fb::UnpackBound &bound = *unpack.bounds()->Get(i);
    if (bound.outer() < 0 || uint32_t(bound.outer()) >= rank ||
        bound.inner() < 0 || uint32_t(bound.inner()) >= rank ||
        bound.outer() == bound.inner() || bound.limit() < 1 || bound.tile() < 1)
      return bad("its bounds");
    auto outer = uint32_t(bound.outer()), inner = uint32_t(bound.inner());
    int64_t stride = unpack.strides()->Get(inner);
    int64_t whole = 0, past = 0;
    // Both dimensions are one of the tensor, divided into tiles.
    if (bound.tile() != unpack.sizes()->Get(inner) ||
        !checkedMul(bound.tile(), stride, whole) ||
        whole != unpack.strides()->Get(outer) ||
        !checkedMul(bound.tile(), unpack.sizes()->Get(outer), past) ||
        past < bound.limit() ||
        !checkedMul(past - bound.limit(), stride, past) ||
        !checkedAdd(spare, past, spare))
      return bad("its bounds");
  }
  if (!checkedAdd(reach - spare, 1, end) || !checkedMul(end, width, end) ||
      unpack.bytes() != end)
    return bad("its elements lie outside of it");
  return {};
}

void unpackConstant(const fb::Unpack &unpack, const std::byte *packed,
                    std::byte *to) {
  memset(to, 0, static_cast<size_t>(unpack.bytes()));
  switch (unpack.element_bytes()) {
  case 1:
    return Unpacker<uint8_t>(unpack, packed, to).run();
  case 2:
    return Unpacker<uint16_t>(unpack, packed, to).run();
  case 4:
    return Unpacker<uint32_t>(unpack, packed, to).run();
  default:
    return Unpacker<uint64_t>(unpack, packed, to).run();
  }
}

} // namespace dlrt
