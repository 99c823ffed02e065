// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Machine code, and what was chosen for it, kept on disk between compilations,
// by content.

#ifndef DL_CODEGEN_CPU_CACHE_H
#define DL_CODEGEN_CPU_CACHE_H

#include "llvm/ADT/StringRef.h"
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace dl::cpu {

struct CacheOptions {
  /// The folder; empty for no cache.
  std::string directory;
  /// Above this size in bytes, entries used longest ago are removed.
  uint64_t maxBytes = uint64_t(1) << 30;
};

/// What the environment asks for: DL_CACHE_DIR, by default dl-compile in
/// XDG_CACHE_HOME or ~/.cache, and DL_CACHE_SIZE in bytes, or with a suffix K,
/// M or G. Returns nothing and sets `error` when DL_CACHE_SIZE is not a size.
std::optional<CacheOptions> getDefaultCacheOptions(std::string &error);

/// A folder of entries. One of its methods may run on several threads at once,
/// and several processes may use one folder.
class Cache {
public:
  /// Makes the folder, private to its user, where there is none. When it cannot
  /// be used, or others than this user could write into it, the cache stays
  /// closed and whyClosed() tells the reason.
  explicit Cache(const CacheOptions &options);
  ~Cache();
  Cache(const Cache &) = delete;
  Cache &operator=(const Cache &) = delete;

  /// Empty when the cache is open, or was not asked for.
  llvm::StringRef whyClosed() const { return reason; }

  /// The bytes stored under `key` (a file name), or nothing. A damaged entry is
  /// removed.
  std::optional<std::string> load(llvm::StringRef key);

  /// Stores an entry, whole or not at all. Failing to is not an error.
  void store(llvm::StringRef key, llvm::StringRef bytes);

  /// The same for a small text, kept as it is: whether it is damaged, its
  /// reader must find out. At most kTextBytes are read.
  std::optional<std::string> loadText(llvm::StringRef name);
  void storeText(llvm::StringRef name, llvm::StringRef text);
  static constexpr size_t kTextBytes = 1 << 16;

  /// Removes entries until the folder is below its size. The destructor does so
  /// when something was stored.
  void evict();

private:
  void replace(llvm::StringRef name, llvm::StringRef head,
               llvm::StringRef bytes);

  std::string reason;
  uint64_t maxBytes;
  int folder = -1;
  std::atomic<bool> stored{false};
  std::atomic<unsigned> temporaries{0};
};

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_CACHE_H
