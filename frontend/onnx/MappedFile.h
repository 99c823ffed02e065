// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A file mapped into memory for reading.

#ifndef DL_FRONTEND_ONNX_MAPPEDFILE_H
#define DL_FRONTEND_ONNX_MAPPEDFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace dl::frontend {

/// The bytes of a regular file, at an address that does not change while the
/// object lives. A file that another process shortens meanwhile is not guarded
/// against.
class MappedFile {
public:
  /// The error names the cause, not the path.
  static llvm::Expected<std::shared_ptr<const MappedFile>>
  open(const std::string &path);

  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  llvm::StringRef bytes() const { return {address, length}; }

private:
  MappedFile(const char *address, size_t length)
      : address(address), length(length) {}

  const char *address;
  size_t length;
};

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_MAPPEDFILE_H
