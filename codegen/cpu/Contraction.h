// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Contractions (matrix products, convolutions): their structure, and the
// register-blocked inner loop that all kernels with a contraction share.
//
// One operand, the row side, is read element by element and broadcast; the
// other, the lane side, is read as vectors. A block of `rows` x `vectors`
// accumulators stays in registers while the contracted dimensions run. See Goto
// and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.

#ifndef DL_CODEGEN_CPU_CONTRACTION_H
#define DL_CODEGEN_CPU_CONTRACTION_H

#include "codegen/cpu/KernelFunction.h"

namespace mlir::dl::cpu {

/// The roles of a contraction's loops.
struct Contraction {
  linalg::GenericOp op;
  Type factorType; // of both operands: f32, a narrower float, or i8
  Type sumType;    // f32, or i32 for i8
  bool hasUnsignedRows = false, hasUnsignedLanes = false; // of i8
  OpOperand *rowSide = nullptr, *laneSide = nullptr;
  SmallVector<unsigned> batch;      // in both operands (or in none)
  SmallVector<unsigned> rows;       // in the row side alone
  SmallVector<unsigned> outerLanes; // in the lane side alone, not contiguous
  SmallVector<unsigned> lanes;      // in the lane side alone, trailing
  SmallVector<unsigned> reduced;    // contracted

  /// The structure of an operation, if it is a float32 sum of products, of
  /// float32 or narrower floats, or an i32 sum of products of bytes, whose
  /// result's last dimension belongs to one operand alone.
  static std::optional<Contraction> match(linalg::GenericOp op);

  bool isInteger() const { return factorType.isInteger(); }
  int64_t factorBytes() const { return factorType.getIntOrFloatBitWidth() / 8; }

  /// The operand as an argument of the kernel that is constant in every call
  /// and indexed by plain dimensions; null otherwise.
  static BlockArgument getConstantArgument(linalg::GenericOp op,
                                           OpOperand *operand);
};

/// The contractions of a function.
SmallVector<Contraction, 0> findContractions(func::FuncOp function);

/// The only op of a function that `accepts` it; null where there is none, or
/// more than one.
linalg::GenericOp findOnly(func::FuncOp source,
                           function_ref<bool(linalg::GenericOp)> accepts);

/// Sizes of the block of accumulators.
struct BlockSize {
  int64_t rows, vectors;
};

/// The block that wastes least for a result of `rows` x `lanes` (-1: unknown).
BlockSize chooseBlock(int64_t rows, int64_t lanes, const MachineModel &machine);

/// Others that waste little more, the best first.
SmallVector<BlockSize> listBlocks(int64_t rows, int64_t lanes,
                                  const MachineModel &machine);

/// The block that a choice asks for, if there are registers for it.
std::optional<BlockSize> getChosenBlock(const KernelFunction &kernel);

/// Runs the contracted loop: returns rows x vectors accumulators, row by row.
/// `readRow(i, k)` gives element i of the row side, `readLanes(j, k)` vector j
/// of the lane side.
SmallVector<Value> emitBlock(KernelFunction &kernel, int64_t rows,
                             int64_t vectors, Value depth,
                             function_ref<Value(int64_t, Value)> readRow,
                             function_ref<Value(int64_t, Value)> readLanes);

/// Contracted positions that are unrolled.
constexpr int64_t kUnroll = 4;
/// Bytes of a cache line.
constexpr int64_t kLineBytes = 64;
/// How far ahead weights are fetched that are read once, in bytes. On a Xeon
/// (Emerald Rapids) 16 KiB gave 24.9 GB/s on two cores, none 22.9.
constexpr int64_t kStreamAhead = 16 << 10;

/// One contracted position of a block: adds to `sums`, rows x vectors
/// accumulators, row by row, element `readRow(i)` times vector `readLanes(j)`.
/// Factors narrower than float32 are extended, but vectors of twice as many
/// bf16, pairs of contracted positions, which are multiplied as they are. With
/// `multiply`, what is read is given to it.
void emitBlockStep(
    KernelFunction &kernel, SmallVectorImpl<Value> &sums, int64_t vectors,
    function_ref<Value(int64_t)> readRow,
    function_ref<Value(int64_t)> readLanes,
    function_ref<Value(Value sum, Value row, Value lanes)> multiply = nullptr);

/// Fetches `lines` cache lines of `memory` from element `at` on, for reading.
void emitPrefetch(KernelFunction &kernel, Value memory, Value at,
                  int64_t lines);

/// Keeps a block of accumulators in memory (rows of `vectors` vectors) while
/// the operations that follow the contraction read it.
void storeBlock(KernelFunction &kernel, Value memory, ArrayRef<Value> block,
                int64_t rows, int64_t vectors);

/// Copies the lane side of one panel (`vectors` vectors of lanes from flat
/// position `first`, of which `count` are valid) to element `base` of `panel`:
/// for each contracted position, one row of vectors; with a `group` of 2 or 4,
/// for each so many of the innermost loop, a row of them side by side. `dims`
/// holds the positions of the other loops.
void packPanel(KernelFunction &kernel, const Contraction &contraction,
               Position dims, Value panel, Value base, Value first, Value count,
               int64_t vectors, int64_t group = 1);

/// Rows of the last two row loops as one: row `v` is position `v / pitch` of
/// the outer loop, from `lower` on, and `v % pitch` of the inner one, if that
/// is below `extent`.
struct FlatRows {
  int outerLoop = -1; // -1: rows are positions of one loop
  int64_t pitch = 0, extent = 0;
  Value lower;
};

/// What follows a contraction, for one block of its results: computes and
/// stores `outputs` for rows from `row` of loop `rowLoop` (-1: one row) and
/// `count` lanes from flat position `first` of `laneCount`. `dims` holds the
/// positions of the other loops.
struct Epilogue {
  KernelFunction &kernel;
  const Contraction &contraction;
  ArrayRef<KernelFunction::Output> outputs;
  Position dims;
  int rowLoop;
  Value row, first, count, laneCount;
  int64_t vectors;
  /// With emitFromMemory alone.
  FlatRows flat = {};

  /// The results are those that storeBlock keeps in `memory`, `rows` rows, from
  /// element `start` (null: 0) on.
  void emitFromMemory(Value memory, Value rows, Value start = Value());
  /// The results are `block`, `rows` rows of vectors; those of a panel that is
  /// not full go through `memory`.
  void emitFromValues(ArrayRef<Value> block, int64_t rows, Value memory);
  /// Fetches from memory what the results of vector `j` (of a panel), in row
  /// `i` of the block, are computed from, where each row has its own; returns
  /// whether there is such.
  bool prefetch(Value i, Value j);

private:
  void moveToRow(Value i);
  void emitVector(int64_t j, bool masked, function_ref<Value()> getResult);
  void emitRows(Value memory, Value rows, Value start, bool masked);
  /// Null where every panel is full.
  Value isFullPanel();
};

/// Whether what follows is so short that it is generated for each vector of a
/// block by itself.
bool isShortEpilogue(const Contraction &contraction,
                     ArrayRef<KernelFunction::Output> outputs);

/// Whether `value` is `root`'s result after elementwise operations, if any,
/// over the same iteration space.
bool followsElementwise(Value value, linalg::GenericOp root);

/// Whether all that a kernel returns is so.
bool resultsFollowElementwise(func::FuncOp source, linalg::GenericOp root);

/// Whether `value` is computed from `op`'s result.
bool dependsOn(Value value, Operation *op);

/// The product of the loops' extents.
Value getExtent(KernelFunction &kernel, linalg::GenericOp op,
                ArrayRef<unsigned> loops);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_CONTRACTION_H
