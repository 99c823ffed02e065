// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Files and the runtime, for code that knows no exceptions.

#ifndef DL_TOOLS_VERIFY_MODULERUN_H
#define DL_TOOLS_VERIFY_MODULERUN_H

#include "runtime/api/dlrt.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dl::tools {

/// A dense tensor as the runtime takes it, or a sequence of such, or an
/// optional without a value.
struct RawTensor {
  enum class Kind { Tensor, Sequence, None };
  dlrt_type type = DLRT_NONE;
  std::vector<int64_t> dims;
  std::string bytes;
  Kind kind = Kind::Tensor;
  std::vector<std::string> texts;  // of strings, in place of bytes
  std::vector<RawTensor> elements; // of a sequence
};

/// Reads inputs of these kinds, in order: .npy and .pb have one each, .npz has
/// those that are called `names`, or else as many, in its order. On failure,
/// returns false and `error` says "WHERE: WHAT".
bool readInputFiles(const std::vector<std::string> &files,
                    const std::vector<std::string> &names,
                    const std::vector<dlrt_value_kind> &kinds,
                    std::vector<RawTensor> &inputs, std::string &error);

/// Runs the first entry of a module file on its only target, or the CPU, with
/// inputs of which the types are those that the module declares. Failure as
/// above.
bool runModuleFile(const std::string &path,
                   const std::vector<RawTensor> &inputs,
                   std::vector<RawTensor> &outputs, std::string &error);

/// "float32".
std::string getTypeName(dlrt_type type);

} // namespace dl::tools

#endif // DL_TOOLS_VERIFY_MODULERUN_H
