// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Lays a module file out and writes it.

#ifndef DL_CODEGEN_PACKAGE_WRITER_H
#define DL_CODEGEN_PACKAGE_WRITER_H

#include "codegen/package/Constants.h"
#include "codegen/package/Output.h"
#include "codegen/package/Package.h"
#include "codegen/package/Program.h"

namespace dl::package {

struct WriterInput {
  const PackageInput &package;
  llvm::ArrayRef<PlanPrograms> plans; // of the same entries
  llvm::ArrayRef<StateDesc> states;
  llvm::ArrayRef<ConstantData> constants;
  std::string debugInfo;
  unsigned threads;
};

/// Writes and commits the file; returns its size. In order: prefix, header,
/// code (each piece on a page of its own), debug information, the program for
/// the reference on a page of its own, small constants
/// at multiples of 64, large ones on pages of their own.
struct WrittenSizes {
  uint64_t file = 0;
  uint64_t constants = 0, stored = 0; ///< bytes of all constants, and coded
};

llvm::Expected<WrittenSizes> writeModule(const WriterInput &input,
                                         Output &output);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_WRITER_H
