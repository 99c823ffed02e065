// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the type inference and verifiers of all families of ops share: reports,
// and checks of shapes that more than one family needs.

#ifndef DL_IR_OPS_INFERENCE_H
#define DL_IR_OPS_INFERENCE_H

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::dl {

/// Reports what is wrong with an op: "'dl.add' op ...". Without a location, as
/// in an inference that only asks, nothing is reported.
struct Reporter {
  std::optional<Location> location;
  StringRef op;

  explicit Reporter(Operation *op)
      : location(op->getLoc()), op(op->getName().getStringRef()) {}
  Reporter(std::optional<Location> location, StringRef op)
      : location(location), op(op) {}

  template <typename... Args> LogicalResult fail(Args &&...args) const {
    if (location) {
      InFlightDiagnostic diagnostic = emitError(*location);
      diagnostic << "'" << op << "' op ";
      (diagnostic.append(std::forward<Args>(args)), ...);
    }
    return failure();
  }
};

/// The type of a value that the op's definition knows to be a ranked tensor.
RankedTensorType typeOf(Value value);

/// "[1, 2]", for messages.
std::string toString(ArrayRef<int64_t> values);

/// (D1) The dimensions of a tensor; fails where one is not known.
FailureOr<SmallVector<AffineExpr>> getKnownDims(const Reporter &report,
                                                Value value);

/// (D1) of several values.
LogicalResult checkDimsKnown(const Reporter &report, ValueRange values);

/// Whether two dimensions differ by a constant, whatever the symbols are.
bool contradict(AffineExpr a, AffineExpr b);

/// Fails where `axis` is not below `rank`. `label` names the constraint.
LogicalResult checkAxis(const Reporter &report, StringRef label, int64_t axis,
                        int64_t rank);

/// Fails where `values` are not `count` numbers of at least `minimum`. `label`
/// names the constraint, `name` the attribute.
LogicalResult checkList(const Reporter &report, StringRef label, StringRef name,
                        ArrayRef<int64_t> values, int64_t count,
                        int64_t minimum);

/// The number of positions of a sliding window:
/// floor((size - (window - 1) * dilation - 1) / stride) + 1.
/// Fails where the window is known to be larger than `size`.
FailureOr<AffineExpr> inferWindowedDim(const Reporter &report, StringRef label,
                                       AffineExpr size, AffineExpr window,
                                       int64_t stride, int64_t dilation);

} // namespace mlir::dl

#endif // DL_IR_OPS_INFERENCE_H
