// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which inputs of a function are caches: an output is such an input, with new
// rows behind those that it had, or with some of its elements replaced.

#ifndef DL_PASSES_SIMPLIFY_CACHEROWS_H
#define DL_PASSES_SIMPLIFY_CACHEROWS_H

#include "ir/dialect/Dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"

namespace mlir::dl {

/// A concatenation of rows of the input and new ones.
struct CachePart {
  ConcatOp concat;
  int64_t axis; ///< the rows' dimension, of its operands and its result
};

struct CachedInput {
  unsigned argument, output;    ///< numbers
  unsigned symbol;              ///< how many rows the input has
  AffineExpr added;             ///< how many rows a run adds
  SmallVector<CachePart> parts; ///< none where elements are replaced

  /// Whether the output has the input's type, and elements of it at positions
  /// that other inputs give.
  bool isWhole() const { return parts.empty(); }
};

/// The caches among a function's inputs. Where there is none, `reason` says why
/// the input that comes nearest is none; it is empty where no output has the
/// form of one.
SmallVector<CachedInput> findCachedInputs(func::FuncOp function,
                                          std::string &reason);

} // namespace mlir::dl

#endif // DL_PASSES_SIMPLIFY_CACHEROWS_H
