// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_CODEIMAGE_H
#define DLRT_DEVICE_CPU_CODEIMAGE_H

#include "runtime/artifact/Artifact.h"

#include <memory>

namespace dlrt {

/// A kernel: runs tiles [begin, end). `buffers` are the arguments in the order
/// of the dispatch, `sizes` its sizes, `scratch` 64-byte aligned memory of the
/// calling thread, `imports` the table below.
using Kernel = void (*)(void *const *buffers, const int64_t *sizes,
                        int64_t begin, int64_t end, void *scratch,
                        const void *imports);

/// What the runtime offers to kernels. Grows at its end only; `size` tells how
/// far.
struct ImportTable {
  uint64_t size; ///< bytes of this table
  /// The same in all calls for one dispatch, and in no other that may find
  /// their scratch as they left it; 0: not known.
  uint64_t dispatch;
};

/// Code of one CPU level, mapped for execution. No page is ever writable and
/// executable at once; in the end none is writable.
class CodeImage {
public:
  /// Chooses the last level of `artifact` that this CPU supports. Fails, naming
  /// the levels and what they lack, where there is none.
  static Status choose(const Artifact &artifact, const fb::CpuCode *&result);

  /// Maps `code`, which is part of `artifact`.
  static Status load(const Artifact &artifact, const fb::CpuCode &code,
                     std::unique_ptr<CodeImage> &result);

  ~CodeImage();
  CodeImage(const CodeImage &) = delete;
  CodeImage &operator=(const CodeImage &) = delete;

  Kernel kernel(uint32_t index) const {
    return reinterpret_cast<Kernel>(base + code->entries()->Get(index));
  }
  const fb::CpuCode &level() const { return *code; }

private:
  CodeImage() = default;
  Status map(const Artifact &artifact);

  unsigned char *base = nullptr;
  size_t bytes = 0;
  const fb::CpuCode *code = nullptr;
};

/// The features that `code` uses and this CPU lacks, separated by commas; also
/// names a foreign architecture. Empty where the code can run.
std::string missingFeatures(const fb::CpuCode &code);

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_CODEIMAGE_H
