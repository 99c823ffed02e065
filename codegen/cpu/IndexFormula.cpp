// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/IndexFormula.h"
#include "codegen/cpu/LaneIndex.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

class Formulas {
public:
  explicit Formulas(function_ref<AffineExpr(Value)> getKnown)
      : getKnown(getKnown) {}

  AffineExpr get(Value index) {
    if (auto constant = IndexBuilder::getConstant(index))
      return getAffineConstantExpr(*constant, index.getContext());
    if (AffineExpr known = getKnown(index))
      return known;
    if (auto made = formulas.find(index); made != formulas.end())
      return made->second;
    AffineExpr formula = make(index.getDefiningOp());
    formulas[index] = formula;
    return formula;
  }

private:
  AffineExpr make(Operation *op) {
    if (!op || op->getNumOperands() != 2)
      return {};
    AffineExpr a = get(op->getOperand(0));
    AffineExpr b = a ? get(op->getOperand(1)) : a;
    if (!a || !b)
      return {};
    return llvm::TypeSwitch<Operation *, AffineExpr>(op)
        .Case<arith::AddIOp>([&](auto) { return a + b; })
        .Case<arith::SubIOp>([&](auto) { return a - b; })
        .Case<arith::MulIOp>([&](auto) { return a * b; })
        .Case<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(
            [&](auto) { return a.floorDiv(b); })
        .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>(
            [&](auto) { return a.ceilDiv(b); })
        .Case<arith::RemUIOp, arith::RemSIOp>([&](auto) { return a % b; })
        .Default([](Operation *) { return AffineExpr(); });
  }

  function_ref<AffineExpr(Value)> getKnown;
  DenseMap<Value, AffineExpr> formulas;
};

} // namespace

AffineExpr
mlir::dl::cpu::getIndexFormula(Value index,
                               function_ref<AffineExpr(Value)> getKnown) {
  return Formulas(getKnown).get(index);
}
