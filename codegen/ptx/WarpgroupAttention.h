// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Attention on Hopper (sm_90a): by warpgroups that the copy engine feeds.

#ifndef DL_CODEGEN_PTX_WARPGROUPATTENTION_H
#define DL_CODEGEN_PTX_WARPGROUPATTENTION_H

#include "codegen/ptx/AttentionRows.h"
#include "codegen/ptx/CudaParameters.h"
#include "codegen/ptx/OperandBoxes.h"

namespace dl::ptx {

/// One warpgroup, the producer, brings queries, keys and values into shared
/// memory, by the copy engine where they are tensors in memory; one or two
/// others have 64 rows each, whose scores, weights and sums are in registers:
/// the weights are the left operand of the second product there. While the
/// products of one warpgroup run, the other computes its weights, and within a
/// warpgroup the weighted values of a piece of the keys are summed up while the
/// next piece's scores become weights. Workgroups are persistent.
///
/// Source: J. Shah et al., "FlashAttention-3", 2024.
class WarpgroupAttention {
public:
  /// Whether the types are f16 or bf16, and queries and keys have neighbours
  /// along their elements, values along the result's, few enough of these.
  static bool fits(const gpucode::OnlineAttention &attention);

  WarpgroupAttention(gpucode::StageFunction &stage,
                     const gpucode::OnlineAttention &attention,
                     CudaParameters &parameters);

  /// Computes and stores `result`; returns how many tiles of rows there are.
  mlir::Value emit(mlir::Value result, const mlir::dl::cpu::Buffer &buffer);

private:
  using Values = llvm::SmallVector<mlir::Value>;

  /// Queries, keys or values: lines of `width` elements.
  struct Operand {
    const mlir::dl::cpu::Contraction *contraction;
    mlir::OpOperand *operand;
    unsigned lineLoop, elementLoop;
    int64_t width;
    mlir::Value extent; ///< of all lines
    int64_t lines;      ///< of a piece
    OperandBoxes boxes;
    RingBarriers barriers;
  };
  /// What is carried from one piece of the keys to the next.
  struct State {
    RingPlace next, last;
    AttentionRows::State rows;
    mlir::Value mixed; ///< sums of weighted values
    Values weights;    ///< of the last piece, in pairs

    Values flatten() const;
    static State unflatten(mlir::ValueRange values);
  };

  Operand makeOperand(gpucode::StageFunction &stage,
                      const mlir::dl::cpu::Contraction &contraction,
                      mlir::OpOperand *operand, unsigned lineLoop,
                      unsigned elementLoop, int64_t lines, int64_t stages);
  int64_t getRows() const;
  bool computes() const;
  void placeMemory();
  void emitTiles(mlir::ValueRange carried,
                 llvm::function_ref<Values(mlir::ValueRange carried)> body);
  void setTile(mlir::Value number);
  mlir::Value countPieces();
  mlir::Value getStage(const Operand &operand, mlir::Value stage);

  mlir::Value read(const Operand &operand, mlir::Value number,
                   mlir::Value element);
  void fill(Operand &operand, RingPlace at, mlir::Value first,
            mlir::Value thread);
  void produce(mlir::Value thread);

  void release(RingBarriers &barriers, RingPlace at);
  mlir::Value multiplyQueries(mlir::Value stage);
  mlir::Value multiplyValues(mlir::Value sums, llvm::ArrayRef<mlir::Value> left,
                             mlir::Value stage);
  Values packPairs(llvm::ArrayRef<mlir::Value> weights);
  State addFirst(RingPlace at);
  void addPiece(State &state, mlir::Value piece);
  void takeTurn();
  void giveTurn();
  State addPieces(RingPlace at);
  void consume(mlir::Value result, const mlir::dl::cpu::Buffer &buffer);

  mlir::Value constant(int64_t value) { return index.constant(value); }

  mlir::dl::cpu::ElementEmitter &emitter;
  mlir::dl::cpu::IndexBuilder &index;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  gpucode::EntryBuilder &entry;
  const gpucode::OnlineAttention &attention;
  CudaParameters &parameters;
  WarpgroupOps ops;
  AttentionRows rows;
  mlir::dl::cpu::ElementEmitter wide; // 16 bytes at once

  int64_t consumers; ///< warpgroups
  int64_t keyLines;  ///< keys of a piece
  Operand queries, keys, values;
  mlir::Value invocation, warpgroup;
  mlir::Value rowTiles, tiles;
  Values batch; ///< extents of the scores' first dimensions
  mlir::Value firstRow;
  mlir::dl::cpu::Position position; ///< in the scores
  llvm::DenseMap<const Operand *, mlir::Value> memory;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_WARPGROUPATTENTION_H
