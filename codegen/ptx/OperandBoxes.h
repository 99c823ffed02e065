// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operands of products of warpgroups (sm_90a) on their way to shared memory.

#ifndef DL_CODEGEN_PTX_OPERANDBOXES_H
#define DL_CODEGEN_PTX_OPERANDBOXES_H

#include "codegen/ptx/CudaParameters.h"
#include "codegen/ptx/TensorMaps.h"
#include "codegen/ptx/WarpgroupOps.h"

namespace dl::ptx {

/// Pieces of an operand as boxes with the swizzle of 128 bytes: the copy engine
/// fetches those of tensors in memory; others are computed by the threads of
/// the producing warpgroup, 16 bytes at a time, and stored where the copy
/// engine would put them.
class OperandBoxes {
public:
  /// Threads that compute.
  static constexpr int64_t kThreads = 128;

  /// Of `lines` rows or columns by `depth` contracted positions. Without a map,
  /// the operand is computed; `byBlocks`: of bytes, by blocks of lines.
  OperandBoxes(std::optional<OperandMap> map, bool alongDepth, int64_t lines,
               int64_t depth, mlir::Type type, WarpgroupOps &ops,
               mlir::dl::cpu::IndexBuilder &index, bool byBlocks = false);

  bool isMapped() const { return map.has_value(); }
  bool isAlongDepth() const { return alongDepth; }
  bool isByBlocks() const { return byBlocks; }
  int64_t getBoxBytes() const;
  int64_t getBytes() const { return boxes * getBoxBytes(); }
  /// Where lines from `line` of a piece on lie: a multiple of eight, and of 64
  /// where neighbours are lines.
  MatrixBox locate(mlir::Value piece, mlir::Value line);

  /// Declares the tensor map, where there is one.
  void declare(CudaParameters &parameters);
  /// Fetches the piece from `line` and `k` on, and tells the barrier; `dims`
  /// are the positions of the batch loops and, where there are several, of the
  /// contracted ones. One thread does.
  void fetch(mlir::Value to, mlir::Value barrier, mlir::Value line,
             mlir::Value k, llvm::ArrayRef<mlir::dl::cpu::LaneIndex> dims);

  using Read = llvm::function_ref<mlir::Value(mlir::Value line, mlir::Value k)>;
  /// This thread's share of a piece: `read` gives vectors of 16 bytes, from
  /// positions on, or blocks, line by line, as vectors of i32; zeros beyond the
  /// contracted positions.
  llvm::SmallVector<mlir::Value> compute(mlir::Value thread, mlir::Value line,
                                         mlir::Value k, Read read);
  /// Puts the share into the piece.
  void store(llvm::ArrayRef<mlir::Value> share, mlir::Value thread,
             mlir::Value to);
  /// Both, few registers' worth at a time.
  void fill(mlir::Value thread, mlir::Value line, mlir::Value k, mlir::Value to,
            Read read);

private:
  int64_t countShares() const;
  mlir::Value computeShare(int64_t number, mlir::Value thread, mlir::Value line,
                           mlir::Value k, Read read);
  void storeShare(int64_t number, mlir::Value value, mlir::Value thread,
                  mlir::Value to);
  int64_t countAcross() const;

  /// Line and contracted position of a share of blocks.
  std::pair<mlir::Value, mlir::Value> getBlock(int64_t number,
                                               mlir::Value thread);

  std::optional<OperandMap> map;
  bool alongDepth, byBlocks;
  int64_t rows;  ///< of a box
  int64_t boxes; ///< side by side
  mlir::Type type;
  WarpgroupOps &ops;
  mlir::dl::cpu::IndexBuilder &index;
  mlir::Value parameter;
};

/// The stages of a ring in shared memory: which one comes next, and the parity
/// of its barriers' phase.
struct RingPlace {
  mlir::Value stage, phase;
};

/// Barriers of so many stages: one says that a stage is full, one that it is
/// empty again.
class RingBarriers {
public:
  RingBarriers(int64_t stages, WarpgroupOps &ops,
               mlir::dl::cpu::IndexBuilder &index)
      : stages(stages), ops(ops), index(index) {}

  static constexpr int64_t kBytes = 8; ///< of a barrier
  int64_t getBytes() const { return 2 * stages * kBytes; }
  /// Makes them: a stage is full after so many arrivals (and the bytes that
  /// these expect), empty after so many others. One thread does.
  void init(int64_t producers, int64_t consumers);
  void place(mlir::Value pointer) { memory = pointer; }
  mlir::Value full(mlir::Value stage);
  mlir::Value empty(mlir::Value stage);
  RingPlace start();
  RingPlace advance(RingPlace at);
  void waitFull(RingPlace at);
  void waitEmpty(RingPlace at);

private:
  int64_t stages;
  WarpgroupOps &ops;
  mlir::dl::cpu::IndexBuilder &index;
  mlir::Value memory;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_OPERANDBOXES_H
