// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/ElementBytes.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace mlir::dl;

ArrayRef<char> mlir::dl::getStoredBytes(Attribute value) {
  if (isa_and_nonnull<DenseStringElementsAttr>(value))
    return {};
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(value))
    return dense.getRawData();
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(value))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return blob->getData();
  return {};
}

ArrayRef<char> mlir::dl::getElementBytes(ElementsAttr value) {
  if (!value || !value.getElementType().isIntOrFloat())
    return {};
  ArrayRef<char> bytes = getStoredBytes(value);
  size_t width =
      llvm::divideCeil(value.getElementType().getIntOrFloatBitWidth(), 8);
  return bytes.size() == value.getNumElements() * width ? bytes
                                                        : ArrayRef<char>();
}

DenseResourceElementsAttr mlir::dl::storeElementBytes(RankedTensorType type,
                                                      StringRef name,
                                                      ArrayRef<char> bytes) {
  constexpr size_t kAlignment = 64; // of the module's constants, too
  return DenseResourceElementsAttr::get(
      type, name,
      HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, kAlignment,
                                                    /*dataIsMutable=*/false));
}
