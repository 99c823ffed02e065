// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The form that a Fourier transform has in a kernel: what its sum says term by
// term, for generators of fast transforms.

#ifndef DL_PASSES_LOWER_FOURIERKERNELFORM_H
#define DL_PASSES_LOWER_FOURIERKERNELFORM_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::dl {

/// Of dl.dft, whose text says what they mean.
struct FourierForm {
  int64_t length = 0;
  bool inverse = false;
};

/// The name of the attribute of a linalg.generic that sums up a transform. Its
/// loops are those of the rows, the result's elements, its parts, and the terms
/// of a sum, which are not more than `length`. Its inputs are the real and, if
/// there are two, the imaginary parts; the next tensor that it reads are the
/// roots.
constexpr llvm::StringLiteral kFourierAttr = "dl.fourier";

inline void setFourierForm(Operation *op, const FourierForm &form) {
  op->setAttr(kFourierAttr, DenseI64ArrayAttr::get(
                                op->getContext(), {form.length, form.inverse}));
}

inline std::optional<FourierForm> getFourierForm(Operation *op) {
  auto values = op->getAttrOfType<DenseI64ArrayAttr>(kFourierAttr);
  if (!values || values.size() != 2)
    return std::nullopt;
  return FourierForm{values[0], values[1] != 0};
}

} // namespace mlir::dl

#endif // DL_PASSES_LOWER_FOURIERKERNELFORM_H
