// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What follows a contraction in its kernel.

#include "codegen/cpu/Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

bool mlir::dl::cpu::isShortEpilogue(const Contraction &contraction,
                                    ArrayRef<KernelFunction::Output> outputs) {
  constexpr unsigned kShort = 8;
  llvm::SetVector<Operation *> reached;
  for (const KernelFunction::Output &output : outputs)
    reached.insert(output.value.getDefiningOp());
  unsigned count = 0;
  for (size_t i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i];
    if (op == contraction.op)
      continue;
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      for (Operation &inner : generic.getBody()->without_terminator()) {
        if (isa<math::MathDialect>(inner.getDialect()) ||
            isa<arith::DivFOp, tensor::ExtractOp>(inner))
          return false;
        ++count;
      }
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        reached.insert(producer);
  }
  return count <= kShort;
}

/// Sets the position of row i, of one loop.
void Epilogue::moveToRow(Value i) {
  IndexBuilder &index = kernel.emitter.index;
  if (rowLoop >= 0)
    dims[rowLoop] = index.uniform(index.add(row, i));
}

bool Epilogue::prefetch(Value i, Value j) {
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  linalg::GenericOp op = contraction.op;
  if (rowLoop < 0 || flat.outerLoop >= 0 || contraction.lanes.size() != 1)
    return false;
  constexpr uint64_t kRow = 1;
  dims[rowLoop] = index.uniform(index.add(row, i), kRow);
  Value lane = index.mul(j, index.constant(emitter.width()));
  LaneIndex &lanes = dims[contraction.lanes.back()];
  lanes = index.uniform(index.add(first, lane));
  lanes.stride = 1;
  Position position = emitter.mapPosition(
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)), dims);
  llvm::SmallPtrSet<void *, 4> fetched;
  for (const KernelFunction::Output &output : outputs)
    emitter.visitReads(
        output.value, position, op->getResult(0),
        [&](const Buffer &buffer, const LaneIndex &offset) {
          bool isRun = !offset.lanes && offset.stride == 1;
          if (isRun && (offset.dependencies & kRow) &&
              fetched.insert(buffer.memory.getAsOpaquePointer()).second)
            emitPrefetch(kernel, buffer.memory, offset.base, 1);
        });
  return !fetched.empty();
}

/// Computes and stores vector j of the row at hand.
void Epilogue::emitVector(int64_t j, bool masked,
                          function_ref<Value()> getResult) {
  OpBuilder &builder = kernel.builder;
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  linalg::GenericOp op = contraction.op;
  ElementEmitter::Scope scope(emitter);
  Value lane = index.constant(j * emitter.width());
  FlatGroup group;
  group.base = index.add(first, lane);
  for (unsigned d : contraction.lanes)
    group.sizes.push_back(emitter.loopSize(op, d));
  if (contraction.lanes.size() > 1) {
    index.flat = &group;
    for (auto [g, d] : llvm::enumerate(contraction.lanes)) {
      dims[d] = LaneIndex();
      dims[d].flatPosition = g;
    }
  } else {
    dims[contraction.lanes.back()] = index.uniform(group.base);
    dims[contraction.lanes.back()].stride = 1;
  }
  if (masked)
    emitter.mask = vector::CreateMaskOp::create(
        builder, kernel.loc, emitter.vectorType(builder.getI1Type()),
        ValueRange{index.sub(count, lane)});
  Position position = emitter.mapPosition(
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)), dims);
  emitter.remember(op->getResult(0), position, {getResult(), true});
  SmallVector<Element> elements;
  for (const KernelFunction::Output &output : outputs)
    elements.push_back(emitter.read(output.value, position));
  for (auto [output, element] : llvm::zip(outputs, elements))
    emitter.write(output.buffer, position, element);
  emitter.mask = Value();
  index.flat = nullptr;
}

void Epilogue::emitRows(Value memory, Value rows, Value start, bool masked) {
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  int64_t width = emitter.width();
  OpBuilder &builder = kernel.builder;
  emitLoop(builder, kernel.loc, index.constant(0), rows, index.constant(1), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             OpBuilder::InsertionGuard guard(builder);
             if (flat.outerLoop < 0) {
               moveToRow(i);
             } else {
               Value at = index.add(row, i), pitch = index.constant(flat.pitch);
               Value outer = index.add(flat.lower, index.div(at, pitch));
               Value inner = index.rem(at, pitch);
               dims[flat.outerLoop] = index.uniform(outer);
               dims[rowLoop] = index.uniform(inner);
               if (flat.pitch != flat.extent) {
                 Value counts = index.less(inner, index.constant(flat.extent));
                 auto ifOp = scf::IfOp::create(builder, kernel.loc, counts,
                                               /*withElseRegion=*/false);
                 builder.setInsertionPointToStart(ifOp.thenBlock());
               }
             }
             for (int64_t j = 0; j < vectors; ++j)
               emitVector(j, masked, [&]() -> Value {
                 Value at =
                     index.add(index.mul(i, index.constant(vectors * width)),
                               index.constant(j * width));
                 if (start)
                   at = index.add(start, at);
                 return vector::LoadOp::create(
                     kernel.builder, kernel.loc,
                     emitter.vectorType(contraction.sumType), memory,
                     ValueRange{at});
               });
             return {};
           });
}

Value Epilogue::isFullPanel() {
  IndexBuilder &index = kernel.emitter.index;
  int64_t panelWidth = vectors * kernel.emitter.width();
  auto known = IndexBuilder::getConstant(laneCount);
  if (known && *known % panelWidth == 0)
    return {};
  return arith::CmpIOp::create(kernel.builder, kernel.loc,
                               arith::CmpIPredicate::eq, count,
                               index.constant(panelWidth));
}

void Epilogue::emitFromMemory(Value memory, Value rows, Value start) {
  Value isFull = isFullPanel();
  if (!isFull)
    return emitRows(memory, rows, start, false);
  OpBuilder &builder = kernel.builder;
  auto ifOp = scf::IfOp::create(builder, kernel.loc, isFull,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  emitRows(memory, rows, start, false);
  builder.setInsertionPointToStart(ifOp.elseBlock());
  emitRows(memory, rows, start, true);
}

void Epilogue::emitFromValues(ArrayRef<Value> block, int64_t rows,
                              Value memory) {
  IndexBuilder &index = kernel.emitter.index;
  OpBuilder &builder = kernel.builder;
  auto emitFull = [&] {
    for (int64_t i = 0; i < rows; ++i) {
      moveToRow(index.constant(i));
      for (int64_t j = 0; j < vectors; ++j)
        emitVector(j, false, [&] { return block[i * vectors + j]; });
    }
  };
  Value isFull = isFullPanel();
  if (!isFull)
    return emitFull();
  auto ifOp = scf::IfOp::create(builder, kernel.loc, isFull,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  emitFull();
  builder.setInsertionPointToStart(ifOp.elseBlock());
  storeBlock(kernel, memory, block, rows, vectors);
  emitRows(memory, index.constant(rows), Value(), true);
}
