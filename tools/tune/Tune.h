// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Chooses what the cost model decides about kernels by measuring alternatives
// on this machine.
//
// Variants of the whole module run against each other, in each of which many
// kernels have their next alternative: a profile times all of them at once,
// with the caches and threads as a run has them. See codegen/cpu/README.md.

#ifndef DL_TOOLS_TUNE_TUNE_H
#define DL_TOOLS_TUNE_TUNE_H

#include "tools/compiler/Variants.h"

namespace dl::tools {

struct TuneOptions {
  /// For everything: compiling variants, running them, and the last check. One
  /// round of measuring is made in any case.
  double seconds = 30;
  /// Threads to run on; 0: the CPUs that this process may use.
  int threads = 0;
  /// Told how far it is; may be empty.
  std::function<void(const std::string &)> progress;
};

/// Measures, sets `variants.chosen`, stores what it learned, and returns a
/// summary in lines. On failure, returns false, and `error` says "WHERE: WHAT",
/// or is empty where a variant could not be built.
bool tune(Variants &variants, const TuneOptions &options, std::string &summary,
          std::string &error);

} // namespace dl::tools

#endif // DL_TOOLS_TUNE_TUNE_H
