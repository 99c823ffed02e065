// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The values that the reference interpreter computes with.

#ifndef DL_IR_REFERENCE_TENSOR_H
#define DL_IR_REFERENCE_TENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <memory>
#include <vector>

namespace mlir::dl::reference {

/// The value of a sequence: its tensors. An optional is a sequence or a tensor,
/// or null (`isNone`).
///
/// Otherwise a dense tensor in row-major order. Each element has whole bytes:
/// bool and integers narrower than 8 bits have one, extended by their
/// signedness; a string is the address of its uniqued attribute, or null where
/// it is empty. Complex numbers and integers of 128 bits (as which passes move
/// complex ones) have bytes alone. Copies share the elements.
class Tensor {
public:
  Tensor() = default;

  /// A tensor of zeros, 64-byte aligned. `shape` has no negative size, and
  /// `elementType` is supported.
  Tensor(Type elementType, ArrayRef<int64_t> shape);

  /// A tensor over elements that outlive it, of any alignment.
  static Tensor view(Type elementType, ArrayRef<int64_t> shape,
                     const char *data);

  static Tensor sequence(std::vector<Tensor> elements);
  bool isNone() const { return !elementType && !elements; }
  bool isSequence() const { return elements != nullptr; }
  /// The tensors of a sequence.
  ArrayRef<Tensor> getElements() const { return *elements; }

  /// The elements of a constant: read in place where it is a `dense_resource`
  /// blob. Fails, with no diagnostic, for an attribute or element type that is
  /// not supported, or a blob of another size.
  static FailureOr<Tensor> fromAttribute(ElementsAttr attribute);

  /// A dense attribute with a copy of the elements.
  DenseElementsAttr toAttribute() const;

  /// Whether tensors may have this element type: floats and integers of at most
  /// 64 bits, strings, and what is only moved.
  static bool isSupported(Type elementType);

  Type getElementType() const { return elementType; }
  ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return static_cast<int64_t>(shape.size()); }
  int64_t getDimSize(int64_t i) const { return shape[i]; }
  int64_t getNumElements() const;
  int64_t getElementBytes() const { return elementBytes; }
  /// Of a tensor of floats; a sequence or an optional is none.
  bool isFloat() const { return isa_and_nonnull<FloatType>(elementType); }
  /// Whether elements have bytes and no value: they are only moved.
  bool isOpaque() const { return elementType && isOpaque(elementType); }
  static bool isOpaque(Type elementType) {
    return isa<ComplexType>(elementType) || elementType.isInteger(128);
  }

  const char *getData() const { return data; }
  /// Only for a tensor that was made with zeros, by who made it.
  char *getMutableData() { return storage.get(); }

  /// The same elements with another shape of as many elements.
  Tensor reshaped(ArrayRef<int64_t> shape) const;

  /// All elements: T is double for floats, int64_t for integers, which are
  /// extended by their signedness (bool is 0 or 1).
  template <typename T> std::vector<T> load() const;

  /// All elements of a tensor of strings, which live as long as the context.
  std::vector<StringRef> loadStrings() const;
  static Tensor storeStrings(Type elementType, ArrayRef<int64_t> shape,
                             ArrayRef<std::string> elements);

  /// A tensor of these elements, rounded once to nearest even (double), or with
  /// the low bits of each (int64_t). As many as `shape` has.
  template <typename T>
  static Tensor store(Type elementType, ArrayRef<int64_t> shape,
                      ArrayRef<T> elements);

private:
  Type elementType;
  SmallVector<int64_t> shape;
  int64_t elementBytes = 0;
  std::shared_ptr<char> storage; // null for a view
  const char *data = nullptr;
  std::shared_ptr<const std::vector<Tensor>> elements; // of a sequence
};

/// The number of elements of a shape.
int64_t getNumElements(ArrayRef<int64_t> shape);

} // namespace mlir::dl::reference

#endif // DL_IR_REFERENCE_TENSOR_H
