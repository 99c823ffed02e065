// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The instructions of sm_90a that products are made of: barriers in shared
// memory, boxes that the copy engine fetches, products of warpgroups.

#ifndef DL_CODEGEN_PTX_WARPGROUPOPS_H
#define DL_CODEGEN_PTX_WARPGROUPOPS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace dl::ptx {

/// Where one operand of a product of warpgroups lies: boxes in shared memory
/// with a swizzle of 128 bytes, one after another.
struct MatrixBox {
  mlir::Value pointer; ///< of its first contracted positions
  bool alongDepth;     ///< its rows of 128 bytes are contracted positions
  int64_t boxBytes;    ///< from one box to the next
};

/// Makes the operations. Pointers are to shared memory, numbers of type i32.
class WarpgroupOps {
public:
  WarpgroupOps(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value constant(int64_t value);
  mlir::Value toInt(mlir::Value index);
  /// Whether a value of type index is this number.
  mlir::Value isEqual(mlir::Value value, int64_t number);
  /// Emits `body` for the threads of which `condition` holds.
  void emitIf(mlir::Value condition, llvm::function_ref<void()> body);
  /// A pointer `bytes` further, of type index or known.
  mlir::Value move(mlir::Value pointer, mlir::Value bytes);
  mlir::Value move(mlir::Value pointer, int64_t bytes);

  /// A barrier whose phase ends after so many arrivals.
  void initBarrier(mlir::Value barrier, int64_t arrivals);
  /// Makes the barriers that were initialized known to the copy engine.
  void publishBarriers();
  /// Waits until the phase with this parity has ended.
  void wait(mlir::Value barrier, mlir::Value parity);
  void arrive(mlir::Value barrier);
  /// Arrives, and lets the phase wait for so many bytes.
  void expect(mlir::Value barrier, int64_t bytes);
  /// Fetches a box from the position `at`, innermost dimension first, and tells
  /// the barrier.
  void load(mlir::Value to, mlir::Value map, mlir::Value barrier,
            llvm::ArrayRef<mlir::Value> at);
  /// Makes what this thread has stored in shared memory known to the copy
  /// engine and to products of warpgroups.
  void publishStores();
  void setRegisters(int64_t count, bool increase);

  /// Waits at a barrier, one of the workgroup's 16, for so many threads, of
  /// which some may not wait themselves.
  void sync(mlir::Value barrier, int64_t threads);
  void arriveAt(mlir::Value barrier, int64_t threads);

  /// Sums of a warpgroup's 64 rows by so many columns: columns / 2 float32, or
  /// i32, in each thread, as a struct.
  mlir::Type sumsType(int64_t columns, bool ofIntegers = false);
  /// Adds the products of 32 bytes of contracted positions, `step` times as
  /// many from the beginning of both boxes, of f16, bf16, 8-bit floats, float32
  /// or signed 8-bit integers (unless said otherwise). They are complete after
  /// `finish` or, those of earlier groups, `waitForGroups`.
  mlir::Value multiply(mlir::Value sums, const MatrixBox &left,
                       const MatrixBox &right, int64_t step, int64_t columns,
                       mlir::Type factorType, bool adds = true,
                       bool isUnsignedLeft = false,
                       bool isUnsignedRight = false);
  /// The same with the left operand in registers, four of two f16 or bf16 each
  /// (see MatrixOps.h), as i32.
  mlir::Value multiply(mlir::Value sums, llvm::ArrayRef<mlir::Value> left,
                       const MatrixBox &right, int64_t step, int64_t columns,
                       mlir::Type factorType);
  void beginGroup();
  void endGroup();
  /// Waits until no more than so many groups are under way.
  void waitForGroups(int64_t left);
  /// The same; gives sums and other values of 32 bits that nothing may touch
  /// before: products that read or write them may have been under way.
  llvm::SmallVector<mlir::Value>
  waitForGroups(int64_t left, llvm::ArrayRef<mlir::Value> values);
  /// Waits for all; gives the sums.
  llvm::SmallVector<mlir::Value> finish(mlir::Value sums);
  llvm::SmallVector<mlir::Value> unpack(mlir::Value sums);
  mlir::Value packSums(llvm::ArrayRef<mlir::Value> values);

  /// A value that all lanes of a warp have, so that the assembler knows it too.
  mlir::Value makeUniform(mlir::Value value);
  /// Whether this is the one lane of its warp that is chosen.
  mlir::Value elect();
  /// The value of the lane whose number differs by `distance`, a power of two.
  mlir::Value exchange(mlir::Value value, int64_t distance);

private:
  void inlinePtx(llvm::StringRef text, mlir::ValueRange operands);
  mlir::Value assemble(llvm::StringRef text, llvm::StringRef constraints,
                       mlir::Type result, mlir::ValueRange operands);
  mlir::Value describe(const MatrixBox &box, int64_t step);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_WARPGROUPOPS_H
