// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Pb.h"

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

Value parsePb(const std::string &where, const unsigned char *bytes,
              size_t size) {
  TensorProto proto;
  if (size > INT_MAX || !proto.ParseFromArray(bytes, static_cast<int>(size)))
    throw Failure(where, "not a sound .pb file: it is no TensorProto");
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

std::string writePb(const std::string &name, dlrt_type type,
                    const std::vector<int64_t> &dims, const void *data,
                    size_t bytes) {
  auto *strings = static_cast<const dlrt_string *>(data);
  size_t count = type == DLRT_STRING ? bytes / sizeof(dlrt_string) : 0;
  for (size_t i = 0; i < count; ++i)
    bytes += strings[i].size;
  // Protobuf stops at 2 GB.
  if (bytes > size_t(INT_MAX) - 4096)
    throw Failure("output '" + name + "'", "its " + std::to_string(bytes) +
                                               " bytes do not fit into a .pb "
                                               "file, use "
                                               "--output-format=npy");
  TensorProto proto;
  proto.set_name(name);
  for (const PbType &row : kTypes)
    if (row.type == type)
      proto.set_data_type(row.number);
  for (int64_t size : dims)
    proto.add_dims(size);
  for (size_t i = 0; i < count; ++i)
    proto.add_string_data(strings[i].data, strings[i].size);
  if (type != DLRT_STRING)
    proto.set_raw_data(data, bytes);
  return proto.SerializeAsString();
}

} // namespace dl::values
