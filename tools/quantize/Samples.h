// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Samples of a model's inputs in a folder.

#ifndef DL_TOOLS_QUANTIZE_SAMPLES_H
#define DL_TOOLS_QUANTIZE_SAMPLES_H

#include "tools/values/Value.h"

#include <functional>

namespace dl::tools {

/// Samples of FOLDER, each read when its turn comes:
///  - folders in it, each a sample: `input_0.npy`, `input_1.npy`, .. or
///    `<name of the input>.npy` for each input, or .pb (the layout of ONNX's
///    own test data);
///  - otherwise files: for a model with one input, each .npy or .pb file; for
///    others, the files of one sample, called as above.
/// A file whose first dimension is a multiple of the input's own static one
/// holds several samples; of .npy, one is in memory at a time. Where the only
/// input's first dimension is open, large files are run in parts, too.
class Samples {
public:
  /// Throws a values::Failure where there are none, or an input has no file.
  Samples(const std::string &folder,
          const std::vector<runtime::Value> &declared);

  /// Calls `use` with the inputs of each sample and its name, at most `most`
  /// times. Throws a values::Failure, located at the file, where its type, its
  /// rank or its shape is not the input's, or where it has a NaN or an
  /// infinity.
  void forEach(size_t most,
               const std::function<void(const std::vector<values::Value> &,
                                        const std::string &name)> &use) const;

private:
  std::vector<runtime::Value> declared;
  std::vector<std::vector<std::string>> samples; ///< files, by input
};

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_SAMPLES_H
