// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the two ways to multiply with weights of few bits share: in f32, and in
// integers where rows may be rounded.

#ifndef DL_CODEGEN_CPU_BLOCKMATMUL_H
#define DL_CODEGEN_CPU_BLOCKMATMUL_H

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/ContractionRows.h"
#include "passes/lower/BlockMatmulForm.h"

namespace mlir::dl::cpu {

/// Bytes of a lane that lie together.
constexpr int64_t kWordBytes = 4;

struct BlockMatmul {
  Contraction contraction; // the weights are its lane side
  BlockMatmulForm form;
  OpOperand *scales = nullptr;
  OpOperand *zeroPoints = nullptr; // null: a number
  unsigned block = 0;              // the loop over blocks

  static std::optional<BlockMatmul> match(func::FuncOp source);
};

class BlockMatmulEmitter {
public:
  BlockMatmulEmitter(KernelFunction &kernel, const BlockMatmul &match)
      : kernel(kernel), match(match), c(match.contraction), op(c.op),
        bits(match.form.bits), emitter(kernel.emitter), index(emitter.index),
        builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  void chooseBlockSize();
  Value packLanes(OpOperand *operand, ArrayRef<int64_t> tiles);
  void prepareRows();
  void enterGroup(Value group);
  LoopBox getRowBox();
  void emitTile(Value item);
  void emitRows(Value row, int64_t height);
  SmallVector<Value> emitSums(Value row, int64_t height);

  /// One block of contracted positions, added to `sums`.
  void addBlock(Value block, Value rowAt, SmallVector<Value> &sums);
  /// The positions of word `word` of a block.
  void addWord(Value block, Value word, Value rowAt, ArrayRef<Value> scales,
               ArrayRef<Value> zeroPoints, SmallVectorImpl<Value> &sums);
  /// The f32 of the weights at place `place` of words.
  Value decode(Value words, int64_t place, Value zeroPoint);

  //===--------------------------------------------------------------------===//
  // In integers (BlockMatmulFixedPoint.cpp)
  //===--------------------------------------------------------------------===//

  /// Whether rows may be rounded, and the CPU multiplies bytes in fours.
  bool isFixedPoint() const;
  /// Reserves scratch for `range` rows as bytes.
  void reserveFixedPoint();
  /// Whether the rows of this range are still to be rounded: the first tile of
  /// a range does it as it goes, block by block, while weights come from
  /// memory.
  void storeNewRows(bool value);
  Value loadNewRows();
  void roundNewRows(Value row, int64_t height, Value block);
  void roundBlock(Value row, Value block);
  /// addBlock, with integers.
  void addFixedBlock(Value block, Value row, SmallVector<Value> &sums);
  /// The number of a block of a row, in what has one element for each.
  Value getRowBlock(Value row, Value block);

  Value constant(ArrayRef<float> values);
  Value splat(int32_t value);
  Value load(Type element, Value memory, Value at);
  /// Scales in f32, as many as a vector has, from this lane of a block on.
  Value loadScales(Value at);
  /// The words of a place in this panel, one for each lane of each vector.
  SmallVector<Value> loadWords(Value block, Value word);
  void prefetchBlock(Value block);

  int64_t panelWidth() { return vectors * emitter.width(); }
  int64_t inWord() { return 8 * kWordBytes / bits; }
  /// Contracted positions in the words of a block, and those that count.
  int64_t words() { return llvm::divideCeil(blockBytes, kWordBytes); }
  int64_t blockSize() const { return blockBytes * 8 / bits; }
  bool hasTable() { return emitter.width() == 16 && bits <= 4; }

  KernelFunction &kernel;
  const BlockMatmul &match;
  const Contraction &c;
  linalg::GenericOp op;
  int64_t bits;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  SmallVector<KernelFunction::Output> outputs;
  unsigned rowLoop = 0, laneLoop = 0;
  int64_t rowCount = 0, blocks = 0, blockBytes = 0;
  int64_t rowsInBlock = 1, vectors = 4;
  int64_t range = 64; // rows in a tile
  std::optional<LinearAccess> rows;
  std::optional<StagedOperand> staged;
  Value weights, scales, zeroPoints, scratch, laneCount;
  // Rows in fixed point: bytes in the order of the weights' words, and for each
  // block its step and the sum of its integers.
  Value rowBytes, rowSteps, rowSums;
  Value newRows; // one byte: whether the rows are still to be rounded

  // Of the tile at hand.
  Value rangeLower, rangeUpper, first, count, panel;
  Value isNew; // what newRows has, where rows are in fixed point
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_BLOCKMATMUL_H
