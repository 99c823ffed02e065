// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Nested graphs as bodies of dl.scan.

#ifndef DL_FRONTEND_IMPORT_LOOPBODY_H
#define DL_FRONTEND_IMPORT_LOOPBODY_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// A nested graph as the body of a loop: a block that is not yet in an op.
struct Body {
  mlir::Region region;
  llvm::SmallVector<mlir::Value> results;

  mlir::Block &block() { return region.front(); }
  /// Whether no node of it has failed.
  bool isWhole() const {
    return llvm::none_of(results, [](mlir::Value value) { return !value; });
  }
};

/// Begins a body with these arguments, at which `builder` then builds.
mlir::ValueRange beginBody(mlir::OpBuilder &builder, mlir::Location loc,
                           Body &body, mlir::TypeRange types);

/// The types of a body's arguments: states, then slices of inputs.
llvm::SmallVector<mlir::Type> getBodyTypes(llvm::ArrayRef<mlir::Value> states,
                                           llvm::ArrayRef<mlir::Value> inputs);

/// Ends a body that gives new states, then slices, and makes the loop.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
closeLoop(NodeContext &node, Body &body, llvm::ArrayRef<mlir::Value> states,
          llvm::ArrayRef<mlir::Value> inputs);

/// The tensor with its elements along dimension 0 in the other order.
mlir::Value reverseFront(NodeContext &node, mlir::Value x);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_LOOPBODY_H
