// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Files.h"

#include "tools/values/Value.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace dl::values {

NewFiles::~NewFiles() {
  for (const Pending &file : pending)
    remove(file.temporary.c_str());
}

void NewFiles::add(const std::string &path, const std::string &head,
                   const void *data, size_t bytes) {
  std::string temporary = path + ".part" + std::to_string(getpid());
  FILE *file = fopen(temporary.c_str(), "wb");
  if (!file)
    throw Failure(path, std::string("cannot write: ") + strerror(errno));
  pending.push_back({path, temporary});
  bool written = fwrite(head.data(), 1, head.size(), file) == head.size() &&
                 (bytes == 0 || fwrite(data, 1, bytes, file) == bytes);
  int reason = errno;
  // A full disk may show at the end alone.
  if (fclose(file) != 0 && written) {
    written = false;
    reason = errno;
  }
  if (!written)
    throw Failure(path, std::string("cannot write: ") + strerror(reason));
}

void NewFiles::commit() {
  while (!pending.empty()) {
    const Pending &file = pending.back();
    if (rename(file.temporary.c_str(), file.path.c_str()) != 0)
      throw Failure(file.path, std::string("cannot write: ") + strerror(errno));
    pending.pop_back();
  }
}

void makeFolder(const std::string &path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    throw Failure(path, "cannot make this folder: " + error.message());
  if (!std::filesystem::is_directory(path, error))
    throw Failure(path, "is not a folder");
  if (access(path.c_str(), W_OK | X_OK) != 0)
    throw Failure(path, std::string("cannot write to this folder: ") +
                            strerror(errno));
}

} // namespace dl::values
