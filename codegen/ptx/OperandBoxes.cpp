// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/OperandBoxes.h"
#include "codegen/ptx/MatrixOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ::dl::ptx;
using mlir::dl::cpu::LaneIndex;

/// Bytes that a thread stores at once.
static constexpr int64_t kAccessBytes = 16;
static constexpr int64_t kAcross = kBoxBytes / kAccessBytes;
/// Lines and contracted positions of a block of bytes.
static constexpr int64_t kBlock = MatrixOps::kBlock;

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

OperandBoxes::OperandBoxes(std::optional<OperandMap> map, bool alongDepth,
                           int64_t lines, int64_t depth, Type type,
                           WarpgroupOps &ops,
                           mlir::dl::cpu::IndexBuilder &index, bool byBlocks)
    : map(std::move(map)), alongDepth(alongDepth), byBlocks(byBlocks),
      rows(alongDepth ? lines : depth), type(type), ops(ops), index(index) {
  boxes = llvm::divideCeil(alongDepth ? depth : lines, countAcross());
}

/// Elements of a box's row.
int64_t OperandBoxes::countAcross() const {
  return kBoxBytes * 8 / type.getIntOrFloatBitWidth();
}

int64_t OperandBoxes::getBoxBytes() const { return rows * kBoxBytes; }

MatrixBox OperandBoxes::locate(Value piece, Value line) {
  Value bytes = alongDepth
                    ? index.mul(line, index.constant(kBoxBytes))
                    : index.mul(index.div(line, index.constant(countAcross())),
                                index.constant(getBoxBytes()));
  return {ops.move(piece, bytes), alongDepth, getBoxBytes()};
}

void OperandBoxes::declare(CudaParameters &parameters) {
  if (!map)
    return;
  SmallVector<int64_t> box(map->dimensions.size(), 1);
  box[0] = countAcross();
  box[1] = rows;
  parameter = parameters.addTensorMap(*map, box);
}

void OperandBoxes::fetch(Value to, Value barrier, Value line, Value k,
                         ArrayRef<LaneIndex> dims) {
  if (map->innerDepth)
    k = index.rem(k, index.constant(*map->innerDepth));
  for (int64_t i = 0; i < boxes; ++i) {
    Value across = index.constant(i * countAcross());
    SmallVector<Value> at;
    for (const MapDimension &dimension : map->dimensions) {
      Value position;
      if (dimension.kind == MapDimension::Batch)
        position = index.evaluate(dimension.position, dims).base;
      else
        position = dimension.kind == MapDimension::Depth ? k : line;
      if (at.empty())
        position = index.add(position, across);
      at.push_back(ops.toInt(position));
    }
    ops.load(ops.move(to, i * getBoxBytes()), parameter, barrier, at);
  }
}

int64_t OperandBoxes::countShares() const {
  return boxes * getBoxBytes() / (kThreads * kAccessBytes);
}

/// Eight neighbouring threads have blocks of neighbouring lines, others the
/// next contracted positions.
std::pair<Value, Value> OperandBoxes::getBlock(int64_t number, Value thread) {
  constexpr int64_t kTogether = 8, kDown = kThreads / kTogether * kBlock;
  int64_t turns = kBoxBytes / kDown; // for a row of a box
  Value line = index.mul(index.rem(thread, index.constant(kTogether)),
                         index.constant(kBlock)),
        k = index.mul(index.div(thread, index.constant(kTogether)),
                      index.constant(kBlock));
  return {index.add(line, index.constant(number / turns * kTogether * kBlock)),
          index.add(k, index.constant(number % turns * kDown))};
}

/// Eight neighbouring threads have a row of a box.
Value OperandBoxes::computeShare(int64_t number, Value thread, Value line,
                                 Value k, Read read) {
  if (byBlocks) {
    auto [down, across] = getBlock(number, thread);
    return read(index.add(line, down), index.add(k, across));
  }
  int64_t first = number * kThreads / kAcross;
  Value row = index.div(thread, index.constant(kAcross));
  Value inRow = index.mul(index.rem(thread, index.constant(kAcross)),
                          index.constant(countAcross() / kAcross));
  Value across = index.add(inRow, index.constant(first / rows * countAcross())),
        down = index.add(row, index.constant(first % rows));
  return read(index.add(line, alongDepth ? down : across),
              index.add(k, alongDepth ? across : down));
}

