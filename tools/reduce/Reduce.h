// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-opt --reduce and --anonymize.

#ifndef DL_TOOLS_REDUCE_REDUCE_H
#define DL_TOOLS_REDUCE_REDUCE_H

#include "mlir/IR/DialectRegistry.h"
#include "tools/reduce/Interest.h"
#include "llvm/Support/Error.h"

namespace dl::tools {

struct ReduceOptions {
  std::string input, output;
  bool reduce = false, anonymize = false;
  /// Whether `interest` says what must stay; a reduction always needs it.
  bool hasInterest = false;
  InterestOptions interest;
  unsigned seed = 1;
};

/// Reduces or anonymizes `input`, or both in this order, and writes `output`:
/// ONNX for ONNX, .mlir for .mlir, which is not anonymized. `summary` receives
/// what was done, in lines. Errors read "WHERE: WHAT", and leave no output.
llvm::Error reduce(const ReduceOptions &options,
                   const mlir::DialectRegistry &registry, std::string &summary);

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_REDUCE_H
