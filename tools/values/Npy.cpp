// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Npy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dl::values {
namespace {

struct NpyType {
  dlrt_type type;
  char kind; // numpy's letter
  int size;  // bytes
};

constexpr NpyType kTypes[] = {
    {DLRT_FLOAT16, 'f', 2},   {DLRT_FLOAT32, 'f', 4},
    {DLRT_FLOAT64, 'f', 8},   {DLRT_INT8, 'i', 1},
    {DLRT_INT16, 'i', 2},     {DLRT_INT32, 'i', 4},
    {DLRT_INT64, 'i', 8},     {DLRT_UINT8, 'u', 1},
    {DLRT_UINT16, 'u', 2},    {DLRT_UINT32, 'u', 4},
    {DLRT_UINT64, 'u', 8},    {DLRT_BOOL, 'b', 1},
    {DLRT_COMPLEX64, 'c', 8}, {DLRT_COMPLEX128, 'c', 16},
};

constexpr unsigned char kMark[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/// A tensor of more dimensions is taken for damage: numpy itself stops at 64.
constexpr size_t kMaxRank = 64;

/// Reads the header: the literal of a Python dictionary with three known keys.
class HeaderParser {
public:
  HeaderParser(const std::string &where, const char *text, size_t size)
      : where(where), next(text), end(text + size) {}

  void parse() {
    expect('{');
    while (peek() != '}') {
      std::string key = string();
      expect(':');
      if (key == "descr" && peek() != '[')
        descr = string();
      else if (key == "descr")
        fail("structured elements are not supported");
      else if (key == "fortran_order")
        fortran = boolean();
      else if (key == "shape")
        shape = tuple();
      else
        fail("the header has an unknown key");
      seen += key.substr(0, 1);
      if (peek() != ',')
        break;
      ++next;
    }
    expect('}');
    std::sort(seen.begin(), seen.end());
    if (seen != "dfs")
      fail("the header lacks a key or has one twice");
  }

  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;

private:
  [[noreturn]] void fail(const std::string &what) const {
    throw Failure(where, "not a sound .npy file: " + what);
  }

  char peek() {
    while (next != end && (*next == ' ' || *next == '\n' || *next == '\t'))
      ++next;
    return next == end ? '\0' : *next;
  }

  void expect(char character) {
    if (peek() != character)
      fail(std::string("the header has no '") + character +
           "' where one is due");
    ++next;
  }

  std::string string() {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      fail("the header has no string where one is due");
    const char *start = ++next;
    while (next != end && *next != quote && *next != '\\')
      ++next;
    if (next == end || *next != quote)
      fail("the header has a string without end");
    return std::string(start, next++);
  }

  bool boolean() {
    peek();
    for (bool value : {false, true}) {
      const char *word = value ? "True" : "False";
      size_t length = strlen(word);
      if (static_cast<size_t>(end - next) >= length &&
          memcmp(next, word, length) == 0) {
        next += length;
        return value;
      }
    }
    fail("fortran_order is neither True nor False");
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (peek() != ')') {
      if (values.size() == kMaxRank)
        fail("the shape has too many dimensions");
      values.push_back(number());
      if (peek() == ',')
        ++next;
      else if (peek() != ')')
        fail("the shape is not well formed");
    }
    ++next;
    return values;
  }

  int64_t number() {
    int64_t value = 0;
    const char *start = next;
    for (; next != end && *next >= '0' && *next <= '9'; ++next) {
      if (value > (INT64_MAX - 9) / 10)
        fail("the shape has a size that is too large");
      value = value * 10 + (*next - '0');
    }
    if (next == start)
      fail("the shape has a size that is no number");
    if (next != end && *next == 'L') // written by Python 2
      ++next;
    return value;
  }

  const std::string &where;
  const char *next;
  const char *end;
  std::string seen;
};

const NpyType &findType(const std::string &where, const std::string &descr) {
  // "<f4": byte order, kind, size.
  if (descr.size() >= 3 && strchr("<>|=", descr[0]))
    for (const NpyType &type : kTypes)
      if (descr.substr(1) == type.kind + std::to_string(type.size))
        return type;
  throw Failure(where, "elements of numpy's type '" + descr +
                           "' are not supported in .npy files");
}

/// Reverses the bytes of each number: of each half for complex elements.
void swapBytes(Bytes &data, const NpyType &type) {
  size_t size =
      static_cast<size_t>(type.kind == 'c' ? type.size / 2 : type.size);
  for (size_t i = 0; i + size <= data.size(); i += size)
    std::reverse(data.begin() + static_cast<ptrdiff_t>(i),
                 data.begin() + static_cast<ptrdiff_t>(i + size));
}

/// Brings column-major data into row-major order.
Bytes toRowMajor(const Bytes &data, const std::vector<int64_t> &dims,
                 size_t size) {
  Bytes result(data.size());
  std::vector<size_t> index(dims.size(), 0), stride(dims.size(), size);
  for (size_t d = 1; d < dims.size(); ++d)
    stride[d] = stride[d - 1] * static_cast<size_t>(dims[d - 1]);
  size_t source = 0;
  for (size_t target = 0; target < data.size(); target += size) {
    memcpy(result.data() + target, data.data() + source, size);
    for (size_t d = dims.size(); d-- > 0;) {
      source += stride[d];
      if (++index[d] < static_cast<size_t>(dims[d]))
        break;
      source -= stride[d] * index[d];
      index[d] = 0;
    }
  }
  return result;
}

/// What a file says about its data.
struct Layout {
  const NpyType *type;
  std::vector<int64_t> dims;
  size_t start; // of the data
  bool isBigEndian, isColumnMajor;
};

[[noreturn]] void failSound(const std::string &where, const std::string &what) {
  throw Failure(where, "not a sound .npy file: " + what);
}

/// The bytes before the dictionary, and of it; `size` bytes are there.
std::pair<size_t, size_t> parseStart(const std::string &where,
                                     const unsigned char *bytes, size_t size) {
  if (size < 10 || memcmp(bytes, kMark, sizeof(kMark)) != 0)
    failSound(where, "it does not start with numpy's mark");
  int version = bytes[6];
  size_t start = version == 1 ? 10 : 12;
  if (version < 1 || version > 3)
    failSound(where,
              "its version " + std::to_string(version) + " is not known");
  if (size < start)
    failSound(where, "it is cut short");
  size_t length = bytes[8] | size_t(bytes[9]) << 8;
  if (version > 1)
    length |= size_t(bytes[10]) << 16 | size_t(bytes[11]) << 24;
  return {start, length};
}

/// Reads the header of a file of `fileSize` bytes; `size` of them, the header
/// among them unless it is cut short, are at `bytes`.
Layout parseLayout(const std::string &where, const unsigned char *bytes,
                   size_t size, size_t fileSize) {
  auto [start, length] = parseStart(where, bytes, size);
  if (length > size - start)
    failSound(where, "its header is cut short");
  HeaderParser header(where, reinterpret_cast<const char *>(bytes) + start,
                      length);
  header.parse();
  Layout layout{&findType(where, header.descr), header.shape, start + length,
                header.descr[0] == '>', header.fortran};
  size_t expected = byteSize(where, layout.type->type, layout.dims);
  size_t found = fileSize - layout.start;
  if (found != expected)
    failSound(where, "it has " + std::to_string(found) +
                         " bytes of data, expected " +
                         std::to_string(expected) + " for " +
                         describe(layout.type->type, layout.dims));
  return layout;
}

/// Brings data as a file has it into ours.
void convert(Value &value, const NpyType &type, bool isBigEndian,
             bool isColumnMajor) {
  if (isBigEndian)
    swapBytes(value.data, type);
  if (isColumnMajor && value.dims.size() > 1)
    value.data =
        toRowMajor(value.data, value.dims, static_cast<size_t>(type.size));
  if (value.type == DLRT_BOOL)
    for (unsigned char &byte : value.data)
      byte = byte != 0;
}

} // namespace

Value parseNpy(const std::string &where, const unsigned char *bytes,
               size_t size) {
  Layout layout = parseLayout(where, bytes, size, size);
  Value value;
  value.type = layout.type->type;
  value.dims = layout.dims;
  value.data.assign(bytes + layout.start, bytes + size);
  convert(value, *layout.type, layout.isBigEndian, layout.isColumnMajor);
  return value;
}

//===----------------------------------------------------------------------===//
// NpyFile
//===----------------------------------------------------------------------===//

/// Reads until `size` bytes are there or the file ends; returns how many.
static size_t readAt(int descriptor, const std::string &path, void *data,
                     size_t size, size_t offset) {
  size_t done = 0;
  while (done < size) {
    ssize_t count = pread(descriptor, static_cast<char *>(data) + done,
                          size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno != EINTR)
      throw Failure(path, std::string("cannot read: ") + strerror(errno));
    if (count == 0)
      break;
    done += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
  return done;
}

NpyFile::NpyFile(const std::string &path) : path(path) {
  descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw Failure(path, std::string("cannot open: ") + strerror(errno));
  try {
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode))
      throw Failure(path, "is not a regular file");
    auto size = static_cast<size_t>(info.st_size);
    constexpr size_t kStart = 12;
    Bytes header(std::min(size, kStart));
    header.resize(readAt(descriptor, path, header.data(), header.size(), 0));
    auto [start, length] = parseStart(path, header.data(), header.size());
    header.resize(std::min(size, start + length));
    header.resize(readAt(descriptor, path, header.data(), header.size(), 0));
    Layout layout = parseLayout(path, header.data(), header.size(), size);
    elementType = layout.type->type;
    shape = layout.dims;
    this->start = layout.start;
    isBigEndian = layout.isBigEndian;
    isColumnMajor = layout.isColumnMajor;
  } catch (...) {
    close(descriptor);
    throw;
  }
}

