// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/WeightReferences.h"
#include "llvm/ADT/StringExtras.h"
#include <optional>

using namespace dl::frontend;
using llvm::StringRef;

namespace {

/// The messages of onnx.proto that lead to a tensor.
enum class Message {
  Model,
  Graph,
  Node,
  Attribute,
  Function,
  Training,
  SparseTensor,
  Tensor,
};

/// protobuf's own limit.
constexpr unsigned kMaxDepth = 100;

enum WireType : unsigned { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

// Field numbers of onnx.TensorProto.
enum TensorField : unsigned {
  kDataType = 2,
  kFloatData = 4,
  kRawData = 9,
  kDoubleData = 10,
  kExternalData = 13,
  kDataLocation = 14,
};
constexpr uint64_t kFloatType = 1, kDoubleType = 11, kExternalLocation = 1;

struct Field {
  unsigned number;
  unsigned wireType;
  /// Value of a varint.
  uint64_t value;
  /// Content of a Bytes field.
  StringRef content;
  /// The whole field with its key.
  StringRef whole;
};

std::optional<Message> getChild(Message message, unsigned field) {
  switch (message) {
  case Message::Model:
    return field == 7    ? std::optional(Message::Graph)
           : field == 20 ? std::optional(Message::Training)
           : field == 25 ? std::optional(Message::Function)
                         : std::nullopt;
  case Message::Graph:
    return field == 1    ? std::optional(Message::Node)
           : field == 5  ? std::optional(Message::Tensor)
           : field == 15 ? std::optional(Message::SparseTensor)
                         : std::nullopt;
  case Message::Node:
    return field == 5 ? std::optional(Message::Attribute) : std::nullopt;
  case Message::Attribute:
    return field == 5 || field == 10    ? std::optional(Message::Tensor)
           : field == 6 || field == 11  ? std::optional(Message::Graph)
           : field == 22 || field == 23 ? std::optional(Message::SparseTensor)
                                        : std::nullopt;
  case Message::Function:
    return field == 7    ? std::optional(Message::Node)
           : field == 11 ? std::optional(Message::Attribute)
                         : std::nullopt;
  case Message::Training:
    return field == 1 || field == 2 ? std::optional(Message::Graph)
                                    : std::nullopt;
  case Message::SparseTensor:
    return field == 1 || field == 2 ? std::optional(Message::Tensor)
                                    : std::nullopt;
  case Message::Tensor:
    return std::nullopt;
  }
  llvm_unreachable("unknown message");
}

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void appendBytes(std::string &out, unsigned number, StringRef content) {
  appendVarint(out, number << 3 | Bytes);
  appendVarint(out, content.size());
  out.append(content.data(), content.size());
}

class Rewriter {
public:
  Rewriter(StringRef bytes, std::vector<StringRef> &references)
      : file(bytes), references(references) {}

  /// Empty on success.
  std::string error;

  bool rewrite(Message message, StringRef bytes, std::string &out,
               unsigned depth) {
    if (depth > kMaxDepth)
      return fail(bytes.begin(), "messages are nested too deep");
    if (message == Message::Tensor)
      return rewriteTensor(bytes, out);
    while (!bytes.empty()) {
      Field field;
      if (!next(bytes, field))
        return false;
      std::optional<Message> child = field.wireType == Bytes
                                         ? getChild(message, field.number)
                                         : std::nullopt;
      if (!child) {
        out.append(field.whole.data(), field.whole.size());
        continue;
      }
      std::string content;
      if (!rewrite(*child, field.content, content, depth + 1))
        return false;
      appendBytes(out, field.number, content);
    }
    return true;
  }

private:
  bool fail(const char *where, const llvm::Twine &what) {
    error = (what + " at byte " + llvm::Twine(where - file.data())).str();
    return false;
  }

  bool readVarint(StringRef &bytes, uint64_t &value) {
    const char *start = bytes.data();
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (bytes.empty())
        return fail(start, "the file is cut short in a number");
      uint64_t byte = static_cast<unsigned char>(bytes.front());
      bytes = bytes.drop_front();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80)
        return true;
    }
    return fail(start, "not an ONNX model: a number is too long");
  }

