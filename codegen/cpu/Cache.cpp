// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Cache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace llvm;

namespace dl::cpu {

namespace {

/// An entry is this, then its bytes.
struct Header {
  char magic[8];
  uint64_t size, hash;
};

constexpr char kMagic[8] = {'d', 'l', 'c', 'a', 'c', 'h', 'e', '1'};
constexpr StringLiteral kSuffix = ".o";
constexpr StringLiteral kLock = "lock";

class File {
public:
  File(int folder, const std::string &name, int flags)
      : descriptor(openat(folder, name.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (descriptor >= 0)
      close(descriptor);
  }
  File(const File &) = delete;
  File &operator=(const File &) = delete;
  explicit operator bool() const { return descriptor >= 0; }
  int get() const { return descriptor; }

private:
  int descriptor;
};

} // namespace

static bool readAll(int file, char *to, size_t size) {
  while (size) {
    ssize_t got = read(file, to, size);
    if (got <= 0) {
      if (got < 0 && errno == EINTR)
        continue;
      return false;
    }
    to += got;
    size -= got;
  }
  return true;
}

static bool writeAll(int file, const char *from, size_t size) {
  while (size) {
    ssize_t put = write(file, from, size);
    if (put < 0) {
      if (errno == EINTR)
        continue;
      return false;
    }
    from += put;
    size -= put;
  }
  return true;
}

static std::optional<uint64_t> parseSize(StringRef text) {
  unsigned shift = 0;
  if (text.consume_back_insensitive("k"))
    shift = 10;
  else if (text.consume_back_insensitive("m"))
    shift = 20;
  else if (text.consume_back_insensitive("g"))
    shift = 30;
  uint64_t size;
  if (text.getAsInteger(10, size) || size > (UINT64_MAX >> shift))
    return std::nullopt;
  return size << shift;
}

std::optional<CacheOptions> getDefaultCacheOptions(std::string &error) {
  CacheOptions options;
  if (const char *size = std::getenv("DL_CACHE_SIZE")) {
    std::optional<uint64_t> bytes = parseSize(size);
    if (!bytes) {
      error =
          "DL_CACHE_SIZE: expected a number of bytes with an optional suffix "
          "K, M or G, found '" +
          std::string(size) + "'";
      return std::nullopt;
    }
    options.maxBytes = *bytes;
  }
  const char *folder = std::getenv("DL_CACHE_DIR");
  if (folder && *folder) {
    options.directory = folder;
    return options;
  }
  SmallString<128> path;
  if (const char *base = std::getenv("XDG_CACHE_HOME"); base && *base)
    path = base;
  else if (sys::path::home_directory(path))
    sys::path::append(path, ".cache");
  else
    return options;
  sys::path::append(path, "dl-compile");
  options.directory = std::string(path);
  return options;
}

Cache::Cache(const CacheOptions &options) : maxBytes(options.maxBytes) {
  if (options.directory.empty())
    return;
  // The parents as usual, the folder itself for its user alone.
  StringRef parent = sys::path::parent_path(options.directory);
  std::error_code code;
  if (!parent.empty())
    code = sys::fs::create_directories(parent);
  if (!code && mkdir(options.directory.c_str(), 0700) && errno != EEXIST)
    code = std::error_code(errno, std::generic_category());
  if (!code) {
    folder =
        open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
      code = std::error_code(errno, std::generic_category());
  }
  if (code) {
    reason =
        options.directory + ": the cache cannot be used: " + code.message();
    return;
  }
  // Code from the cache is run: nobody else may have written it.
  struct stat status;
  if (fstat(folder, &status))
    reason = std::strerror(errno);
  else if (status.st_uid != geteuid())
    reason = "it belongs to another user";
  else if (status.st_mode & (S_IWGRP | S_IWOTH))
    reason = "other users may write into it";
  if (!reason.empty()) {
    reason = options.directory + ": the cache is not used: " + reason;
    close(folder);
    folder = -1;
  }
}

Cache::~Cache() {
  if (folder < 0)
    return;
  if (stored)
    evict();
  close(folder);
}

std::optional<std::string> Cache::load(StringRef key) {
  if (folder < 0)
    return std::nullopt;
  std::string name = (key + kSuffix).str();
  File file(folder, name, O_RDONLY | O_NOFOLLOW);
  if (!file)
    return std::nullopt;
  Header header;
  struct stat status;
  std::string bytes;
  bool whole =
      fstat(file.get(), &status) == 0 &&
      readAll(file.get(), reinterpret_cast<char *>(&header), sizeof header) &&
      std::memcmp(header.magic, kMagic, sizeof kMagic) == 0 &&
      header.size == uint64_t(status.st_size) - sizeof header;
  if (whole) {
    bytes.resize(header.size);
    whole = readAll(file.get(), bytes.data(), bytes.size()) &&
            xxh3_64bits(StringRef(bytes)) == header.hash;
  }
  if (!whole) {
    unlinkat(folder, name.c_str(), 0);
    return std::nullopt;
  }
  // The time of last use decides what is removed first.
  futimens(file.get(), nullptr);
  return bytes;
}

void Cache::store(StringRef key, StringRef bytes) {
  Header header;
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.size = bytes.size();
  header.hash = xxh3_64bits(bytes);
  replace((key + kSuffix).str(),
          StringRef(reinterpret_cast<const char *>(&header), sizeof header),
          bytes);
}

std::optional<std::string> Cache::loadText(StringRef name) {
  if (folder < 0)
    return std::nullopt;
  File file(folder, name.str(), O_RDONLY | O_NOFOLLOW);
  struct stat status;
  if (!file || fstat(file.get(), &status) || !S_ISREG(status.st_mode) ||
      uint64_t(status.st_size) > kTextBytes)
    return std::nullopt;
  std::string text(status.st_size, '\0');
  if (!readAll(file.get(), text.data(), text.size()))
    return std::nullopt;
  futimens(file.get(), nullptr);
  return text;
}

void Cache::storeText(StringRef name, StringRef text) {
  replace(name, "", text);
}

void Cache::replace(StringRef name, StringRef head, StringRef bytes) {
  if (folder < 0)
    return;
  std::string temporary =
      ("tmp-" + Twine(getpid()) + "-" + Twine(temporaries++)).str();
  bool whole;
  {
    File file(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    whole = file && writeAll(file.get(), head.data(), head.size()) &&
            writeAll(file.get(), bytes.data(), bytes.size());
  }
  if (!whole || renameat(folder, temporary.c_str(), folder, name.str().c_str()))
    unlinkat(folder, temporary.c_str(), 0);
  else
    stored = true;
}

void Cache::evict() {
  File lock(folder, kLock.str(), O_RDWR | O_CREAT | O_NOFOLLOW);
  // When another process holds the lock, that one evicts.
  if (!lock || flock(lock.get(), LOCK_EX | LOCK_NB))
    return;
  int listing = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = listing < 0 ? nullptr : fdopendir(listing);
  if (!entries) {
    if (listing >= 0)
      close(listing);
    return;
  }
  struct Entry {
    int64_t seconds, nanoseconds;
    uint64_t size;
    std::string name;
    bool operator<(const Entry &other) const {
      return std::tie(seconds, nanoseconds, name) <
             std::tie(other.seconds, other.nanoseconds, other.name);
    }
  };
  std::vector<Entry> found;
  uint64_t total = 0;
  while (const dirent *entry = readdir(entries)) {
    StringRef name = entry->d_name;
    struct stat status;
    if (name == kLock ||
        fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ||
        !S_ISREG(status.st_mode))
      continue;
    found.push_back({status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                     uint64_t(status.st_size), name.str()});
    total += status.st_size;
  }
  closedir(entries);
  if (total <= maxBytes)
    return;
  // A little below the limit, so that not every compilation has to evict.
  std::sort(found.begin(), found.end());
  for (const Entry &entry : found) {
    if (total <= maxBytes - maxBytes / 8)
      break;
    if (unlinkat(folder, entry.name.c_str(), 0) == 0)
      total -= entry.size;
  }
}

} // namespace dl::cpu
