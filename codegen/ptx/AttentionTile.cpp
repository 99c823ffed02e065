// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/AttentionTile.h"
#include "codegen/gpu/ContractionTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::getStaticSize;
using ::dl::gpucode::OnlineAttention;
using ::dl::gpucode::readsWholeRuns;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Elements that are read at once: 16 bytes.
static constexpr int64_t kWidth = 8;
static constexpr int64_t kWarp = 32, kWarps = 8;
/// Rows of a workgroup; columns and contracted positions of an instruction.
static constexpr int64_t kWarpRows = MatrixOps::kRows,
                         kRows = kWarps * kWarpRows,
                         kColumns = MatrixOps::kColumns,
                         kDepth = MatrixOps::kDepth;
/// Pieces of keys and values in shared memory.
static constexpr int64_t kStages = 2;
static constexpr int64_t kElementBytes = 2;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

bool AttentionTile::fits(const OnlineAttention &attention, int64_t mostValues) {
  constexpr int64_t kMostElements = 256;
  const Contraction &scores = attention.scores, &mix = attention.mix;
  Type type = scores.factorType;
  if ((!type.isF16() && !type.isBF16()) || mix.factorType != type)
    return false;
  int64_t depth = getStaticSize(scores.op, scores.reduced[0]),
          lanes = getStaticSize(mix.op, mix.lanes[0]),
          rows = getStaticSize(scores.op, scores.rows[0]);
  auto isWhole = [](int64_t size, int64_t most) {
    return !ShapedType::isDynamic(size) && size > 0 && size % kWidth == 0 &&
           size <= most;
  };
  return isWhole(depth, kMostElements) && isWhole(lanes, mostValues) &&
         (ShapedType::isDynamic(rows) || rows >= kWarpRows) &&
         readsWholeRuns(scores.op, scores.rowSide, scores.reduced[0], kWidth) &&
         readsWholeRuns(scores.op, scores.laneSide, scores.reduced[0],
                        kWidth) &&
         readsWholeRuns(mix.op, mix.laneSide, mix.lanes[0], kWidth);
}

AttentionTile::Operand
AttentionTile::makeOperand(const Contraction &contraction, OpOperand *operand,
                           unsigned lineLoop, unsigned elementLoop,
                           int64_t lines) {
  int64_t width = getStaticSize(contraction.op, elementLoop);
  return {&contraction,
          operand,
          lineLoop,
          elementLoop,
          lines,
          width,
          static_cast<int64_t>(llvm::alignTo(width, kDepth)),
          emitter.loopSize(contraction.op, lineLoop)};
}

