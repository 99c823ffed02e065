// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-compile --verify: does each step of a compilation keep the model's
// answers?

#ifndef DL_TOOLS_VERIFY_VERIFY_H
#define DL_TOOLS_VERIFY_VERIFY_H

#include "tools/compiler/Compile.h"

namespace dl::tools {

struct VerifyOptions {
  /// Files with the inputs, in order; random inputs where there are none.
  std::vector<std::string> inputs;
  uint32_t seed = 1;
  /// The file for a small program that shows a wrong answer.
  std::string reproducer;
};

/// Runs the module that is imported, what each pass leaves of it up to the
/// kernels, and the compiled module, and compares each one's results with those
/// before. The first step that changes an answer by more than rounding is
/// reported to `errors`, with the pattern and op; its reproducer is written.
/// `compile.output` is not written. A summary of what was compared goes to
/// `summary` on success.
llvm::LogicalResult verify(const CompileOptions &compile,
                           const VerifyOptions &options,
                           llvm::raw_ostream &errors, std::string &summary);

} // namespace dl::tools

#endif // DL_TOOLS_VERIFY_VERIFY_H
