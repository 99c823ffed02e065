// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/EntryBuilder.h"
#include "codegen/cpu/ElementEmitter.h"
#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ::dl::gpucode;

std::unique_ptr<TileEmitter>
EntryBuilder::makeTile(StageFunction &stage,
                       const mlir::dl::cpu::Contraction &contraction) {
  return std::make_unique<TileEmitter>(stage, contraction,
                                       chooseTile(contraction));
}

/// By a loop, so that any number of workgroups does all the work.
void EntryBuilder::emitShare(mlir::dl::cpu::IndexBuilder &index,
                             int64_t perGroup, Value offset, Value total,
                             function_ref<void(Value)> body) {
  OpBuilder &builder = index.builder;
  Location loc = index.loc;
  Value width = index.constant(perGroup);
  Value group = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value groups = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  Value first = index.mul(group, width);
  if (offset)
    first = index.add(first, offset);
  mlir::dl::cpu::emitLoop(builder, loc, first, total, index.mul(groups, width),
                          {}, [&](Value number, ValueRange) {
                            body(number);
                            return SmallVector<Value>();
                          });
}

namespace dl::gpucode {
Value widen(OpBuilder &builder, Location loc, Value value) {
  return value.getType().isInteger()
             ? Value(arith::ExtUIOp::create(builder, loc, builder.getI32Type(),
                                            value))
             : Value(arith::ExtFOp::create(builder, loc, builder.getF32Type(),
                                           value));
}

Value narrow(OpBuilder &builder, Location loc, Value value, Type type) {
  return type.isInteger()
             ? Value(arith::TruncIOp::create(builder, loc, type, value))
             : Value(arith::TruncFOp::create(builder, loc, type, value));
}
} // namespace dl::gpucode

bool ::dl::gpucode::isMultiple(Value value, int64_t divisor) {
  if (auto constant = mlir::dl::cpu::IndexBuilder::getConstant(value))
    return *constant % divisor == 0;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument == loop.getInductionVar() &&
           isMultiple(loop.getLowerBound(), divisor) &&
           isMultiple(loop.getStep(), divisor);
  }
  Operation *op = value.getDefiningOp();
  auto holds = [&](unsigned i) {
    return isMultiple(op->getOperand(i), divisor);
  };
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MinUIOp,
          arith::MaxSIOp, arith::RemUIOp, arith::RemSIOp>(op))
    return holds(0) && holds(1);
  if (isa<arith::MulIOp>(op))
    return holds(0) || holds(1);
  if (isa<arith::SelectOp>(op))
    return holds(1) && holds(2);
  return false;
}
