// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Rows by neighbouring invocations, which add up by exchanges.

#include "codegen/gpu/Combiner.h"
#include "codegen/gpu/Lanes.h"
#include "codegen/gpu/Rows.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Element;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

namespace {

/// How a workgroup divides rows.
struct RowShape {
  int64_t width;   ///< neighbouring columns that are read at once
  int64_t threads; ///< of a row: a power of two
  int64_t pieces;  ///< of `threads` times `width` columns, in a step
  bool isWhole;    ///< whether one step is all of the row

  int64_t getPieceColumns() const { return width * threads; }
};

/// A vector of neighbouring columns.
struct Piece {
  Position columns;
  Value inside; ///< whether it is one of the row; null where it is for certain
};

/// Emits the rows of a stage by one emitter of vectors. What it has computed
/// for a row's columns it remembers, so that later reductions of the row, and
/// what is stored in the end, find it in registers where one step is the row.
class RowEmitter {
public:
  RowEmitter(StageFunction &stage, const RowForm &form, const RowShape &shape,
             const Stage &about, const Buffer &buffer);

  /// Computes and stores the rows; returns how many groups of them there are.
  Value emit();
  bool failed() const { return wide.failed(); }

private:
  using Body = function_ref<Value(ArrayRef<mlir::dl::cpu::LaneIndex> columns,
                                  Value inside, Value carried)>;

  Value constant(int64_t value) { return index.constant(value); }
  Value overColumns(ArrayRef<Value> extents, Value carried, Body body);
  Piece getPiece(Value first, Value total, ArrayRef<Value> sizes,
                 bool isChecked);
  void findPieces(ArrayRef<Value> sizes);
  void reduce(const RowReduction &reduction, size_t number,
              ArrayRef<mlir::dl::cpu::LaneIndex> row);
  Value addLanes(Value value, function_ref<Value(Value, Value)> combine);
  Value addWarps(Value value, size_t number,
                 function_ref<Value(Value, Value)> combine);
  void store(ArrayRef<mlir::dl::cpu::LaneIndex> row, Value isRow);
  void emitIf(Value condition, function_ref<void()> body);
  Value both(Value a, Value b);
  int64_t countWarps() const {
    return llvm::divideCeil(shape.threads, entry.getExchangeLanes());
  }

  const RowForm &form;
  const RowShape &shape;
  const Stage &about;
  const Buffer &buffer;
  EntryBuilder &entry;
  OpBuilder &builder;
  Location loc;
  ElementEmitter wide;
  mlir::dl::cpu::IndexBuilder &index;
  SmallVector<Value> extents;   ///< of the stage's value
  SmallVector<Piece, 0> pieces; ///< of rows that are one step
  Value invocation, thread;     ///< of the workgroup, of the row
};

} // namespace

/// Pieces of a step of rows that do not fit.
static constexpr int64_t kUnroll = 4;
/// Bytes of shared memory for a reduction's values, one of each warp.
static constexpr int64_t kSlotBytes = 8;

static RowShape chooseShape(const RowForm &form, const EntryBuilder &entry,
                            bool byVectors) {
  constexpr int64_t kAccessBytes = 16, kUnknown = 32;
  int64_t lanes = entry.getExchangeLanes(), most = entry.getRowInvocations();
  if (ShapedType::isDynamic(form.columns))
    return {1, std::min(kUnknown, most), kUnroll, false};
  int64_t width = kAccessBytes / form.mostBytes;
  if (entry.splitsLanes())
    width = byVectors ? std::min(width, entry.getVectorWidth()) : 1;
  RowShape shape{std::max<int64_t>(width, 1), 1, 1, false};
  while (form.lastColumns % shape.width != 0)
    shape.width /= 2;
  int64_t vectors = form.columns / shape.width;
  // Of few rows each is divided further, so that all processors have some.
  constexpr int64_t kEnough = 2; // where more would hide latencies
  bool areMany = !ShapedType::isDynamic(form.rows) &&
                 form.rows * lanes * kEnough >= entry.getBusyInvocations();
  shape.threads = std::min<int64_t>(areMany ? std::min(lanes, most) : most,
                                    llvm::PowerOf2Ceil(vectors));
  auto countColumns = [&]() -> int64_t {
    return llvm::divideCeil(vectors, shape.threads) * shape.width;
  };
  int64_t held = entry.getRowColumns();
  while (shape.threads < most && countColumns() > held)
    shape.threads *= 2;
  shape.isWhole = countColumns() <= held;
  shape.pieces =
      shape.isWhole ? llvm::divideCeil(vectors, shape.threads) : kUnroll;
  return shape;
}

