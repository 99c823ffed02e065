// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A lane's part of attention by tensor cores: the weights of two rows.

#ifndef DL_CODEGEN_PTX_ATTENTIONROWS_H
#define DL_CODEGEN_PTX_ATTENTIONROWS_H

#include "codegen/gpu/Attention.h"
#include "codegen/gpu/StageFunction.h"

namespace dl::ptx {

/// Sixteen rows of a warp, of which each lane has those that tensor cores give
/// it (see MatrixOps.h): row l / 4 and the eighth after it, of each eight
/// columns two. Four lanes share a row.
class AttentionRows {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  /// What is carried from one piece of the keys to the next: of both rows the
  /// largest logit and the lane's own share of the sum of powers.
  struct State {
    Values maxima, sums;
  };

  AttentionRows(gpucode::StageFunction &stage,
                const gpucode::OnlineAttention &attention);

  /// Takes what the function's memory holds: called once that is known.
  void begin(mlir::Value lane);
  /// Goes to other rows, at a position in the scores whose last two dimensions
  /// do not count.
  void moveTo(mlir::Value firstRow,
              llvm::ArrayRef<mlir::dl::cpu::LaneIndex> at);

  State start();
  /// What becomes of the scores with a piece of `keyLines` keys: powers, from
  /// the largest logit so far on. Returns for both rows the factors of what was
  /// summed up with earlier ones.
  Values weigh(State &state, Values &scores, mlir::Value firstKey,
               int64_t keyLines);
  /// Divides the sums of weighted values, `width` columns, and stores what
  /// follows.
  void finish(const State &state, llvm::ArrayRef<mlir::Value> mixed,
              int64_t width, mlir::Value result,
              const mlir::dl::cpu::Buffer &buffer);
  /// Of how many keys the rows before `end` see any; all where the mask does
  /// not say.
  mlir::Value countSeen(mlir::Value end);
  bool failed() const { return pairs.failed(); }

  mlir::Value rowCount, keyCount;

private:
  mlir::Value constant(int64_t value) { return index.constant(value); }
  mlir::Value constantFloat(float value);
  mlir::Value exp2(mlir::Value value);
  /// Combines the values of the four lanes of a row.
  mlir::Value
  combineRow(mlir::Value value,
             llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);
  mlir::Value getRow(int64_t half);
  mlir::Value finishLogit(mlir::Value score, mlir::Value row, mlir::Value key,
                          int64_t keyLines);

  mlir::dl::cpu::ElementEmitter &emitter;
  mlir::dl::cpu::IndexBuilder &index;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  const gpucode::OnlineAttention &attention;
  mlir::dl::cpu::ElementEmitter pairs; // two columns at once
  mlir::Value lane, firstRow;
  mlir::dl::cpu::Position position; ///< in the scores
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_ATTENTIONROWS_H