  bool next(StringRef &bytes, Field &field) {
    const char *start = bytes.data();
    uint64_t key;
    if (!readVarint(bytes, key))
      return false;
    if (key >> 3 == 0 || key >> 32)
      return fail(start, "not an ONNX model: a field has no valid number");
    field.number = key >> 3;
    field.wireType = key & 7;
    field.value = 0;
    uint64_t size;
    switch (field.wireType) {
    case Varint:
      if (!readVarint(bytes, field.value))
        return false;
      size = 0;
      break;
    case Fixed64:
      size = 8;
      break;
    case Fixed32:
      size = 4;
      break;
    case Bytes:
      if (!readVarint(bytes, size))
        return false;
      break;
    default:
      return fail(start, "not an ONNX model: a field has no valid type");
    }
    if (size > bytes.size())
      return fail(start, "the file is cut short: " + llvm::Twine(size) +
                             " bytes are announced, " +
                             llvm::Twine(bytes.size()) + " follow,");
    field.content = bytes.take_front(size);
    bytes = bytes.drop_front(size);
    field.whole = StringRef(start, bytes.data() - start);
    return true;
  }

  /// The data that a reference can replace, as a view of the file. Packed
  /// floats and doubles have the layout of raw data.
  static std::optional<std::pair<unsigned, StringRef>>
  findData(llvm::ArrayRef<Field> fields) {
    uint64_t type = 0;
    std::optional<std::pair<unsigned, StringRef>> data;
    for (const Field &field : fields)
      if (field.number == kDataType)
        type = field.value;
    for (const Field &field : fields) {
      if (field.number == kDataLocation && field.value == kExternalLocation)
        return std::nullopt;
      bool isRaw = field.number == kRawData;
      if (!isRaw && !(field.number == kFloatData && type == kFloatType) &&
          !(field.number == kDoubleData && type == kDoubleType))
        continue;
      // Of several, raw data would be replaced and lists be joined; neither
      // occurs.
      if (field.wireType != Bytes || data)
        return std::nullopt;
      data = {field.number, field.content};
    }
    if (!data || data->second.size() < kReferenceThreshold)
      return std::nullopt;
    return data;
  }

  bool isReserved(const Field &field) {
    StringRef entry = field.content;
    while (!entry.empty()) {
      Field part;
      if (!next(entry, part))
        return true;
      if (part.number == 1 && part.content == kReferenceKey)
        return true;
    }
    return false;
  }

  bool rewriteTensor(StringRef bytes, std::string &out) {
    llvm::SmallVector<Field> fields;
    while (!bytes.empty()) {
      Field field;
      if (!next(bytes, field))
        return false;
      fields.push_back(field);
    }
    auto data = findData(fields);
    for (const Field &field : fields) {
      if (data &&
          (field.number == data->first || field.number == kExternalData ||
           field.number == kDataLocation))
        continue;
      if (field.number == kExternalData && field.wireType == Bytes &&
          isReserved(field)) {
        if (!error.empty())
          return false;
        continue;
      }
      out.append(field.whole.data(), field.whole.size());
    }
    if (!data)
      return true;
    std::string entry;
    appendBytes(entry, 1, kReferenceKey);
    appendBytes(entry, 2, llvm::utostr(references.size()));
    appendBytes(out, kExternalData, entry);
    appendVarint(out, kDataLocation << 3 | Varint);
    appendVarint(out, kExternalLocation);
    references.push_back(data->second);
    return true;
  }

  StringRef file;
  std::vector<StringRef> &references;
};

} // namespace

llvm::Expected<std::string>
dl::frontend::takeWeightsOut(StringRef bytes,
                             std::vector<StringRef> &references) {
  Rewriter rewriter(bytes, references);
  std::string small;
  if (!rewriter.rewrite(Message::Model, bytes, small, 0))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   rewriter.error);
  return small;
}
