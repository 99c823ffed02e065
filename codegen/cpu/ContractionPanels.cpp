// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Panels of a contraction's lane side, copied by the kernel itself.

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/ContractionRows.h"
#include "codegen/cpu/TransposeKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

//===----------------------------------------------------------------------===//
// Squares
//===----------------------------------------------------------------------===//

namespace {

/// A lane side that lies along its innermost contracted loop, as a transposed
/// matrix does: read lane by lane, it would be gathered. Squares of as many
/// lanes as positions are read along memory and transposed in registers; of
/// bf16 in pairs, positions are pairs. Bytes become floats on the way.
class SquarePacker {
public:
  SquarePacker(KernelFunction &kernel, const Contraction &contraction,
               const Position &dims, bool pairs)
      : kernel(kernel), emitter(kernel.emitter), index(kernel.emitter.index),
        builder(kernel.builder), loc(kernel.loc), contraction(contraction),
        dims(dims), pairs(pairs), size(kernel.emitter.width()) {}

  /// Whether the lane side is so.
  bool match() {
    linalg::GenericOp op = contraction.op;
    unsigned inner = contraction.reduced.back();
    extent = op.getStaticLoopRanges()[inner];
    Type wanted = pairs ? Type(builder.getBF16Type()) : builder.getF32Type();
    if (contraction.lanes.size() != 1 || contraction.factorType != wanted ||
        size < 4 || ShapedType::isDynamic(extent) || extent < size ||
        (pairs && extent % 2))
      return false;
    AffineMap map = op.getMatchingIndexingMap(contraction.laneSide);
    if (!map.getNumResults() || !map.getResults().back().isFunctionOfDim(inner))
      return false;
    access = getLinearAccess(kernel, op, contraction.laneSide,
                             pairs ? nullptr : &conversion);
    return access && access->liesAlong(inner) &&
           !access->liesAlong(contraction.lanes.back());
  }

  void pack(Value panel, Value base, Value first, Value count,
            int64_t panelWidth) {
    SmallVector<unsigned> fixed(contraction.batch);
    llvm::append_range(fixed, contraction.outerLanes);
    Value start = access->getBase(index, fixed, dims);
    Value between = access->strides[contraction.lanes.back()];
    Value width = index.constant(size), one = index.constant(1);
    Value lastLane = index.sub(index.add(first, count), one);
    emitLoop(
        builder, loc, index.constant(0), count, width, {},
        [&](Value at, ValueRange) -> SmallVector<Value> {
          ElementEmitter::Scope scope(emitter);
          // Lanes that do not exist repeat the last one.
          SmallVector<Value> places;
          for (int64_t i = 0; i < size; ++i) {
            Value lane = index.min(
                index.add(index.add(first, at), index.constant(i)), lastLane);
            places.push_back(index.add(start, index.mul(lane, between)));
          }
          Value target =
              index.add(base, index.mul(at, index.constant(pairs ? 2 : 1)));
          packLoops(0, index.constant(0), places, panel, target, panelWidth);
          return {};
        });
  }

private:
  /// The contracted loops from number `depth` on, of which `row` positions of
  /// the panel come before.
  void packLoops(size_t depth, Value row, ArrayRef<Value> places, Value panel,
                 Value target, int64_t panelWidth) {
    Value zero = index.constant(0), one = index.constant(1);
    if (depth + 1 < contraction.reduced.size()) {
      unsigned d = contraction.reduced[depth];
      Value count = emitter.loopSize(contraction.op, d);
      emitLoop(builder, loc, zero, count, one, {},
               [&](Value i, ValueRange) -> SmallVector<Value> {
                 ElementEmitter::Scope scope(emitter);
                 SmallVector<Value> moved;
                 for (Value place : places)
                   moved.push_back(
                       index.add(place, index.mul(i, access->strides[d])));
                 packLoops(depth + 1, index.add(index.mul(row, count), i),
                           moved, panel, target, panelWidth);
                 return {};
               });
      return;
    }
    int64_t step = size * (pairs ? 2 : 1), whole = extent - extent % step;
    Value width = index.constant(panelWidth);
    Value firstRow = index.mul(row, index.constant(extent));
    auto copy = [&](Value from, int64_t positions) {
      copySquare(places, from, panel,
                 index.add(target, index.mul(index.add(firstRow, from), width)),
                 panelWidth, positions);
    };
    emitLoop(builder, loc, zero, index.constant(whole), index.constant(step),
             {}, [&](Value from, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               copy(from, step);
               return {};
             });
    if (whole < extent)
      copy(index.constant(whole), extent - whole);
  }

