// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/Tensor.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/ElementBytes.h"
#include "ir/ops/Scalars.h"
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

int64_t mlir::dl::reference::getNumElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

static int64_t bytesOf(Type elementType) {
  if (auto complex = dyn_cast<ComplexType>(elementType))
    return 2 * bytesOf(complex.getElementType());
  if (isa<StringType>(elementType))
    return sizeof(const void *);
  return llvm::PowerOf2Ceil(
      llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8));
}

Tensor::Tensor(Type elementType, ArrayRef<int64_t> shape)
    : elementType(elementType), shape(shape),
      elementBytes(bytesOf(elementType)) {
  constexpr size_t kAlignment = 64;
  size_t bytes = llvm::alignTo(
      std::max<int64_t>(getNumElements() * elementBytes, 1), kAlignment);
  storage = std::shared_ptr<char>(
      static_cast<char *>(std::aligned_alloc(kAlignment, bytes)), std::free);
  std::memset(storage.get(), 0, bytes);
  data = storage.get();
}

Tensor Tensor::view(Type elementType, ArrayRef<int64_t> shape,
                    const char *data) {
  Tensor tensor;
  tensor.elementType = elementType;
  tensor.shape.assign(shape.begin(), shape.end());
  tensor.elementBytes = bytesOf(elementType);
  tensor.data = data;
  return tensor;
}

Tensor Tensor::sequence(std::vector<Tensor> elements) {
  Tensor tensor;
  tensor.elements =
      std::make_shared<const std::vector<Tensor>>(std::move(elements));
  return tensor;
}

bool Tensor::isSupported(Type elementType) {
  return isa<StringType>(elementType) || isOpaque(elementType) ||
         (isa<FloatType, IntegerType>(elementType) &&
          elementType.getIntOrFloatBitWidth() <= 64);
}

int64_t Tensor::getNumElements() const {
  return mlir::dl::reference::getNumElements(shape);
}

Tensor Tensor::reshaped(ArrayRef<int64_t> newShape) const {
  Tensor tensor = *this;
  tensor.shape.assign(newShape.begin(), newShape.end());
  return tensor;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

template <typename Stored, typename T>
static void loadAs(const char *data, std::vector<T> &elements) {
  for (T &element : elements) {
    Stored stored;
    std::memcpy(&stored, data, sizeof(Stored));
    element = static_cast<T>(stored);
    data += sizeof(Stored);
  }
}

template <typename Stored, typename T>
static void storeAs(ArrayRef<T> elements, char *data) {
  for (T element : elements) {
    auto stored = static_cast<Stored>(element);
    std::memcpy(data, &stored, sizeof(Stored));
    data += sizeof(Stored);
  }
}

static uint64_t loadBits(const char *data, int64_t bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, data, bytes);
  return bits;
}

template <> std::vector<double> Tensor::load() const {
  std::vector<double> elements(getNumElements());
  if (elementType.isF32()) {
    loadAs<float>(data, elements);
  } else if (elementType.isF64()) {
    loadAs<double>(data, elements);
  } else {
    const auto &semantics = cast<FloatType>(elementType).getFloatSemantics();
    unsigned width = elementType.getIntOrFloatBitWidth();
    const char *at = data;
    for (double &element : elements) {
      APFloat value(semantics,
                    APInt(width, loadBits(at, elementBytes),
                          /*isSigned=*/false, /*implicitTrunc=*/true));
      element = value.convertToDouble();
      at += elementBytes;
    }
  }
  return elements;
}

template <> std::vector<int64_t> Tensor::load() const {
  std::vector<int64_t> elements(getNumElements());
  bool isUnsigned = isUnsignedElement(elementType);
  switch (elementBytes) {
  case 1:
    isUnsigned ? loadAs<uint8_t>(data, elements)
               : loadAs<int8_t>(data, elements);
    break;
  case 2:
    isUnsigned ? loadAs<uint16_t>(data, elements)
               : loadAs<int16_t>(data, elements);
    break;
  case 4:
    isUnsigned ? loadAs<uint32_t>(data, elements)
               : loadAs<int32_t>(data, elements);
    break;
  default:
    loadAs<int64_t>(data, elements);
  }
  return elements;
}

template <>
Tensor Tensor::store(Type elementType, ArrayRef<int64_t> shape,
                     ArrayRef<double> elements) {
  Tensor tensor(elementType, shape);
  char *at = tensor.getMutableData();
  if (elementType.isF32()) {
    storeAs<float>(elements, at);
  } else if (elementType.isF64()) {
    storeAs<double>(elements, at);
  } else {
    const auto &semantics = cast<FloatType>(elementType).getFloatSemantics();
    for (double element : elements) {
      uint64_t bits =
          roundToFloat(element, semantics).bitcastToAPInt().getZExtValue();
      std::memcpy(at, &bits, tensor.elementBytes);
      at += tensor.elementBytes;
    }
  }
  return tensor;
}

