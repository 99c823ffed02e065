// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cuda/TensorMaps.h"

#include <algorithm>
#include <array>

namespace dlrt::cuda {
namespace {

constexpr uint32_t kMostRank = 5;

/// False where the product is larger than `most`.
bool evaluate(const fb::MapExtent &extent, const int64_t *sizes, uint64_t most,
              uint64_t &result) {
  result = static_cast<uint64_t>(extent.scale());
  if (extent.sizes())
    for (int32_t size : *extent.sizes()) {
      // A map has no dimension that is empty; no box of it is read then.
      uint64_t factor =
          std::max<uint64_t>(1, static_cast<uint64_t>(sizes[size]));
      if (result > most / factor)
        return false;
      result *= factor;
    }
  return result <= most;
}

/// A CUtensorMapDataType.
int toDataType(fb::ElementType element) {
  constexpr int kByte = 0, kFloat16 = 6, kFloat32 = 7, kBFloat16 = 9;
  return element == fb::ElementType_F16    ? kFloat16
         : element == fb::ElementType_BF16 ? kBFloat16
         : element == fb::ElementType_F32  ? kFloat32
                                           : kByte;
}

} // namespace

Status encodeTensorMap(const Driver &driver, const fb::TensorMap &described,
                       DevicePointer address, const int64_t *sizes,
                       TensorMap &result) {
  // CUtensorMapSwizzle, CUtensorMapL2promotion.
  constexpr int kSwizzle128 = 3, kPromote256 = 3;
  constexpr uint64_t kMostExtent = uint64_t(1) << 32,
                     kMostStride = (uint64_t(1) << 40) - 16;
  std::array<uint64_t, kMostRank> extents{}, strides{};
  std::array<uint32_t, kMostRank> box{}, steps{};
  uint32_t rank = described.extents()->size();
  for (uint32_t i = 0; i < rank; ++i) {
    bool isHeld = evaluate(*described.extents()->Get(i), sizes, kMostExtent,
                           extents[i]) &&
                  (i == 0 || evaluate(*described.strides()->Get(i - 1), sizes,
                                      kMostStride, strides[i - 1]));
    if (!isHeld)
      return {Code::Unsupported,
              "an operand of a product is too large for the copy engine"};
    box[i] = static_cast<uint32_t>(described.box()->Get(i));
    steps[i] = 1;
  }
  return driver.check(
      driver.encodeTensorMap(
          &result, toDataType(described.element()), rank,
          reinterpret_cast<void *>(static_cast<uintptr_t>(address)),
          extents.data(), strides.data(), box.data(), steps.data(),
          /*interleave=*/0, kSwizzle128, kPromote256, /*fill=*/0),
      "cuTensorMapEncodeTiled");
}

} // namespace dlrt::cuda
