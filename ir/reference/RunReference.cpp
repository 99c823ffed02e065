// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/RunReference.h"
#include "ir/reference/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::dl::reference;

namespace {

class RunReferencePass
    : public PassWrapper<RunReferencePass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RunReferencePass)

  explicit RunReferencePass(const HostLibrary *library) : library(library) {}

  StringRef getArgument() const override { return "run-reference"; }
  StringRef getDescription() const override {
    return "Run each function with the reference and print its results";
  }

  void runOnOperation() override {
    markAllAnalysesPreserved();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() && failed(run(function)))
        return signalPassFailure();
  }

private:
  LogicalResult run(func::FuncOp function) {
    Tensors inputs;
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
      auto value = function.getArgAttrOfType<ElementsAttr>(i, "dl.value");
      FailureOr<Tensor> input =
          value ? Tensor::fromAttribute(value) : FailureOr<Tensor>(failure());
      if (failed(input))
        return function.emitError("argument ")
               << i << " has no value: expected its attribute dl.value";
      inputs.push_back(*input);
    }
    InterpreterOptions options;
    options.library = library;
    auto results = interpret(function, inputs, options);
    if (failed(results))
      return failure();
    for (const Tensor &result : *results) {
      llvm::outs() << function.getName() << ": ";
      print(result);
      llvm::outs() << "\n";
    }
    return success();
  }

  static void print(const Tensor &value) {
    if (value.isNone()) {
      llvm::outs() << "none";
    } else if (value.isSequence()) {
      llvm::outs() << "[";
      llvm::interleaveComma(value.getElements(), llvm::outs(), print);
      llvm::outs() << "]";
    } else {
      llvm::outs() << value.toAttribute();
    }
  }

  const HostLibrary *library;
};

} // namespace

std::unique_ptr<Pass>
mlir::dl::reference::createRunReferencePass(const HostLibrary *library) {
  return std::make_unique<RunReferencePass>(library);
}

void mlir::dl::reference::registerRunReferencePass(const HostLibrary *library) {
  registerPass([library] { return createRunReferencePass(library); });
}
