// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of blocks in tile registers (AMX): factors of bf16, sums in f32, or
// factors of a byte, sums in i32. A register holds up to 16 rows of 64 bytes. A
// block is up to 2 x 2 registers of sums, 16 rows and 16 lanes each; a step
// multiplies up to 32 (64) contracted positions of rows with as many of lanes,
// in pairs (fours).
//
// Registers are named by number, so that LLVM neither allocates them nor
// configures them. See "Intel Architecture Instruction Set Extensions
// Programming Reference", chapter 3.

#ifndef DL_CODEGEN_CPU_TILEREGISTERS_H
#define DL_CODEGEN_CPU_TILEREGISTERS_H

#include "codegen/cpu/KernelFunction.h"

namespace mlir::dl::cpu {

/// A loop over contracted positions: how far one step goes in the memory of the
/// rows and in a panel of lanes, in elements.
struct ReducedLoop {
  unsigned dimension;
  Value extent, rowStride, laneStride;
  Value unit =
      {}; // positions for one of `dimension`, with inner loops; null: 1
};

/// Rows of a register, bytes of a row, and bf16 in one.
constexpr int64_t kTileRows = 16, kTileRowBytes = 64, kTileDepth = 32;

/// What is multiplied: bytes of a factor, and the instruction.
struct TileFactors {
  int64_t bytes = 2;
  StringRef instruction = "tdpbf16ps";

  /// Factors that lie in the place of a sum.
  int64_t getGroup() const { return 4 / bytes; }
  /// Contracted positions in a row of a register.
  int64_t getDepth() const { return kTileRowBytes / bytes; }
};

/// Where the operands of a block's product lie; positions and strides are in
/// elements.
struct TileOperands {
  /// Rows of factors: element `base` of `rows` is the first one's first, `step`
  /// are from one to the next; the innermost loop goes along them one by one.
  Value rows, rowBase, rowStep;
  /// A panel: for each group of contracted positions, the lanes' groups.
  Value panel, panelBase;
  /// Sums, from element `sumBase` on, `sumStep` from one row to the
  /// next. With `accumulates`, they start from what is there.
  Value sums, sumBase, sumStep;
  bool accumulates = false;
  /// The contracted loops, outermost first; of the outermost, positions
  /// [first, end).
  ArrayRef<ReducedLoop> loops;
  Value first, end;
};

/// The registers' use in one kernel: one shape of blocks.
class TileRegisters {
public:
  /// Blocks of `rows` (at most 32) rows and `laneTiles` registers of lanes. The
  /// innermost contracted loop has `run` positions, whole groups; with
  /// `isDivided`, it may begin and end at any multiple of a step. 0 for a run
  /// means that it has whole steps, as many as are asked for at run time.
  TileRegisters(KernelFunction &kernel, int64_t rows, int64_t laneTiles,
                int64_t run, bool isDivided = false, TileFactors factors = {});

  /// Whether a run divides into steps of one size.
  static bool hasEqualSteps(int64_t run, TileFactors factors = {});

  int64_t getDepth() const { return depth; }

  /// Sets the registers up for this shape.
  void configure();
  /// After the last product, so that switching threads need not save them.
  void release();

  /// Multiplies a block of which `valid` rows exist (null: all). `atStep` runs
  /// at each step, with its number.
  void emitProduct(const TileOperands &operands, Value valid,
                   function_ref<void(Value step)> atStep = nullptr);

private:
  Value createConfig();
  Value pointerTo(Value memory, Value at);
  Value toBytes(Value elements, int64_t elementBytes);
  void call(StringRef name, ValueRange operands);
  Value number(int tile);
  void emitBlock(int64_t rowTiles, const TileOperands &operands,
                 function_ref<void(Value)> atStep);
  void emitStep(int64_t rowTiles, const TileOperands &operands, Value rowAt,
                Value laneAt, bool isLast);

  KernelFunction &kernel;
  OpBuilder &builder;
  IndexBuilder &index;
  Location loc;
  TileFactors factors;
  int64_t rowTiles, laneTiles, fullRows;
  int64_t depth, lastDepth = 0; // positions of a step, of the last one
  Value config, partConfig;
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_TILEREGISTERS_H
