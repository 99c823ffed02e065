// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_FRONTEND_IMPORT_IMPORTEDSTATES_H
#define DL_FRONTEND_IMPORT_IMPORTEDSTATES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace dl::frontend {

/// The states of a model's functions, by name.
struct ImportedStates {
  struct State {
    std::string name;
    mlir::ElementsAttr initial;
    std::string role; // as in kStatesAttr
  };

  /// The number of a state, which is added where it is missing. It is a
  /// parameter where all say so.
  int64_t add(llvm::StringRef name, mlir::ElementsAttr initial,
              llvm::StringRef role);
  /// Adds the function that declares them.
  void declare(mlir::ModuleOp module) const;

  std::vector<State> states;
};

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_IMPORTEDSTATES_H