template <>
Tensor Tensor::store(Type elementType, ArrayRef<int64_t> shape,
                     ArrayRef<int64_t> elements) {
  Tensor tensor(elementType, shape);
  char *at = tensor.getMutableData();
  unsigned width =
      elementType.isInteger() ? elementType.getIntOrFloatBitWidth() : 64;
  bool isUnsigned = isUnsignedElement(elementType);
  for (int64_t element : elements) {
    // The low bits, extended to the stored bytes.
    int64_t value =
        width == 64 ? element
        : isUnsigned
            ? static_cast<int64_t>(static_cast<uint64_t>(element) &
                                   llvm::maskTrailingOnes<uint64_t>(width))
            : llvm::SignExtend64(element, width);
    std::memcpy(at, &value, tensor.elementBytes);
    at += tensor.elementBytes;
  }
  return tensor;
}

std::vector<StringRef> Tensor::loadStrings() const {
  std::vector<StringRef> elements(getNumElements());
  const char *at = data;
  for (StringRef &element : elements) {
    const void *address;
    std::memcpy(&address, at, sizeof(address));
    if (address)
      element = cast<StringAttr>(Attribute::getFromOpaquePointer(address));
    at += sizeof(address);
  }
  return elements;
}

Tensor Tensor::storeStrings(Type elementType, ArrayRef<int64_t> shape,
                            ArrayRef<std::string> elements) {
  Tensor tensor(elementType, shape);
  char *at = tensor.getMutableData();
  for (const std::string &element : elements) {
    const void *address = nullptr;
    if (!element.empty())
      address = StringAttr::get(elementType.getContext(), element)
                    .getAsOpaquePointer();
    std::memcpy(at, &address, sizeof(address));
    at += sizeof(address);
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// `elements` or, of a splat, as many copies of the one.
template <typename T>
static std::vector<T> expand(std::vector<T> elements, int64_t count) {
  if (elements.size() == 1)
    elements.resize(count, elements.front());
  return elements;
}

/// Whether elements have the same bytes in an attribute as in a tensor.
static bool hasSameBytes(Type type) {
  return Tensor::isOpaque(type) ||
         llvm::is_contained({8, 16, 32, 64}, type.getIntOrFloatBitWidth());
}

static Tensor fromDense(DenseElementsAttr dense) {
  Type type = dense.getElementType();
  ArrayRef<int64_t> shape = dense.getType().getShape();
  if (isa<StringType>(type)) {
    std::vector<std::string> elements;
    for (StringRef element :
         cast<DenseStringElementsAttr>(dense).getRawStringData())
      elements.push_back(element.str());
    return Tensor::storeStrings(type, shape,
                                expand(elements, dense.getNumElements()));
  }
  if (hasSameBytes(type)) {
    ArrayRef<char> raw = dense.getRawData();
    if (!dense.isSplat()) // it lives as long as the context
      return Tensor::view(type, shape, raw.data());
    Tensor tensor(type, shape);
    for (int64_t i = 0; i < dense.getNumElements(); ++i)
      std::memcpy(tensor.getMutableData() + i * raw.size(), raw.data(),
                  raw.size());
    return tensor;
  }
  // Of a splat, one element is read.
  DenseElementsAttr read =
      dense.isSplat()
          ? dense.resizeSplat(RankedTensorType::get(/*shape=*/{}, type))
          : dense;
  if (isa<FloatType>(type)) {
    std::vector<double> elements;
    for (const APFloat &value : read.getValues<APFloat>())
      elements.push_back(value.convertToDouble());
    return Tensor::store<double>(type, shape,
                                 expand(elements, dense.getNumElements()));
  }
  std::vector<int64_t> elements;
  for (const APInt &value : read.getValues<APInt>())
    elements.push_back(value.getSExtValue());
  return Tensor::store<int64_t>(type, shape,
                                expand(elements, dense.getNumElements()));
}

FailureOr<Tensor> Tensor::fromAttribute(ElementsAttr attribute) {
  ShapedType type = attribute.getShapedType();
  if (!isSupported(type.getElementType()))
    return failure();
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute))
    return fromDense(dense);
  ArrayRef<char> bytes = getStoredBytes(attribute);
  if (!isa<DenseResourceElementsAttr>(attribute) ||
      static_cast<int64_t>(bytes.size()) !=
          type.getNumElements() * bytesOf(type.getElementType()))
    return failure();
  return view(type.getElementType(), type.getShape(), bytes.data());
}

DenseElementsAttr Tensor::toAttribute() const {
  auto type = RankedTensorType::get(shape, elementType);
  if (isa<StringType>(elementType))
    return DenseElementsAttr::get(type, ArrayRef(loadStrings()));
  if (hasSameBytes(elementType))
    return DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef(data, getNumElements() * elementBytes));
  if (auto floatType = dyn_cast<FloatType>(elementType)) {
    SmallVector<APFloat> elements;
    for (double element : load<double>())
      elements.push_back(roundToFloat(element, floatType.getFloatSemantics()));
    return DenseElementsAttr::get(type, elements);
  }
  SmallVector<APInt> elements;
  for (int64_t element : load<int64_t>())
    elements.push_back(APInt(elementType.getIntOrFloatBitWidth(), element,
                             /*isSigned=*/false, /*implicitTrunc=*/true));
  return DenseElementsAttr::get(type, elements);
}
