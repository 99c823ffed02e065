// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Generates kernels of attention: see AttentionKernel.cpp and
// AttentionTiles.cpp.

#ifndef DL_CODEGEN_CPU_ATTENTIONEMITTER_H
#define DL_CODEGEN_CPU_ATTENTIONEMITTER_H

#include "codegen/cpu/ContractionRows.h"
#include "codegen/cpu/TileRegisters.h"

namespace mlir::dl::cpu {

/// The two contractions of an attention kernel, in order.
struct Attention {
  Contraction scores, mix;

  static std::optional<Attention> match(func::FuncOp source);
};

class AttentionEmitter {
public:
  AttentionEmitter(KernelFunction &kernel, Attention attention)
      : kernel(kernel), scores(std::move(attention.scores)),
        mix(std::move(attention.mix)), emitter(kernel.emitter),
        index(kernel.emitter.index), builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  void findStages();
  bool mayUseTiles();
  void prepareTiles();
  void prepareKeys();
  LoopBox getScoreBox(const Position &dims, unsigned loop, Value lower,
                      Value extent);
  void packKeys(const Position &dims);
  void packValues(const Position &at);
  void stageQueries(const Position &dims, Value row, Value valid);
  void emitTileScores(const Position &dims, Value row, Value valid,
                      Value panelBase);
  void emitTileMix(Value valid, Value panelBase);
  void prepareValues(int64_t blockRows);
  void emitRows(Position at, Value row, int64_t rows, Value valid,
                bool hasValues);
  int64_t getRowsInPart(int64_t blockRows);
  void emitStage(Value tensor, Position at, Value row, Value rows,
                 const Buffer &buffer);
  Position scorePosition(const Contraction &contraction, AffineMap map,
                         ArrayRef<LaneIndex> at);

  KernelFunction &kernel;
  Contraction scores, mix;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  /// Tensors of the scores' shape that are kept in scratch, in order: what the
  /// reductions read, and last what the second contraction reads.
  SmallVector<Value> stages;
  SmallVector<Value> stageMemory;
  Value keys, blockMemory;
  bool packsByPanel = false;    // `keys` has one panel
  Value columns, paddedColumns; // the scores' last dimension
  int64_t vectors;              // of a panel of the scores
  int64_t mixVectors;           // of a panel of the second product

  // With tile registers: a block of rows is 32 rows.
  std::optional<TileRegisters> scoreTiles, mixTiles;
  std::optional<LinearAccess> queries;
  std::optional<StagedOperand> stagedQueries, stagedKeys;
  std::optional<LinearAccess> keyRows; // null: keys are packed one by one
  Value values; // the second product's lane side, in panels of pairs
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_ATTENTIONEMITTER_H
