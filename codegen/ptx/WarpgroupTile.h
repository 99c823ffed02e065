// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products on Hopper (sm_90a): tiles by warpgroups that the copy engine feeds.
//
// One warpgroup, the producer, lets the copy engine (TMA) fill the stages of a
// ring in shared memory, or computes what is no tensor in memory, as the window
// of a convolution; the others, the consumers, multiply what lies there
// (wgmma), 64 rows of the tile each, and keep the sums in registers. Barriers
// in shared memory say which stages are full and which are empty. Workgroups
// are persistent: while the consumers store a tile, the producer fetches for
// the next one.
//
// On an H100, clusters of two workgroups that fetched half of the right operand
// each for both were no faster (4096 and 8192 cubed), so that there are none.
//
// Source of the scheme: V. Thakkar et al., CUTLASS 3's warp-specialized
// persistent kernels, 2023.

#ifndef DL_CODEGEN_PTX_WARPGROUPTILE_H
#define DL_CODEGEN_PTX_WARPGROUPTILE_H

#include "codegen/gpu/TileEmitter.h"
#include "codegen/ptx/CudaParameters.h"
#include "codegen/ptx/OperandBoxes.h"
#include "codegen/ptx/WarpgroupOps.h"

namespace dl::ptx {

/// Sizes of a tile of warpgroups.
struct WarpgroupShape {
  int64_t consumers; ///< warpgroups; each has 64 rows
  int64_t columns;

  int64_t getRows() const;
  int64_t getStageBytes() const;
  int64_t countStages() const;
};

/// Tiles of products with float32 sums: of f16 or bf16; of 8-bit floats and,
/// cut off to tf32, of float32, where neighbours are contracted positions; and
/// of 8-bit integers. Operands may be computed, where neighbours in memory are;
/// bytes that are neighbours along lines are transposed.
class WarpgroupTile : public gpucode::TileEmitter {
public:
  /// Null where the operands have other types, few rows or columns, or neither
  /// tensor maps (see findOperandMap) nor eight neighbours to be computed at a
  /// time. Of float32 only with `usesTf32`.
  static std::unique_ptr<WarpgroupTile>
  make(gpucode::StageFunction &stage,
       const mlir::dl::cpu::Contraction &contraction,
       CudaParameters &parameters, bool usesTf32);

  mlir::Value emit(mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer) override;

protected:
  int64_t countPassSteps() const override { return 0; }

private:
  /// How an operand is found.
  struct Source {
    std::optional<OperandMap> map;
    bool alongDepth, byBlocks = false;
  };
  static std::optional<Source>
  findSource(gpucode::StageFunction &stage,
             const mlir::dl::cpu::Contraction &contraction,
             mlir::OpOperand *operand, llvm::ArrayRef<unsigned> lines);

  WarpgroupTile(gpucode::StageFunction &stage,
                const mlir::dl::cpu::Contraction &contraction,
                CudaParameters &parameters, const WarpgroupShape &group,
                const Source &leftSource, const Source &rightSource);

  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::ValueRange carried)>;

  void measure();
  void placeBarriers();
  void emitTiles(mlir::ValueRange carried, Body body);
  void setTile(mlir::Value number);
  bool computes() const {
    return !leftBoxes.isMapped() || !rightBoxes.isMapped();
  }
  bool movesRegisters() const;
  int64_t countProducers() const;
  void produce(mlir::Value thread);
  void produceStage(RingPlace at, mlir::Value k, mlir::Value thread);
  void fetchStage(mlir::Value stage, mlir::Value k);
  mlir::Value readShare(const OperandBoxes &boxes, const gpucode::Side &side,
                        mlir::Value line, mlir::Value k);
  mlir::Value readBlock(const gpucode::Side &side, mlir::Value line,
                        mlir::Value k);
  llvm::SmallVector<mlir::Value> compute(OperandBoxes &boxes,
                                         const gpucode::Side &side,
                                         mlir::Value thread, mlir::Value k);
  mlir::Value getStage(mlir::Value stage);
  void consume(mlir::Value result, const mlir::dl::cpu::Buffer &buffer);
  mlir::Value multiplyStage(mlir::Value sums, mlir::Value stage);
  void release(mlir::Value stage);
  void finish(llvm::ArrayRef<mlir::Value> sums, mlir::Value result,
              const mlir::dl::cpu::Buffer &buffer);
  void finishEight(llvm::ArrayRef<mlir::Value> values, mlir::Value row,
                   mlir::Value column, mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer);
  llvm::SmallVector<mlir::Value> gatherEight(llvm::ArrayRef<mlir::Value> own);

  CudaParameters &parameters;
  WarpgroupShape group;
  WarpgroupOps ops;
  mlir::dl::cpu::ElementEmitter wide;   // eight columns at once
  mlir::dl::cpu::ElementEmitter reader; // 16 bytes
  mlir::dl::cpu::ElementEmitter fours;  // columns of a block
  OperandBoxes leftBoxes, rightBoxes;
  RingBarriers barriers;
  mlir::Value shared;
  mlir::Value rowTiles, columnTiles, perBatch, tiles;
  mlir::Value warpgroup;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_WARPGROUPTILE_H
