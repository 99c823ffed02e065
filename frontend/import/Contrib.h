// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the rules of the domain com.microsoft share. They follow the text of
// ONNX Runtime's ContribOperators.md; ONNX has no schema of the operators, so
// the rules check what they need.

#ifndef DL_FRONTEND_IMPORT_CONTRIB_H
#define DL_FRONTEND_IMPORT_CONTRIB_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// Whether these inputs are there; otherwise the node is reported.
mlir::LogicalResult requireInputs(NodeContext &context,
                                  llvm::ArrayRef<size_t> inputs);

/// Whether these inputs are there and hold floats; otherwise the node is
/// reported.
mlir::LogicalResult requireFloats(NodeContext &context,
                                  llvm::ArrayRef<size_t> inputs);

/// Whether an input, which is there, has this rank; otherwise the node is
/// reported.
mlir::LogicalResult requireRank(NodeContext &context, size_t input,
                                int64_t rank);

/// The elements [begin, begin + size) along an axis; that they are there is the
/// caller's to know.
mlir::Value sliceAlong(NodeContext &context, mlir::Value value, int64_t axis,
                       mlir::AffineExpr begin, mlir::AffineExpr size);

/// A floating-point value in at least f32; others as they are.
mlir::Value widen(NodeContext &context, mlir::Value value);

/// Applies the activation that the attribute `activation` names, if it is
/// there, with parameters by their position. Null, with the node reported, for
/// an unknown name.
mlir::Value applyFusedActivation(NodeContext &context, mlir::Value value,
                                 llvm::ArrayRef<float> parameters);

/// Packed elements of 2, 4 or 8 bits, ui8 [.., bytes], as ui8 [.., bytes * 8 /
/// bits]: the first one of a byte is in its lowest bits, or in its highest.
mlir::Value unpackBytes(NodeContext &context, mlir::Value bytes, int64_t bits,
                        bool highestFirst = false);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_CONTRIB_H
