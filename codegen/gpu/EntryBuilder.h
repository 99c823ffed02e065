// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How a target's kernels are entered.

#ifndef DL_CODEGEN_GPU_ENTRYBUILDER_H
#define DL_CODEGEN_GPU_ENTRYBUILDER_H

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <memory>

namespace mlir::dl::cpu {
struct Contraction;
} // namespace mlir::dl::cpu

namespace dl::gpucode {

struct OnlineAttention;
struct RowForm;
class StageFunction;
class TileEmitter;

/// Makes the function of a kernel, and finds its arguments.
class EntryBuilder {
public:
  virtual ~EntryBuilder() = default;

  /// Makes a function of buffers that hold these tensors, and of so many sizes;
  /// `builder` goes on inside of it. The function stands nowhere yet.
  virtual mlir::Operation *begin(mlir::OpBuilder &builder, mlir::Location loc,
                                 llvm::StringRef name,
                                 llvm::ArrayRef<mlir::RankedTensorType> tensors,
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
  /// The emitter for a contraction's tiles.
  virtual std::unique_ptr<TileEmitter>
  makeTile(StageFunction &stage, const mlir::dl::cpu::Contraction &contraction);
  /// Whether makeTile has an emitter for panels (see PanelTile.h).
  virtual bool takesPanels() const { return false; }
  /// Whether makeTile has an emitter for a contraction of integers.
  virtual bool takesIntegers(const mlir::dl::cpu::Contraction &) const {
    return false;
  }
  /// Whether makeTile has an emitter for a contraction of few rows or columns
  /// (see isByTiles).
  virtual bool takesFewRows(const mlir::dl::cpu::Contraction &) const {
    return false;
  }
  /// Whether the target computes this attention in one stage.
  virtual bool takesAttention(const OnlineAttention &) const { return false; }
  /// Computes and stores what follows it; returns how many workgroups have
  /// something to do.
  virtual mlir::Value emitAttention(StageFunction &, const OnlineAttention &,
                                    mlir::Value,
                                    const mlir::dl::cpu::Buffer &) {
    return {};
  }
  /// Asks for registers so that a processor holds so many workgroups at once.
  virtual void setResident(unsigned) {}
  /// Runs `body` for those of `total` pieces of work that fall to a workgroup,
  /// which takes `perGroup` neighbours at a time: from number `offset` among
  /// these on, null for 0.
  virtual void emitShare(mlir::dl::cpu::IndexBuilder &index, int64_t perGroup,
                         mlir::Value offset, mlir::Value total,
                         llvm::function_ref<void(mlir::Value)> body);
  /// The processors among which tiles that would not fill a last wave are
  /// shared (see TileShares.h): 0 where none are.
  virtual int64_t countProcessors() const { return 0; }
  /// How many neighbouring invocations exchange values without shared memory: 1
  /// where none do.
  virtual int64_t getExchangeLanes() const { return 1; }
  /// Whether the invocations of a row exchange values of this type, or share
  /// memory that holds them.
  virtual bool canExchange(mlir::Type) const { return false; }
  /// The value of the invocation whose number differs in the bit `distance`;
  /// all of a workgroup's invocations ask for it.
  virtual mlir::Value exchange(mlir::OpBuilder &, mlir::Location, mlir::Value,
                               int64_t) {
    return {};
  }
  /// Whether rows of this form are computed in one stage.
  virtual bool takesRows(const RowForm &) const { return true; }
  /// Invocations that compute a row together at most.
  virtual int64_t getRowInvocations() const { return getWorkgroupSize(); }
  /// Columns of a row that an invocation holds in registers at most.
  virtual int64_t getRowColumns() const { return 32; }
  /// Whether invocations share memory that holds elements of this type.
  virtual bool canShare(mlir::Type) const { return true; }
  /// Whether a long loop may be divided among several dispatches of a stage,
  /// which are told their part of it by two more sizes (see GenerateStages.h).
  virtual bool dividesLoops() const { return false; }
  /// How many neighbouring elements an invocation may compute at once; they are
  /// read and written as vectors.
  virtual int64_t getVectorWidth() const { return 1; }
  /// Whether loads and stores alone are vectors, and all else is computed lane
  /// by lane (see Lanes.h).
  virtual bool splitsLanes() const { return false; }
  /// Whether what follows a contraction is tried by vectors first.
  virtual bool storesTilesByVectors() const { return false; }
  /// Invocations that keep the device busy.
  virtual int64_t getBusyInvocations() const { return 1; }
  /// Ends the function, which writes one buffer, of which it leaves elements as
  /// they are with `keeps`. Returns the buffers that it takes, in order, the
  /// one that it writes last: it may stand among the others, too.
  virtual llvm::SmallVector<int64_t> end(mlir::OpBuilder &builder,
                                         mlir::Location loc, unsigned written,
                                         bool keeps) = 0;

  /// From which of its bytes on the function that ended last takes each buffer;
  /// empty where all from 0 on. A buffer that is taken in parts is named once
  /// for each.
  virtual llvm::ArrayRef<int64_t> getOffsets() const { return {}; }

  /// Bytes at whose multiples the buffers of the function that ended last must
  /// begin.
  virtual int64_t getAlignment() const { return 1; }

  /// Invocations in a workgroup.
  virtual int64_t getWorkgroupSize() const = 0;
  /// Sets those of the function that has begun, where a target chooses them: it
  /// computes so many rows, or kDynamic, with so many invocations each.
  virtual void setRows(int64_t, int64_t) {}
};

/// A value of less than 32 bits as one of 32 bits, and back.
mlir::Value widen(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Value value);
mlir::Value narrow(mlir::OpBuilder &builder, mlir::Location loc,
                   mlir::Value value, mlir::Type type);

/// Whether a position is a multiple of `divisor` for certain.
bool isMultiple(mlir::Value position, int64_t divisor);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_ENTRYBUILDER_H
