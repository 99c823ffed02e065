// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Coding.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace dlrt {
namespace {

/// What a slot of the frequencies stands for.
struct Slot {
  uint16_t frequency, offset; ///< of the symbol; of the slot among its slots
  uint8_t symbol;
};

class Decoder {
public:
  Decoder(const std::byte *coded, size_t size, unsigned elementBytes)
      : begin(reinterpret_cast<const uint8_t *>(coded)), at(begin),
        end(begin + size), width(elementBytes),
        slots(std::make_unique<Slot[]>(kFrequencies)),
        indexes(std::make_unique<uint8_t[]>(kCodedBlock)) {}

  /// Null, or what is wrong where the decoder stands.
  const char *run(uint8_t *to, size_t count) {
    for (size_t done = 0; done < count;) {
      size_t inBlock = std::min(kCodedBlock, count - done);
      if (const char *error = readBlock(to + done * width, inBlock))
        return error;
      done += inBlock;
    }
    return at == end ? nullptr : "there is more than its elements";
  }

  size_t position() const { return static_cast<size_t>(at - begin); }

private:
  static constexpr const char *kShort = "it ends too early";

  bool has(size_t bytes) const {
    return static_cast<size_t>(end - at) >= bytes;
  }

  const char *readBlock(uint8_t *to, size_t count) {
    if (!has(1))
      return kShort;
    switch (static_cast<BlockKind>(*at++)) {
    case BlockKind::Plain:
      if (!has(count * width))
        return kShort;
      memcpy(to, at, count * width);
      at += count * width;
      return nullptr;
    case BlockKind::Planes:
      for (unsigned plane = 0; plane < width; ++plane)
        if (const char *error = readPlane(to + plane, count, width))
          return error;
      return nullptr;
    case BlockKind::Palette:
      return readPalette(to, count);
    }
    return "there is no such kind of block";
  }

  const char *readPalette(uint8_t *to, size_t count) {
    if (!has(1))
      return kShort;
    size_t entries = size_t(*at++) + 1;
    if (!has(entries * width))
      return kShort;
    const uint8_t *palette = at;
    at += entries * width;
    if (const char *error = readPlane(indexes.get(), count, 1))
      return error;
    for (size_t i = 0; i < count; ++i) {
      if (indexes[i] >= entries)
        return "an element is beyond its palette";
      memcpy(to + i * width, palette + indexes[i] * width, width);
    }
    return nullptr;
  }

  /// Writes every `stride`th byte.
  const char *readPlane(uint8_t *to, size_t count, size_t stride) {
    if (!has(1))
      return kShort;
    switch (static_cast<PlaneKind>(*at++)) {
    case PlaneKind::Plain:
      if (!has(count))
        return kShort;
      for (size_t i = 0; i < count; ++i)
        to[i * stride] = at[i];
      at += count;
      return nullptr;
    case PlaneKind::Same:
      if (!has(1))
        return kShort;
      for (size_t i = 0; i < count; ++i)
        to[i * stride] = *at;
      ++at;
      return nullptr;
    case PlaneKind::Coded:
      if (const char *error = readFrequencies())
        return error;
      return readSymbols(to, count, stride);
    }
    return "there is no such kind of plane";
  }

  const char *readFrequencies() {
    constexpr size_t kPresent = 32;
    if (!has(kPresent))
      return kShort;
    const uint8_t *present = at;
    at += kPresent;
    uint32_t next = 0;
    for (unsigned symbol = 0; symbol < 256; ++symbol) {
      if (!(present[symbol / 8] >> symbol % 8 & 1))
        continue;
      if (!has(2))
        return kShort;
      uint32_t frequency = *at++;
      if (frequency >= 128)
        frequency = frequency % 128 + 128U * *at++;
      if (frequency == 0 || frequency > kFrequencies - next)
        return "its frequencies do not add up";
      for (uint32_t i = 0; i < frequency; ++i)
        slots[next + i] = {static_cast<uint16_t>(frequency),
                           static_cast<uint16_t>(i),
                           static_cast<uint8_t>(symbol)};
      next += frequency;
    }
    return next == kFrequencies ? nullptr : "its frequencies do not add up";
  }

  const char *readSymbols(uint8_t *to, size_t count, size_t stride) {
    uint32_t states[kCodedLanes];
    if (!has(sizeof(states)))
      return kShort;
    for (uint32_t &state : states) {
      state = at[0] | uint32_t(at[1]) << 8 | uint32_t(at[2]) << 16 |
              uint32_t(at[3]) << 24;
      at += 4;
      if (state < kLeastState)
        return "a coder's state is too small";
    }
    for (size_t i = 0; i < count; ++i) {
      uint32_t &state = states[i % kCodedLanes];
      const Slot &slot = slots[state % kFrequencies];
      to[i * stride] = slot.symbol;
      state = slot.frequency * (state >> kFrequencyBits) + slot.offset;
      if (state >= kLeastState)
        continue;
      if (!has(2))
        return kShort;
      state = state << 16 | at[0] | uint32_t(at[1]) << 8;
      at += 2;
    }
    for (uint32_t state : states)
      if (state != kLeastState)
        return "its symbols end in a wrong state";
    return nullptr;
  }

  const uint8_t *begin, *at, *end;
  size_t width;
  std::unique_ptr<Slot[]> slots;
  std::unique_ptr<uint8_t[]> indexes;
};

} // namespace

Status decodeConstant(const std::byte *coded, size_t size,
                      unsigned elementBytes, std::byte *to, size_t bytes,
                      const std::string &what) {
  if (elementBytes == 0 || bytes % elementBytes != 0)
    return {Code::BadModule, what + " has no whole number of elements"};
  Decoder decoder(coded, size, elementBytes);
  if (const char *error =
          decoder.run(reinterpret_cast<uint8_t *>(to), bytes / elementBytes))
    return {Code::BadModule, what + " is damaged at byte " +
                                 std::to_string(decoder.position()) +
                                 " of its coded form: " + error};
  return {};
}

} // namespace dlrt
