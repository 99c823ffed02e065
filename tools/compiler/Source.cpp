// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/Source.h"

#include "frontend/import/Import.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace dl::tools {

static OwningOpRef<ModuleOp> importSource(const CompileOptions &options,
                                          SourceTrace &trace,
                                          MLIRContext &context) {
  frontend::ImportOptions import;
  import.dims = options.dims;
  import.shapes = options.shapes;
  if (options.trace)
    import.nodes = &trace.imported;
  const auto &training = options.pipeline.training;
  if (training) {
    import.microBatches = training->microBatches;
    import.loss = training->lossModel;
    import.gradients = training->gradients;
    import.stopGradient = training->stopGradient;
  }
  auto importFile =
      training ? frontend::importTrainingModel : frontend::importModel;
  OwningOpRef<ModuleOp> module = importFile(options.input, import, context);
  if (module && options.trace)
    trace.begin(*module);
  return module;
}

OwningOpRef<ModuleOp> loadSource(const CompileOptions &options,
                                 SourceTrace &trace, MLIRContext &context) {
  if (frontend::isModelFile(options.input))
    return importSource(options, trace, context);
  const auto &training = options.pipeline.training;
  auto fail = [&](StringRef where) {
    return emitError(FileLineColLoc::get(&context, where, 0, 0));
  };
  if (options.trace)
    fail("--explain") << "only an ONNX model has nodes to explain";
  else if (!options.dims.empty())
    fail("--dim") << "only the dimensions of an ONNX model have names";
  else if (training && !training->lossModel.empty())
    fail("--loss") << "only an ONNX model can have its loss in a file";
  else if (training && !training->gradients.empty())
    fail("--gradient") << "only an ONNX model has operators of that file";
  else if (training && !training->stopGradient.empty())
    fail("--stop-gradient") << "only an ONNX model has nodes with names";
  else if (auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(options.input))
    return parseSourceString<ModuleOp>((*buffer)->getBuffer(),
                                       ParserConfig(&context), options.input);
  else
    fail(options.input) << "cannot be read: " << buffer.getError().message();
  return nullptr;
}

} // namespace dl::tools
