// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Inputs, outputs, symbols and checks of an entry.

#ifndef DL_CODEGEN_PACKAGE_SIGNATURE_H
#define DL_CODEGEN_PACKAGE_SIGNATURE_H

#include "codegen/package/Program.h"
#include "codegen/package/Types.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

namespace dl::package {

/// Fills in the program's name, inputs, outputs, symbols and checks. `values`
/// receives a formula for each of the function's symbols.
///
/// A symbol that is a dimension of an input is bound to it. Otherwise it is
/// solved from a dimension a * symbol + b, `a` being a number and `b` known by
/// then: the dimension gets a name of its own, and the check of that input's
/// shape, which the runtime makes after binding, finds remainders. A symbol for
/// which neither is possible is reported.
///
/// The runtime compares every dimension of the inputs with its formula, so that
/// checks are those of the function's `dl.checks` alone, and that solved
/// symbols are not negative.
mlir::LogicalResult buildSignature(mlir::func::FuncOp function,
                                   Program &program,
                                   std::vector<FormulaId> &values);

/// The numbers of the states that a function's last arguments or results are,
/// as its attribute (kStateArgumentsAttr or kStateResultsAttr) says.
llvm::ArrayRef<int64_t> getStateNumbers(mlir::func::FuncOp function,
                                        llvm::StringRef attribute);

/// The name of a function's symbol.
std::string getSymbolName(mlir::func::FuncOp function, unsigned symbol);

/// An input or output of a type that the module format has.
ValueDesc describeValue(const std::string &name, mlir::Type type,
                        TypeFormulas &formulas);

/// All symbols of the function's checks that are about one of these.
llvm::SmallSetVector<unsigned, 4>
getSymbolsOfChecks(mlir::func::FuncOp function, llvm::ArrayRef<unsigned> own);

/// Adds those of the function's checks whose symbols all have formulas in
/// `values` and, in a body, are about one of its `own`. Fails, with a
/// diagnostic, where one is malformed.
mlir::LogicalResult addChecks(mlir::func::FuncOp function,
                              std::optional<llvm::ArrayRef<unsigned>> own,
                              llvm::ArrayRef<FormulaId> values,
                              Program &program);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_SIGNATURE_H
