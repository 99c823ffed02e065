// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// libdlreference.so: the interpreter behind the interface of Reference.h.

#include "tools/reference/HostFunctions.h"
#include "tools/reference/Reference.h"

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Locations.h"
#include "ir/reference/Entry.h"

#include "llvm/Support/raw_ostream.h"
#include <cstring>

using mlir::ArrayRef;
using mlir::Diagnostic;
using mlir::DialectRegistry;
using mlir::MLIRContext;
namespace reference = mlir::dl::reference;

namespace dl::tools {
namespace {

using values::Value;

/// The text of the first error of a context, for the exception that follows.
class FirstError {
public:
  explicit FirstError(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (text.empty() &&
              diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error) {
            llvm::raw_string_ostream stream(text);
            mlir::dl::printDiagnostic(diagnostic, stream);
          }
          return mlir::success();
        }) {}

  [[noreturn]] void raise() const {
    llvm::StringRef message = llvm::StringRef(text).trim();
    message.consume_front("error: ");
    throw std::runtime_error(message.str());
  }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

class Program : public ReferenceProgram {
public:
  Program(const char *name, ArrayRef<char> bytes)
      : context(getRegistry(), MLIRContext::Threading::DISABLED) {
    context.printOpOnDiagnostic(false);
    FirstError error(context);
    module = reference::readProgram(name, bytes, context);
    if (!module)
      error.raise();
  }

  std::vector<Value> run(const std::string &entry,
                         const std::vector<Value> &inputs) override {
    auto function = module->lookupSymbol<mlir::func::FuncOp>(entry);
    if (!function)
      throw std::runtime_error("the program has no function '" + entry + "'");
    llvm::SmallVector<reference::EntryInput> arguments;
    for (auto [input, type] : llvm::zip(inputs, function.getArgumentTypes())) {
      if (llvm::isa<mlir::RankedTensorType>(type) && !input.texts)
        arguments.push_back(
            {{input.dims.begin(), input.dims.end()},
             reinterpret_cast<const char *>(input.data.data())});
      else
        arguments.push_back({{}, nullptr, toTensor(input, type)});
    }
    FirstError error(context);
    auto outputs = reference::runEntry(function, arguments, &getHostLibrary());
    if (mlir::failed(outputs))
      error.raise();
    std::vector<Value> results;
    for (const reference::EntryOutput &output : *outputs)
      results.push_back(toValue(output.value, output.shape));
    return results;
  }

private:
  static DialectRegistry getRegistry() {
    DialectRegistry registry;
    reference::registerProgramDialects(registry);
    return registry;
  }

  /// The value of a type, in the caller's memory but for strings.
  static reference::Tensor toTensor(const Value &value, mlir::Type type) {
    if (auto optional = llvm::dyn_cast<mlir::dl::OptionalType>(type))
      return value.kind == Value::Kind::None
                 ? reference::Tensor()
                 : toTensor(value, optional.getValueType());
    if (auto sequence = llvm::dyn_cast<mlir::dl::SequenceType>(type)) {
      std::vector<reference::Tensor> elements;
      for (const Value &element : value.elements)
        elements.push_back(toTensor(element, sequence.getElementType()));
      return reference::Tensor::sequence(std::move(elements));
    }
    mlir::Type elementType = mlir::getElementTypeOrSelf(type);
    if (value.texts)
      return reference::Tensor::storeStrings(elementType, value.dims,
                                             *value.texts);
    return reference::Tensor::view(
        elementType, value.dims,
        reinterpret_cast<const char *>(value.data.data()));
  }

  static Value toValue(const reference::Tensor &tensor,
                       ArrayRef<int64_t> shape) {
    Value value;
    if (tensor.isNone()) {
      value.kind = Value::Kind::None;
      return value;
    }
    if (tensor.isSequence()) {
      value.kind = Value::Kind::Sequence;
      for (const reference::Tensor &element : tensor.getElements())
        value.elements.push_back(toValue(element, element.getShape()));
      return value;
    }
    value.dims.assign(shape.begin(), shape.end());
    if (llvm::isa<mlir::dl::StringType>(tensor.getElementType())) {
      std::vector<std::string> texts;
      for (llvm::StringRef text : tensor.loadStrings())
        texts.push_back(text.str());
      return values::makeStrings(value.dims, std::move(texts));
    }
    value.data.resize(tensor.getNumElements() * tensor.getElementBytes());
    if (!value.data.empty())
      std::memcpy(value.data.data(), tensor.getData(), value.data.size());
    return value;
  }

  MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace
} // namespace dl::tools

extern "C" dl::tools::ReferenceProgram *
dl_reference_open(const char *name, const void *bytes, size_t size) {
  return new dl::tools::Program(name, {static_cast<const char *>(bytes), size});
}
