// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/ReduceModule.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "tools/reduce/Interest.h"
#include "tools/verify/Program.h"

using namespace mlir;

namespace dl::tools {

llvm::Expected<std::string>
reduceModule(StringRef path, const DialectRegistry &registry,
             Interest &interest,
             const std::function<void(size_t ops)> &progress) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  // Programs that are being reduced need not be right.
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  Program program{parseSourceFile<ModuleOp>(path, config), {}};
  if (!program.module)
    return llvm::createStringError(message);
  func::FuncOp function = program.getFunction();
  if (!function || !function.getBody().hasOneBlock())
    return llvm::createStringError("there is no function of one block");
  if (auto given = getGivenInputs(function))
    program.inputs = std::move(*given);
  auto toText = [](const Program &what) { return print(what, ""); };
  if (llvm::Error error = interest.begin(toText(program), {}))
    return std::move(error);
  Program small = shrink(
      std::move(program),
      [&](Program candidate) { return interest.holds(toText(candidate)); },
      progress);
  return toText(small);
}

} // namespace dl::tools
