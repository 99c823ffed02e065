// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Pb.h"

#include "onnx/onnx-data.pb.h"
#include "onnx/onnx_pb.h"

#include <climits>
#include <cstring>

namespace dl::values {
namespace {

using onnx::TensorProto;

struct PbType {
  dlrt_type type;
  int number; // in ONNX
};

constexpr PbType kTypes[] = {
    {DLRT_FLOAT32, TensorProto::FLOAT},
    {DLRT_FLOAT64, TensorProto::DOUBLE},
    {DLRT_FLOAT16, TensorProto::FLOAT16},
    {DLRT_BFLOAT16, TensorProto::BFLOAT16},
    {DLRT_INT8, TensorProto::INT8},
    {DLRT_INT16, TensorProto::INT16},
    {DLRT_INT32, TensorProto::INT32},
    {DLRT_INT64, TensorProto::INT64},
    {DLRT_UINT8, TensorProto::UINT8},
    {DLRT_UINT16, TensorProto::UINT16},
    {DLRT_UINT32, TensorProto::UINT32},
    {DLRT_UINT64, TensorProto::UINT64},
    {DLRT_BOOL, TensorProto::BOOL},
    {DLRT_FLOAT8E4M3FN, TensorProto::FLOAT8E4M3FN},
    {DLRT_FLOAT8E4M3FNUZ, TensorProto::FLOAT8E4M3FNUZ},
    {DLRT_FLOAT8E5M2, TensorProto::FLOAT8E5M2},
    {DLRT_FLOAT8E5M2FNUZ, TensorProto::FLOAT8E5M2FNUZ},
    {DLRT_FLOAT8E8M0, TensorProto::FLOAT8E8M0},
    {DLRT_INT4, TensorProto::INT4},
    {DLRT_UINT4, TensorProto::UINT4},
    {DLRT_INT2, TensorProto::INT2},
    {DLRT_UINT2, TensorProto::UINT2},
    {DLRT_FLOAT4E2M1, TensorProto::FLOAT4E2M1},
    {DLRT_COMPLEX64, TensorProto::COMPLEX64},
    {DLRT_COMPLEX128, TensorProto::COMPLEX128},
    {DLRT_STRING, TensorProto::STRING},
};

/// Appends each number of a repeated field as `size` little-endian bytes.
template <typename Field> Bytes pack(const Field &field, size_t size) {
  Bytes bytes(static_cast<size_t>(field.size()) * size);
  unsigned char *target = bytes.data();
  for (auto number : field) {
    memcpy(target, &number, size);
    target += size;
  }
  return bytes;
}

/// The data of a tensor that has no raw_data: which field holds it depends on
/// the type (see onnx.proto).
Bytes typedData(const TensorProto &proto, dlrt_type type) {
  size_t size = static_cast<size_t>((dlrt_type_bits(type) + 7) / 8);
  switch (type) {
  case DLRT_FLOAT32:
  case DLRT_COMPLEX64:
    return pack(proto.float_data(), sizeof(float));
  case DLRT_FLOAT64:
  case DLRT_COMPLEX128:
    return pack(proto.double_data(), sizeof(double));
  case DLRT_INT64:
    return pack(proto.int64_data(), sizeof(int64_t));
  case DLRT_UINT32:
  case DLRT_UINT64:
    return pack(proto.uint64_data(), size);
  default:
    return pack(proto.int32_data(), size);
  }
}

} // namespace

bool pbSupported() { return true; }

namespace {

Value readTensor(const std::string &where, const TensorProto &proto) {
  Value value;
  for (const PbType &row : kTypes)
    if (row.number == proto.data_type())
      value.type = row.type;
  if (value.type == DLRT_NONE)
    throw Failure(where, "not a sound .pb file: its element type " +
                             std::to_string(proto.data_type()) +
                             " is not known");
  if (proto.data_location() == TensorProto::EXTERNAL)
    throw Failure(where, "its data lies in another file, which is not "
                         "supported for inputs");
  value.dims.assign(proto.dims().begin(), proto.dims().end());
  size_t expected = byteSize(where, value.type, value.dims);
  if (value.type == DLRT_STRING) {
    auto count = static_cast<size_t>(proto.string_data_size());
    if (count != expected / sizeof(dlrt_string))
      throw Failure(where, "not a sound .pb file: it has " +
                               std::to_string(count) + " strings, expected " +
                               std::to_string(expected / sizeof(dlrt_string)) +
                               " for " + describe(value.type, value.dims));
    return makeStrings(
        value.dims, {proto.string_data().begin(), proto.string_data().end()});
  }
  if (proto.has_raw_data())
    value.data.assign(proto.raw_data().begin(), proto.raw_data().end());
  else
    value.data = typedData(proto, value.type);
  if (value.data.size() != expected)
    throw Failure(where, "not a sound .pb file: it has " +
                             std::to_string(value.data.size()) +
                             " bytes of data, expected " +
                             std::to_string(expected) + " for " +
                             describe(value.type, value.dims));
  if (value.type == DLRT_BOOL)
    for (unsigned char &byte : value.data)
      byte = byte != 0;
  return value;
}

Value readSequence(const std::string &where, const onnx::SequenceProto &proto) {
  if (proto.elem_type() != onnx::SequenceProto::TENSOR &&
      proto.elem_type() != onnx::SequenceProto::UNDEFINED)
    throw Failure(where, "its elements are no tensors, which is not supported");
  Value value;
  value.kind = Value::Kind::Sequence;
  for (const TensorProto &tensor : proto.tensor_values())
    value.elements.push_back(readTensor(where, tensor));
  return value;
}

Value readOptional(const std::string &where, const onnx::OptionalProto &proto) {
  if (proto.has_sequence_value())
    return readSequence(where, proto.sequence_value());
  // A tensor of no type stands for none, too.
  if (proto.has_tensor_value() && proto.tensor_value().data_type())
    return readTensor(where, proto.tensor_value());
  if (proto.has_sparse_tensor_value() || proto.has_map_value() ||
      proto.has_optional_value())
    throw Failure(where, "an optional of this type is not supported");
  Value value;
  value.kind = Value::Kind::None;
  return value;
}

template <typename Proto>
Proto parse(const std::string &where, const unsigned char *bytes, size_t size,
            const char *name) {
  Proto proto;
  if (size > INT_MAX || !proto.ParseFromArray(bytes, static_cast<int>(size)))
    throw Failure(where, std::string("not a sound .pb file: it is no ") + name);
  return proto;
}

void writeTensor(const runtime::Tensor &tensor, TensorProto &proto) {
  for (const PbType &row : kTypes)
    if (row.type == tensor.type)
      proto.set_data_type(row.number);
  for (int64_t size : tensor.dims)
    proto.add_dims(size);
  if (tensor.type != DLRT_STRING) {
    proto.set_raw_data(tensor.data, tensor.bytes);
    return;
  }
  auto *strings = static_cast<const dlrt_string *>(tensor.data);
  for (size_t i = 0; i < tensor.bytes / sizeof(dlrt_string); ++i)
    proto.add_string_data(strings[i].data, strings[i].size);
}

/// The bytes of a tensor's elements, of strings with their texts.
size_t countBytes(const runtime::Tensor &tensor) {
  size_t bytes = tensor.bytes;
  auto *strings = static_cast<const dlrt_string *>(tensor.data);
  size_t count =
      tensor.type == DLRT_STRING ? tensor.bytes / sizeof(dlrt_string) : 0;
  for (size_t i = 0; i < count; ++i)
    bytes += strings[i].size;
  return bytes;
}

void writeSequence(const std::vector<runtime::Tensor> &tensors,
                   onnx::SequenceProto &proto) {
  proto.set_elem_type(onnx::SequenceProto::TENSOR);
  for (const runtime::Tensor &tensor : tensors)
    writeTensor(tensor, *proto.add_tensor_values());
}

} // namespace

Value parsePb(const std::string &where, const unsigned char *bytes, size_t size,
              dlrt_value_kind kind) {
  if (kind == DLRT_TENSOR)
    return readTensor(where,
                      parse<TensorProto>(where, bytes, size, "TensorProto"));
  if (kind == DLRT_SEQUENCE)
    return readSequence(
        where, parse<onnx::SequenceProto>(where, bytes, size, "SequenceProto"));
  return readOptional(
      where, parse<onnx::OptionalProto>(where, bytes, size, "OptionalProto"));
}

std::string writePb(const std::string &name, dlrt_value_kind kind,
                    const std::vector<runtime::Tensor> *tensors) {
  size_t bytes = 0;
  for (size_t i = 0; tensors && i < tensors->size(); ++i)
    bytes += countBytes((*tensors)[i]);
  // Protobuf stops at 2 GB.
  if (bytes > size_t(INT_MAX) - 4096)
    throw Failure("output '" + name + "'", "its " + std::to_string(bytes) +
                                               " bytes do not fit into a .pb "
                                               "file, use "
                                               "--output-format=npy");
  if (kind == DLRT_TENSOR) {
    TensorProto proto;
    proto.set_name(name);
    writeTensor(tensors->front(), proto);
    return proto.SerializeAsString();
  }
  if (kind == DLRT_SEQUENCE) {
    onnx::SequenceProto proto;
    proto.set_name(name);
    writeSequence(*tensors, proto);
    return proto.SerializeAsString();
  }
  onnx::OptionalProto proto;
  proto.set_name(name);
  bool isTensor = kind == DLRT_OPTIONAL_TENSOR;
  proto.set_elem_type(isTensor ? onnx::OptionalProto::TENSOR
                               : onnx::OptionalProto::SEQUENCE);
  if (tensors && isTensor)
    writeTensor(tensors->front(), *proto.mutable_tensor_value());
  else if (tensors)
    writeSequence(*tensors, *proto.mutable_sequence_value());
  return proto.SerializeAsString();
}

std::pair<Value, Value> parsePbMap(const std::string &where,
                                   const unsigned char *bytes, size_t size) {
  auto proto = parse<onnx::MapProto>(where, bytes, size, "MapProto");
  std::pair<Value, Value> map;
  auto &[keys, values] = map;
  if (proto.key_type() == TensorProto::STRING) {
    keys = makeStrings({proto.string_keys_size()}, {proto.string_keys().begin(),
                                                    proto.string_keys().end()});
  } else if (proto.key_type() == TensorProto::INT64) {
    keys.type = DLRT_INT64;
    keys.dims = {proto.keys_size()};
    keys.data = pack(proto.keys(), sizeof(int64_t));
  } else {
    throw Failure(where, "its keys are neither strings nor int64, which is not "
                         "supported");
  }
  Value given = readSequence(where, proto.values());
  if (static_cast<int64_t>(given.elements.size()) != keys.dims[0])
    throw Failure(where, "not a sound .pb file: it has " +
                             std::to_string(given.elements.size()) +
                             " values, expected " +
                             std::to_string(keys.dims[0]));
  std::vector<std::string> texts;
  for (const Value &element : given.elements) {
    size_t one = byteSize(where, element.type, {1});
    if (element.type != given.elements[0].type || element.data.size() != one)
      throw Failure(where, "its values are no scalars of one type");
    values.type = element.type;
    values.data.insert(values.data.end(), element.data.begin(),
                       element.data.end());
    if (element.texts)
      texts.push_back(element.texts->front());
  }
  values.dims = keys.dims;
  if (values.type == DLRT_STRING)
    values = makeStrings(keys.dims, std::move(texts));
  return map;
}

std::string writePbMaps(const runtime::Value &output,
                        const runtime::Tensor &rows) {
  bool isText = output.keyType == DLRT_STRING;
  size_t count = isText ? output.textKeys.size() : output.intKeys.size();
  std::string where = "output '" + output.name + "'";
  if (rows.dims.size() != 2 || rows.dims[1] != static_cast<int64_t>(count) ||
      rows.type != DLRT_FLOAT32)
    throw Failure(where, "its " + std::to_string(count) + " keys do not fit " +
                             describe(rows.type, rows.dims));
  // Each value is a tensor of its own, with its key.
  constexpr size_t kMostValues = size_t(INT_MAX) / 64;
  if (rows.bytes / sizeof(float) > kMostValues)
    throw Failure(where, "its maps do not fit into a .pb file");
  onnx::SequenceProto sequence;
  sequence.set_name(output.name);
  sequence.set_elem_type(onnx::SequenceProto::MAP);
  auto *element = static_cast<const float *>(rows.data);
  for (int64_t row = 0; row < rows.dims[0]; ++row) {
    onnx::MapProto &map = *sequence.add_map_values();
    map.set_key_type(isText ? TensorProto::STRING : TensorProto::INT64);
    map.mutable_values()->set_elem_type(onnx::SequenceProto::TENSOR);
    for (size_t key = 0; key < count; ++key) {
      if (isText)
        map.add_string_keys(output.textKeys[key]);
      else
        map.add_keys(output.intKeys[key]);
      TensorProto &value = *map.mutable_values()->add_tensor_values();
      value.set_data_type(TensorProto::FLOAT);
      value.set_raw_data(element++, sizeof(float));
    }
  }
  return sequence.SerializeAsString();
}

} // namespace dl::values
