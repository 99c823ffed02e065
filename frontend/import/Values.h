// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sequences and optionals, and values whose shape only the running model knows.
// What a sequence of known elements holds is known while importing, so that
// most of them cost nothing when the model runs.

#ifndef DL_FRONTEND_IMPORT_VALUES_H
#define DL_FRONTEND_IMPORT_VALUES_H

#include "frontend/import/Rules.h"

namespace onnx {
class TypeProto;
} // namespace onnx

namespace dl::frontend {

/// The dialect's type for a sequence or an optional; null for other types and
/// for elements that are not supported.
mlir::Type getValueType(const onnx::TypeProto &type,
                        mlir::MLIRContext *context);

/// What ONNX calls the type of a value.
onnx::TypeProto getTypeProto(mlir::Type type);

/// Likewise of a map, or a sequence of maps.
onnx::TypeProto getTypeProto(const MapValue &map);

/// The elements of a sequence that is made of these tensors.
std::optional<llvm::SmallVector<mlir::Value>>
getKnownElements(mlir::Value sequence);

/// Whether it is known that there are no elements.
bool isEmptySequence(mlir::Value value);

/// A sequence of these tensors; of elements of `elementType` where there are
/// none.
mlir::Value createSequence(NodeContext &context, mlir::ValueRange elements,
                           mlir::Type elementType);

/// The type with a new symbol for each dimension that is not static; the
/// symbols' numbers go to `bound`. Null, with the node reported, where there is
/// no rank.
mlir::RankedTensorType createSizes(NodeContext &context, mlir::TensorType type,
                                   llvm::SmallVectorImpl<int64_t> &bound);

/// The value that an optional holds, a value that is not optional itself. Null,
/// with the node reported, where it is known that there is none.
mlir::Value getHeldValue(NodeContext &context, mlir::Value value);

/// The value as one of type `type`, to which its own is assignable but for a
/// missing `optional` around it or one too many. Null, with the node reported,
/// where that is not possible.
mlir::Value convertValue(NodeContext &context, mlir::Value value,
                         mlir::Type type);

/// The type of a value that comes from several places, each of which may give
/// it other sizes.
struct MergedType {
  using IsLocal = llvm::function_ref<bool(mlir::AffineExpr)>;

  /// The type alone. `isLocal` tells of the sizes that have no meaning where
  /// the value is used.
  MergedType(mlir::Type type, IsLocal isLocal);

  /// Makes room for another type. False where there is no type for both.
  bool merge(mlir::Type other, IsLocal isLocal);

  /// The type, with a new symbol for each size that may differ; the symbols'
  /// numbers go to `bound`.
  mlir::Type create(NodeContext &context,
                    llvm::SmallVectorImpl<int64_t> &bound) const;

  bool operator==(const MergedType &other) const {
    return type == other.type && dims == other.dims;
  }

  mlir::Type type;                          ///< of a tensor, without sizes
  llvm::SmallVector<mlir::AffineExpr> dims; ///< null where they may differ
};

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_VALUES_H
