// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Generates a kernel around one contraction; see ContractionKernel.cpp.

#ifndef DL_CODEGEN_CPU_CONTRACTIONEMITTER_H
#define DL_CODEGEN_CPU_CONTRACTIONEMITTER_H

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/ContractionRows.h"
#include "codegen/cpu/TileRegisters.h"

namespace mlir::dl::cpu {

class ContractionEmitter {
public:
  ContractionEmitter(KernelFunction &kernel, Contraction contraction)
      : kernel(kernel), c(std::move(contraction)), op(c.op),
        emitter(kernel.emitter), index(kernel.emitter.index),
        builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  /// Asks for an operand with its blocked dimension split and innermost, then,
  /// if `paired` is a loop, groups of its positions.
  Value pack(OpOperand *operand, ArrayRef<unsigned> order, unsigned blocked,
             int64_t tile, int paired = -1);
  /// How products are made, by what the rows' memory allows.
  NarrowProducts chooseProducts();
  /// Whether a panel has groups of contracted positions side by side, and how
  /// many in each.
  bool hasGroups() { return products != NarrowProducts::Extend; }
  int64_t getGroup() { return getGroup(products); }
  int64_t getGroup(NarrowProducts how);
  bool hasTiles() { return products == NarrowProducts::Tiles; }
  /// The extent of a contracted loop in a panel.
  Value getPanelExtent(unsigned d);
  /// Whether the lane side is packed weights of more than so many bytes.
  bool areWeightsAbove(int64_t bytes);
  void findLanes();
  void chooseRange();
  void chooseDepth();
  void choosePrefetch();
  void prepareSource(int64_t lines);
  // What a choice asks for, and what there is to choose: see
  // ContractionChoice.cpp.
  BlockSize takeBlock(BlockSize preferred);
  bool takeRange(int64_t unit, function_ref<int64_t(int64_t)> bytesOf);
  void report();
  bool areRowsApart();
  void findRows();
  void prepareRows();
  void findReducedLoops();
  // Products with the zeros of a border: see ContractionBorders.cpp.
  void findBorders();
  const Border *getBorder(unsigned tap) const;
  std::pair<Value, Value> getBounds(size_t level, const Position &dims);
  SmallVector<std::pair<Value, Value>>
  getBounds(const Position &dims, Value firstOuter, Value endOuter);
  bool copiesPanels() { return !packedLanes && !lanesInPlace; }
  /// The number of a packed block among those of the leading loops.
  Value numberOf(OpOperand *operand, ArrayRef<unsigned> leading,
                 const Position &dims);

  void emitTile(const Position &dims, Value item);
  void emitDeepTile(const Position &dims, Value firstPanel, Value endPanel);
  void enterPanel(const Position &dims, Value number);
  Value getPanelBase(const Position &dims, Value number);
  void followPieces(const Position &dims, Value number, Value firstPanel,
                    Value endPanel, Value from, Value to);
  /// Runs `body` for each block of rows of the tile: its rows, a value for
  /// those that exist, and where it starts among the tile's rows.
  using BlockBody = function_ref<void(const Position &dims, Value row,
                                      int64_t rows, Value valid, Value slot)>;
  void emitRowBlocks(const Position &dims, BlockBody body);
  SmallVector<Value> emitSums(const Position &dims, Value row, int64_t rows,
                              Value slot, ArrayRef<Value> start,
                              Value firstOuter, Value endOuter);
  void emitResults(const Position &dims, Value row, int64_t rows, Value valid,
                   ArrayRef<Value> sums);
  /// Where the elements of a block's rows start, in `memory` of the rows; from
  /// one row to the next.
  struct BlockRows {
    Value memory, base, between;
  };
  BlockRows getBlockRows(const Position &dims, Value row);

  // Blocks in tile registers: see ContractionTiles.cpp.
  void flattenRows();
  void prepareTiles();
  void emitTileSums(const Position &dims, Value row, Value valid, Value slot,
                    Value memory, Value place, bool accumulates,
                    Value firstOuter, Value endOuter);
  void emitTileResults(const Position &dims, Value row, Value valid,
                       Value memory, Value place);
  BlockSize chooseTileBlock();
  TileFactors getTileFactors();
  // One step of a block: the group of a row from `at` on, for all lanes, a
  // vector of a panel, and their products added to a sum.
  Value readGroup(Value memory, Value at);
  Value readLanes(Value at, VectorType type);
  Value multiplyBytes(Value sum, Value row, Value lanes);
  /// Steps of so many contracted positions in positions [firstOuter, endOuter)
  /// of the outermost loop.
  Value countSteps(Value firstOuter, Value endOuter, int64_t positions);
  void prefetchNextPanel(const Position &dims, Value slot, Value start,
                         Value step, Value steps);
  void prefetchNextSource(const Position &dims, Value slot, Value step,
                          Value steps);
  /// Fetches what follows the sums of the block at `row` reads, in `steps`
  /// steps, of which this is number `step`.
  void prefetchOperands(const Position &dims, Value row, int64_t height,
                        Value step, Value steps);

  SmallVector<Value> sizesOf(ArrayRef<unsigned> loops);
  int64_t staticExtent(ArrayRef<unsigned> loops);
  int64_t panelWidth() { return block.vectors * emitter.width(); }

  KernelFunction &kernel;
  Contraction c;
  linalg::GenericOp op;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;

  NarrowProducts products = NarrowProducts::Extend;
  BlockSize block = {0, 0};
  SmallVector<KernelFunction::Output> outputs;
  Value packedRows, packedLanes; // memory of packed constant operands
  Value panelScratch, blockScratch, sumScratch;
  Value depth, laneCount;
  SmallVector<unsigned> groupLoops; // row loops of one position in each tile
  int rowLoop = -1;                 // the row loop that is blocked, or -1
  int rangeLoop = -1;    // the row loop that is divided among tiles, or -1
  int64_t range = 0;     // positions of it in a tile; 0: all
  int64_t depthStep = 0; // outermost contracted positions in a piece; 0: all
  int64_t panelsInTile = 1;
  int64_t prefetchLines = 0;   // of the next panel, at each step; 0: none
  int64_t sourceLines = 0;     // of laneSource, at each step
  bool hasSingleBlock = false; // of rows, in each tile
  int64_t unroll = kUnroll;    // contracted positions (or pairs)
  int64_t rangeUnit = 1;       // ranges are multiples of it
  bool mayDivideDepth = false, mayFlatten = false;
  std::optional<LinearAccess> rows;
  std::optional<StagedOperand> staged;
  bool clearsStaged = false;              // by each call
  std::optional<LinearAccess> laneSource; // of panels that are copied
  /// The lane side where it is multiplied as it lies in memory.
  std::optional<LinearAccess> lanesInPlace;
  bool mayFetchOperands = true; // until it is seen that there are none
  FlatRows flat;
  int64_t flatSlots = 0; // rows of sums of the flat loops, in whole blocks
  SmallVector<ReducedLoop> reduced;
  SmallVector<Border> borders;  // of which no product is made
  double insideShare = 1;       // of the products, those that are made
  bool leavesOutBorder = false; // all of it, so that rows need no copy
  std::optional<TileRegisters> tiles;
  bool hasWholeBlocks = false; // every block has all of its rows
  bool mustStage = false;      // rows are copied, for groups to be whole

  // Of the tile at hand.
  Value panel, panelBase, first, count, rowBase, rowsInTile;
  Value nextPiece; // of a panel, to fetch; null: the next panel
  Value rangeLower, rangeUpper;
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_CONTRACTIONEMITTER_H
