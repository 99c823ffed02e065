// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Hash.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace dl::package;

struct Hasher::State {
  XXH3_state_t *xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Hasher::Hasher() : state(new State) { XXH3_64bits_reset(state->xxh); }
Hasher::~Hasher() = default;

void Hasher::update(llvm::ArrayRef<char> bytes) {
  XXH3_64bits_update(state->xxh, bytes.data(), bytes.size());
}

uint64_t Hasher::getHash() const { return XXH3_64bits_digest(state->xxh); }

uint64_t dl::package::hash64(llvm::ArrayRef<char> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::pair<uint64_t, uint64_t> dl::package::hash128(llvm::ArrayRef<char> bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}
