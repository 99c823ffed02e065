// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Value.h"

#include "tools/values/Npy.h"
#include "tools/values/Pb.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sys/stat.h>

namespace dl::values {

size_t byteSize(const std::string &where, dlrt_type type,
                const std::vector<int64_t> &dims) {
  // A limit well below overflow, in bits.
  constexpr uint64_t kMaxElements = uint64_t(1) << 50;
  uint64_t elements = 1;
  bool empty = false;
  for (int64_t size : dims) {
    if (size < 0)
      throw Failure(where, "the shape has a negative size");
    empty |= size == 0;
  }
  for (int64_t size : dims)
    if (!empty) {
      if (static_cast<uint64_t>(size) > kMaxElements / elements)
        throw Failure(where, "the shape is too large");
      elements *= static_cast<uint64_t>(size);
    }
  if (empty)
    return 0;
  uint64_t bits = static_cast<uint64_t>(dlrt_type_bits(type));
  return static_cast<size_t>((elements * bits + 7) / 8);
}

std::string describe(dlrt_type type, const std::vector<int64_t> &dims) {
  std::string text = std::string(dlrt_type_name(type)) + " [";
  for (size_t d = 0; d < dims.size(); ++d)
    text += (d ? ", " : "") + std::to_string(dims[d]);
  return text + "]";
}

std::string describe(const runtime::Value &value) {
  std::string text =
      describeKind(value.kind) + std::string(dlrt_type_name(value.type)) + " [";
  for (size_t d = 0; d < value.dims.size(); ++d)
    text += (d ? ", " : "") + value.dims[d];
  text += value.unranked ? "...]" : "]";
  if (value.mapPart == DLRT_MAP_ROWS)
    text += std::string(", each row a map with keys of ") +
            dlrt_type_name(value.keyType);
  return text;
}

Bytes readFile(const std::string &path) {
  struct Closer {
    void operator()(FILE *file) const { fclose(file); }
  };
  std::unique_ptr<FILE, Closer> file(fopen(path.c_str(), "rb"));
  if (!file)
    throw Failure(path, std::string("cannot open: ") + strerror(errno));
  struct stat info;
  if (fstat(fileno(file.get()), &info) != 0 || !S_ISREG(info.st_mode))
    throw Failure(path, "is not a regular file");
  Bytes bytes(static_cast<size_t>(info.st_size));
  if (fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
    throw Failure(path, std::string("cannot read: ") + strerror(errno));
  return bytes;
}

const char *describeKind(dlrt_value_kind kind) {
  switch (kind) {
  case DLRT_SEQUENCE:
    return "sequence of ";
  case DLRT_OPTIONAL_TENSOR:
    return "optional ";
  case DLRT_OPTIONAL_SEQUENCE:
    return "optional sequence of ";
  default:
    return "";
  }
}

static bool endsWith(const std::string &path, const char *ending) {
  size_t length = strlen(ending);
  return path.size() >= length &&
         path.compare(path.size() - length, length, ending) == 0;
}

std::pair<Value, Value> readMap(const std::string &path) {
  if (!endsWith(path, ".pb"))
    throw Failure(path, "a map is read from a .pb file alone");
  if (!pbSupported())
    throw Failure(path, "this build of the tools does not read .pb files");
  Bytes bytes = readFile(path);
  return parsePbMap(path, bytes.data(), bytes.size());
}

Value readValue(const std::string &path, dlrt_value_kind kind) {
  if (endsWith(path, ".npy")) {
    if (kind != DLRT_TENSOR)
      throw Failure(path, "a .npy file holds no sequences and optionals, use "
                          ".pb");
    Bytes bytes = readFile(path);
    return parseNpy(path, bytes.data(), bytes.size());
  }
  if (endsWith(path, ".pb")) {
    if (!pbSupported())
      throw Failure(path, "this build of the tools does not read .pb files");
    Bytes bytes = readFile(path);
    return parsePb(path, bytes.data(), bytes.size(), kind);
  }
  throw Failure(path, "its name ends neither in .npy nor in .pb");
}

} // namespace dl::values
