// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// libdlreference.so: the interpreter behind the interface of Reference.h.

#include "tools/reference/Reference.h"

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
    for (const Value &input : inputs)
      arguments.push_back({{input.dims.begin(), input.dims.end()},
                           reinterpret_cast<const char *>(input.data.data())});
    FirstError error(context);
    auto outputs = reference::runEntry(function, arguments);
    if (mlir::failed(outputs))
      error.raise();
    std::vector<Value> results;
    for (const reference::EntryOutput &output : *outputs)
      results.push_back(toValue(output));
    return results;
  }

private:
  static DialectRegistry getRegistry() {
    DialectRegistry registry;
    reference::registerProgramDialects(registry);
    return registry;
  }

  static Value toValue(const reference::EntryOutput &output) {
    Value value;
    value.dims.assign(output.shape.begin(), output.shape.end());
    const reference::Tensor &bytes = output.bytes;
    value.data.resize(bytes.getNumElements() * bytes.getElementBytes());
    if (!value.data.empty())
      std::memcpy(value.data.data(), bytes.getData(), value.data.size());
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
