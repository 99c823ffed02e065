// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/WarpgroupAttention.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/ptx/AttentionTile.h"
#include "codegen/ptx/MatrixOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::getStaticSize;
using ::dl::gpucode::OnlineAttention;
using ::dl::gpucode::StageFunction;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

static constexpr int64_t kWarpgroup = 128, kWarp = 32;
/// Rows of a consumer, and of each of its warps.
static constexpr int64_t kGroupRows = 64, kWarpRows = MatrixOps::kRows;
/// Contracted positions of an instruction.
static constexpr int64_t kDepth = MatrixOps::kDepth;
/// Elements that are read at once where operands are computed: 16 bytes.
static constexpr int64_t kWidth = 8;
/// Pieces of keys and values in shared memory.
static constexpr int64_t kStages = 2;
static constexpr int64_t kMostConsumers = 2;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

bool WarpgroupAttention::fits(const OnlineAttention &attention) {
  constexpr int64_t kMostValues = 256;
  return AttentionTile::fits(attention, kMostValues);
}

/// Long elements need registers and shared memory.
static bool hasLong(const OnlineAttention &attention) {
  constexpr int64_t kLong = 128;
  const Contraction &scores = attention.scores, &mix = attention.mix;
  return std::max(getStaticSize(scores.op, scores.reduced[0]),
                  getStaticSize(mix.op, mix.lanes[0])) > kLong;
}

static int64_t chooseKeyLines(const OnlineAttention &attention) {
  return hasLong(attention) ? 64 : 128;
}

/// Two consumers where their tiles keep 132 processors busy, and where there
/// are registers beside those of a producer that computes.
static int64_t chooseConsumers(StageFunction &stage,
                               const OnlineAttention &attention) {
  constexpr int64_t kProcessors = 132, kUnknown = 1024;
  const Contraction &scores = attention.scores, &mix = attention.mix;
  if (hasLong(attention) &&
      (!findOperandMap(stage, scores, scores.rowSide, scores.rows) ||
       !findOperandMap(stage, scores, scores.laneSide, scores.lanes) ||
       !findOperandMap(stage, mix, mix.laneSide, mix.lanes)))
    return 1;
  int64_t rows = getStaticSize(scores.op, scores.rows[0]),
          batch = getStaticSize(scores.op, scores.batch);
  if (ShapedType::isDynamic(rows))
    rows = kUnknown;
  int64_t tiles = std::max<int64_t>(batch, 1) *
                  llvm::divideCeil(rows, kMostConsumers * kGroupRows);
  return tiles < kProcessors ? 1 : kMostConsumers;
}

int64_t WarpgroupAttention::getRows() const { return consumers * kGroupRows; }

/// Queries and keys have neighbours along what is contracted, values along
/// their lines.
WarpgroupAttention::Operand WarpgroupAttention::makeOperand(
    StageFunction &stage, const Contraction &contraction, OpOperand *operand,
    unsigned lineLoop, unsigned elementLoop, int64_t lines, int64_t stages) {
  bool alongDepth = contraction.op == attention.scores.op;
  std::optional<OperandMap> map = findOperandMap(
      stage, contraction, operand, alongDepth ? lineLoop : elementLoop);
  if (map && map->alongDepth() != alongDepth)
    map.reset();
  int64_t width = getStaticSize(contraction.op, elementLoop);
  return {&contraction,
          operand,
          lineLoop,
          elementLoop,
          width,
          emitter.loopSize(contraction.op, lineLoop),
          lines,
          OperandBoxes(map, alongDepth, alongDepth ? lines : width,
                       alongDepth ? width : lines, contraction.factorType, ops,
                       index),
          RingBarriers(stages, ops, index)};
}

