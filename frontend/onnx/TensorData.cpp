// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using llvm::StringRef;
using onnx::TensorProto;

unsigned dl::frontend::getBitWidth(int32_t dataType) {
  switch (dataType) {
  case TensorProto::INT2:
  case TensorProto::UINT2:
    return 2;
  case TensorProto::INT4:
  case TensorProto::UINT4:
  case TensorProto::FLOAT4E2M1:
    return 4;
  case TensorProto::FLOAT6E2M3:
  case TensorProto::FLOAT6E3M2:
    return 6;
  case TensorProto::BOOL:
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::FLOAT8E4M3FN:
  case TensorProto::FLOAT8E4M3FNUZ:
  case TensorProto::FLOAT8E5M2:
  case TensorProto::FLOAT8E5M2FNUZ:
  case TensorProto::FLOAT8E8M0:
    return 8;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return 16;
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::FLOAT:
    return 32;
  case TensorProto::INT64:
  case TensorProto::UINT64:
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX64:
    return 64;
  case TensorProto::COMPLEX128:
    return 128;
  default:
    return 0;
  }
}

std::string dl::frontend::getDataTypeName(int32_t dataType) {
  if (!onnx::TensorProto_DataType_IsValid(dataType))
    return "type " + std::to_string(dataType);
  std::string name = onnx::TensorProto_DataType_Name(
      static_cast<onnx::TensorProto_DataType>(dataType));
  return StringRef(name).lower();
}

std::string dl::frontend::describeTensor(const TensorProto &tensor) {
  return tensor.name().empty() ? "unnamed tensor"
                               : "tensor '" + tensor.name() + "'";
}

int64_t dl::frontend::getNumElements(const TensorProto &tensor) {
  int64_t count = 1;
  for (int64_t dim : tensor.dims())
    count *= dim;
  return count;
}

/// Of a dimension, even where another one is 0.
static constexpr int64_t kMaxSize = int64_t(1) << 48;

namespace {

/// The data that a tensor holds in one of its typed lists.
struct TypedData {
  const char *field;
  int64_t size;
};

/// Number of typed lists and raw data that are not empty.
unsigned countDataFields(const TensorProto &tensor) {
  return (tensor.float_data_size() != 0) + (tensor.int32_data_size() != 0) +
         (tensor.string_data_size() != 0) + (tensor.int64_data_size() != 0) +
         (tensor.double_data_size() != 0) + (tensor.uint64_data_size() != 0) +
         !tensor.raw_data().empty();
}

TypedData getTypedData(const TensorProto &tensor) {
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
  case TensorProto::COMPLEX64:
    return {"float_data", tensor.float_data_size()};
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX128:
    return {"double_data", tensor.double_data_size()};
  case TensorProto::INT64:
    return {"int64_data", tensor.int64_data_size()};
  case TensorProto::UINT32:
  case TensorProto::UINT64:
    return {"uint64_data", tensor.uint64_data_size()};
  case TensorProto::STRING:
    return {"string_data", tensor.string_data_size()};
  default:
    return {"int32_data", tensor.int32_data_size()};
  }
}

/// Entries of the typed list that hold `count` elements.
int64_t getTypedSize(const TensorProto &tensor, int64_t count) {
  switch (tensor.data_type()) {
  case TensorProto::COMPLEX64:
  case TensorProto::COMPLEX128:
    return count * 2;
  case TensorProto::UINT4:
  case TensorProto::INT4:
  case TensorProto::FLOAT4E2M1:
    return (count + 1) / 2;
  case TensorProto::UINT2:
  case TensorProto::INT2:
    return (count + 3) / 4;
  default:
    return count;
  }
}

template <class T, class List>
void appendAs(const List &list, std::string &buffer) {
  buffer.reserve(list.size() * sizeof(T));
  for (auto value : list) {
    T narrow = static_cast<T>(value);
    buffer.append(reinterpret_cast<const char *>(&narrow), sizeof(T));
  }
}

template <class List> StringRef viewOf(const List &list) {
  return {reinterpret_cast<const char *>(list.data()),
          list.size() * sizeof(*list.data())};
}

} // namespace

llvm::Error dl::frontend::checkTensor(const Model &model,
                                      const TensorProto &tensor) {
  std::string name = describeTensor(tensor);
  unsigned bits = getBitWidth(tensor.data_type());
  if (!bits && tensor.data_type() != TensorProto::STRING)
    return modelError(name + " has the unknown element type " +
                      llvm::Twine(tensor.data_type()));
  if (tensor.has_segment())
    return modelError(name + " is a segment, which is not supported");
  // Strings count as bytes, to keep the number of elements within bounds as
  // well.
  int64_t count = 1, totalBits;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0)
      return modelError(name + " has the negative dimension " +
                        llvm::Twine(dim));
    if (dim > kMaxSize || __builtin_mul_overflow(count, dim, &count))
      return modelError(name + " has more elements than can be counted");
  }
  if (__builtin_mul_overflow(count, int64_t(bits ? bits : 8), &totalBits) ||
      totalBits > INT64_MAX - 7)
    return modelError(name + " has more elements than can be counted");

  std::optional<StringRef> reference = model.getReference(tensor);
  unsigned fields = countDataFields(tensor) + (reference ? 1 : 0);
  if (fields > 1)
    return modelError(name + " has data in more than one field");
  if (reference || !tensor.raw_data().empty()) {
    size_t size = reference ? reference->size() : tensor.raw_data().size();
    if (!bits)
      return modelError(name + " holds strings as raw data");
    int64_t expected = (totalBits + 7) / 8;
    if (size != static_cast<uint64_t>(expected))
      return modelError(name + " has " + llvm::Twine(size) +
                        " bytes of data where its shape and type (" +
                        getDataTypeName(tensor.data_type()) + ") take " +
                        llvm::Twine(expected));
    return llvm::Error::success();
  }
  TypedData data = getTypedData(tensor);
  if (fields == 1 && data.size == 0)
    return modelError(name + " has no data in " + data.field +
                      ", the field of its type (" +
                      getDataTypeName(tensor.data_type()) + ")");
  int64_t expected = getTypedSize(tensor, count);
  if (data.size != expected)
    return modelError(name + " has " + llvm::Twine(data.size) +
                      " values where its shape takes " + llvm::Twine(expected));
  return llvm::Error::success();
}

StringRef dl::frontend::getTensorBytes(const Model &model,
                                       const TensorProto &tensor,
                                       std::string &buffer) {
  if (std::optional<StringRef> reference = model.getReference(tensor))
    return *reference;
  if (!tensor.raw_data().empty())
    return tensor.raw_data();
  buffer.clear();
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
  case TensorProto::COMPLEX64:
    return viewOf(tensor.float_data());
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX128:
    return viewOf(tensor.double_data());
  case TensorProto::INT64:
    return viewOf(tensor.int64_data());
  case TensorProto::UINT64:
    return viewOf(tensor.uint64_data());
  case TensorProto::INT32:
    return viewOf(tensor.int32_data());
  case TensorProto::UINT32:
    appendAs<uint32_t>(tensor.uint64_data(), buffer);
    return buffer;
  default:
    break;
  }
  // Narrow types lie in the low bits of each int32; packed ones one byte in
  // each.
  if (getBitWidth(tensor.data_type()) == 16)
    appendAs<uint16_t>(tensor.int32_data(), buffer);
  else
    appendAs<uint8_t>(tensor.int32_data(), buffer);
  return buffer;
}
