// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/module_generated.h"
#include "runtime/device/cpu/host/HostFunctions.h"
#include "runtime/device/cpu/host/OrderKey.h"

#include <algorithm>
#include <cstring>

namespace dlrt {
namespace {

/// An element in an order of unsigned integers, and where it stood.
struct Candidate {
  uint64_t key;
  int64_t index;
};

bool comesFirst(const Candidate &a, const Candidate &b) {
  return a.key != b.key ? a.key > b.key : a.index < b.index;
}

Status prepareTopK(const HostCallFrame &frame, int64_t &scratchBytes) {
  if (frame.argCount != 3 || frame.attributeCount != 3)
    return {Code::BadModule, "topk has three arguments and three attributes"};
  const HostArgument &data = frame.args[0], &values = frame.args[1],
                     &indices = frame.args[2];
  int64_t axis = frame.attributes[0];
  bool sound = hasOrder(data.type) && values.type == data.type &&
               indices.type == fb::ElementType_I64 &&
               values.rank == data.rank && indices.rank == data.rank &&
               axis >= 0 && axis < data.rank;
  for (int d = 0; sound && d < data.rank; ++d)
    sound = indices.dims[d] == values.dims[d] &&
            (d == axis || values.dims[d] == data.dims[d]);
  if (!sound)
    return {Code::BadModule, "topk has arguments that do not agree"};
  if (values.dims[axis] > data.dims[axis])
    return {Code::Mismatch, "topk takes " + std::to_string(values.dims[axis]) +
                                " elements of an axis that has " +
                                std::to_string(data.dims[axis])};
  if (!checkedMul(data.dims[axis], sizeof(Candidate), scratchBytes))
    return {Code::Mismatch, "topk has too long an axis"};
  return {};
}

/// What the parts of one call share.
struct TopK {
  const HostCallFrame *frame;
  const HostResources *resources;
  int64_t lines, inner, length, k, bytes;
  size_t parts;

  void run(int64_t line, Candidate *candidates) const;

private:
  void runByCounting(int64_t source, int64_t target, int32_t *keys) const;
  void put(int64_t from, int64_t to, int64_t index) const;
};

/// Lines up to this length, of elements of at most 32 bits, are ordered by
/// counting what comes before each element: more comparisons than sorting
/// takes, but none that a branch depends on, and several at once.
constexpr int64_t kCounted = 256;

/// Element `from` of the data, number `index` of its line, becomes element `to`
/// of the results.
void TopK::put(int64_t from, int64_t to, int64_t index) const {
  const HostArgument *args = frame->args;
  memcpy(static_cast<char *>(args[1].data) + to * bytes,
         static_cast<char *>(args[0].data) + from * bytes,
         static_cast<size_t>(bytes));
  memcpy(static_cast<char *>(args[2].data) + to * int64_t(sizeof(index)),
         &index, sizeof(index));
}

void TopK::runByCounting(int64_t source, int64_t target, int32_t *keys) const {
  const HostArgument &data = frame->args[0];
  // The keys of all elements lie within 32 bits of one another; their order in
  // signed integers, reversed for the smallest first.
  bool isSigned = data.type == fb::ElementType_I8 ||
                  data.type == fb::ElementType_I16 ||
                  data.type == fb::ElementType_I32;
  uint64_t offset = isSigned ? uint64_t(1) << 63 : uint64_t(1) << 31;
  uint32_t flip = frame->attributes[1] ? 0 : ~uint32_t(0);
  for (int64_t i = 0; i < length; ++i) {
    uint64_t key = orderKey(data.data, data.type, source + i * inner);
    uint32_t low = key == ~uint64_t(0) ? 0x7fffffffu // NaN
                                       : static_cast<uint32_t>(key - offset);
    keys[i] = static_cast<int32_t>(low ^ flip);
  }
  for (int64_t i = 0; i < length; ++i) {
    int32_t key = keys[i], before = 0;
    for (int64_t j = 0; j < i; ++j)
      before += keys[j] >= key;
    for (int64_t j = i + 1; j < length; ++j)
      before += keys[j] > key;
    if (before < k)
      put(source + i * inner, target + before * inner, i);
  }
}

void TopK::run(int64_t line, Candidate *candidates) const {
  const HostArgument *args = frame->args;
  uint64_t flip = frame->attributes[1] ? 0 : ~uint64_t(0);
  int64_t outer = line / inner, rest = line % inner;
  int64_t source = outer * length * inner + rest;
  int64_t target = outer * k * inner + rest;
  if (length <= kCounted && bytes <= 4)
    return runByCounting(source, target,
                         reinterpret_cast<int32_t *>(candidates));
  for (int64_t i = 0; i < length; ++i)
    candidates[i] = {
        orderKey(args[0].data, args[0].type, source + i * inner) ^ flip, i};
  // Selecting through a heap is fastest for few elements.
  if (k * 8 < length) {
    std::partial_sort(candidates, candidates + k, candidates + length,
                      comesFirst);
  } else {
    if (k < length)
      std::nth_element(candidates, candidates + k, candidates + length,
                       comesFirst);
    std::sort(candidates, candidates + k, comesFirst);
  }
  for (int64_t i = 0; i < k; ++i)
    put(source + candidates[i].index * inner, target + i * inner,
        candidates[i].index);
}

void runTopK(const HostCallFrame &frame, const HostResources &resources) {
  const HostArgument &data = frame.args[0], &values = frame.args[1];
  if (values.elements == 0)
    return;
  int64_t axis = frame.attributes[0];
  TopK work = {};
  work.frame = &frame;
  work.resources = &resources;
  work.length = data.dims[axis];
  work.k = values.dims[axis];
  work.bytes = data.bytes / data.elements;
  work.lines = data.elements / work.length;
  work.inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < data.rank; ++d)
    work.inner *= data.dims[d];
  // A part must be worth a wake-up.
  constexpr int64_t kElementsPerPart = 4096;
  int64_t parts =
      std::min<int64_t>({work.lines, resources.executor->concurrency(),
                         data.elements / kElementsPerPart + 1});
  work.parts = static_cast<size_t>(parts);
  auto task = [](void *context, size_t part) {
    const TopK &work = *static_cast<const TopK *>(context);
    auto *candidates =
        static_cast<Candidate *>(work.resources->scratchOf(part));
    int64_t share = work.lines / int64_t(work.parts);
    int64_t extra = work.lines % int64_t(work.parts);
    int64_t begin = share * int64_t(part) + std::min<int64_t>(part, extra);
    int64_t end = begin + share + (int64_t(part) < extra);
    for (int64_t line = begin; line < end; ++line)
      work.run(line, candidates);
  };
  resources.executor->run(task, &work, work.parts);
}

} // namespace

const HostFunction kTopKFunction = {"topk", prepareTopK, runTopK};

} // namespace dlrt
