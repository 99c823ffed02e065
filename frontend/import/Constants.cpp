// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Constants.h"
#include "frontend/onnx/MappedFile.h"
#include "frontend/onnx/TensorData.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/ElementBytes.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using onnx::TensorProto;

/// Data below this many bytes is written into the attribute itself.
static constexpr size_t kInlineBytes = 1024;

Type frontend::getElementType(int32_t dataType, MLIRContext *context) {
  auto integer = [&](unsigned width, bool isUnsigned = false) -> Type {
    return IntegerType::get(context, width,
                            isUnsigned ? IntegerType::Unsigned
                                       : IntegerType::Signless);
  };
  switch (dataType) {
  case TensorProto::FLOAT:
    return Float32Type::get(context);
  case TensorProto::DOUBLE:
    return Float64Type::get(context);
  case TensorProto::FLOAT16:
    return Float16Type::get(context);
  case TensorProto::BFLOAT16:
    return BFloat16Type::get(context);
  case TensorProto::BOOL:
    return integer(1);
  case TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(context);
  case TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(context);
  case TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(context);
  case TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(context);
  case TensorProto::INT2:
    return integer(2);
  case TensorProto::UINT2:
    return integer(2, true);
  case TensorProto::INT4:
    return integer(4);
  case TensorProto::UINT4:
    return integer(4, true);
  case TensorProto::INT8:
    return integer(8);
  case TensorProto::INT16:
    return integer(16);
  case TensorProto::INT32:
    return integer(32);
  case TensorProto::INT64:
    return integer(64);
  case TensorProto::UINT8:
    return integer(8, true);
  case TensorProto::UINT16:
    return integer(16, true);
  case TensorProto::UINT32:
    return integer(32, true);
  case TensorProto::UINT64:
    return integer(64, true);
  case TensorProto::STRING:
    return mlir::dl::StringType::get(context);
  case TensorProto::COMPLEX64:
    return ComplexType::get(Float32Type::get(context));
  case TensorProto::COMPLEX128:
    return ComplexType::get(Float64Type::get(context));
  default:
    return Type();
  }
}

/// Whether all elements have the same bytes. Reads on only while they do.
static bool isSplat(StringRef bytes, size_t elementSize) {
  return bytes.size() >= elementSize &&
         memcmp(bytes.data(), bytes.data() + elementSize,
                bytes.size() - elementSize) == 0;
}

/// A key that reads well in the text of a module.
static std::string getResourceName(const TensorProto &tensor) {
  std::string name;
  for (char c : tensor.name())
    name += llvm::isAlnum(c) || c == '_' || c == '.' ? c : '_';
  if (name.empty() || llvm::isDigit(name.front()))
    name = "_" + name;
  return name;
}

static AsmResourceBlob makeBlob(const std::shared_ptr<Model> &model,
                                const TensorProto &tensor, StringRef bytes) {
  ArrayRef<char> data(bytes.data(), bytes.size());
  if (tensor.data_type() == TensorProto::BOOL) {
    // Any byte but zero is true in a file; in the compiler, true is one.
    std::string normal;
    for (char byte : bytes)
      normal.push_back(byte != 0);
    return HeapAsmResourceBlob::allocateAndCopyWithAlign(
        ArrayRef<char>(normal.data(), normal.size()), 64,
        /*dataIsMutable=*/false);
  }
  if (!model->getReference(tensor) || getBitWidth(tensor.data_type()) < 8)
    return HeapAsmResourceBlob::allocateAndCopyWithAlign(
        data, 64, /*dataIsMutable=*/false);
  size_t alignment = 1;
  while (alignment < 64 &&
         reinterpret_cast<uintptr_t>(data.data()) % (alignment * 2) == 0)
    alignment *= 2;
  // The deleter does nothing but hold the files.
  return UnmanagedAsmResourceBlob::allocateWithAlign(
      data, alignment, [files = model->files](void *, size_t, size_t) {});
}

/// Elements below a byte, which a file packs from the low bits up, in one each.
static std::string spreadToBytes(StringRef bytes, unsigned bits,
                                 int64_t count) {
  std::string spread;
  spread.reserve(count);
  unsigned inByte = 8 / bits, mask = (1u << bits) - 1;
  for (int64_t i = 0; i < count; ++i)
    spread.push_back(static_cast<char>(
        static_cast<uint8_t>(bytes[i / inByte]) >> (i % inByte * bits) & mask));
  return spread;
}

