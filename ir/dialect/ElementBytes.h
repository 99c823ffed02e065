// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants as bytes in memory, whichever attribute has them.

#ifndef DL_IR_DIALECT_ELEMENTBYTES_H
#define DL_IR_DIALECT_ELEMENTBYTES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::dl {

/// The bytes that a dense attribute or a resource has, little-endian, in the
/// order of its elements; they live as long as the context. Of elements that
/// are all equal, they may be those of one. Empty where there are none to read:
/// of strings, of a resource that is missing, of attributes of other kinds.
ArrayRef<char> getStoredBytes(Attribute value);

/// The bytes of all elements, integers or floats, one after the other, those of
/// less than a byte in one each. Empty where the attribute does not have them
/// so: also where it has one element for all.
ArrayRef<char> getElementBytes(ElementsAttr value);

/// A constant of these bytes, which are copied to a resource whose name begins
/// so. They are all elements, as above.
DenseResourceElementsAttr
storeElementBytes(RankedTensorType type, StringRef name, ArrayRef<char> bytes);

} // namespace mlir::dl

#endif // DL_IR_DIALECT_ELEMENTBYTES_H
