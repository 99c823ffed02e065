// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The FlatBuffers header of a module file.

#ifndef DL_CODEGEN_PACKAGE_HEADER_H
#define DL_CODEGEN_PACKAGE_HEADER_H

#include "codegen/package/Constants.h"
#include "codegen/package/Package.h"
#include "codegen/package/Program.h"

namespace dl::package {

/// A range of the file.
struct FileRange {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t hash = 0;
};

/// All that a header says. Ranges stand in the order of what they hold.
struct HeaderInput {
  const PackageInput &package;
  llvm::ArrayRef<PlanPrograms> plans; // of the same entries
  llvm::ArrayRef<StateDesc> states;
  llvm::ArrayRef<ConstantData> constants;
  std::vector<FileRange> codeRanges;   // of all pieces of all images
  std::vector<FileRange> deviceRanges; // of the images' texts
  std::vector<FileRange> constantRanges;
  std::vector<bool> isCoded; // of the constants
  FileRange debugRange;      // empty for none
  FileRange referenceRange;  // empty for none
};

/// The header's bytes. Their number does not depend on the ranges.
std::vector<char> buildHeader(const HeaderInput &input);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_HEADER_H
