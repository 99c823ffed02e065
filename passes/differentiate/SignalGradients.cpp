// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

using Exprs = SmallVector<AffineExpr>;

/// The transform is linear: what comes back goes through its adjoint, which is
/// the one in the other direction, but for the factor of the inverse. Elements
/// that were cut off have no part in it.
static LogicalResult differentiate(DftOp op, const GradientContext &context) {
  Value x = op.getOperand();
  RankedTensorType type = Calculus::type(x);
  int64_t row = type.getRank() - 2, part = row + 1;
  int64_t length = op.getLength(),
          count = std::min(type.getDimSize(row), length);
  Value gradient = context.create<DftOp>(
      context.getGradient(), op.getRoots(), static_cast<uint64_t>(length),
      static_cast<uint64_t>(count), !op.getInverse());
  auto size = static_cast<double>(length);
  gradient = context.mul(gradient, op.getInverse() ? 1 / size : size);
  Exprs zeros(type.getRank(), context.constant(0));
  if (type.getDimSize(part) == 1) {
    Exprs dims = getDims(Calculus::type(gradient));
    dims[part] = context.constant(1);
    gradient =
        context.slice(gradient, zeros, SmallVector<int64_t>(dims.size(), 1),
                      getTensorType(dims, type.getElementType()));
  }
  context.addTo(x, context.pad(gradient, zeros, type));
  return success();
}

void addSignalGradients(GradientRules &rules) {
  rules.add<DftOp>(differentiate);
}

} // namespace dl
