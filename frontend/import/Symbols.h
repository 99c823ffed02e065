// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The symbolic dimensions of a model.

#ifndef DL_FRONTEND_IMPORT_SYMBOLS_H
#define DL_FRONTEND_IMPORT_SYMBOLS_H

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include <string>
#include <utility>
#include <vector>

namespace dl::frontend {

class Symbols {
public:
  /// `fixed`: names that stand for a constant.
  Symbols(llvm::ArrayRef<std::pair<std::string, int64_t>> fixed,
          mlir::MLIRContext *context);

  /// What a name stands for: a symbol, entered at its first use, or a constant.
  mlir::AffineExpr get(llvm::StringRef name);

  /// A symbol of its own, called `name`, or that with a number behind it where
  /// there is one already.
  mlir::AffineExpr create(llvm::StringRef name);

  /// Forgets the symbols from number `count` on, which nothing uses any more.
  void truncate(size_t count);

  /// Null for a name that get has not seen.
  mlir::AffineExpr find(llvm::StringRef name) const;

  /// Reads an expression like "2 * (P + 1)" over known names: sums,
  /// differences, products, // and %. Null for anything else.
  mlir::AffineExpr parse(llvm::StringRef text) const;

  /// Names of the symbols, by number.
  const std::vector<std::string> &getNames() const { return names; }

  /// Fixed names that get has not seen.
  std::vector<std::string> getUnusedFixed() const;

private:
  mlir::MLIRContext *context;
  std::vector<std::string> names;
  llvm::StringMap<mlir::AffineExpr> known;
  llvm::StringMap<int64_t> fixed;
};

/// Whether a dimension's text is a plain name.
bool isSymbolName(llvm::StringRef text);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_SYMBOLS_H
