// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_REDUCE_ANONYMIZE_H
#define DL_TOOLS_REDUCE_ANONYMIZE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace dl::tools {

class Interest;

struct Anonymized {
  /// A binary ONNX model.
  std::string bytes;
  /// New names of weights that are as they were, because of `interest`.
  std::vector<std::string> kept;
  /// How many are random, and how many are left because they are structure:
  /// single numbers, and short lists of integers such as shapes.
  unsigned random = 0, structural = 0;
};

/// The ONNX model at `path` without what tells whose it is: new names of
/// graphs, nodes, values, dimensions, functions and their domains; no texts and
/// metadata; other strings; weights drawn at random, floats normally with mean,
/// deviation, range and share of zeros of the true ones, integers evenly within
/// their range. With `interest` (may be null), which holds of the model,
/// weights that it depends on are kept.
llvm::Expected<Anonymized> anonymizeModel(llvm::StringRef path,
                                          Interest *interest, unsigned seed);

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_ANONYMIZE_H
