// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a module is written to: a file that appears whole or not at all, or
// memory.

#ifndef DL_CODEGEN_PACKAGE_OUTPUT_H
#define DL_CODEGEN_PACKAGE_OUTPUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace dl::package {

/// Bytes that are written in any order, by several threads at once where their
/// ranges are apart. What is never written is zero.
class Output {
public:
  virtual ~Output() = default;

  /// Says how many bytes there will be; called once, before the first write.
  virtual llvm::Error allocate(uint64_t size) = 0;
  virtual llvm::Error write(uint64_t offset, llvm::ArrayRef<char> bytes) = 0;

  /// Makes what was written visible. Without it, nothing is left behind.
  virtual llvm::Error commit() = 0;
};

/// A temporary file in the folder of `path`, renamed to `path` on commit. A
/// path that names something other than a file (a device) is written directly.
llvm::Expected<std::unique_ptr<Output>> openFileOutput(llvm::StringRef path);

/// Memory, aligned to a page; `result` receives it on commit.
std::unique_ptr<Output>
openMemoryOutput(std::unique_ptr<llvm::MemoryBuffer> &result);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_OUTPUT_H
