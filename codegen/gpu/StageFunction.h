// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The GPU function of one stage of a kernel.

#ifndef DL_CODEGEN_GPU_STAGEFUNCTION_H
#define DL_CODEGEN_GPU_STAGEFUNCTION_H

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/ElementEmitter.h"
#include "codegen/cpu/StoreTracer.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/EntryBuilder.h"
#include "codegen/gpu/Rows.h"
#include "codegen/gpu/Strategy.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::gpucode {

/// The sizes that a kernel is given: dynamic dimensions and index arguments.
unsigned countSizes(mlir::func::FuncOp kernel);

/// The reduction that a stage that stores `value` can be computed by with
/// several invocations for each result: what follows it is elementwise, it has
/// many steps, and the order of these does not matter, and it is not stored
/// already. Nothing where there is none.
std::optional<mlir::linalg::GenericOp> findReduction(mlir::Value value,
                                                     IsStored isStored);

/// The neighbours that an invocation computes: `width` along dimension `lanes`,
/// as vectors, at each of `lines` positions along dimension `along`. With
/// `reduced`, they are steps of that reduced loop instead.
struct ElementBlock {
  int64_t width = 1, lines = 1;
  unsigned lanes = 0, along = 0;
  std::optional<unsigned> reduced;
};

/// The neighbours for a stage that is computed element by element: vectors
/// where the innermost dimension is made of whole ones, lines of them where
/// they share what windows read, and blocks enough to keep the device busy.
ElementBlock chooseBlock(const Stage &stage, IsStored isStored,
                         const EntryBuilder &entry);

/// The same for a stage that stores `value` and is computed by emitReduction:
/// vectors along the memory of what is reduced.
ElementBlock chooseBlock(mlir::linalg::GenericOp reduction, mlir::Value value,
                         const EntryBuilder &entry);

/// The function of one stage.
class StageFunction {
public:
  /// With `isDivided`, a loop of the stage is divided among dispatches.
  StageFunction(mlir::func::FuncOp kernel, const Plan &plan,
                EntryBuilder &entry, mlir::OpBuilder &builder,
                bool isDivided = false, const ElementBlock &block = {});

  /// Declares what earlier stages have left in memory.
  void declare(const Plan &plan, unsigned stage);

  /// Computes and stores the elements; returns the number of their blocks as a
  /// formula, or null after a failure, which was reported, or where vectors do
  /// not serve. With `keeps`, the buffer holds something already.
  mlir::AffineMap emit(const Stage &stage, bool keeps);

  /// The same for what follows a contraction elementwise (see findContraction),
  /// by tiles; null, too, where these cannot be stored as vectors.
  mlir::AffineMap
  emitContraction(const Stage &stage,
                  const mlir::dl::cpu::Contraction &contraction);

  /// The same for what follows attention elementwise (see findAttention).
  mlir::AffineMap emitAttention(const Stage &stage,
                                const OnlineAttention &attention);

  /// The same for what follows a reduction elementwise (see findReduction):
  /// several invocations compute a result together. Divided, for a reduction
  /// alone: a dispatch goes on from what the one before has stored.
  mlir::AffineMap emitReduction(const Stage &stage,
                                mlir::linalg::GenericOp reduction);

  /// The same for a stage that goes over rows (see findRows): each is read once
  /// where the registers of its invocations hold it. Null, too, where it
  /// cannot go by vectors.
  mlir::AffineMap emitRows(const Stage &stage, const RowForm &form);

  /// The same for the value of a sequential kernel (see isSequential): one
  /// workgroup runs its statements one after another, with a barrier between
  /// them, or each invocation runs all statements for its column. Divided, for
  /// a loop: a dispatch does some of its steps.
  mlir::AffineMap emitSequential(const Stage &stage, bool keeps);

  /// Marks the loop that a position belongs to as the divided one.
  void markDivided(mlir::Value position);
  /// The steps of the loop that is divided; null where none is.
  mlir::AffineMap trips;
  /// A bound on the iterations of loops in an invocation (see LoopBound.h);
  /// null where there is none.
  mlir::AffineMap boundIterations();

  /// The buffers that the function takes, once it is complete; the one that it
  /// writes is last.
  llvm::ArrayRef<int64_t> getTaken() const { return taken; }

  /// The bytes of a tensor as a formula; null where it is none.
  mlir::AffineMap getBytesOf(mlir::Value tensor);

  /// A value as a formula of the kernel's sizes, which are symbols; null where
  /// it is none.
  mlir::AffineExpr toExpr(mlir::Value value);

  /// Whether tiles and rows go by vectors, where they can.
  bool storesVectors = false;

  mlir::Operation *function;
  EntryBuilder &entry;
  mlir::dl::cpu::ElementEmitter emitter;

private:
  ElementBlock block;
  bool isDivided() const { return firstTrip != nullptr; }
  void emitDivided(mlir::scf::ForOp loop, unsigned result,
                   const mlir::dl::cpu::Buffer &buffer,
                   mlir::dl::cpu::StoreTracer &tracer);
  mlir::dl::cpu::Buffer makeBuffer(mlir::Value tensor, unsigned number);
  mlir::Value getElements(mlir::Value tensor);
  void emitInvocations(mlir::Value total,
                       llvm::function_ref<void(mlir::Value)> body);
  mlir::dl::cpu::Position getPosition(mlir::Value linear,
                                      llvm::ArrayRef<mlir::Value> extents);
  llvm::SmallVector<mlir::dl::cpu::Position>
  getLines(mlir::Value linear, llvm::ArrayRef<mlir::Value> extents,
           mlir::Value size);
  void reduceLines(mlir::Value value,
                   llvm::ArrayRef<mlir::dl::cpu::Position> lines);
  mlir::dl::cpu::Position getPlaceInWhole(mlir::Operation *part,
                                          mlir::dl::cpu::Position position);
  void emitStatement(const mlir::dl::cpu::Store &store, mlir::Value column);
  mlir::AffineMap toMap(mlir::Value value);

  mlir::func::FuncOp kernel;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  /// The size that a value is.
  llvm::DenseMap<mlir::Value, unsigned> sizeNumbers;
  unsigned sizes = 0;
  /// Which of its steps a dispatch does.
  mlir::Value firstTrip, endTrip;
  llvm::SmallVector<int64_t> taken;
  llvm::SmallVector<mlir::dl::cpu::Buffer> arguments;
};

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_STAGEFUNCTION_H