/// The swizzle moves the 16 bytes of a row by its number among eight.
void OperandBoxes::storeShare(int64_t number, Value value, Value thread,
                              Value to) {
  OpBuilder &builder = index.builder;
  if (byBlocks) {
    auto [line, k] = getBlock(number, thread);
    Value access = index.div(k, index.constant(kAccessBytes)),
          rest = index.rem(k, index.constant(kAccessBytes));
    for (int64_t i = 0; i < kBlock; ++i) {
      Value row = index.add(line, index.constant(i));
      Value place = arith::XOrIOp::create(
          builder, index.loc, access, index.rem(row, index.constant(kAcross)));
      Value at = index.add(
          index.mul(row, index.constant(kBoxBytes)),
          index.add(index.mul(place, index.constant(kAccessBytes)), rest));
      LLVM::StoreOp::create(
          builder, index.loc,
          vector::ExtractOp::create(builder, index.loc, value, i),
          ops.move(to, at), kBlock);
    }
    return;
  }
  Value row = index.div(thread, index.constant(kAcross));
  Value place = arith::XOrIOp::create(
      builder, index.loc, index.rem(thread, index.constant(kAcross)),
      index.rem(row, index.constant(kAcross)));
  Value first =
      ops.move(to, index.add(index.mul(row, index.constant(kBoxBytes)),
                             index.mul(place, index.constant(kAccessBytes))));
  LLVM::StoreOp::create(builder, index.loc, value,
                        ops.move(first, number * kThreads * kAccessBytes),
                        kAccessBytes);
}

SmallVector<Value> OperandBoxes::compute(Value thread, Value line, Value k,
                                         Read read) {
  SmallVector<Value> shares;
  for (int64_t i = 0; i < countShares(); ++i)
    shares.push_back(computeShare(i, thread, line, k, read));
  return shares;
}

void OperandBoxes::store(ArrayRef<Value> shares, Value thread, Value to) {
  for (auto [i, value] : llvm::enumerate(shares))
    storeShare(static_cast<int64_t>(i), value, thread, to);
}

void OperandBoxes::fill(Value thread, Value line, Value k, Value to,
                        Read read) {
  constexpr int64_t kTogether = 2;
  for (int64_t i = 0; i < countShares(); i += kTogether) {
    SmallVector<Value> some;
    for (int64_t j = i; j < std::min(i + kTogether, countShares()); ++j)
      some.push_back(computeShare(j, thread, line, k, read));
    for (auto [j, value] : llvm::enumerate(some))
      storeShare(i + static_cast<int64_t>(j), value, thread, to);
  }
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void RingBarriers::init(int64_t producers, int64_t consumers) {
  for (int64_t i = 0; i < stages; ++i) {
    ops.initBarrier(ops.move(memory, i * kBytes), producers);
    ops.initBarrier(ops.move(memory, (stages + i) * kBytes), consumers);
  }
}

Value RingBarriers::full(Value stage) {
  return ops.move(memory, index.mul(stage, index.constant(kBytes)));
}

Value RingBarriers::empty(Value stage) {
  return ops.move(memory, index.mul(index.add(stage, index.constant(stages)),
                                    index.constant(kBytes)));
}

RingPlace RingBarriers::start() {
  return {index.constant(0), index.constant(0)};
}

RingPlace RingBarriers::advance(RingPlace at) {
  OpBuilder &builder = index.builder;
  Value zero = index.constant(0), one = index.constant(1);
  if (stages == 1)
    return {zero, index.sub(one, at.phase)};
  Value next = index.add(at.stage, one);
  Value isLast =
      arith::CmpIOp::create(builder, index.loc, arith::CmpIPredicate::eq, next,
                            index.constant(stages));
  return {arith::SelectOp::create(builder, index.loc, isLast, zero, next),
          arith::SelectOp::create(builder, index.loc, isLast,
                                  index.sub(one, at.phase), at.phase)};
}

void RingBarriers::waitFull(RingPlace at) {
  ops.wait(full(at.stage), ops.toInt(at.phase));
}

/// At first, all are.
void RingBarriers::waitEmpty(RingPlace at) {
  ops.wait(empty(at.stage), ops.toInt(index.sub(index.constant(1), at.phase)));
}
