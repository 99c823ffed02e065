// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How diagnostics reach the user.

#ifndef DL_TOOLS_COMPILER_REPORT_H
#define DL_TOOLS_COMPILER_REPORT_H

#include "mlir/IR/Diagnostics.h"
#include <mutex>

namespace dl::tools {

/// The place that a location names: "file:line:column", or a source node and
/// the file that it is in. `fallback` where it names none.
std::string describeLocation(mlir::Location loc, llvm::StringRef fallback);

/// Writes a context's diagnostics as `error: WHERE: WHAT`, notes below.
/// Warnings wait until the report ends, so that an error is always the first
/// line.
class Report {
public:
  Report(mlir::MLIRContext *context, llvm::StringRef input,
         llvm::raw_ostream &stream);
  ~Report();
  Report(const Report &) = delete;
  Report &operator=(const Report &) = delete;

private:
  void print(const mlir::Diagnostic &diagnostic);

  mlir::MLIRContext *context;
  std::string input;
  llvm::raw_ostream &stream;
  std::string warnings;
  std::mutex mutex;
  mlir::DiagnosticEngine::HandlerID handler;
};

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_REPORT_H
