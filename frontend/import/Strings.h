// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Strings, as import rules use them. As everywhere in NodeContext, a null
// operand gives a null result.

#ifndef DL_FRONTEND_IMPORT_STRINGS_H
#define DL_FRONTEND_IMPORT_STRINGS_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

bool isString(mlir::Value value);

/// A tensor of rank 1 with these strings.
mlir::Value stringConstant(NodeContext &context,
                           llvm::ArrayRef<std::string> texts);

/// The elements of a constant of strings; nothing for other values.
std::optional<llvm::SmallVector<std::string>> getStrings(mlir::Value value);

/// The position, i64, of each string of `x` in a list, or the list's size.
mlir::Value findStrings(NodeContext &context, mlir::Value x,
                        llvm::ArrayRef<std::string> keys);

/// What Cast does to and from strings: numbers of any type.
mlir::Value castToString(NodeContext &context, mlir::Value x);
mlir::Value castFromString(NodeContext &context, mlir::Value x,
                           mlir::Type type);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_STRINGS_H
