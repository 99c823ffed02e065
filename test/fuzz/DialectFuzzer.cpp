// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Text to a module with the dialect dl: what verifies can be printed and read
// again.

#include "ir/dialect/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <cstdio>
#include <cstdlib>

using namespace mlir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::dl::DlDialect, func::FuncDialect>();
  ScopedDiagnosticHandler handler(&context,
                                  [](Diagnostic &) { return success(); });
  ParserConfig config(&context);
  // MLIR's lexer reads up to a zero byte, which follows every file in memory.
  std::string text(reinterpret_cast<const char *>(data), size);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, config);
  if (!module)
    return 0;
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  module->print(stream);
  if (!parseSourceString<ModuleOp>(printed, config)) {
    fprintf(stderr, "fuzz-dialect: its own text is not read:\n%s\n",
            printed.c_str());
    abort();
  }
  return 0;
}