ElementsAttr frontend::getElements(const std::shared_ptr<Model> &model,
                                   const TensorProto &tensor,
                                   MLIRContext *context) {
  Type elementType = getElementType(tensor.data_type(), context);
  SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  auto type = RankedTensorType::get(shape, elementType);
  if (type.getNumElements() == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (tensor.data_type() == TensorProto::STRING)
    return DenseElementsAttr::get(
        type, SmallVector<StringRef>(tensor.string_data().begin(),
                                     tensor.string_data().end()));

  std::string buffer;
  StringRef bytes = getTensorBytes(*model, tensor, buffer);
  std::string spread;
  unsigned bits = getBitWidth(tensor.data_type());
  if (bits < 8) {
    spread = spreadToBytes(bytes, bits, type.getNumElements());
    bytes = spread;
  }
  size_t elementSize = llvm::divideCeil(bits, 8);
  bool splat = isSplat(bytes, elementSize);
  if (!splat && bytes.size() >= kInlineBytes)
    return DenseResourceElementsAttr::get(
        type, DenseResourceElementsHandle::getManagerInterface(context).insert(
                  getResourceName(tensor), makeBlob(model, tensor, bytes)));
  if (splat)
    bytes = bytes.take_front(elementSize);
  if (elementType.isInteger(1)) {
    SmallVector<bool> values;
    for (char byte : bytes)
      values.push_back(byte != 0);
    return DenseElementsAttr::get(type, values);
  }
  return DenseElementsAttr::getFromRawBuffer(
      type, ArrayRef<char>(bytes.data(), bytes.size()));
}

ElementsAttr frontend::makeElements(RankedTensorType type,
                                    ArrayRef<char> bytes) {
  size_t elementSize = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  if (bytes.size() < kInlineBytes ||
      isSplat(StringRef(bytes.data(), bytes.size()), elementSize))
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return mlir::dl::storeElementBytes(type, "table", bytes);
}

//===----------------------------------------------------------------------===//
// Reading constants
//===----------------------------------------------------------------------===//

static int64_t readInt(const char *data, unsigned bytes, bool isUnsigned) {
  using namespace llvm::support::endian;
  switch (bytes) {
  case 1:
    return isUnsigned ? static_cast<uint8_t>(*data)
                      : static_cast<int8_t>(*data);
  case 2:
    return isUnsigned ? int64_t(read16le(data)) : int16_t(read16le(data));
  case 4:
    return isUnsigned ? int64_t(read32le(data)) : int32_t(read32le(data));
  default:
    return read64le(data);
  }
}

std::optional<SmallVector<int64_t>> frontend::getInts(Attribute attribute,
                                                      int64_t maxElements) {
  auto value = dyn_cast_or_null<ElementsAttr>(attribute);
  auto type = value ? dyn_cast<IntegerType>(value.getElementType()) : nullptr;
  if (!type || value.getNumElements() > maxElements)
    return std::nullopt;
  bool isUnsigned = type.isUnsigned() || type.getWidth() == 1;
  SmallVector<int64_t> result;
  if (auto dense = dyn_cast<DenseIntElementsAttr>(value)) {
    for (APInt element : dense.getValues<APInt>())
      result.push_back(isUnsigned ? element.getZExtValue()
                                  : element.getSExtValue());
    return result;
  }
  unsigned bytes = llvm::divideCeil(type.getWidth(), 8);
  ArrayRef<char> data = mlir::dl::getElementBytes(value);
  if (data.empty())
    return std::nullopt;
  for (size_t i = 0; i < data.size(); i += bytes)
    result.push_back(readInt(data.data() + i, bytes, isUnsigned));
  return result;
}

std::optional<SmallVector<double>> frontend::getFloats(Attribute attribute,
                                                       int64_t maxElements) {
  auto value = dyn_cast_or_null<ElementsAttr>(attribute);
  auto type = value ? dyn_cast<FloatType>(value.getElementType()) : nullptr;
  if (!type || value.getNumElements() > maxElements)
    return std::nullopt;
  SmallVector<double> result;
  auto append = [&](APFloat element) {
    bool losesInfo;
    element.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
    result.push_back(element.convertToDouble());
  };
  if (auto dense = dyn_cast<DenseFPElementsAttr>(value)) {
    for (APFloat element : dense.getValues<APFloat>())
      append(element);
    return result;
  }
  unsigned bytes = llvm::divideCeil(type.getWidth(), 8);
  ArrayRef<char> data = mlir::dl::getElementBytes(value);
  if (data.empty())
    return std::nullopt;
  for (size_t i = 0; i < data.size(); i += bytes)
    append(APFloat(
        type.getFloatSemantics(),
        APInt(type.getWidth(),
              static_cast<uint64_t>(readInt(data.data() + i, bytes, true)),
              /*isSigned=*/false, /*implicitTrunc=*/true)));
  return result;
}
