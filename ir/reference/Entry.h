// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A program as its caller sees it: kept as bytes, called with inputs as they
// lie in memory outside.

#ifndef DL_IR_REFERENCE_ENTRY_H
#define DL_IR_REFERENCE_ENTRY_H

#include "ir/reference/HostLibrary.h"
#include "ir/reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include <optional>

namespace mlir::dl::reference {

/// Registers what modules of dl functions are made of.
void registerProgramDialects(DialectRegistry &registry);

/// Writes a module as MLIR bytecode, its weights included. Fails with a
/// diagnostic where an entry has an op that the reference does not compute.
LogicalResult writeProgram(ModuleOp module, raw_ostream &output);

/// Reads what writeProgram wrote. `bytes`, at a multiple of 64, must outlive
/// the module, whose weights stay there. Null, with a diagnostic, where they
/// are no module. `name` is the file's in messages.
OwningOpRef<ModuleOp> readProgram(StringRef name, ArrayRef<char> bytes,
                                  MLIRContext &context);

/// A tensor in the caller's memory: of elements narrower than a byte, several
/// stand in one, from the low bits up; bool has a byte. Strings, sequences and
/// optionals are a value instead.
struct EntryInput {
  SmallVector<int64_t> shape;
  const char *data = nullptr;
  std::optional<Tensor> value = std::nullopt;
};
struct EntryOutput {
  SmallVector<int64_t> shape;
  Tensor value; // its bytes
};

/// Runs an entry on inputs of the types that it declares. Fails with a
/// diagnostic as interpret() does. `library` is that of InterpreterOptions.
FailureOr<SmallVector<EntryOutput>>
runEntry(func::FuncOp function, ArrayRef<EntryInput> inputs,
         const HostLibrary *library = nullptr);

} // namespace mlir::dl::reference

#endif // DL_IR_REFERENCE_ENTRY_H
