// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How a target's kernels are entered.

#ifndef DL_CODEGEN_GPU_ENTRYBUILDER_H
#define DL_CODEGEN_GPU_ENTRYBUILDER_H

#include "mlir/IR/Builders.h"
#include <memory>

namespace mlir::dl::cpu {
struct Contraction;
} // namespace mlir::dl::cpu

namespace dl::gpucode {

class StageFunction;
class TileEmitter;

/// Makes the function of a kernel, and finds its arguments.
class EntryBuilder {
public:
  virtual ~EntryBuilder() = default;

  /// Makes a function of buffers whose elements have these types, and of so
  /// many sizes; `builder` goes on inside of it. The function stands nowhere
  /// yet.
  virtual mlir::Operation *begin(mlir::OpBuilder &builder, mlir::Location loc,
                                 llvm::StringRef name,
                                 llvm::ArrayRef<mlir::Type> elementTypes,
                                 unsigned sizeCount) = 0;
  /// A buffer as memref<?xT>, T being how the element type lies in memory.
  virtual mlir::Value getMemory(mlir::OpBuilder &builder, mlir::Location loc,
                                unsigned number) = 0;
  /// A size, of type index.
  virtual mlir::Value getSize(mlir::OpBuilder &builder, mlir::Location loc,
                              unsigned number) = 0;
  /// Memory that the invocations of a workgroup share, as a memref of one
  /// dimension with elements of this type, from byte `offset` on. All calls for
  /// a function name the same memory, of `bytes`.
  virtual mlir::Value getShared(mlir::OpBuilder &builder, mlir::Location loc,
                                mlir::Type type, int64_t offset,
                                int64_t bytes) = 0;
  /// The emitter for a contraction's tiles, where the target has one of its own
  /// for it.
  virtual std::unique_ptr<TileEmitter>
  makeTile(StageFunction &stage, const mlir::dl::cpu::Contraction &contraction);
  /// Asks for registers so that a processor holds so many workgroups at once.
  virtual void setResident(unsigned) {}
  /// Whether there is such memory.
  virtual bool hasShared() const = 0;
  /// Ends the function, which writes one buffer, of which it leaves elements as
  /// they are with `keeps`. Returns the buffers that it takes, in order, the
  /// one that it writes last: it may stand among the others, too.
  virtual llvm::SmallVector<int64_t> end(mlir::OpBuilder &builder,
                                         mlir::Location loc, unsigned written,
                                         bool keeps) = 0;

  /// Bytes at whose multiples the buffers of the function that ended last must
  /// begin.
  virtual int64_t getAlignment() const { return 1; }

  /// Invocations in a workgroup.
  virtual int64_t getWorkgroupSize() const = 0;
};

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_ENTRYBUILDER_H
