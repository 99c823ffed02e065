// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TEST_CODEGEN_PACKAGE_TESTING_H
#define DL_TEST_CODEGEN_PACKAGE_TESTING_H

#include "codegen/package/Package.h"
#include "ir/dialect/Dialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dltest {

/// A module from text, and the diagnostics since.
class TextModule {
public:
  explicit TextModule(llvm::StringRef text, bool verify = true) {
    mlir::DialectRegistry registry;
    registry.insert<mlir::dl::DlDialect, mlir::func::FuncDialect>();
    context.appendDialectRegistry(registry);
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &d) {
      diagnostics += d.str() + "\n";
      return mlir::success();
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(
        text, mlir::ParserConfig(&context, verify));
    EXPECT_TRUE(module) << diagnostics;
    if (!module)
      return;
    input.module = *module;
    input.producer = "test";
    input.threads = 2;
    for (auto function : module->getOps<mlir::func::FuncOp>())
      if (function->hasAttr("dl.kernel"))
        input.kernelNames.push_back(function.getName().str());
  }

  /// The schedules as text; empty on failure.
  std::string print() {
    std::string text;
    llvm::raw_string_ostream os(text);
    if (failed(dl::printSchedules(input, os)))
      return "";
    return text;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  dl::PackageInput input;
  std::string diagnostics;
};

} // namespace dltest

#endif // DL_TEST_CODEGEN_PACKAGE_TESTING_H