WarpgroupAttention::WarpgroupAttention(StageFunction &stage,
                                       const OnlineAttention &attention,
                                       CudaParameters &parameters)
    : emitter(stage.emitter), index(emitter.index), builder(emitter.builder),
      loc(emitter.loc), entry(stage.entry), attention(attention),
      parameters(parameters), ops(builder, loc), rows(stage, attention),
      wide(builder, loc, kWidth), consumers(chooseConsumers(stage, attention)),
      keyLines(chooseKeyLines(attention)),
      queries(makeOperand(stage, attention.scores, attention.scores.rowSide,
                          attention.scores.rows[0], attention.scores.reduced[0],
                          getRows(), 1)),
      keys(makeOperand(stage, attention.scores, attention.scores.laneSide,
                       attention.scores.lanes[0], attention.scores.reduced[0],
                       keyLines, kStages)),
      values(makeOperand(stage, attention.mix, attention.mix.laneSide,
                         attention.mix.reduced[0], attention.mix.lanes[0],
                         keyLines, kStages)) {}

bool WarpgroupAttention::computes() const {
  return !queries.boxes.isMapped() || !keys.boxes.isMapped() ||
         !values.boxes.isMapped();
}

//===----------------------------------------------------------------------===//
// Shared memory and tiles
//===----------------------------------------------------------------------===//

void WarpgroupAttention::placeMemory() {
  int64_t bytes = 0;
  std::array<std::pair<Operand *, int64_t>, 3> operands = {
      {{&queries, 1}, {&keys, kStages}, {&values, kStages}}};
  SmallVector<int64_t> starts;
  for (auto [operand, stages] : operands) {
    starts.push_back(bytes);
    bytes += stages * operand->boxes.getBytes();
  }
  int64_t barriers = bytes;
  for (auto [operand, stages] : operands)
    bytes += operand->barriers.getBytes();
  Value shared = parameters.getDynamicShared(bytes);
  for (auto [operand, start] : llvm::zip(operands, starts)) {
    memory[operand.first] = ops.move(shared, start);
    operand.first->barriers.place(ops.move(shared, barriers));
    barriers += operand.first->barriers.getBytes();
  }
  ops.emitIf(ops.isEqual(invocation, 0), [&] {
    for (auto [operand, stages] : operands)
      operand->barriers.init(
          operand->boxes.isMapped() ? 1 : OperandBoxes::kThreads, consumers);
    ops.publishBarriers();
  });
  gpu::BarrierOp::create(builder, loc);
}

Value WarpgroupAttention::getStage(const Operand &operand, Value stage) {
  return ops.move(memory.at(&operand),
                  index.mul(stage, constant(operand.boxes.getBytes())));
}

/// Where rows see the keys up to their own, the last ones, which see most, come
/// first.
void WarpgroupAttention::setTile(Value number) {
  Value row = index.rem(number, rowTiles);
  if (attention.reach)
    row = index.sub(index.sub(rowTiles, constant(1)), row);
  firstRow = index.mul(row, constant(getRows()));
  Value rest = index.div(number, rowTiles);
  position.assign(batch.size() + 2, index.uniform(constant(0)));
  for (size_t i = batch.size(); i-- > 0;) {
    position[i] = index.uniform(i ? index.rem(rest, batch[i]) : rest);
    rest = index.div(rest, batch[i]);
  }
}

void WarpgroupAttention::emitTiles(ValueRange carried,
                                   function_ref<Values(ValueRange)> body) {
  Value first = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value step = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  mlir::dl::cpu::emitLoop(builder, loc, first, tiles, step, carried,
                          [&](Value number, ValueRange carried) {
                            ElementEmitter::Scope scope(emitter);
                            ElementEmitter::Scope wideScope(wide);
                            setTile(number);
                            return body(carried);
                          });
}

/// Of those keys that a row of the tile sees.
Value WarpgroupAttention::countPieces() {
  return index.ceilDiv(rows.countSeen(index.add(firstRow, constant(getRows()))),
                       constant(keyLines));
}

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

/// Eight neighbours of a line; zeros beyond lines and elements.
Value WarpgroupAttention::read(const Operand &operand, Value number,
                               Value element) {
  ElementEmitter::Scope scope(wide);
  const Contraction &contraction = *operand.contraction;
  linalg::GenericOp op = contraction.op;
  Position dims = attention.getDims(contraction, position);
  dims[operand.lineLoop] =
      index.uniform(index.min(number, index.sub(operand.extent, constant(1))));
  dims[operand.elementLoop] =
      index.uniform(index.min(element, constant(operand.width - kWidth)));
  dims[operand.elementLoop].stride = 1;
  Value value = wide.toVector(wide.read(
      operand.operand->get(),
      wide.mapPosition(op.getMatchingIndexingMap(operand.operand), dims)));
  Value isInside =
      arith::AndIOp::create(builder, loc, index.less(number, operand.extent),
                            index.less(element, constant(operand.width)));
  Value zero = arith::ConstantOp::create(
      builder, loc,
      builder.getZeroAttr(VectorType::get({kWidth}, contraction.factorType)));
  return arith::SelectOp::create(builder, loc, isInside, value, zero);
}