RowEmitter::RowEmitter(StageFunction &stage, const RowForm &form,
                       const RowShape &shape, const Stage &about,
                       const Buffer &buffer)
    : form(form), shape(shape), about(about), buffer(buffer),
      entry(stage.entry), builder(stage.emitter.builder),
      loc(stage.emitter.loc), wide(builder, loc, shape.width),
      index(wide.index) {
  wide.buffers = stage.emitter.buffers;
  wide.scalars = stage.emitter.scalars;
  auto type = cast<RankedTensorType>(about.value.getType());
  for (int64_t d = 0; d < type.getRank(); ++d)
    extents.push_back(
        stage.emitter.size(about.value, static_cast<unsigned>(d)));
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

/// The columns of a piece from column `first` on. Beyond the row's end, with
/// `isChecked`, they are the row's last ones, and not `inside`.
Piece RowEmitter::getPiece(Value first, Value total, ArrayRef<Value> sizes,
                           bool isChecked) {
  Piece piece;
  Value column = index.add(first, index.mul(thread, constant(shape.width)));
  if (isChecked) {
    piece.inside = index.less(column, total);
    column = index.min(column, index.sub(total, constant(shape.width)));
  }
  piece.columns.resize(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    piece.columns[d] = index.uniform(d ? index.rem(column, sizes[d]) : column);
    if (d)
      column = index.div(column, sizes[d]);
  }
  if (shape.width > 1)
    piece.columns.back().stride = 1;
  return piece;
}

/// Of rows that are one step, all have the same pieces, so that what was read
/// at one is known again.
void RowEmitter::findPieces(ArrayRef<Value> sizes) {
  Value total = constant(form.columns);
  for (int64_t i = 0; i < shape.pieces; ++i) {
    int64_t start = i * shape.getPieceColumns();
    pieces.push_back(getPiece(constant(start), total, sizes,
                              start + shape.getPieceColumns() > form.columns));
  }
}

/// All columns of a row that are this invocation's.
Value RowEmitter::overColumns(ArrayRef<Value> sizes, Value carried, Body body) {
  Value total = constant(1);
  for (Value size : sizes)
    total = index.mul(total, size);
  if (shape.isWhole) {
    if (pieces.empty())
      findPieces(sizes);
    for (const Piece &piece : pieces)
      carried = body(piece.columns, piece.inside, carried);
    return carried;
  }
  Value zero = constant(0);
  Value step = constant(shape.pieces * shape.getPieceColumns());
  Value limit = index.sub(total, index.rem(total, step));
  auto run = [&](Value from, Value to, bool isChecked, Value start) {
    SmallVector<Value> carries;
    if (start)
      carries.push_back(start);
    SmallVector<Value> results = mlir::dl::cpu::emitLoop(
        builder, loc, from, to, step, carries,
        [&](Value first, ValueRange inner) -> SmallVector<Value> {
          ElementEmitter::Scope scope(wide);
          Value next = inner.empty() ? Value() : inner.front();
          for (int64_t i = 0; i < shape.pieces; ++i) {
            Value at = index.add(first, constant(i * shape.getPieceColumns()));
            Piece piece = getPiece(at, total, sizes, isChecked);
            next = body(piece.columns, piece.inside, next);
          }
          return next ? SmallVector<Value>{next} : SmallVector<Value>();
        });
    return results.empty() ? Value() : results.front();
  };
  carried = run(zero, limit, /*isChecked=*/false, carried);
  auto known = index.getConstant(total), whole = index.getConstant(limit);
  if (known && whole && *known == *whole)
    return carried;
  return run(limit, total, /*isChecked=*/true, carried);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// Over the invocations of a row within a warp.
Value RowEmitter::addLanes(Value value,
                           function_ref<Value(Value, Value)> combine) {
  int64_t lanes = std::min(shape.threads, entry.getExchangeLanes());
  for (int64_t distance = lanes / 2; distance >= 1; distance /= 2)
    value = combine(value, entry.exchange(builder, loc, value, distance));
  return value;
}

/// Over the warps of a row: each reduction has its own place in the shared
/// memory, and all invocations read there what their row's warps have stored.
Value RowEmitter::addWarps(Value value, size_t number,
                           function_ref<Value(Value, Value)> combine) {
  int64_t warps = countWarps();
  if (warps == 1)
    return value;
  Type type = value.getType();
  bool isNarrow = !entry.canShare(type);
  if (isNarrow)
    value = widen(builder, loc, value);
  int64_t lanes = entry.getExchangeLanes(),
          slots = entry.getWorkgroupSize() / lanes;
  auto count = static_cast<int64_t>(form.reductions.size());
  Value shared =
      entry.getShared(builder, loc, value.getType(),
                      static_cast<int64_t>(number) * slots * kSlotBytes,
                      count * slots * kSlotBytes);
  // No two warps write to one word.
  constexpr int64_t kWordBits = 32;
  int64_t pitch =
      std::max<int64_t>(kWordBits / value.getType().getIntOrFloatBitWidth(), 1);
  Value warp =
      index.mul(index.div(invocation, constant(lanes)), constant(pitch));
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        index.rem(invocation, constant(lanes)),
                                        constant(0));
  emitIf(isFirst, [&] {
    memref::StoreOp::create(builder, loc, value, shared, ValueRange{warp});
  });
  gpu::BarrierOp::create(builder, loc);
  Value first = index.mul(index.div(invocation, constant(shape.threads)),
                          constant(warps * pitch));
  Value all;
  for (int64_t i = 0; i < warps; ++i) {
    Value part = memref::LoadOp::create(
        builder, loc, shared,
        ValueRange{index.add(first, constant(i * pitch))});
    if (isNarrow)
      part = narrow(builder, loc, part, type);
    all = all ? combine(all, part) : part;
  }
  return all;
}

void RowEmitter::reduce(const RowReduction &reduction, size_t number,
                        ArrayRef<mlir::dl::cpu::LaneIndex> row) {
  linalg::GenericOp op = reduction.op;
  Combiner combiner(op);
  auto combine = [&](Value a, Value b) {
    return combiner.combine(builder, loc, a, b);
  };
  Value neutral = combiner.getNeutral(builder, loc);
  bool isVector = shape.width > 1;
  if (isVector)
    neutral = wide.toVector({neutral, false});

  Position at;
  for (AffineExpr expr : reduction.at)
    at.push_back(index.evaluate(expr, row));
  Position dims(at);
  SmallVector<Value> sizes;
  for (unsigned d = op.getNumParallelLoops(); d < op.getNumLoops(); ++d)
    sizes.push_back(wide.loopSize(op, d));
  dims.resize(op.getNumLoops());
  Value sum = overColumns(
      sizes, neutral,
      [&](ArrayRef<mlir::dl::cpu::LaneIndex> columns, Value inside,
          Value carried) {
        llvm::copy(columns, dims.begin() + op.getNumParallelLoops());
        SmallVector<Element> next =
            wide.emitBody(op, dims, Element{carried, isVector});
        if (next.empty())
          return carried;
        Value added =
            isVector ? wide.toVector(next.front()) : next.front().value;
        return inside ? Value(arith::SelectOp::create(builder, loc, inside,
                                                      added, carried))
                      : added;
      });
  if (isVector) {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < shape.width; ++i)
      parts.push_back(vector::ExtractOp::create(builder, loc, sum, i));
    for (size_t half = parts.size() / 2; half >= 1; half /= 2)
      for (size_t i = 0; i < half; ++i)
        parts[i] = combine(parts[i], parts[i + half]);
    sum = parts.front();
  }
  sum = addWarps(addLanes(sum, combine), number, combine);
  Element start = wide.read(op.getDpsInitOperand(0)->get(), at);
  wide.remember(op->getResult(0), at, {combine(start.value, sum), false});
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

void RowEmitter::emitIf(Value condition, function_ref<void()> body) {
  if (!condition)
    return body();
  auto branch =
      scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

/// Whether both hold, where null always does.
Value RowEmitter::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AndIOp::create(builder, loc, a, b);
}

/// What is computed of a row once its reductions are there.
void RowEmitter::store(ArrayRef<mlir::dl::cpu::LaneIndex> row, Value isRow) {
  if (!form.hasColumns) {
    Element element = wide.read(about.value, row);
    Value isFirst = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, thread, constant(0));
    emitIf(both(isFirst, isRow), [&] { wide.write(buffer, row, element); });
    return;
  }
  overColumns(
      ArrayRef(extents).drop_front(form.rowRank), Value(),
      [&](ArrayRef<mlir::dl::cpu::LaneIndex> columns, Value inside, Value) {
        Position at(row);
        llvm::append_range(at, columns);
        Element element = wide.read(about.value, at);
        emitIf(both(inside, isRow), [&] { wide.write(buffer, at, element); });
        return Value();
      });
}

