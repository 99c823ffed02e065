// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/EntryBuilder.h"
#include "codegen/cpu/ElementEmitter.h"
#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

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
