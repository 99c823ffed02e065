// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/StoreTracer.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dl::cpu;

Store StoreTracer::fullStore(Value source, const Buffer &buffer) {
  Store store{source, buffer, {}, {}, {}};
  for (size_t d = 0; d < buffer.sizes.size(); ++d) {
    store.offsets.push_back(index.constant(0));
    store.strides.push_back(index.constant(1));
    store.dimensions.push_back(d);
  }
  return store;
}

void StoreTracer::trace(Value value, const Buffer &buffer) {
  if (emitter.buffers.count(value))
    return; // the destination itself
  Operation *op = value.getDefiningOp();
  if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(op)) {
    trace(insert.getDest(), buffer);
    flush();
    Store store{insert.getSource(), buffer, {}, {}, {}};
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    auto toValue = [&](OpFoldResult mixed) {
      if (auto constant = getConstantIntValue(mixed))
        return index.constant(*constant);
      return emitter.scalar(cast<Value>(mixed));
    };
    int next = 0;
    for (size_t d = 0; d < buffer.sizes.size(); ++d) {
      store.offsets.push_back(toValue(insert.getMixedOffsets()[d]));
      store.strides.push_back(toValue(insert.getMixedStrides()[d]));
      store.dimensions.push_back(dropped.test(d) ? -1 : next++);
    }
    emitStatement(store);
    emitter.buffers[value] = buffer;
    return;
  }
  if (auto loop = dyn_cast_or_null<scf::ForOp>(op)) {
    unsigned number = cast<OpResult>(value).getResultNumber();
    if (loop.getNumResults() != 1)
      return emitter.fail(op, "a sequential loop carries one tensor");
    trace(loop.getInitArgs()[number], buffer);
    flush();
    emitter.buffers[loop.getRegionIterArg(number)] = buffer;
    Value lower = emitter.scalar(loop.getLowerBound());
    Value upper = emitter.scalar(loop.getUpperBound());
    Value step = emitter.scalar(loop.getStep());
    emitLoop(builder, loc, lower, upper, step, {},
             [&](Value i, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               emitter.scalars.map(loop.getInductionVar(), i);
               trace(loop.getBody()->getTerminator()->getOperand(number),
                     buffer);
               flush();
               return {};
             });
    emitter.buffers[value] = buffer;
    return;
  }
  if (auto branch = dyn_cast_or_null<scf::IfOp>(op)) {
    unsigned number = cast<OpResult>(value).getResultNumber();
    Value condition = emitter.scalar(branch.getCondition());
    auto ifOp = scf::IfOp::create(builder, loc, condition,
                                  /*withElseRegion=*/true);
    for (auto [from, to] : {std::pair(branch.thenBlock(), ifOp.thenBlock()),
                            std::pair(branch.elseBlock(), ifOp.elseBlock())}) {
      OpBuilder::InsertionGuard guard(builder);
      ElementEmitter::Scope scope(emitter);
      builder.setInsertionPointToStart(to);
      trace(from->getTerminator()->getOperand(number), buffer);
      flush();
    }
    emitter.buffers[value] = buffer;
    return;
  }
  // In a sequential kernel, a later statement reads what this one stores.
  pending.push_back(fullStore(value, buffer));
  if (sequential) {
    flush();
    emitter.buffers[value] = buffer;
  }
}

void StoreTracer::flush() {
  while (!pending.empty()) {
    SmallVector<Store, 0> together{pending.front()}, rest;
    Type shape = cast<RankedTensorType>(pending.front().source.getType())
                     .clone(builder.getI8Type());
    for (Store &store : llvm::drop_begin(pending)) {
      Type other = cast<RankedTensorType>(store.source.getType())
                       .clone(builder.getI8Type());
      (other == shape ? together : rest).push_back(store);
    }
    pending = std::move(rest);
    emitStatement(together);
  }
}

Position mlir::dl::cpu::getStorePosition(IndexBuilder &index,
                                         const Store &store,
                                         ArrayRef<LaneIndex> position) {
  Position at;
  for (size_t d = 0; d < store.buffer.sizes.size(); ++d) {
    LaneIndex offset = index.uniform(store.offsets[d]);
    if (store.dimensions[d] < 0) {
      at.push_back(offset);
      continue;
    }
    LaneIndex lane = index.mul(position[store.dimensions[d]], store.strides[d]);
    at.push_back(IndexBuilder::getConstant(offset.base) == 0
                     ? lane
                     : index.add(lane, offset));
  }
  return at;
}

bool mlir::dl::cpu::isSequential(func::FuncOp kernel) {
  // A loop within a body is part of its element.
  return kernel
      .walk([](scf::ForOp loop) {
        return loop->getParentOfType<linalg::GenericOp>()
                   ? WalkResult::advance()
                   : WalkResult::interrupt();
      })
      .wasInterrupted();
}

bool mlir::dl::cpu::isColumnwise(func::FuncOp source) {
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  if (terminator.getNumOperands() != 1)
    return false;
  auto type = cast<RankedTensorType>(terminator.getOperand(0).getType());
  if (type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1))
    return false;
  int64_t columns = type.getDimSize(type.getRank() - 1);
  auto takesAll = [&](auto op, RankedTensorType whole, RankedTensorType part) {
    int64_t last = whole.getRank() - 1;
    return whole.getRank() > 0 && part.getRank() > 0 &&
           whole.getDimSize(last) == columns &&
           part.getDimSize(part.getRank() - 1) == columns &&
           getConstantIntValue(op.getMixedOffsets()[last]) == 0 &&
           getConstantIntValue(op.getMixedStrides()[last]) == 1 &&
           getConstantIntValue(op.getMixedSizes()[last]) == columns &&
           !op.getDroppedDims().test(last);
  };
  WalkResult result = source.walk([&](Operation *op) {
    bool allowed = true;
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      allowed = takesAll(insert, insert.getDestType(), insert.getSourceType());
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
        slice && slice->getParentOfType<scf::ForOp>() &&
        slice.getSourceType() == type)
      allowed = takesAll(slice, slice.getSourceType(), slice.getResultType());
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      allowed =
          !isa<scf::ForOp>(extract.getTensor().getParentBlock()->getParentOp());
    if (auto loop = dyn_cast<scf::ForOp>(op))
      allowed =
          loop.getNumResults() == 1 && loop.getResult(0).getType() == type;
    return allowed ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !result.wasInterrupted();
}
