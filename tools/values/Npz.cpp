// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Npz.h"

#include "tools/values/Npy.h"

#include <cstring>
#include <zlib.h>

namespace dl::values {
namespace {

// Sizes and offsets of ZIP's records.
constexpr size_t kEndSize = 22, kEntrySize = 46, kLocalSize = 30;
constexpr uint32_t kEndMark = 0x06054b50, kEntryMark = 0x02014b50,
                   kLocalMark = 0x04034b50;

class Archive {
public:
  explicit Archive(const std::string &path)
      : path(path), bytes(readFile(path)) {}

  std::vector<NamedValue> read() {
    size_t end = findEnd();
    size_t count = get16(end + 10), at = get32(end + 16);
    std::vector<NamedValue> values;
    for (size_t i = 0; i < count; ++i) {
      need(at, kEntrySize);
      if (get32(at) != kEntryMark)
        fail("its directory is damaged");
      values.push_back(readEntry(at));
      at += kEntrySize + get16(at + 28) + get16(at + 30) + get16(at + 32);
    }
    return values;
  }

private:
  [[noreturn]] void fail(const std::string &what) const {
    throw Failure(path, what);
  }

  void need(size_t at, size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at)
      fail("it ends too early");
  }

  uint32_t get16(size_t at) const {
    need(at, 2);
    return bytes[at] | uint32_t(bytes[at + 1]) << 8;
  }
  uint32_t get32(size_t at) const { return get16(at) | get16(at + 2) << 16; }

  /// The record that ends the archive; a comment may follow it.
  size_t findEnd() const {
    constexpr size_t kMostComment = 65535;
    for (size_t back = kEndSize;
         back <= bytes.size() && back <= kEndSize + kMostComment; ++back)
      if (get32(bytes.size() - back) == kEndMark)
        return bytes.size() - back;
    fail("is not an archive of arrays (.npz)");
  }

  NamedValue readEntry(size_t entry) const {
    uint32_t method = get16(entry + 10), packed = get32(entry + 20),
             size = get32(entry + 24), local = get32(entry + 42);
    size_t nameSize = get16(entry + 28);
    need(entry + kEntrySize, nameSize);
    std::string name(
        reinterpret_cast<const char *>(bytes.data() + entry + kEntrySize),
        nameSize);
    if (packed == UINT32_MAX || size == UINT32_MAX || local == UINT32_MAX)
      fail("'" + name + "' is larger than 4 GB, which is not supported");
    need(local, kLocalSize);
    if (get32(local) != kLocalMark)
      fail("'" + name + "' is damaged");
    size_t data = local + kLocalSize + get16(local + 26) + get16(local + 28);
    need(data, packed);
    Bytes content =
        method == 0
            ? Bytes(bytes.begin() + static_cast<ptrdiff_t>(data),
                    bytes.begin() + static_cast<ptrdiff_t>(data + packed))
            : inflateBytes(name, method, data, packed, size);
    if (content.size() != size)
      fail("'" + name + "' is damaged");
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0)
      name.resize(name.size() - 4);
    return {name, parseNpy(path + ": " + name, content.data(), content.size())};
  }

  Bytes inflateBytes(const std::string &name, uint32_t method, size_t data,
                     uint32_t packed, uint32_t size) const {
    constexpr uint32_t kDeflated = 8;
    // Nothing is deflated to less than about a thousandth.
    constexpr uint64_t kMostRatio = 1100;
    if (method != kDeflated || size > packed * kMostRatio)
      fail("'" + name + "' is compressed in a way that is not supported");
    Bytes content(size);
    z_stream stream = {};
    stream.next_in = const_cast<unsigned char *>(bytes.data() + data);
    stream.avail_in = packed;
    stream.next_out = content.data();
    stream.avail_out = size;
    // Negative: without zlib's own header.
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
      fail("cannot decompress '" + name + "'");
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (status != Z_STREAM_END || stream.avail_out)
      fail("'" + name + "' is damaged");
    return content;
  }

  const std::string &path;
  Bytes bytes;
};

} // namespace

std::vector<NamedValue> readNpz(const std::string &path) {
  return Archive(path).read();
}

} // namespace dl::values
