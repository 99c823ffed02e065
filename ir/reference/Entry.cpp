// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/Entry.h"
#include "ir/dialect/Dialect.h"
#include "ir/reference/Interpreter.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

//===----------------------------------------------------------------------===//
// Programs as bytes
//===----------------------------------------------------------------------===//

void mlir::dl::reference::registerProgramDialects(DialectRegistry &registry) {
  registry.insert<DlDialect, func::FuncDialect>();
}

LogicalResult mlir::dl::reference::writeProgram(ModuleOp module,
                                                raw_ostream &output) {
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(verifySupported(function)))
      return failure();
  return writeBytecodeToFile(module, output, BytecodeWriterConfig("dl"));
}

OwningOpRef<ModuleOp> mlir::dl::reference::readProgram(StringRef name,
                                                       ArrayRef<char> bytes,
                                                       MLIRContext &context) {
  // A source manager as owner lets weights stay in place; it holds a reference
  // to the bytes, no copy.
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBuffer(StringRef(bytes.data(), bytes.size()),
                                       name, /*RequiresNullTerminator=*/false),
      {});
  Block block;
  if (failed(readBytecodeFile(sources, &block, ParserConfig(&context))))
    return {};
  auto module = block.empty() ? ModuleOp() : dyn_cast<ModuleOp>(block.front());
  if (!module || !llvm::hasSingleElement(block)) {
    emitError(UnknownLoc::get(&context), "the program is no module");
    return {};
  }
  module->remove();
  return module;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// The types that the caller sees: those of the attribute, if it is there.
static SmallVector<Type> getCallerTypes(func::FuncOp function,
                                        StringRef attribute, TypeRange types) {
  SmallVector<Type> result(types);
  if (auto array = function->getAttrOfType<ArrayAttr>(attribute))
    for (auto [type, declared] :
         llvm::zip(result, array.getAsRange<TypeAttr>()))
      type = declared.getValue();
  return result;
}

/// Bytes of a tensor in the caller's memory.
static int64_t getCallerBytes(Type elementType, ArrayRef<int64_t> shape) {
  unsigned bits =
      elementType.isInteger(1) ? 8 : elementType.getIntOrFloatBitWidth();
  return llvm::divideCeil(getNumElements(shape) * bits, 8);
}

FailureOr<SmallVector<EntryOutput>>
mlir::dl::reference::runEntry(func::FuncOp function,
                              ArrayRef<EntryInput> inputs,
                              const HostLibrary *library) {
  if (inputs.size() != function.getNumArguments())
    return function.emitError("expected ")
           << function.getNumArguments() << " inputs, found " << inputs.size();
  auto inputTypes =
      getCallerTypes(function, kInputTypesAttr, function.getArgumentTypes());
  Tensors values;
  SmallVector<SmallVector<int64_t>> shapes;
  for (auto [input, declared, own] :
       llvm::zip(inputs, inputTypes, function.getArgumentTypes())) {
    if (input.value) {
      values.push_back(*input.value);
      shapes.emplace_back(input.value->getShape());
      continue;
    }
    // Packed elements come to the function as bytes.
    SmallVector<int64_t> shape = input.shape;
    if (declared != own)
      shape = {getCallerBytes(getElementTypeOrSelf(declared), input.shape)};
    values.push_back(
        Tensor::view(getElementTypeOrSelf(own), shape, input.data));
    shapes.push_back(input.shape);
  }
  InterpreterOptions options;
  options.declaredShapes = shapes;
  options.library = library;
  SmallVector<int64_t> symbols;
  options.symbols = &symbols;
  auto results = interpret(function, values, options);
  if (failed(results))
    return failure();

  SmallVector<EntryOutput> outputs;
  auto outputTypes =
      getCallerTypes(function, kOutputTypesAttr, function.getResultTypes());
  for (auto [result, declared, own] :
       llvm::zip(*results, outputTypes, function.getResultTypes())) {
    SmallVector<int64_t> shape(result.getShape());
    if (declared != own) {
      auto evaluated = evaluateShape(cast<RankedTensorType>(declared), symbols);
      if (!evaluated)
        return function.emitError("has an output whose shape is not known: ")
               << declared;
      shape = *evaluated;
    }
    outputs.push_back({shape, result});
  }
  return outputs;
}