Value RowEmitter::emit() {
  int64_t rowsAtOnce = entry.getWorkgroupSize() / shape.threads;
  Value rows = constant(1);
  for (Value extent : ArrayRef(extents).take_front(form.rowRank))
    rows = index.mul(rows, extent);
  Value groups = index.ceilDiv(rows, constant(rowsAtOnce));
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  thread = index.rem(invocation, constant(shape.threads));
  Value own = index.div(invocation, constant(shape.threads));
  if (shape.threads == entry.getWorkgroupSize())
    own = constant(0);
  bool areWhole =
      !ShapedType::isDynamic(form.rows) && form.rows % rowsAtOnce == 0;
  entry.emitShare(
      index, /*perGroup=*/1, /*offset=*/Value(), groups, [&](Value group) {
        ElementEmitter::Scope scope(wide);
        Value number = index.add(index.mul(group, constant(rowsAtOnce)), own);
        // Invocations past the end do the last row's work, and store nothing.
        Value isRow;
        if (!areWhole) {
          isRow = index.less(number, rows);
          number = index.min(number, index.sub(rows, constant(1)));
        }
        Position row(form.rowRank);
        bool isOutermost = true;
        for (size_t d = form.rowRank; d-- > 0;) {
          isOutermost =
              llvm::all_of(ArrayRef(extents).take_front(d), [&](Value extent) {
                return index.getConstant(extent) == 1;
              });
          bool isOne = index.getConstant(extents[d]) == 1;
          row[d] = index.uniform(isOne         ? constant(0)
                                 : isOutermost ? number
                                               : index.rem(number, extents[d]));
          if (!isOne && !isOutermost)
            number = index.div(number, extents[d]);
        }
        for (auto [i, reduction] : llvm::enumerate(form.reductions))
          reduce(reduction, i, row);
        store(row, isRow);
        // The places of one reduction are those of the next rows' as well; of
        // several, a barrier of another one lies between.
        if (countWarps() > 1 && form.reductions.size() == 1)
          gpu::BarrierOp::create(builder, loc);
      });
  return groups;
}

AffineMap StageFunction::emitRows(const Stage &stage, const RowForm &form) {
  Value whole = stage.result ? stage.result : stage.value;
  Buffer buffer = makeBuffer(whole, stage.buffer);
  RowShape shape = chooseShape(form, entry, storesVectors);
  entry.setRows(form.rows, shape.threads);
  RowEmitter rows(*this, form, shape, stage, buffer);
  Value groups = rows.emit();
  AffineMap elements = toMap(emitter.index.mul(
      groups, emitter.index.constant(entry.getWorkgroupSize())));
  if (rows.failed() || emitter.failed() ||
      (shape.width > 1 && entry.splitsLanes() && failed(splitLanes(function))))
    return {};
  taken = entry.end(builder, loc, stage.buffer, /*keeps=*/false);
  return elements;
}
