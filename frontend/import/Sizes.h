// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operands of shape operators: sizes, positions and axes, as constants or as
// expressions over the symbols. Those that are known only when the model runs
// become symbols as well, where a size may be one.

#ifndef DL_FRONTEND_IMPORT_SIZES_H
#define DL_FRONTEND_IMPORT_SIZES_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// The elements of an integer tensor that are sizes. Those that are not known
/// when the model is compiled are bound when it runs. Nothing, with the node
/// reported, where that is not possible; an absent value is reported as
/// missing.
std::optional<llvm::SmallVector<mlir::AffineExpr>>
getSizes(NodeContext &context, mlir::Value value, llvm::StringRef what);

/// The one element of an integer tensor, likewise.
std::optional<mlir::AffineExpr> getSize(NodeContext &context, mlir::Value value,
                                        llvm::StringRef what);

/// The elements of an integer tensor, null for those that are not known when
/// the model is compiled; nothing where their number is not.
std::optional<llvm::SmallVector<mlir::AffineExpr>>
getElements(NodeContext &context, mlir::Value value);

/// The elements of an integer tensor. Otherwise nothing, with the node
/// reported: `what` depends on data. An absent value is reported as missing.
std::optional<llvm::SmallVector<mlir::AffineExpr>>
getKnownSizes(NodeContext &context, mlir::Value value, llvm::StringRef what);

/// The one element of an integer tensor, likewise.
std::optional<mlir::AffineExpr>
getKnownSize(NodeContext &context, mlir::Value value, llvm::StringRef what);

/// The elements of an integer tensor that must be constant, likewise.
std::optional<llvm::SmallVector<int64_t>>
getKnownInts(NodeContext &context, mlir::Value value, llvm::StringRef what);

/// The one element of an integer tensor that must be constant, likewise.
std::optional<int64_t> getKnownInt(NodeContext &context, mlir::Value value,
                                   llvm::StringRef what);

/// max(ceil((high - low) / step), 0), step > 0. Where it cannot be seen that
/// the difference is not negative, low <= high is demanded when the model runs.
std::optional<mlir::AffineExpr> getExtent(NodeContext &context,
                                          mlir::AffineExpr low,
                                          mlir::AffineExpr high, int64_t step);

/// Axes from input `i`, or else from the attribute `axes`, in [0, rank) and
/// without duplicates, in the node's order. Empty where neither is given;
/// nothing, with the node reported, where they are wrong or not constant.
std::optional<llvm::SmallVector<int64_t>> getAxes(NodeContext &context,
                                                  size_t i, int64_t rank);

/// Product of sizes.
mlir::AffineExpr getProduct(NodeContext &context,
                            llvm::ArrayRef<mlir::AffineExpr> sizes);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_SIZES_H
