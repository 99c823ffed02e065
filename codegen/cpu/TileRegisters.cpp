// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/TileRegisters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

constexpr int64_t kConfigBytes = 64, kRowBytes = kTileRowBytes;
/// Where a configuration holds the registers' bytes in a row, and their rows.
constexpr int64_t kWidthsAt = 16, kRowsAt = 48;
/// Registers 0 to 3 hold sums, the others factors.
constexpr int kFactors = 4;

TileRegisters::TileRegisters(KernelFunction &kernel, int64_t rows,
                             int64_t laneTiles, int64_t run, bool isDivided,
                             TileFactors factors)
    : kernel(kernel), builder(kernel.builder), index(kernel.emitter.index),
      loc(kernel.loc), factors(factors),
      rowTiles(llvm::divideCeil(rows, kTileRows)), laneTiles(laneTiles),
      fullRows(std::min(rows, kTileRows)) {
  int64_t most = factors.getDepth();
  depth = run ? std::min(run, most) : most;
  lastDepth = run % depth;
  if (lastDepth && !isDivided && hasEqualSteps(run, factors)) {
    depth = run / (int64_t)llvm::divideCeil(run, most);
    lastDepth = 0;
  }
  config = createConfig();
  if (rows > 1)
    partConfig = createConfig();
}

bool TileRegisters::hasEqualSteps(int64_t run, TileFactors factors) {
  int64_t steps = llvm::divideCeil(run, factors.getDepth());
  return run > 0 && run % (factors.getGroup() * steps) == 0;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

void TileRegisters::call(StringRef name, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(
      builder, loc, builder.getStringAttr("llvm.x86." + name.str()), operands);
}

Value TileRegisters::number(int tile) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI8Type(),
                                  builder.getI8IntegerAttr(tile));
}

/// The address of an element.
Value TileRegisters::pointerTo(Value memory, Value at) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  Value base =
      memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, memory);
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Value sum = index.add(base, index.mul(at, index.constant(bytes)));
  Value address =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), sum);
  return LLVM::IntToPtrOp::create(
      builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), address);
}

Value TileRegisters::toBytes(Value elements, int64_t elementBytes) {
  return arith::IndexCastOp::create(
      builder, loc, builder.getI64Type(),
      index.mul(elements, index.constant(elementBytes)));
}

/// Memory with the registers' shapes for whole blocks.
Value TileRegisters::createConfig() {
  SmallVector<int8_t> bytes(kConfigBytes, 0);
  auto set = [&](int tile, int64_t count, int64_t width) {
    bytes[kWidthsAt + 2 * tile] = static_cast<int8_t>(width);
    bytes[kRowsAt + tile] = static_cast<int8_t>(count);
  };
  bytes[0] = 1; // the palette
  for (int tile = 0; tile < kFactors; ++tile)
    set(tile, fullRows, kRowBytes);
  // Two of the rows and two of the lanes, or one of each for either depth.
  for (int i = 0; i < 2; ++i) {
    int64_t size = i && lastDepth ? lastDepth : depth;
    int rowTile = kFactors + (lastDepth ? 2 * i : i);
    int laneTile = lastDepth ? rowTile + 1 : rowTile + 2;
    set(rowTile, fullRows, factors.bytes * size);
    set(laneTile, size / factors.getGroup(), kRowBytes);
  }
  auto type = VectorType::get({kConfigBytes}, builder.getI8Type());
  Value value = arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
  Value memory =
      kernel.allocateScratch(builder.getI8Type(), index.constant(kConfigBytes));
  vector::StoreOp::create(builder, loc, value, memory,
                          ValueRange{index.constant(0)});
  return memory;
}

void TileRegisters::configure() {
  call("ldtilecfg", {pointerTo(config, index.constant(0))});
}

void TileRegisters::release() { call("tilerelease", {}); }

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void TileRegisters::emitStep(int64_t rowTiles, const TileOperands &operands,
                             Value rowAt, Value laneAt, bool isLast) {
  int64_t lanes = factors.getGroup() * kTileRows; // factors in a row
  Value rowStride = toBytes(operands.rowStep, factors.bytes);
  Value laneStride = toBytes(index.constant(laneTiles * lanes), factors.bytes);
  auto load = [&](int tile, Value memory, Value at, Value stride) {
    call("tileloadd64", {number(tile), pointerTo(memory, at), stride});
  };
  auto loadRows = [&](int tile, int64_t r) {
    Value offset = index.mul(operands.rowStep, index.constant(r * kTileRows));
    load(tile, operands.rows, index.add(rowAt, offset), rowStride);
  };
  auto loadLanes = [&](int tile, int64_t j) {
    load(tile, operands.panel, index.add(laneAt, index.constant(j * lanes)),
         laneStride);
  };
  auto multiply = [&](int sum, int rows, int lanes) {
    call(factors.instruction, {number(sum), number(rows), number(lanes)});
  };
  if (!lastDepth) {
    for (int64_t r = 0; r < rowTiles; ++r)
      loadRows(kFactors + r, r);
    for (int64_t j = 0; j < laneTiles; ++j) {
      loadLanes(kFactors + 2 + j, j);
      for (int64_t r = 0; r < rowTiles; ++r)
        multiply(r * 2 + j, kFactors + r, kFactors + 2 + j);
    }
    return;
  }
  // One register each: back and forth, so that what is loaded serves twice.
  int rowTile = kFactors + (isLast ? 2 : 0), laneTile = rowTile + 1;
  int64_t loaded = -1;
  for (int64_t r = 0; r < rowTiles; ++r) {
    loadRows(rowTile, r);
    for (int64_t n = 0; n < laneTiles; ++n) {
      int64_t j = r % 2 ? laneTiles - 1 - n : n;
      if (j != loaded)
        loadLanes(laneTile, j);
      loaded = j;
      multiply(r * 2 + j, rowTile, laneTile);
    }
  }
}