/// Fills a stage with lines from `first` on, once it is empty.
void WarpgroupAttention::fill(Operand &operand, RingPlace at, Value first,
                              Value thread) {
  Value to = getStage(operand, at.stage), zero = constant(0),
        full = operand.barriers.full(at.stage);
  bool isOfScores = operand.boxes.isAlongDepth();
  Value line = isOfScores ? first : zero, k = isOfScores ? zero : first;
  operand.barriers.waitEmpty(at);
  if (!operand.boxes.isMapped()) {
    operand.boxes.fill(thread, line, k, to, [&](Value line, Value k) {
      return isOfScores ? read(operand, line, k) : read(operand, k, line);
    });
    ops.publishStores();
    ops.arrive(full);
    return;
  }
  auto fetch = [&] {
    ops.expect(full, operand.boxes.getBytes());
    operand.boxes.fetch(to, full, line, k,
                        attention.getDims(*operand.contraction, position));
  };
  thread ? ops.emitIf(ops.isEqual(thread, 0), fetch) : fetch();
}

void WarpgroupAttention::produce(Value thread) {
  Value zero = constant(0), one = constant(1);
  RingPlace start = keys.barriers.start();
  emitTiles({start.stage, start.phase, zero}, [&](ValueRange carried) {
    RingPlace query{zero, carried[2]};
    fill(queries, query, firstRow, thread);
    Values done = mlir::dl::cpu::emitLoop(
        builder, loc, zero, countPieces(), one, carried.take_front(2),
        [&](Value piece, ValueRange carried) -> Values {
          RingPlace at{carried[0], carried[1]};
          Value first = index.mul(piece, constant(keyLines));
          fill(keys, at, first, thread);
          fill(values, at, first, thread);
          at = keys.barriers.advance(at);
          return {at.stage, at.phase};
        });
    return Values{done[0], done[1], queries.barriers.advance(query).phase};
  });
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

WarpgroupAttention::Values WarpgroupAttention::State::flatten() const {
  Values all{next.stage, next.phase, last.stage, last.phase, mixed};
  llvm::append_range(all, rows.maxima);
  llvm::append_range(all, rows.sums);
  llvm::append_range(all, weights);
  return all;
}

WarpgroupAttention::State
WarpgroupAttention::State::unflatten(ValueRange values) {
  State state;
  state.next = {values[0], values[1]};
  state.last = {values[2], values[3]};
  state.mixed = values[4];
  state.rows = {llvm::to_vector(values.slice(5, 2)),
                llvm::to_vector(values.slice(7, 2))};
  state.weights = llvm::to_vector(values.drop_front(9));
  return state;
}

/// Tells the producer that this warpgroup has read a stage.
void WarpgroupAttention::release(RingBarriers &barriers, RingPlace at) {
  ops.emitIf(ops.isEqual(index.rem(invocation, constant(kWarpgroup)), 0),
             [&] { ops.arrive(barriers.empty(at.stage)); });
}

/// The scores with a piece of the keys, under way. The assembler lets a single
/// product wait at once: of few elements, zeros after them are multiplied, too.
Value WarpgroupAttention::multiplyQueries(Value stage) {
  MatrixBox left =
      queries.boxes.locate(getStage(queries, constant(0)),
                           index.mul(warpgroup, constant(kGroupRows)));
  MatrixBox right = keys.boxes.locate(getStage(keys, stage), constant(0));
  Value scores = LLVM::PoisonOp::create(builder, loc, ops.sumsType(keyLines));
  ops.beginGroup();
  int64_t width = std::max(keys.width, 2 * kDepth);
  for (int64_t k = 0; k < width; k += kDepth)
    scores = ops.multiply(scores, left, right, k / kDepth, keyLines,
                          attention.scores.factorType, /*adds=*/k > 0);
  ops.endGroup();
  return scores;
}

/// Adds a piece's weighted values, under way.
Value WarpgroupAttention::multiplyValues(Value sums, ArrayRef<Value> weights,
                                         Value stage) {
  MatrixBox right = values.boxes.locate(getStage(values, stage), constant(0));
  ops.beginGroup();
  for (int64_t step = 0; step < keyLines / kDepth; ++step)
    sums = ops.multiply(sums, weights.slice(4 * static_cast<size_t>(step), 4),
                        right, step, values.width, attention.mix.factorType);
  ops.endGroup();
  return sums;
}

/// The scores' fragments are those of a left operand, two by two.
WarpgroupAttention::Values
WarpgroupAttention::packPairs(ArrayRef<Value> weights) {
  MatrixOps matrices(builder, loc, attention.mix);
  Type i32 = builder.getI32Type();
  Values pairs;
  for (size_t i = 0; i < weights.size(); i += 2) {
    Value pair = matrices.pack(weights[i], weights[i + 1]);
    if (pair.getType() != i32)
      pair = LLVM::BitcastOp::create(builder, loc, i32, pair);
    pairs.push_back(pair);
  }
  return pairs;
}

/// The products of a consumer's turn run while the other one computes weights.
void WarpgroupAttention::takeTurn() {
  if (consumers == kMostConsumers)
    ops.sync(ops.toInt(index.add(warpgroup, constant(1))),
             kMostConsumers * kWarpgroup);
}

void WarpgroupAttention::giveTurn() {
  if (consumers == kMostConsumers)
    ops.arriveAt(ops.toInt(index.sub(constant(kMostConsumers), warpgroup)),
                 kMostConsumers * kWarpgroup);
}

/// The weights of the first piece.
WarpgroupAttention::State WarpgroupAttention::addFirst(RingPlace at) {
  State state;
  state.rows = rows.start();
  state.mixed = LLVM::ZeroOp::create(builder, loc, ops.sumsType(values.width));
  keys.barriers.waitFull(at);
  Values weights = ops.finish(multiplyQueries(at.stage));
  release(keys.barriers, at);
  rows.weigh(state.rows, weights, constant(0), keyLines);
  state.weights = packPairs(weights);
  state.next = keys.barriers.advance(at);
  state.last = at;
  return state;
}

/// The weights of a piece, while the weighted values of the last one are
/// summed up. The assembler would let products run one by one if a loop that
/// waits for a barrier were among them.
void WarpgroupAttention::addPiece(State &state, Value piece) {
  values.barriers.waitFull(state.last);
  keys.barriers.waitFull(state.next);
  takeTurn();
  Value scores = multiplyQueries(state.next.stage);
  Value mixed = multiplyValues(state.mixed, state.weights, state.last.stage);
  giveTurn();
  Values weights = ops.waitForGroups(1, ops.unpack(scores));
  release(keys.barriers, state.next);
  Values factors = rows.weigh(state.rows, weights,
                              index.mul(piece, constant(keyLines)), keyLines);
  // The weights become pairs only when those of the last piece were read.
  Values sums = ops.unpack(mixed);
  size_t count = sums.size();
  llvm::append_range(sums, weights);
  sums = ops.waitForGroups(0, sums);
  release(values.barriers, state.last);
  for (size_t i = 0; i < count; ++i)
    sums[i] = arith::MulFOp::create(builder, loc, sums[i], factors[i % 4 / 2]);
  state.mixed = ops.packSums(ArrayRef(sums).take_front(count));
  state.weights = packPairs(ArrayRef(sums).drop_front(count));
  state.last = state.next;
  state.next = keys.barriers.advance(state.next);
}

/// Nothing is seen of no pieces.
WarpgroupAttention::State WarpgroupAttention::addPieces(RingPlace at) {
  Value zero = constant(0), one = constant(1), pieces = countPieces();
  auto yield = [&](State state) {
    state.weights.clear();
    scf::YieldOp::create(builder, loc, state.flatten());
  };
  State none;
  none.next = none.last = at;
  none.rows = rows.start();
  none.mixed = LLVM::ZeroOp::create(builder, loc, ops.sumsType(values.width));
  SmallVector<Type> types(ValueRange(none.flatten()).getTypes());
  auto branch = scf::IfOp::create(builder, loc, types, index.less(zero, pieces),
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(&branch.getThenRegion().front());
    State state = addFirst(at);
    state = State::unflatten(
        mlir::dl::cpu::emitLoop(builder, loc, one, pieces, one, state.flatten(),
                                [&](Value piece, ValueRange carried) {
                                  ElementEmitter::Scope scope(emitter);
                                  State state = State::unflatten(carried);
                                  addPiece(state, piece);
                                  return state.flatten();
                                }));
    values.barriers.waitFull(state.last);
    state.mixed = ops.packSums(ops.finish(
        multiplyValues(state.mixed, state.weights, state.last.stage)));
    release(values.barriers, state.last);
    yield(state);
    builder.setInsertionPointToEnd(&branch.getElseRegion().front());
    yield(none);
  }
  return State::unflatten(branch.getResults());
}

/// The first consumer has the first turn.
void WarpgroupAttention::consume(Value result, const Buffer &buffer) {
  if (consumers == kMostConsumers)
    ops.emitIf(ops.isEqual(warpgroup, 1), [&] { giveTurn(); });
  Value inGroup = index.rem(invocation, constant(kWarpgroup));
  Value row = index.add(
      index.mul(warpgroup, constant(kGroupRows)),
      index.mul(index.div(inGroup, constant(kWarp)), constant(kWarpRows)));
  rows.begin(index.rem(invocation, constant(kWarp)));
  RingPlace start = keys.barriers.start();
  emitTiles({start.stage, start.phase, constant(0)}, [&](ValueRange carried) {
    RingPlace query{constant(0), carried[2]};
    rows.moveTo(index.add(firstRow, row), position);
    queries.barriers.waitFull(query);
    State state = addPieces({carried[0], carried[1]});
    release(queries.barriers, query);
    rows.finish(state.rows, ops.unpack(state.mixed), values.width, result,
                buffer);
    return Values{state.next.stage, state.next.phase,
                  queries.barriers.advance(query).phase};
  });
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

Value WarpgroupAttention::emit(Value result, const Buffer &buffer) {
  const Contraction &scores = attention.scores;
  linalg::GenericOp op = scores.op;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  wide.buffers = emitter.buffers;
  wide.scalars = emitter.scalars;
  rowTiles = tiles = index.ceilDiv(rows.rowCount, constant(getRows()));
  for (unsigned i = 0; i + 2 < out.getNumResults(); ++i) {
    batch.push_back(emitter.loopSize(op, out.getDimPosition(i)));
    tiles = index.mul(tiles, batch.back());
  }
  parameters.setPersistent((consumers + 1) * kWarpgroup);
  entry.setResident(1);
  for (Operand *operand : {&queries, &keys, &values})
    operand->boxes.declare(parameters);
  invocation = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value warp = arith::IndexCastOp::create(
      builder, loc, builder.getIndexType(),
      ops.makeUniform(ops.toInt(index.div(invocation, constant(kWarp)))));
  warpgroup = index.div(warp, constant(kWarpgroup / kWarp));
  placeMemory();
  // Of 65536 registers, the consumers get what the producer does not need.
  bool movesRegisters = consumers == kMostConsumers;
  int64_t few = computes() ? 88 : 40, many = computes() ? 208 : 232;
  auto branch =
      scf::IfOp::create(builder, loc, ops.isEqual(warpgroup, consumers),
                        /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenYield());
    if (movesRegisters)
      ops.setRegisters(few, /*increase=*/false);
    if (computes())
      produce(index.rem(invocation, constant(kWarpgroup)));
    else
      ops.emitIf(ops.isEqual(warp, consumers * (kWarpgroup / kWarp)),
                 [&] { ops.emitIf(ops.elect(), [&] { produce(Value()); }); });
    builder.setInsertionPoint(branch.elseYield());
    if (movesRegisters)
      ops.setRegisters(many, /*increase=*/true);
    consume(result, buffer);
  }
  if (wide.failed() || rows.failed())
    emitter.fail(op, "attention has no form for warpgroups");
  return tiles;
}
