// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/LoopBound.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace ::dl::gpucode;

namespace {

class Bounds {
public:
  Bounds(MLIRContext *context, function_ref<AffineExpr(Value)> toExpr)
      : context(context), toExpr(toExpr) {}

  /// Of the loops below an operation, itself left out.
  AffineExpr ofRegions(Operation *op) {
    AffineExpr sum = constant(0);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Operation &inner : block) {
          AffineExpr more = isa<scf::ForOp>(inner)
                                ? ofLoop(cast<scf::ForOp>(inner))
                                : ofRegions(&inner);
          if (!more || isa<scf::WhileOp>(inner))
            return {};
          sum = sum + more;
        }
    return sum;
  }

private:
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, context);
  }

  AffineExpr ofLoop(scf::ForOp loop) {
    AffineExpr body = ofRegions(loop), trips = constant(1);
    if (!loop->hasAttr(kDividedName)) {
      AffineExpr upper = ofValue(loop.getUpperBound());
      auto step = getConstantIntValue(loop.getStep());
      if (!upper || !step)
        return {};
      auto lower = getConstantIntValue(loop.getLowerBound());
      trips = (upper - lower.value_or(0)).ceilDiv(*step);
    }
    return body ? trips * (body + 1) + 1 : AffineExpr();
  }

  /// At least what the value is.
  AffineExpr ofValue(Value value) {
    if (AffineExpr exact = toExpr(value))
      return exact;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      return loop && argument == loop.getInductionVar()
                 ? ofValue(loop.getUpperBound())
                 : AffineExpr();
    }
    Operation *op = value.getDefiningOp();
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
      return ofValue(op->getOperand(0));
    if (isa<arith::MinSIOp, arith::MinUIOp>(op)) {
      AffineExpr a = ofValue(op->getOperand(0)), b = ofValue(op->getOperand(1));
      return a && (!b || isa<AffineConstantExpr>(a)) ? a : b;
    }
    if (isa<arith::RemUIOp, arith::RemSIOp>(op))
      if (AffineExpr divisor = ofValue(op->getOperand(1)))
        return divisor;
    if (isa<arith::DivUIOp, arith::DivSIOp, arith::SubIOp>(op))
      return ofValue(op->getOperand(0));
    unsigned first = isa<arith::SelectOp>(op) ? 1 : 0;
    if (!isa<arith::AddIOp, arith::MulIOp, arith::MaxSIOp, arith::MaxUIOp,
             arith::SelectOp>(op))
      return {};
    AffineExpr a = ofValue(op->getOperand(first)),
               b = ofValue(op->getOperand(first + 1));
    if (!a || !b)
      return {};
    return isa<arith::MulIOp>(op) ? a * b : a + b;
  }

  MLIRContext *context;
  function_ref<AffineExpr(Value)> toExpr;
};

} // namespace

AffineExpr
dl::gpucode::boundIterations(Operation *function,
                             function_ref<AffineExpr(Value)> toExpr) {
  return Bounds(function->getContext(), toExpr).ofRegions(function);
}
