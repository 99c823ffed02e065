// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A function with values for its arguments, and smaller functions cut out of
// it.

#ifndef DL_TOOLS_VERIFY_PROGRAM_H
#define DL_TOOLS_VERIFY_PROGRAM_H

#include "ir/reference/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "tools/reference/HostFunctions.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace dl::tools {

/// A module with one function that has a body.
struct Program {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// One for each argument, or none at all where values do not matter.
  mlir::dl::reference::Tensors inputs;
  /// Where numbers stand for strings in the module; null elsewhere.
  std::shared_ptr<NumberedStrings> strings = nullptr;

  mlir::func::FuncOp getFunction() const { return findFunction(*module); }
  Program clone() const { return {module.get().clone(), inputs, strings}; }

  /// What the interpreter runs the program with.
  const mlir::dl::reference::HostLibrary &getLibrary() const {
    return strings ? *strings : getHostLibrary();
  }
  /// Gives the module the strings that it says it begins with, and its inputs
  /// numbers for them, if it has numbers for strings now.
  void numberStrings();
  /// The inputs, and results of the function, as callers see them: with
  /// strings.
  mlir::dl::reference::Tensors getCallerInputs() const;
  mlir::dl::reference::Tensors
  toCallers(const mlir::dl::reference::Tensors &results) const;

  /// The first function with a body; null where there is none.
  static mlir::func::FuncOp findFunction(mlir::ModuleOp module);
};

/// Runs the program by the reference; results are as callers see them. Fails
/// with a diagnostic.
mlir::FailureOr<mlir::dl::reference::Tensors> run(const Program &program);

/// The type with which callers see argument or result `i` of a function, by its
/// attribute, where it is another than the function's.
mlir::Type getCallerType(mlir::func::FuncOp function, llvm::StringRef attribute,
                         unsigned i, mlir::Type type);

/// The values of the arguments' attributes `dl.value`; nothing where one has
/// none.
std::optional<mlir::dl::reference::Tensors>
getGivenInputs(mlir::func::FuncOp function);

/// What the values of a function's own block were in one run.
struct Recording {
  mlir::DenseMap<mlir::Value, mlir::dl::reference::Tensor> values;
  mlir::SmallVector<int64_t> symbols;
};

/// Runs a program by the reference and keeps every value. Fails with a
/// diagnostic.
mlir::FailureOr<Recording> record(const Program &program);

/// What a smaller program has of a larger one.
struct Cut {
  /// The values that it returns.
  mlir::SmallVector<mlir::Value> results;
  /// Values that become arguments.
  mlir::SmallVector<mlir::Value> given;
  /// Ops that bind symbols and are left out; arguments give the symbols'
  /// values.
  mlir::DenseSet<mlir::Operation *> unbound;
};

/// A program that computes `cut.results` as `program` does, without what that
/// does not need. Values of arguments are those that `recording` has, if any.
Program extract(const Program &program, const Cut &cut,
                const Recording &recording);

/// Makes a program smaller as long as `isInteresting` (which may change what it
/// is given) holds: fewer results, ops and constants. `progress` is told how
/// many ops are left; may be empty. With values, those of `program` must be
/// computable by the reference. `program` itself is interesting.
Program shrink(Program program,
               const std::function<bool(Program)> &isInteresting,
               const std::function<void(size_t ops)> &progress);

/// Number of ops in the function's block that are no constants.
size_t countOps(const Program &program);

/// The text of a program, `dl.value` telling the arguments' values, under
/// comment lines.
std::string print(const Program &program, llvm::StringRef comment);

} // namespace dl::tools

#endif // DL_TOOLS_VERIFY_PROGRAM_H
