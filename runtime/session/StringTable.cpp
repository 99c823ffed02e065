// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/StringTable.h"

#include "runtime/artifact/Hash.h"

#include <algorithm>
#include <cstring>

namespace dlrt {

StringTable::StringTable(const fb::Module &module) : slots(16) {
  if (const auto *strings = module.strings())
    for (const flatbuffers::String *string : *strings)
      enter(string->string_view(), /*copies=*/false); // in mapped memory
  fixed = texts.size();
}

void StringTable::reset() {
  // The last one first, so that no search for one that stays passed its slot.
  while (texts.size() > fixed) {
    slots[findSlot(texts.back(), hashes.back())] = 0;
    texts.pop_back();
    hashes.pop_back();
  }
  chunk = used = 0;
}

std::string_view StringTable::text(int64_t number) const {
  return static_cast<uint64_t>(number) < texts.size()
             ? texts[static_cast<size_t>(number)]
             : std::string_view();
}

int64_t StringTable::number(std::string_view text) {
  return enter(text, /*copies=*/true);
}

int64_t StringTable::enter(std::string_view text, bool copies) {
  uint64_t key = hashBytes(text.data(), text.size());
  size_t slot = findSlot(text, key);
  if (slots[slot] != 0)
    return slots[slot] - 1;
  if (texts.size() * 2 >= slots.size()) {
    grow();
    slot = findSlot(text, key);
  }
  texts.push_back(copies ? copy(text) : text);
  hashes.push_back(key);
  slots[slot] = static_cast<int64_t>(texts.size());
  return static_cast<int64_t>(texts.size()) - 1;
}

/// The slot that has this text, or the one that it would take.
size_t StringTable::findSlot(std::string_view text, uint64_t key) const {
  size_t slot = static_cast<size_t>(key) & (slots.size() - 1);
  while (slots[slot] != 0) {
    size_t found = static_cast<size_t>(slots[slot] - 1);
    if (hashes[found] == key && texts[found] == text)
      break;
    slot = (slot + 1) & (slots.size() - 1);
  }
  return slot;
}

void StringTable::grow() {
  slots.assign(slots.size() * 2, 0);
  for (size_t i = 0; i < texts.size(); ++i)
    slots[findSlot(texts[i], hashes[i])] = static_cast<int64_t>(i) + 1;
}

std::string_view StringTable::copy(std::string_view text) {
  constexpr size_t kChunk = size_t(1) << 16;
  while (chunk < chunks.size() && chunks[chunk].size - used < text.size()) {
    ++chunk;
    used = 0;
  }
  if (chunk == chunks.size()) {
    size_t size = std::max(kChunk, text.size());
    chunks.push_back({std::unique_ptr<char[]>(new char[size]), size});
  }
  char *to = chunks[chunk].memory.get() + used;
  if (!text.empty())
    memcpy(to, text.data(), text.size());
  used += text.size();
  return {to, text.size()};
}

} // namespace dlrt
