// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The function that a kernel becomes, and what every way of generating its body
// shares.

#ifndef DL_CODEGEN_CPU_KERNELFUNCTION_H
#define DL_CODEGEN_CPU_KERNELFUNCTION_H

#include "codegen/cpu/ElementEmitter.h"
#include "codegen/cpu/GenerateKernels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::dl::cpu {

/// How an element type lies in memory: what is narrower than a byte takes one,
/// and floats of a byte or less are their bits.
Type getStoredType(Type type);

/// Memory from `pointer` on as memref<?xT>; its size is never looked at. An
/// index has `indexBits` bits in the end.
Value makeMemory(OpBuilder &builder, Location loc, Value pointer,
                 Type elementType, unsigned indexBits = 64,
                 unsigned memorySpace = 0);

/// Replaces a kernel on tensors by a function with the kernel ABI:
///   (buffers: ptr, sizes: ptr, begin: index, end: index, scratch: ptr,
///    imports: ptr) -> ()
/// It runs the tiles [begin, end). Attributes of the result: `dl.kernel`,
/// `dl.signature` (the tensor function's type), `dl.tiles` and `dl.scratch`
/// (affine maps over the sizes: number of tiles, bytes of scratch).
class KernelFunction {
public:
  KernelFunction(func::FuncOp source, const MachineModel &machine,
                 const KernelChoice &choice = {});

  /// Results of the source function that are stored, with their destinations.
  struct Output {
    Value value;
    Buffer buffer;
    unsigned number;
  };
  SmallVector<Output> getOutputs();

  /// Memory in this thread's scratch for `elements` elements, 64-byte aligned.
  Value allocateScratch(Type elementType, Value elements);

  /// Fills the first `elements` elements of memory with zeros.
  void clear(Value memory, Value elements);

  /// Runs `body` for each of `count` tiles that lies in this call's share;
  /// tiles of successive calls follow one another.
  void emitTiles(Value count, function_ref<void(Value)> body);

  /// The same for `groups` times `items` tiles, those of a group in succession:
  /// `enter` runs for each group of which this call has tiles, before them, and
  /// `body` for each tile.
  void emitGroupedTiles(Value groups, Value items,
                        function_ref<void(Value group)> enter,
                        function_ref<void(Value group, Value item)> body);

  /// Makes `emitOnce` possible. Called once, before the tiles.
  void reserveStamp();

  /// Runs `prepare`, which fills scratch with what the tiles of a group share,
  /// unless this thread has done so in an earlier call of the same dispatch: a
  /// thread is handed its tiles in several pieces.
  void emitOnce(Value group, function_ref<void()> prepare);

  /// The position's parts of a linear index over some sizes, outermost first.
  SmallVector<Value> delinearize(Value linear, ArrayRef<Value> sizes);

  /// Makes every dispatch pass a constant argument in blocks, as `dl.pack`
  /// does with these dimensions and tiles. Returns the memory of the packed
  /// tensor.
  Value packArgument(BlockArgument argument, ArrayRef<int64_t> outerPermutation,
                     ArrayRef<int64_t> innerDimensions,
                     ArrayRef<int64_t> tiles);

  /// Makes every dispatch pass a constant filter [height, width, C, M] as
  /// `dl.winograd_filter` transforms it, in panels of `tile` lanes: [panels,
  /// 6, 6, stride * stride * C, tile]. Returns the memory.
  Value packWinogradFilter(BlockArgument argument, int64_t stride,
                           int64_t tile);

  /// Completes the function and erases the source; fails if an element could
  /// not be generated.
  LogicalResult finish();

  /// The sizes that the kernel is given.
  unsigned getNumSizes() const { return sizeNumbers.size(); }

  func::FuncOp source;
  func::FuncOp function;
  const MachineModel &machine;
  const KernelChoice choice; // asked for
  KernelReport report;       // filled by the generator
  OpBuilder builder;
  Location loc;
  ElementEmitter emitter;

private:
  struct Pack {
    SmallVector<int64_t> outerPermutation, innerDimensions, tiles;
    RankedTensorType type;
    /// What comes before packing: the type of dl.winograd_filter, or null.
    RankedTensorType transformed;
    int64_t stride = 1; // of dl.winograd_filter
  };
  LogicalResult packOperands();
  /// This call's share of the next `count` tiles: first and end.
  std::pair<Value, Value> takeTiles(Value count);
  Value loadPointer(Value table, int64_t position);
  Value makeMemory(Value pointer, Type elementType);
  AffineExpr toExpr(Value value);

  llvm::MapVector<BlockArgument, Pack> packs;
  DenseMap<Value, unsigned> sizeNumbers;
  Value begin, end, scratch, imports;
  Value stamp; // in scratch: the dispatch and the group that it is filled for
  Value dispatch;     // its number; 0: not known
  Value tiles;        // tiles of the calls of emitTiles so far
  Value scratchBytes; // handed out so far
};

/// Ways to generate a kernel. Each checks whether it applies, generates the
/// body and returns success, or leaves the function as it was and returns
/// failure.
LogicalResult emitLoopKernel(KernelFunction &kernel);
LogicalResult emitContractionKernel(KernelFunction &kernel);
LogicalResult emitAttentionKernel(KernelFunction &kernel);
LogicalResult emitWindowKernel(KernelFunction &kernel);
LogicalResult emitWinogradKernel(KernelFunction &kernel);
LogicalResult emitTransposeKernel(KernelFunction &kernel);
LogicalResult emitTreeKernel(KernelFunction &kernel);
LogicalResult emitFourierKernel(KernelFunction &kernel);
LogicalResult emitBlockMatmulKernel(KernelFunction &kernel);
LogicalResult emitSparseMatmulKernel(KernelFunction &kernel);

/// Whether the source function has the form that the strategy is for.
bool isContractionKernel(func::FuncOp source);
bool isBlockMatmulKernel(func::FuncOp source);
bool isSparseMatmulKernel(func::FuncOp source, const MachineModel &machine);
bool isAttentionKernel(func::FuncOp source);
bool isWindowKernel(func::FuncOp source);
bool isTransposeKernel(func::FuncOp source, const MachineModel &machine);
bool isTreeKernel(func::FuncOp source, const MachineModel &machine);
bool isFourierKernel(func::FuncOp source, const MachineModel &machine);
/// This one is also what the cost model or the choice prefers.
bool isWinogradKernel(func::FuncOp source, const MachineModel &machine,
                      const KernelChoice &choice);
/// Whether minimal filtering is possible, be it better or not.
bool mayUseWinograd(func::FuncOp source, const MachineModel &machine);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_KERNELFUNCTION_H
