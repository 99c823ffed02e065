// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Attention by tensor cores, whose scores stay in registers.

#ifndef DL_CODEGEN_PTX_ATTENTIONTILE_H
#define DL_CODEGEN_PTX_ATTENTIONTILE_H

#include "codegen/ptx/AttentionRows.h"
#include "codegen/ptx/CudaParameters.h"
#include "codegen/ptx/MatrixOps.h"

namespace dl::ptx {

/// Eight warps, each with 16 rows: their scores with a piece of the keys, the
/// weights that these become, and the sums of weighted values are in the warp's
/// registers. Keys and values go through shared memory; while one piece is
/// multiplied, the next one is on its way (cp.async). For f16 and bf16 with
/// float32 sums, on sm_80 and later.
///
/// Source: T. Dao, "FlashAttention-2", 2023.
class AttentionTile {
public:
  static constexpr int64_t kMostValues = 128; ///< that registers hold

  /// Whether queries and keys have neighbours along their elements, values
  /// along the result's, at most so many of these.
  static bool fits(const gpucode::OnlineAttention &attention,
                   int64_t mostValues = kMostValues);

  AttentionTile(gpucode::StageFunction &stage,
                const gpucode::OnlineAttention &attention,
                CudaParameters &parameters);

  /// Computes and stores `result`; returns how many workgroups there are.
  mlir::Value emit(mlir::Value result, const mlir::dl::cpu::Buffer &buffer);

private:
  /// What lies in shared memory as rows of `width` elements.
  struct Operand {
    const mlir::dl::cpu::Contraction *contraction;
    mlir::OpOperand *operand;
    unsigned lineLoop, elementLoop;
    int64_t lines;       ///< of a piece
    int64_t width;       ///< of a line
    int64_t paddedWidth; ///< with zeros, whole instructions
    mlir::Value extent;  ///< of all lines

    int64_t getPitch() const { return paddedWidth + 8; }
    int64_t getElements() const { return lines * getPitch(); }
  };
  /// What is carried from one piece of the keys to the next, with the sums of
  /// weighted values.
  struct State {
    AttentionRows::State rows;
    llvm::SmallVector<mlir::Value> mixed;

    llvm::SmallVector<mlir::Value> flatten() const;
    static State unflatten(mlir::ValueRange values);
  };
  using Values = llvm::SmallVector<mlir::Value>;

  Operand makeOperand(const mlir::dl::cpu::Contraction &contraction,
                      mlir::OpOperand *operand, unsigned lineLoop,
                      unsigned elementLoop, int64_t lines);
  mlir::Value place(mlir::Value stage, int64_t offset);
  void enterShare(const Operand &operand, int64_t number, mlir::Value share);
  mlir::Value locate(const Operand &operand, mlir::Value piece,
                     mlir::Value line, mlir::Value element);
  Values copy(const Operand &operand, mlir::Value first, mlir::Value to);
  void store(const Operand &operand, llvm::ArrayRef<mlir::Value> values,
             mlir::Value to);
  mlir::Value getAddress(const Operand &operand, mlir::Value from,
                         mlir::Value line, int64_t element, bool linesFirst);
  void loadQueries();
  Values computeScores(mlir::Value stage);
  void addPiece(State &state, mlir::Value stage, mlir::Value firstKey);
  State addPieces();
  mlir::Value constant(int64_t value) { return index.constant(value); }

  mlir::dl::cpu::ElementEmitter &emitter;
  mlir::dl::cpu::IndexBuilder &index;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  gpucode::EntryBuilder &entry;
  const gpucode::OnlineAttention &attention;
  CudaParameters &parameters;
  mlir::dl::cpu::ElementEmitter wide;
  AttentionRows rows;
  MatrixOps matrices;

  int64_t keyLines; ///< keys of a piece
  Operand queries, keys, values;
  mlir::Value shared;
  mlir::Value invocation, lane, warp;
  mlir::Value firstRow;             ///< of the workgroup
  mlir::dl::cpu::Position position; ///< in the scores
  llvm::SmallVector<Values> queryFragments;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_ATTENTIONTILE_H
