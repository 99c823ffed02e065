// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a kernel stores, and in which order: assembly of pieces, and sequential
// updates (scatter, running sums).

#ifndef DL_CODEGEN_CPU_STORETRACER_H
#define DL_CODEGEN_CPU_STORETRACER_H

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::dl::cpu {

/// `source`, stored as a box of a buffer.
struct Store {
  Value source;
  Buffer buffer;
  /// For each dimension of the buffer: offset, stride, and the dimension of the
  /// source, or -1 for one that the source lacks.
  SmallVector<Value> offsets, strides;
  SmallVector<int> dimensions;
};

/// Where an element of the source is stored.
Position getStorePosition(IndexBuilder &index, const Store &store,
                          ArrayRef<LaneIndex> position);

/// Whether a kernel has loops around its statements, whose steps read what
/// earlier ones have stored.
bool isSequential(func::FuncOp kernel);

/// Whether every step of a sequential kernel reads and writes all columns of
/// the destination (positions in its last dimension), each for itself.
bool isColumnwise(func::FuncOp kernel);

/// Finds the stores that turn destinations into values.
class StoreTracer {
public:
  /// `emitStatement` generates stores of equal sizes, together.
  StoreTracer(ElementEmitter &emitter, bool sequential,
              std::function<void(ArrayRef<Store>)> emitStatement)
      : emitter(emitter), index(emitter.index), builder(emitter.builder),
        loc(emitter.loc), sequential(sequential),
        emitStatement(std::move(emitStatement)) {}

  /// Generates the stores that turn a destination into `value`, in order; some
  /// wait for `flush`.
  void trace(Value value, const Buffer &buffer);

  /// Generates the stores that were put off, those of equal sizes in one loop
  /// nest.
  void flush();

private:
  Store fullStore(Value source, const Buffer &buffer);

  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  bool sequential;
  std::function<void(ArrayRef<Store>)> emitStatement;
  SmallVector<Store, 0> pending;
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_STORETRACER_H