AttentionTile::AttentionTile(gpucode::StageFunction &stage,
                             const OnlineAttention &attention,
                             CudaParameters &parameters)
    : emitter(stage.emitter), index(emitter.index), builder(emitter.builder),
      loc(emitter.loc), entry(stage.entry), attention(attention),
      parameters(parameters), wide(builder, loc, kWidth),
      rows(stage, attention), matrices(builder, loc, attention.scores) {
  const Contraction &scores = attention.scores, &mix = attention.mix;
  // Long elements need registers and shared memory.
  constexpr int64_t kLong = 128;
  keyLines = getStaticSize(scores.op, scores.reduced[0]) > kLong ? 32 : 64;
  queries = makeOperand(scores, scores.rowSide, scores.rows[0],
                        scores.reduced[0], kRows);
  keys = makeOperand(scores, scores.laneSide, scores.lanes[0],
                     scores.reduced[0], keyLines);
  values =
      makeOperand(mix, mix.laneSide, mix.reduced[0], mix.lanes[0], keyLines);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// `offset` elements after the start of a stage.
Value AttentionTile::place(Value stage, int64_t offset) {
  int64_t elements = keys.getElements() + values.getElements();
  return index.add(index.mul(stage, constant(elements)), constant(offset));
}

/// Goes on in a branch of those invocations that have the share, if not all do.
void AttentionTile::enterShare(const Operand &operand, int64_t number,
                               Value share) {
  int64_t total = operand.lines * operand.paddedWidth / kWidth;
  if ((number + 1) * kWarps * kWarp <= total)
    return;
  auto branch =
      scf::IfOp::create(builder, loc, index.less(share, constant(total)),
                        /*withElseRegion=*/false);
  builder.setInsertionPoint(branch.thenYield());
}

/// The address of an element of a line of a piece, which lies from element
/// `piece` of the shared memory on.
Value AttentionTile::locate(const Operand &operand, Value piece, Value line,
                            Value element) {
  Value offset = index.add(
      piece, index.add(index.mul(line, constant(operand.getPitch())), element));
  return LLVM::GEPOp::create(
      builder, loc, shared.getType(), operand.contraction->factorType, shared,
      ArrayRef<LLVM::GEPArg>{
          arith::IndexCastOp::create(builder, loc, builder.getI32Type(), offset)
              .getResult()});
}

/// Copies this invocation's share of a piece of lines from `first` on to the
/// element `to` of the shared memory, as far as it can be copied; returns the
/// rest, null where there is none. Beyond lines and elements are zeros.
AttentionTile::Values AttentionTile::copy(const Operand &operand, Value first,
                                          Value to) {
  constexpr int32_t kBytes = 16;
  linalg::GenericOp op = operand.contraction->op;
  AffineMap map = op.getMatchingIndexingMap(operand.operand);
  Type element = operand.contraction->factorType;
  int64_t across = operand.paddedWidth / kWidth;
  Values rest;
  for (int64_t i = 0; i * kWarps * kWarp < operand.lines * across; ++i) {
    ElementEmitter::Scope scope(wide);
    Value share = index.add(invocation, constant(i * kWarps * kWarp));
    Value line = index.div(share, constant(across)),
          at = index.mul(index.rem(share, constant(across)), constant(kWidth));
    Value number = index.add(first, line);
    Value isInside = index.less(number, operand.extent);
    if (operand.width != operand.paddedWidth)
      isInside = arith::AndIOp::create(builder, loc, isInside,
                                       index.less(at, constant(operand.width)));
    Position dims = attention.getDims(*operand.contraction, position);
    dims[operand.lineLoop] = index.uniform(
        index.min(number, index.sub(operand.extent, constant(1))));
    dims[operand.elementLoop] =
        index.uniform(operand.width == operand.paddedWidth
                          ? at
                          : index.min(at, constant(operand.width - kWidth)));
    dims[operand.elementLoop].stride = 1;
    Value value = wide.toVector(
        wide.read(operand.operand->get(), wide.mapPosition(map, dims)));
    Value source = parameters.takeSource(value);
    if (!source) {
      Value zero = arith::ConstantOp::create(
          builder, loc,
          builder.getZeroAttr(VectorType::get({kWidth}, element)));
      rest.push_back(
          arith::SelectOp::create(builder, loc, isInside, value, zero));
      continue;
    }
    rest.push_back(Value());
    OpBuilder::InsertionGuard guard(builder);
    enterShare(operand, i, share);
    auto toInt = [&](int32_t bytes) {
      return arith::ConstantOp::create(builder, loc,
                                       builder.getI32IntegerAttr(bytes));
    };
    Value target = locate(operand, to, line, at);
    NVVM::CpAsyncOp::create(builder, loc, target, source, kBytes,
                            NVVM::LoadCacheModifierKind::CG,
                            arith::SelectOp::create(builder, loc, isInside,
                                                    toInt(kBytes), toInt(0)));
  }
  return rest;
}

void AttentionTile::store(const Operand &operand, ArrayRef<Value> rest,
                          Value to) {
  constexpr unsigned kAlignment = 16;
  int64_t across = operand.paddedWidth / kWidth;
  for (auto [i, value] : llvm::enumerate(rest)) {
    if (!value)
      continue;
    Value share = index.add(invocation,
                            constant(static_cast<int64_t>(i) * kWarps * kWarp));
    OpBuilder::InsertionGuard guard(builder);
    enterShare(operand, static_cast<int64_t>(i), share);
    Value line = index.div(share, constant(across)),
          at = index.mul(index.rem(share, constant(across)), constant(kWidth));
    Value target = locate(operand, to, line, at);
    LLVM::StoreOp::create(builder, loc, value, target, kAlignment);
  }
}

/// The address of the row of eight that a lane gives for four matrices: the
/// second one is eight lines further with `linesFirst`, otherwise eight
/// elements, the third one the other way round.
Value AttentionTile::getAddress(const Operand &operand, Value from, Value line,
                                int64_t element, bool linesFirst) {
  Value matrix = index.div(lane, constant(8)),
        in = index.rem(lane, constant(8));
  Value first = index.mul(index.rem(matrix, constant(2)), constant(8)),
        second = index.mul(index.div(matrix, constant(2)), constant(8));
  Value row = index.add(index.add(line, in), linesFirst ? first : second),
        column = index.add(constant(element), linesFirst ? second : first);
  Value offset = index.add(
      from, index.add(index.mul(row, constant(operand.getPitch())), column));
  return LLVM::GEPOp::create(
      builder, loc, shared.getType(), operand.contraction->factorType, shared,
      ArrayRef<LLVM::GEPArg>{
          arith::IndexCastOp::create(builder, loc, builder.getI32Type(), offset)
              .getResult()});
}

/// The queries of the warp's rows, which stay in its registers.
void AttentionTile::loadQueries() {
  gpu::BarrierOp::create(builder, loc); // the last tile's values were read
  Value start = constant(0);
  Values rest = copy(queries, firstRow, start);
  NVVM::CpAsyncCommitGroupOp::create(builder, loc);
  store(queries, rest, start);
  NVVM::CpAsyncWaitGroupOp::create(builder, loc, 0);
  gpu::BarrierOp::create(builder, loc);
  queryFragments.clear();
  Value line = index.mul(warp, constant(kWarpRows));
  for (int64_t k = 0; k < queries.paddedWidth; k += kDepth)
    queryFragments.push_back(
        matrices.load(getAddress(queries, start, line, k, /*linesFirst=*/true),
                      /*transposed=*/false));
  gpu::BarrierOp::create(builder, loc);
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

AttentionTile::Values AttentionTile::State::flatten() const {
  Values all(rows.maxima);
  llvm::append_range(all, rows.sums);
  llvm::append_range(all, mixed);
  return all;
}

AttentionTile::State AttentionTile::State::unflatten(ValueRange values) {
  State state;
  state.rows = {llvm::to_vector(values.take_front(2)),
                llvm::to_vector(values.slice(2, 2))};
  state.mixed = llvm::to_vector(values.drop_front(4));
  return state;
}

AttentionTile::Values AttentionTile::computeScores(Value stage) {
  Value from = place(stage, 0);
  Values scores(static_cast<size_t>(keyLines / kColumns * 4),
                Value(arith::ConstantOp::create(builder, loc,
                                                builder.getF32FloatAttr(0))));
  for (auto [step, query] : llvm::enumerate(queryFragments))
    for (int64_t n = 0; n < keyLines; n += 2 * kColumns) {
      Values two = matrices.load(getAddress(keys, from, constant(n),
                                            static_cast<int64_t>(step) * kDepth,
                                            /*linesFirst=*/false),
                                 /*transposed=*/false);
      for (int64_t i = 0; i < 2; ++i) {
        auto own = MutableArrayRef(scores).slice(
            static_cast<size_t>((n / kColumns + i) * 4), 4);
        llvm::copy(matrices.multiplyAdd(query, ArrayRef(two).slice(2 * i, 2),
                                        Values(own)),
                   own.begin());
      }
    }
  return scores;
}

void AttentionTile::addPiece(State &state, Value stage, Value firstKey) {
  Values weights = computeScores(stage);
  Values factors = rows.weigh(state.rows, weights, firstKey, keyLines);
  for (size_t i = 0; i < state.mixed.size(); ++i)
    state.mixed[i] =
        arith::MulFOp::create(builder, loc, state.mixed[i], factors[i % 4 / 2]);
  // The scores' fragments are those of a left operand, two by two.
  Value from = place(stage, keys.getElements());
  for (int64_t k = 0; k < keyLines; k += kDepth) {
    Values left;
    for (int64_t r = 0; r < 4; ++r) {
      auto at = static_cast<size_t>((k / kColumns + r / 2) * 4 + r % 2 * 2);
      left.push_back(matrices.pack(weights[at], weights[at + 1]));
    }
    for (int64_t n = 0; n < values.paddedWidth; n += 2 * kColumns) {
      Values two = matrices.load(
          getAddress(values, from, constant(k), n, /*linesFirst=*/true),
          /*transposed=*/true);
      for (int64_t i = 0; i < 2; ++i) {
        auto own = MutableArrayRef(state.mixed)
                       .slice(static_cast<size_t>((n / kColumns + i) * 4), 4);
        llvm::copy(matrices.multiplyAdd(left, ArrayRef(two).slice(2 * i, 2),
                                        Values(own)),
                   own.begin());
      }
    }
  }
}

/// A barrier in the beginning of a step says that the piece is there, one in
/// its end that all have read it. What cannot be copied is read before a piece
/// is multiplied and stored after it.
AttentionTile::State AttentionTile::addPieces() {
  Value zero = constant(0), one = constant(1), ring = constant(kStages);
  auto copyPiece = [&](Value piece, Value stage) {
    Value first = index.mul(piece, constant(keyLines));
    Values a = copy(keys, first, place(stage, 0)),
           b = copy(values, first, place(stage, keys.getElements()));
    NVVM::CpAsyncCommitGroupOp::create(builder, loc);
    return std::pair(a, b);
  };
  auto storePiece = [&](const std::pair<Values, Values> &rest, Value stage) {
    store(keys, rest.first, place(stage, 0));
    store(values, rest.second, place(stage, keys.getElements()));
  };
  storePiece(copyPiece(zero, zero), zero);
  State start{rows.start(), {}};
  start.mixed.assign(static_cast<size_t>(values.paddedWidth / kColumns * 4),
                     Value(arith::ConstantOp::create(
                         builder, loc, builder.getF32FloatAttr(0))));
  // Keys beyond all of the rows' reach count for nothing.
  Value seen = rows.countSeen(index.add(firstRow, constant(kRows)));
  Value pieces = index.ceilDiv(seen, constant(keyLines));
  Values done = mlir::dl::cpu::emitLoop(
      builder, loc, zero, pieces, one, start.flatten(),
      [&](Value piece, ValueRange carried) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        Value next = index.add(piece, one);
        Value stage = index.rem(piece, ring), other = index.rem(next, ring);
        auto rest = copyPiece(next, other);
        NVVM::CpAsyncWaitGroupOp::create(builder, loc, kStages - 1);
        gpu::BarrierOp::create(builder, loc);
        State state = State::unflatten(carried);
        addPiece(state, stage, index.mul(piece, constant(keyLines)));
        storePiece(rest, other);
        gpu::BarrierOp::create(builder, loc);
        return state.flatten();
      });
  NVVM::CpAsyncWaitGroupOp::create(builder, loc, 0);
  return State::unflatten(done);
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

Value AttentionTile::emit(Value result, const Buffer &buffer) {
  const Contraction &scores = attention.scores;
  linalg::GenericOp op = scores.op;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  wide.buffers = emitter.buffers;
  wide.scalars = emitter.scalars;
  int64_t ring = kStages * (keys.getElements() + values.getElements());
  shared = parameters.getDynamicShared(kElementBytes *
                                       std::max(ring, queries.getElements()));
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  lane = index.rem(invocation, constant(kWarp));
  warp = index.div(invocation, constant(kWarp));
  rows.begin(lane);
  entry.setResident(1); // more would spill registers

  unsigned rank = out.getNumResults();
  Value rowTiles = index.ceilDiv(queries.extent, constant(kRows)),
        tiles = rowTiles;
  SmallVector<Value> batch;
  for (unsigned i = 0; i + 2 < rank; ++i) {
    batch.push_back(emitter.loopSize(op, out.getDimPosition(i)));
    tiles = index.mul(tiles, batch.back());
  }
  entry.emitShare(
      index, /*perGroup=*/1, /*offset=*/Value(), tiles, [&](Value tile) {
        ElementEmitter::Scope scope(emitter);
        ElementEmitter::Scope wideScope(wide);
        firstRow = index.mul(index.rem(tile, rowTiles), constant(kRows));
        Value rest = index.div(tile, rowTiles);
        position.assign(rank, mlir::dl::cpu::LaneIndex());
        for (size_t i = batch.size(); i-- > 0;) {
          position[i] = index.uniform(i ? index.rem(rest, batch[i]) : rest);
          rest = index.div(rest, batch[i]);
        }
        position[rank - 2] = position[rank - 1] = index.uniform(constant(0));
        rows.moveTo(index.add(firstRow, index.mul(warp, constant(kWarpRows))),
                    position);
        loadQueries();
        State state = addPieces();
        rows.finish(state.rows, state.mixed, values.width, result, buffer);
      });
  if (wide.failed() || rows.failed())
    emitter.fail(op, "attention has no form for tensor cores");
  return tiles;
}
