// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Hashes of the module format (XXH3), apart so that one file alone reads
// xxHash.

#ifndef DL_CODEGEN_PACKAGE_HASH_H
#define DL_CODEGEN_PACKAGE_HASH_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <memory>
#include <utility>

namespace dl::package {

/// XXH3-64 of bytes that come in pieces.
class Hasher {
public:
  Hasher();
  ~Hasher();
  void update(llvm::ArrayRef<char> bytes);
  uint64_t getHash() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

/// XXH3-64 of bytes.
uint64_t hash64(llvm::ArrayRef<char> bytes);

/// XXH3-128 of bytes: those with equal hashes are taken to be equal.
std::pair<uint64_t, uint64_t> hash128(llvm::ArrayRef<char> bytes);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_HASH_H
