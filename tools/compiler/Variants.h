// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// One compilation as a tuner sees it: kernels, each with other choices.

#ifndef DL_TOOLS_COMPILER_VARIANTS_H
#define DL_TOOLS_COMPILER_VARIANTS_H

#include "codegen/cpu/ChoiceStore.h"

#include <functional>
#include <map>
#include <string>

namespace dl::tools {

/// Choices by the kernels' keys; a kernel without one is as the cost model has
/// it.
using Choices = std::map<std::string, mlir::dl::cpu::KernelChoice>;

struct Variants {
  /// Writes a module with these choices to `path`, and sets `keys` and
  /// `reports`. On failure, returns false, and errors have been reported.
  std::function<bool(const Choices &choices, const std::string &path)> build;
  /// Of each kernel, by its name: the key of its content.
  std::map<std::string, std::string> keys;
  /// Of each content: what the last build made of it.
  std::map<std::string, mlir::dl::cpu::KernelReport> reports;
  /// Where choices are kept between compilations.
  cpu::ChoiceStore *store = nullptr;
  /// An empty folder, removed after tuning with what is in it.
  std::string folder;
  /// The tuner's result.
  Choices chosen;
};

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_VARIANTS_H