NpyFile::~NpyFile() { close(descriptor); }

Value NpyFile::read(int64_t first, int64_t count) const {
  Value value;
  value.type = elementType;
  value.dims = shape;
  size_t offset = 0, row = 0;
  bool isPart = !shape.empty() && (first > 0 || count < shape.front());
  if (isPart && shape.front() > 0)
    row =
        byteSize(path, elementType, shape) / static_cast<size_t>(shape.front());
  if (isPart && !isColumnMajor) {
    value.dims.front() = count;
    offset = static_cast<size_t>(first) * row;
  }
  value.data.resize(byteSize(path, elementType, value.dims));
  if (readAt(descriptor, path, value.data.data(), value.data.size(),
             start + offset) != value.data.size())
    throw Failure(path, "it has become shorter");
  const NpyType *type = std::find_if(
      std::begin(kTypes), std::end(kTypes),
      [&](const NpyType &known) { return known.type == elementType; });
  convert(value, *type, isBigEndian, isColumnMajor);
  if (isPart && isColumnMajor) {
    value.data.erase(
        value.data.begin(),
        value.data.begin() +
            static_cast<ptrdiff_t>(static_cast<size_t>(first) * row));
    value.data.resize(static_cast<size_t>(count) * row);
    value.dims.front() = count;
  }
  return value;
}

bool npyHolds(dlrt_type type) {
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](const NpyType &row) { return row.type == type; });
}

std::string npyHeader(dlrt_type type, const std::vector<int64_t> &dims) {
  std::string text = "{'descr': '";
  for (const NpyType &row : kTypes)
    if (row.type == type)
      text += (row.size == 1 ? "|" : "<") + std::string(1, row.kind) +
              std::to_string(row.size);
  text += "', 'fortran_order': False, 'shape': (";
  for (size_t d = 0; d < dims.size(); ++d)
    text += (d ? ", " : "") + std::to_string(dims[d]);
  text += dims.size() == 1 ? ",), }" : "), }";
  // The data starts at a multiple of 64, as numpy writes it.
  size_t whole = (10 + text.size() + 1 + 63) / 64 * 64;
  text.append(whole - 10 - text.size() - 1, ' ');
  text += '\n';
  std::string header(reinterpret_cast<const char *>(kMark), sizeof(kMark));
  header += {1, 0, static_cast<char>(text.size() & 0xff),
             static_cast<char>(text.size() >> 8)};
  return header + text;
}

} // namespace dl::values
