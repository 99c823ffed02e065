// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_VALUES_FILES_H
#define DL_TOOLS_VALUES_FILES_H

#include <cstddef>
#include <string>
#include <vector>

namespace dl::values {

/// Files that appear all together and whole, or not at all: each is written
/// under another name beside its own, and `commit` renames them. What has not
/// been committed is removed at the end.
class NewFiles {
public:
  NewFiles() = default;
  ~NewFiles();
  NewFiles(const NewFiles &) = delete;
  NewFiles &operator=(const NewFiles &) = delete;

  /// Writes a file of two parts. Throws a Failure located at `path`.
  void add(const std::string &path, const std::string &head, const void *data,
           size_t bytes);

  /// Throws a Failure located at the first file that cannot be put in place.
  void commit();

private:
  struct Pending {
    std::string path, temporary;
  };
  std::vector<Pending> pending;
};

/// Makes a folder and those above it. Throws a Failure located at `path` when
/// there is none afterwards that can be written.
void makeFolder(const std::string &path);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_FILES_H