  /// `positions` positions of each lane, from `from` on.
  void copySquare(ArrayRef<Value> places, Value from, Value panel, Value target,
                  int64_t panelWidth, int64_t positions) {
    int64_t elements = size * (pairs ? 2 : 1);
    auto memory = cast<MemRefType>(access->memory.getType());
    auto type = VectorType::get({elements}, memory.getElementType());
    auto factors = VectorType::get({elements}, contraction.factorType);
    auto words = VectorType::get({size}, builder.getI32Type());
    Value mask;
    if (positions < elements)
      mask = vector::CreateMaskOp::create(
          builder, loc, VectorType::get({elements}, builder.getI1Type()),
          ValueRange{index.constant(positions)});
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
    SmallVector<Value> rows;
    for (Value place : places) {
      Value at = index.add(place, from);
      Value row =
          mask ? Value(vector::MaskedLoadOp::create(builder, loc, type,
                                                    access->memory,
                                                    ValueRange{at}, mask, zero))
               : Value(vector::LoadOp::create(builder, loc, type,
                                              access->memory, ValueRange{at}));
      if (pairs)
        row = vector::BitCastOp::create(builder, loc, words, row);
      else if (isa_and_nonnull<arith::UIToFPOp>(conversion))
        row = arith::UIToFPOp::create(builder, loc, factors, row);
      else if (conversion)
        row = arith::SIToFPOp::create(builder, loc, factors, row);
      rows.push_back(row);
    }
    transposeSquare(kernel, rows);
    int64_t together = pairs ? 2 : 1;
    for (int64_t k = 0; k * together < positions; ++k) {
      Value row = rows[k];
      if (pairs)
        row = vector::BitCastOp::create(builder, loc, type, row);
      Value at = index.add(target, index.constant(k * together * panelWidth));
      vector::StoreOp::create(builder, loc, row, panel, ValueRange{at});
    }
  }

  KernelFunction &kernel;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  const Contraction &contraction;
  const Position &dims;
  bool pairs;
  int64_t size, extent = 0;
  std::optional<LinearAccess> access;
  Operation *conversion = nullptr; // of bytes in memory
};

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// A lane side that lies along the lanes, all rows of a panel far apart, as of
/// a matrix that is multiplied as it is. Row by row, all vectors of a row
/// follow one another; vector by vector, each row would be visited once for
/// each of them, and rows a power of two apart, which fall to one set of the
/// cache, come from memory each time.
class RowPacker {
public:
  RowPacker(KernelFunction &kernel, const Contraction &contraction,
            const Position &dims)
      : kernel(kernel), emitter(kernel.emitter), index(kernel.emitter.index),
        contraction(contraction), dims(dims) {}

  /// Whether the lane side is so.
  bool match() {
    if (contraction.lanes.size() != 1 ||
        getElementTypeOrSelf(contraction.laneSide->get()) !=
            contraction.factorType)
      return false;
    access = getLinearAccess(kernel, contraction.op, contraction.laneSide);
    return access && access->liesAlong(contraction.lanes.back());
  }

  /// Copies so many whole vectors of lanes of each row, from lane `first` on.
  void pack(Value panel, Value base, Value first, int64_t vectors) {
    SmallVector<unsigned> fixed(contraction.batch);
    llvm::append_range(fixed, contraction.outerLanes);
    packLoops(0, index.constant(0),
              index.add(access->getBase(index, fixed, dims), first), panel,
              base, vectors);
  }

private:
  void packLoops(size_t depth, Value row, Value place, Value panel, Value base,
                 int64_t vectors) {
    OpBuilder &builder = kernel.builder;
    if (depth < contraction.reduced.size()) {
      unsigned d = contraction.reduced[depth];
      Value extent = emitter.loopSize(contraction.op, d);
      emitLoop(builder, kernel.loc, index.constant(0), extent,
               index.constant(1), {},
               [&](Value i, ValueRange) -> SmallVector<Value> {
                 ElementEmitter::Scope scope(emitter);
                 packLoops(depth + 1, index.add(index.mul(row, extent), i),
                           index.add(place, index.mul(i, access->strides[d])),
                           panel, base, vectors);
                 return {};
               });
      return;
    }
    int64_t width = emitter.width();
    auto type = VectorType::get({width}, contraction.factorType);
    SmallVector<Value> read;
    for (int64_t v = 0; v < vectors; ++v)
      read.push_back(vector::LoadOp::create(
          builder, kernel.loc, type, access->memory,
          ValueRange{index.add(place, index.constant(v * width))}));
    Value to = index.add(base, index.mul(row, index.constant(vectors * width)));
    for (auto [v, vector] : llvm::enumerate(read))
      vector::StoreOp::create(
          builder, kernel.loc, vector, panel,
          ValueRange{index.add(to, index.constant(v * width))});
  }

