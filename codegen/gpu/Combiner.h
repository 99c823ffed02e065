// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How the parts of a reduction are combined.

#ifndef DL_CODEGEN_GPU_COMBINER_H
#define DL_CODEGEN_GPU_COMBINER_H

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace dl::gpucode {

/// Of a reduction that has one combining operation, of a kind of vector
/// reductions.
class Combiner {
public:
  explicit Combiner(mlir::linalg::GenericOp op)
      : combiner(mlir::dl::cpu::getCombiner(op)),
        kind(*mlir::linalg::getCombinerOpKind(combiner)) {
    if (auto math =
            mlir::dyn_cast<mlir::arith::ArithFastMathInterface>(combiner))
      flags = math.getFastMathFlagsAttr();
  }

  mlir::Value combine(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value a, mlir::Value b) const {
    return mlir::vector::makeArithReduction(builder, loc, kind, a, b, flags);
  }
  /// What changes nothing, as a scalar.
  mlir::Value getNeutral(mlir::OpBuilder &builder, mlir::Location loc) const {
    return mlir::arith::ConstantOp::create(
        builder, loc, *mlir::arith::getNeutralElement(combiner));
  }

private:
  mlir::Operation *combiner;
  mlir::vector::CombiningKind kind;
  mlir::arith::FastMathFlagsAttr flags;
};

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_COMBINER_H