/// Multiplies a block of `rowTiles` registers of rows.
void TileRegisters::emitBlock(int64_t rowTiles, const TileOperands &operands,
                              function_ref<void(Value)> atStep) {
  Value sumStride = toBytes(operands.sumStep, 4);
  auto forSums = [&](function_ref<void(int, Value)> body) {
    for (int64_t r = 0; r < rowTiles; ++r)
      for (int64_t j = 0; j < laneTiles; ++j) {
        Value row = index.mul(operands.sumStep, index.constant(r * kTileRows));
        Value at = index.add(row, index.constant(j * kTileRows));
        body(r * 2 + j,
             pointerTo(operands.sums, index.add(operands.sumBase, at)));
      }
  };
  forSums([&](int tile, Value pointer) {
    if (operands.accumulates)
      call("tileloadd64", {number(tile), pointer, sumStride});
    else
      call("tilezero", {number(tile)});
  });
  Value step = index.constant(depth);
  std::function<void(size_t, Value, Value, Value)> nest =
      [&](size_t level, Value rowAt, Value laneAt, Value position) {
        const ReducedLoop &loop = operands.loops[level];
        bool isInner = level + 1 == operands.loops.size();
        Value lower = level == 0 ? operands.first : index.constant(0);
        Value upper = level == 0 ? operands.end : loop.extent;
        auto rowOf = [&](Value k) {
          return index.add(rowAt, index.mul(k, loop.rowStride));
        };
        auto laneOf = [&](Value k) {
          return index.add(laneAt, index.mul(k, loop.laneStride));
        };
        auto positionOf = [&](Value k) {
          return index.add(position, index.sub(k, lower));
        };
        Value length = index.sub(upper, lower), limit = upper;
        if (isInner)
          limit = index.add(lower, index.sub(length, index.rem(length, step)));
        emitLoop(builder, loc, lower, limit, isInner ? step : index.constant(1),
                 {}, [&](Value k, ValueRange) -> SmallVector<Value> {
                   if (isInner) {
                     if (atStep)
                       atStep(index.div(positionOf(k), step));
                     emitStep(rowTiles, operands, rowOf(k), laneOf(k), false);
                   } else {
                     nest(level + 1, rowOf(k), laneOf(k),
                          index.mul(positionOf(k),
                                    operands.loops[level + 1].extent));
                   }
                   return {};
                 });
        if (!isInner || !lastDepth)
          return;
        // The positions that are left follow the last piece.
        OpBuilder::InsertionGuard guard(builder);
        if (!IndexBuilder::getConstant(length)) {
          auto ifOp = scf::IfOp::create(builder, loc, index.less(limit, upper),
                                        /*withElseRegion=*/false);
          builder.setInsertionPointToStart(ifOp.thenBlock());
        }
        emitStep(rowTiles, operands, rowOf(limit), laneOf(limit), true);
      };
  nest(0, operands.rowBase, operands.panelBase, index.constant(0));
  forSums([&](int tile, Value pointer) {
    call("tilestored64", {number(tile), pointer, sumStride});
  });
}

void TileRegisters::emitProduct(const TileOperands &operands, Value valid,
                                function_ref<void(Value)> atStep) {
  if (!valid)
    return emitBlock(rowTiles, operands, atStep);
  int64_t all = rowTiles == 1 ? fullRows : rowTiles * kTileRows;
  Value isFull = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       valid, index.constant(all));
  auto ifOp = scf::IfOp::create(builder, loc, isFull, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  {
    ElementEmitter::Scope scope(kernel.emitter);
    emitBlock(rowTiles, operands, atStep);
  }
  builder.setInsertionPointToStart(ifOp.elseBlock());
  // Fewer rows: one register of them after the other, each with as many.
  ElementEmitter::Scope scope(kernel.emitter);
  Value zero = index.constant(0);
  emitLoop(
      builder, loc, zero, valid, index.constant(kTileRows), {},
      [&](Value done, ValueRange) -> SmallVector<Value> {
        Value rows =
            index.min(index.sub(valid, done), index.constant(kTileRows));
        Value byte =
            arith::IndexCastOp::create(builder, loc, builder.getI8Type(), rows);
        SmallVector<int> tiles{0, 1, kFactors};
        if (lastDepth)
          tiles.push_back(kFactors + 2);
        for (int tile : tiles)
          memref::StoreOp::create(builder, loc, byte, partConfig,
                                  ValueRange{index.constant(kRowsAt + tile)});
        call("ldtilecfg", {pointerTo(partConfig, zero)});
        TileOperands part = operands;
        part.rowBase =
            index.add(operands.rowBase, index.mul(done, operands.rowStep));
        part.sumBase =
            index.add(operands.sumBase, index.mul(done, operands.sumStep));
        emitBlock(1, part, atStep);
        return {};
      });
  configure();
}
