// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Coding.h"
#include "runtime/artifact/Coding.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>

using namespace dl::package;
using dlrt::BlockKind;
using dlrt::kCodedLanes;
using dlrt::kFrequencies;
using dlrt::kFrequencyBits;
using dlrt::PlaneKind;

namespace {

using Bytes = std::vector<char>;
using Plane = std::vector<uint8_t>;

/// Of 256 symbols: how often each is there, of kFrequencies.
using Frequencies = std::array<uint32_t, 256>;

} // namespace

static void append(Bytes &to, const Bytes &more) {
  to.insert(to.end(), more.begin(), more.end());
}

static void appendNumber(Bytes &to, uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i)
    to.push_back(static_cast<char>(value >> 8 * i));
}

/// In proportion to the counts, none that is there zero, adding up to
/// kFrequencies.
static Frequencies getFrequencies(const Plane &plane) {
  std::array<uint64_t, 256> counts{};
  for (uint8_t symbol : plane)
    ++counts[symbol];
  Frequencies result{};
  uint32_t sum = 0;
  for (unsigned s = 0; s < result.size(); ++s)
    if (counts[s])
      sum += result[s] = static_cast<uint32_t>(
          std::max<uint64_t>(1, counts[s] * kFrequencies / plane.size()));
  // What rounding has left over goes where it costs or gains least.
  while (sum != kFrequencies) {
    auto largest = std::max_element(result.begin(), result.end());
    if (sum < kFrequencies) {
      *largest += kFrequencies - sum;
      sum = kFrequencies;
    } else {
      uint32_t less = std::min(sum - kFrequencies, *largest / 2);
      *largest -= less;
      sum -= less;
    }
  }
  return result;
}

static void appendFrequencies(Bytes &to, const Frequencies &frequencies) {
  std::array<uint8_t, 32> present{};
  for (unsigned s = 0; s < frequencies.size(); ++s)
    if (frequencies[s])
      present[s / 8] |= static_cast<uint8_t>(1U << s % 8);
  to.insert(to.end(), present.begin(), present.end());
  for (uint32_t frequency : frequencies) {
    if (!frequency)
      continue;
    if (frequency < 128) {
      appendNumber(to, frequency, 1);
    } else {
      appendNumber(to, 128 + frequency % 128, 1);
      appendNumber(to, frequency / 128, 1);
    }
  }
}

/// The states and words of the range coders: they code from the last symbol to
/// the first, so that the decoder reads words as they come.
static void appendSymbols(Bytes &to, const Plane &plane,
                          const Frequencies &frequencies) {
  Frequencies starts{};
  for (unsigned s = 1; s < starts.size(); ++s)
    starts[s] = starts[s - 1] + frequencies[s - 1];
  std::array<uint32_t, kCodedLanes> states;
  states.fill(dlrt::kLeastState);
  std::vector<uint16_t> words;
  constexpr unsigned kWordBits = 16;
  for (size_t i = plane.size(); i-- > 0;) {
    uint32_t &state = states[i % kCodedLanes];
    uint32_t frequency = frequencies[plane[i]];
    uint64_t limit = uint64_t(frequency) << (2 * kWordBits - kFrequencyBits);
    if (state >= limit) {
      words.push_back(static_cast<uint16_t>(state));
      state >>= kWordBits;
    }
    state = (state / frequency << kFrequencyBits) + state % frequency +
            starts[plane[i]];
  }
  for (uint32_t state : states)
    appendNumber(to, state, sizeof(state));
  for (uint16_t word : llvm::reverse(words))
    appendNumber(to, word, sizeof(word));
}

/// The shortest form of a plane, with its kind.
static Bytes codePlane(const Plane &plane) {
  auto begin = [](PlaneKind kind) { return Bytes{static_cast<char>(kind)}; };
  if (llvm::all_equal(plane)) {
    Bytes same = begin(PlaneKind::Same);
    same.push_back(static_cast<char>(plane.front()));
    return same;
  }
  Bytes coded = begin(PlaneKind::Coded);
  Frequencies frequencies = getFrequencies(plane);
  appendFrequencies(coded, frequencies);
  appendSymbols(coded, plane, frequencies);
  if (coded.size() <= plane.size())
    return coded;
  Bytes plain = begin(PlaneKind::Plain);
  plain.insert(plain.end(), plane.begin(), plane.end());
  return plain;
}

static Bytes codePlanes(llvm::ArrayRef<char> block, unsigned width) {
  Bytes result{static_cast<char>(BlockKind::Planes)};
  Plane plane(block.size() / width);
  for (unsigned p = 0; p < width; ++p) {
    for (size_t i = 0; i < plane.size(); ++i)
      plane[i] = static_cast<uint8_t>(block[i * width + p]);
    append(result, codePlane(plane));
  }
  return result;
}

/// Nothing where there are too many different elements.
static std::optional<Bytes> codePalette(llvm::ArrayRef<char> block,
                                        unsigned width) {
  if (width > sizeof(uint64_t))
    return std::nullopt;
  auto read = [&](size_t i) {
    uint64_t element = 0;
    std::memcpy(&element, block.data() + i * width, width);
    return element;
  };
  size_t count = block.size() / width;
  std::map<uint64_t, uint8_t> entries;
  for (size_t i = 0; i < count; ++i)
    if (entries.try_emplace(read(i)); entries.size() > dlrt::kMostPalette)
      return std::nullopt;
  uint8_t next = 0;
  for (auto &[element, number] : entries)
    number = next++;
  Plane plane(count);
  for (size_t i = 0; i < count; ++i)
    plane[i] = entries[read(i)];
  Bytes result{static_cast<char>(BlockKind::Palette),
               static_cast<char>(entries.size() - 1)};
  for (auto &[element, number] : entries) {
    const char *bytes = reinterpret_cast<const char *>(&element);
    result.insert(result.end(), bytes, bytes + width);
  }
  append(result, codePlane(plane));
  return result;
}

std::vector<char> dl::package::codeConstant(llvm::ArrayRef<char> elements,
                                            unsigned width) {
  Bytes result;
  size_t blockBytes = dlrt::kCodedBlock * width;
  for (; !elements.empty();
       elements = elements.drop_front(std::min(blockBytes, elements.size()))) {
    llvm::ArrayRef<char> block = elements.take_front(blockBytes);
    Bytes best = codePlanes(block, width);
    if (width > 1)
      if (std::optional<Bytes> palette = codePalette(block, width);
          palette && palette->size() < best.size())
        best = std::move(*palette);
    if (best.size() > block.size()) {
      best = {static_cast<char>(BlockKind::Plain)};
      best.insert(best.end(), block.begin(), block.end());
    }
    append(result, best);
  }
  return result;
}