  KernelFunction &kernel;
  ElementEmitter &emitter;
  IndexBuilder &index;
  const Contraction &contraction;
  const Position &dims;
  std::optional<LinearAccess> access;
};

} // namespace

//===----------------------------------------------------------------------===//
// Lane by lane
//===----------------------------------------------------------------------===//

/// Whether the lane side's trailing dimensions are the loops of the lanes, so
/// that all of them lie in memory as one.
static bool readsLanesAsOne(const Contraction &contraction) {
  linalg::GenericOp op = contraction.op;
  if (!isa<BlockArgument>(contraction.laneSide->get()))
    return false;
  AffineMap map = op.getMatchingIndexingMap(contraction.laneSide);
  ArrayRef<AffineExpr> exprs = map.getResults();
  if (exprs.size() < contraction.lanes.size())
    return false;
  for (auto [expr, d] :
       llvm::zip(exprs.take_back(contraction.lanes.size()), contraction.lanes))
    if (expr != getAffineDimExpr(d, map.getContext()))
      return false;
  for (AffineExpr expr : exprs.drop_back(contraction.lanes.size()))
    for (unsigned d : contraction.lanes)
      if (expr.isFunctionOfDim(d))
        return false;
  return true;
}

/// The elements of two or four vectors in turn; of one, itself.
static Value interleaveAll(OpBuilder &builder, Location loc,
                           ArrayRef<Value> vectors) {
  if (vectors.size() == 1)
    return vectors.front();
  SmallVector<Value> even, odd;
  for (auto [i, vector] : llvm::enumerate(vectors))
    (i % 2 ? odd : even).push_back(vector);
  return vector::InterleaveOp::create(builder, loc,
                                      interleaveAll(builder, loc, even),
                                      interleaveAll(builder, loc, odd));
}

namespace {

/// Copies the lane side of a panel as packPanel says, vector by vector.
class LanePacker {
public:
  LanePacker(KernelFunction &kernel, const Contraction &contraction,
             Position dims, Value panel, Value base, int64_t panelWidth,
             int64_t group)
      : kernel(kernel), contraction(contraction), emitter(kernel.emitter),
        index(emitter.index), builder(kernel.builder), loc(kernel.loc),
        op(contraction.op), dims(std::move(dims)), panel(panel), base(base),
        panelWidth(panelWidth), group(group) {}

  /// `count` lanes from flat position `first` on.
  void pack(Value first, Value count) {
    if (contraction.lanes.size() == 1 || readsLanesAsOne(contraction))
      packFlat(first, count);
    else
      packByRows(first, count);
  }

private:
  void packFlat(Value first, Value count);
  void packByRows(Value first, Value count);
  void copyRun(Value at, Value length);
  void copyColumn(Value at);
  void copyRows(size_t depth, Value row, Value at);
  void copyRow(Value row, Value at);
  Value readLanes();

  KernelFunction &kernel;
  const Contraction &contraction;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  linalg::GenericOp op;
  Position dims;
  Value panel, base;
  int64_t panelWidth, group;
  int64_t left = 0; // contracted positions in the last group; 0: another one
};

} // namespace

Value LanePacker::readLanes() {
  AffineMap map = op.getMatchingIndexingMap(contraction.laneSide);
  return emitter.toVector(emitter.read(contraction.laneSide->get(),
                                       emitter.mapPosition(map, dims)));
}

