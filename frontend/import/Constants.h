// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tensors of a model as attributes.

#ifndef DL_FRONTEND_IMPORT_CONSTANTS_H
#define DL_FRONTEND_IMPORT_CONSTANTS_H

#include "frontend/onnx/Model.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <optional>

namespace dl::frontend {

/// The element type of an ONNX data type; null for those that the dialect does
/// not have: strings, complex numbers and types narrower than a byte.
mlir::Type getElementType(int32_t dataType, mlir::MLIRContext *context);

/// The value of a tensor that checkTensor has accepted, of a type that
/// getElementType knows. Large data is a `dense_resource` over the mapped file,
/// which the context then keeps alive; small data and splats are dense.
mlir::ElementsAttr getElements(const std::shared_ptr<Model> &model,
                               const onnx::TensorProto &tensor,
                               mlir::MLIRContext *context);

/// A constant of these bytes, which are copied: `dense_resource` where they are
/// many.
mlir::ElementsAttr makeElements(mlir::RankedTensorType type,
                                llvm::ArrayRef<char> bytes);

/// The elements of a constant integer or bool tensor, of a constant float
/// tensor; nothing for other types and for more than
/// `maxElements`.
constexpr int64_t kMaxElements = 65536;
std::optional<llvm::SmallVector<int64_t>>
getInts(mlir::Attribute value, int64_t maxElements = kMaxElements);
std::optional<llvm::SmallVector<double>>
getFloats(mlir::Attribute value, int64_t maxElements = kMaxElements);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_CONSTANTS_H
