// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The code of a contraction's tiles; see ContractionTile.h.

#ifndef DL_CODEGEN_GPU_TILEEMITTER_H
#define DL_CODEGEN_GPU_TILEEMITTER_H

#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/StageFunction.h"

namespace dl::gpucode {

/// One operand's way to the shared memory: a piece of `lines` lines, rows or
/// columns of the result, by some contracted positions.
struct Side {
  mlir::OpOperand *operand;
  llvm::SmallVector<unsigned> loops;
  int64_t lines;
  mlir::Value extent; ///< of the loops
  bool alongDepth;    ///< neighbours in memory are contracted positions
  mlir::Value memory; ///< of both pieces
  int64_t pitch;      ///< elements from one row of a piece to the next
  mlir::Value first;  ///< line of the tile
};

/// Emits tiles whose products are multiply-adds of float32. How a target
/// multiplies with other instructions is what others override.
class TileEmitter {
public:
  TileEmitter(StageFunction &stage,
              const mlir::dl::cpu::Contraction &contraction,
              const TileShape &shape);
  virtual ~TileEmitter() = default;

  /// Computes and stores the tiles of what follows the contraction; returns
  /// how many there are.
  virtual mlir::Value emit(mlir::Value result,
                           const mlir::dl::cpu::Buffer &buffer);

  /// How the tiles beyond full waves of so many processors are best shared;
  /// nothing where this gains nothing, or sizes are not known.
  std::optional<TileShares> chooseShares(int64_t processors) const;
  /// The tensor of the parts that shares have of tiles.
  mlir::RankedTensorType getPartsType(const TileShares &of) const;
  /// Computes and stores these parts; returns how many shares there are.
  mlir::Value emitShares(const TileShares &of,
                         const mlir::dl::cpu::Buffer &buffer);
  /// Those whose parts an earlier stage has stored; null where there are none.
  const TileShares *shares = nullptr;

protected:
  /// Contracted steps of a tile that take as long as writing, or reading, its
  /// sums; 0 where tiles cannot be shared. An A100's processor is taken to add
  /// products of float32 at 0.16 TFLOP/s, and to write 30 GB/s.
  virtual int64_t countPassSteps() const { return 12; }
  /// Places the pieces of both sides, two each, and the sums of a pass in the
  /// shared memory: sets `memory` and `pitch` of the sides, and `sums`.
  virtual void layOut();
  /// The invocation's place in the tile.
  virtual void findPlace();
  virtual int64_t countSums() const { return shape.ownRows * shape.ownColumns; }
  /// This invocation's share of a piece from contracted position `start` on,
  /// from where the operand lies; what lies outside is zero.
  virtual llvm::SmallVector<mlir::Value> fetch(const Side &side,
                                               mlir::Value start);
  /// The same by `read`, which is given lines of the tile and contracted
  /// positions.
  llvm::SmallVector<mlir::Value> fetchEach(
      const Side &side, mlir::Value start,
      llvm::function_ref<mlir::Value(mlir::Value line, mlir::Value k)> read);
  /// Puts it into the shared memory, as piece `half`.
  virtual void store(const Side &side, llvm::ArrayRef<mlir::Value> values,
                     mlir::Value half);
  /// Adds the products of a piece.
  virtual llvm::SmallVector<mlir::Value>
  multiply(llvm::ArrayRef<mlir::Value> values, mlir::Value half);
  /// Adds the products of a tile's pieces, of all or from `firstPiece` to
  /// `endPiece`.
  virtual llvm::SmallVector<mlir::Value>
  addPieces(llvm::ArrayRef<mlir::Value> start);
  /// A tile is stored in so many passes over its rows.
  virtual int64_t countPasses() const;
  /// Stores what follows the sums of a tile.
  virtual void finishTile(llvm::ArrayRef<mlir::Value> values,
                          mlir::Value result,
                          const mlir::dl::cpu::Buffer &buffer);
  /// Puts a pass's sums into the shared memory, row by row.
  virtual void storeSums(llvm::ArrayRef<mlir::Value> values, int64_t pass);

  /// The pieces to be added.
  std::pair<mlir::Value, mlir::Value> getPieces();

  mlir::Value constant(int64_t value) { return index.constant(value); }
  /// Emits `body` for the invocations of which `condition` holds.
  void emitIf(mlir::Value condition, llvm::function_ref<void()> body);
  mlir::Value extentOf(llvm::ArrayRef<unsigned> loops);
  void setPositions(mlir::dl::cpu::Position &dims,
                    llvm::ArrayRef<unsigned> loops, mlir::Value linear);
  /// The positions of the loops where `line` and contracted position `k` meet,
  /// both moved to where so many of them are.
  mlir::dl::cpu::Position getOperandDims(const Side &side, mlir::Value line,
                                         mlir::Value k, int64_t lineCount = 1,
                                         int64_t depthCount = 1);

  mlir::dl::cpu::ElementEmitter &emitter;
  mlir::dl::cpu::IndexBuilder &index;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  EntryBuilder &entry;
  const mlir::dl::cpu::Contraction &contraction;
  mlir::linalg::GenericOp op;
  const TileShape shape;

  mlir::Value invocation;
  mlir::Value depth, rows, columns; ///< of the whole contraction
  llvm::SmallVector<unsigned> columnLoops;
  Side left, right;
  mlir::Value sums;                 ///< shared memory
  mlir::dl::cpu::Position tileDims; ///< of the batch
  mlir::Value firstPiece, endPiece; ///< null for all of a tile

  Side makeSide(mlir::OpOperand *operand, llvm::ArrayRef<unsigned> loops,
                int64_t lines);
  int64_t countShare(const Side &side) const {
    return side.lines * shape.depth / shape.getInvocations();
  }

  mlir::Value ownRow, ownColumn; ///< this invocation's part of the tile

private:
  mlir::Value loadShared(mlir::Value memory, mlir::Value at);
  /// Finds what all tiles have in common; returns how many there are.
  mlir::Value begin();
  /// Moves to one of them.
  void goTo(mlir::Value tile);
  llvm::SmallVector<mlir::Value> makeZeros();
  /// The sums of a tile: of its pieces, or of the parts that are stored.
  llvm::SmallVector<mlir::Value> addTile(mlir::Value tile);
  llvm::SmallVector<mlir::Value> addParts(mlir::Value tile);
  llvm::SmallVector<mlir::Value> loadPart(mlir::Value part);
  mlir::Value getPlaceOfSum(mlir::Value part, int64_t number);
  mlir::Value rowTiles, perBatch; ///< tiles
};

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_TILEEMITTER_H