/// Copies the lanes at `dims` to position `at` of a row, or of a group of rows.
void LanePacker::copyRow(Value row, Value at) {
  SmallVector<Value> read{readLanes()};
  Value lane = at;
  if (group > 1) {
    // Lanes that do not count hold anything: their results are not used.
    LaneIndex &last = dims[contraction.reduced.back()];
    for (int64_t g = 1; g < group; ++g) {
      last = index.uniform(index.add(last.base, index.constant(1)));
      read.push_back(
          left && g >= left
              ? Value(arith::ConstantOp::create(
                    builder, loc, builder.getZeroAttr(read.front().getType())))
              : readLanes());
    }
    lane = index.mul(at, index.constant(group));
  }
  Value vector = interleaveAll(builder, loc, read);
  Value offset = index.add(
      base, index.add(index.mul(row, index.constant(panelWidth)), lane));
  if (emitter.mask && group == 1)
    vector::MaskedStoreOp::create(builder, loc, panel, ValueRange{offset},
                                  emitter.mask, vector);
  else
    vector::StoreOp::create(builder, loc, vector, panel, ValueRange{offset});
}

/// Loops over the contracted positions from the loop `depth` on.
void LanePacker::copyRows(size_t depth, Value row, Value at) {
  if (depth == contraction.reduced.size())
    return copyRow(row, at);
  unsigned d = contraction.reduced[depth];
  Value extent = emitter.loopSize(op, d), step = index.constant(1),
        limit = extent, odd;
  bool isPaired = group > 1 && depth + 1 == contraction.reduced.size();
  if (isPaired) {
    step = index.constant(group);
    odd = index.rem(extent, step);
    limit = index.sub(extent, odd);
  }
  auto enter = [&](Value i) {
    ElementEmitter::Scope scope(emitter);
    dims[d] = index.uniform(i);
    copyRows(depth + 1, index.add(index.mul(row, extent), i), at);
  };
  emitLoop(builder, loc, index.constant(0), limit, step, {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             enter(i);
             return {};
           });
  if (!isPaired || IndexBuilder::getConstant(odd) == 0)
    return;
  // The last positions are followed by zeros.
  auto ifOp = scf::IfOp::create(builder, loc, index.less(limit, extent),
                                /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  left = IndexBuilder::getConstant(odd).value_or(1);
  enter(limit);
  left = 0;
}

/// Copies the lanes at `dims` to position `at` of every row.
void LanePacker::copyColumn(Value at) {
  emitter.emitByBorder(op, dims, {}, [&]() -> SmallVector<Value> {
    copyRows(0, index.constant(0), at);
    return {};
  });
}

/// Copies `length` (at most a vector of) lanes, with a mask if they are fewer.
void LanePacker::copyRun(Value at, Value length) {
  auto known = IndexBuilder::getConstant(length);
  if (known && *known == emitter.width())
    return copyColumn(at);
  Value isFull = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       length, index.constant(emitter.width()));
  auto ifOp = scf::IfOp::create(builder, loc, isFull,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  {
    ElementEmitter::Scope scope(emitter);
    copyColumn(at);
  }
  builder.setInsertionPointToStart(ifOp.elseBlock());
  ElementEmitter::Scope scope(emitter);
  emitter.mask = vector::CreateMaskOp::create(
      builder, loc, emitter.vectorType(builder.getI1Type()),
      ValueRange{length});
  copyColumn(at);
  emitter.mask = Value();
}

void LanePacker::packFlat(Value first, Value count) {
  unsigned last = contraction.lanes.back();
  Value width = index.constant(emitter.width());
  FlatGroup flat;
  for (unsigned d : contraction.lanes)
    flat.sizes.push_back(emitter.loopSize(op, d));
  emitLoop(builder, loc, index.constant(0), count, width, {},
           [&](Value at, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             flat.base = index.add(first, at);
             if (contraction.lanes.size() == 1) {
               dims[last] = index.uniform(flat.base);
               dims[last].stride = 1;
             } else {
               index.flat = &flat;
               for (auto [i, d] : llvm::enumerate(contraction.lanes)) {
                 dims[d] = LaneIndex();
                 dims[d].flatPosition = i;
               }
             }
             copyRun(at, index.min(width, index.sub(count, at)));
             index.flat = nullptr;
             return {};
           });
}

/// Lanes cross the ends of rows: copies run by run, each within one row.
void LanePacker::packByRows(Value first, Value count) {
  Value width = index.constant(emitter.width());
  SmallVector<Value> sizes;
  for (unsigned d : contraction.lanes)
    sizes.push_back(emitter.loopSize(op, d));
  Value zero = index.constant(0);
  auto loop = scf::WhileOp::create(builder, loc, TypeRange{zero.getType()},
                                   ValueRange{zero});
  OpBuilder::InsertionGuard guard(builder);
  Block *before = builder.createBlock(&loop.getBefore(), {},
                                      {builder.getIndexType()}, {loc});
  scf::ConditionOp::create(builder, loc,
                           index.less(before->getArgument(0), count),
                           before->getArguments());
  Block *after = builder.createBlock(&loop.getAfter(), {},
                                     {builder.getIndexType()}, {loc});
  Value at = after->getArgument(0);
  ElementEmitter::Scope scope(emitter);
  SmallVector<Value> position = kernel.delinearize(index.add(first, at), sizes);
  for (auto [d, value] : llvm::zip(contraction.lanes, position))
    dims[d] = index.uniform(value);
  dims[contraction.lanes.back()].stride = 1;
  Value length = index.min(index.sub(sizes.back(), position.back()),
                           index.min(width, index.sub(count, at)));
  copyRun(at, length);
  scf::YieldOp::create(builder, loc, ValueRange{index.add(at, length)});
}

/// Clears a panel of f32 that will not be full. What its scratch held before
/// may be denormal as floats, as small integers are: a product with such takes
/// the CPU over a hundred cycles, though nobody reads it.
static void clearPartialPanel(KernelFunction &kernel,
                              const Contraction &contraction, Value panel,
                              Value base, Value count, int64_t lanes) {
  IndexBuilder &index = kernel.emitter.index;
  OpBuilder &builder = kernel.builder;
  Location loc = kernel.loc;
  Value all = getExtent(kernel, contraction.op, contraction.lanes);
  if (auto known = IndexBuilder::getConstant(all); known && *known % lanes == 0)
    return;
  auto ifOp = scf::IfOp::create(
      builder, loc, index.less(count, index.constant(lanes)), false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  ElementEmitter::Scope scope(kernel.emitter);
  Value zero = arith::ConstantOp::create(
      builder, loc,
      builder.getZeroAttr(kernel.emitter.vectorType(contraction.factorType)));
  Value size = index.mul(getExtent(kernel, contraction.op, contraction.reduced),
                         index.constant(lanes));
  emitLoop(builder, loc, index.constant(0), size,
           index.constant(kernel.emitter.width()), {},
           [&](Value at, ValueRange) -> SmallVector<Value> {
             vector::StoreOp::create(builder, loc, zero, panel,
                                     ValueRange{index.add(base, at)});
             return {};
           });
}

void mlir::dl::cpu::packPanel(KernelFunction &kernel,
                              const Contraction &contraction, Position dims,
                              Value panel, Value base, Value first, Value count,
                              int64_t vectors, int64_t group) {
  int64_t lanes = vectors * kernel.emitter.width();
  if (group == 1 && contraction.factorType.isF32())
    clearPartialPanel(kernel, contraction, panel, base, count, lanes);
  if (group <= 2) {
    SquarePacker squares(kernel, contraction, dims, /*pairs=*/group == 2);
    if (squares.match())
      return squares.pack(panel, base, first, count, lanes);
  }
  auto packAll = [&] {
    LanePacker(kernel, contraction, dims, panel, base, lanes, group)
        .pack(first, count);
  };
  RowPacker rows(kernel, contraction, dims);
  if (group > 1 || vectors == 1 || !rows.match())
    return packAll();
  OpBuilder &builder = kernel.builder;
  Value isWhole =
      arith::CmpIOp::create(builder, kernel.loc, arith::CmpIPredicate::eq,
                            count, kernel.emitter.index.constant(lanes));
  auto ifOp = scf::IfOp::create(builder, kernel.loc, isWhole,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  {
    ElementEmitter::Scope scope(kernel.emitter);
    rows.pack(panel, base, first, vectors);
  }
  builder.setInsertionPointToStart(ifOp.elseBlock());
  ElementEmitter::Scope scope(kernel.emitter);
  packAll();
}
