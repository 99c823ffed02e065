// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Permutations that change which dimension lies along memory: squares of as
// many rows and columns as a vector has lanes are read and written along
// memory, and transposed in registers, where lanes along the result would
// gather.

#include "codegen/cpu/TransposeKernel.h"
#include "codegen/cpu/ContractionRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

/// A copy of all of one operand, permuted: along `from` the operand lies along
/// memory, along `to` the result.
struct Permutation {
  linalg::GenericOp op;
  OpOperand *operand;
  unsigned from, to;

  static std::optional<Permutation> match(func::FuncOp source);
};

} // namespace

/// The position of the one argument that the body yields as it is.
static OpOperand *getCopied(linalg::GenericOp op) {
  auto argument =
      dyn_cast<BlockArgument>(op.getBody()->getTerminator()->getOperand(0));
  if (!argument || argument.getOwner() != op.getBody() ||
      argument.getArgNumber() >= op.getNumDpsInputs() ||
      !llvm::hasSingleElement(op.getBody()->getOperations()))
    return nullptr;
  return op.getDpsInputOperand(argument.getArgNumber());
}

std::optional<Permutation> Permutation::match(func::FuncOp source) {
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  if (terminator.getNumOperands() != 1)
    return std::nullopt;
  auto op = terminator.getOperand(0).getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumReductionLoops() || op.getNumDpsInits() != 1 ||
      op.getNumLoops() < 2 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;
  OpOperand *operand = getCopied(op);
  if (!operand || !isa<BlockArgument>(operand->get()))
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(operand);
  Type type = getElementTypeOrSelf(operand->get());
  unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
  if (!map.isPermutation() || (bits != 8 && bits != 16 && bits != 32))
    return std::nullopt;
  Permutation result{op, operand, map.getDimPosition(map.getNumResults() - 1),
                     op.getNumLoops() - 1};
  // Few columns leave most of a square empty.
  constexpr int64_t kFew = 8;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto isFew = [&](unsigned d) {
    return !ShapedType::isDynamic(ranges[d]) && ranges[d] < kFew;
  };
  if (result.from == result.to || isFew(result.from) || isFew(result.to))
    return std::nullopt;
  return result;
}

bool mlir::dl::cpu::isTransposeKernel(func::FuncOp source,
                                      const MachineModel &machine) {
  return machine.vectorLanes > 1 && Permutation::match(source).has_value();
}

/// Blocks off the diagonal change places, from half of a vector's size down to
/// one element.
void mlir::dl::cpu::transposeSquare(KernelFunction &kernel,
                                    MutableArrayRef<Value> rows) {
  int64_t size = rows.size();
  for (int64_t block = size / 2; block > 0; block /= 2)
    for (int64_t i = 0; i < size; ++i) {
      if (i & block)
        continue;
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < size; ++lane) {
        bool isOff = lane & block;
        low.push_back(isOff ? size + lane - block : lane);
        high.push_back(isOff ? size + lane : lane + block);
      }
      Value a = rows[i], b = rows[i + block];
      rows[i] =
          vector::ShuffleOp::create(kernel.builder, kernel.loc, a, b, low);
      rows[i + block] =
          vector::ShuffleOp::create(kernel.builder, kernel.loc, a, b, high);
    }
}

/// Copies the square of `rows` positions of the result's last dimension and
/// `columns` of the operand's, from element `in` of one memory, `between` from
/// one row to the next, to element `out` of another, `apart` from one column to
/// the next. Null counts: as many as a vector has lanes.
static void copySquare(KernelFunction &kernel, Value memory, Value in,
                       Value between, Value target, Value out, Value apart,
                       Value rows, Value columns) {
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  OpBuilder &builder = kernel.builder;
  Location loc = kernel.loc;
  int64_t size = emitter.width();
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  VectorType type = emitter.vectorType(element);
  // Shuffles of narrow elements are slow: they are widened in between.
  Type stored = builder.getIntegerType(element.getIntOrFloatBitWidth());
  Type word = builder.getI32Type();
  auto maskOf = [&](Value count) {
    return vector::CreateMaskOp::create(builder, loc,
                                        emitter.vectorType(builder.getI1Type()),
                                        ValueRange{count});
  };
  Value columnMask = columns ? Value(maskOf(columns)) : Value(),
        rowMask = rows ? Value(maskOf(rows)) : Value();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  SmallVector<Value> values;
  for (int64_t i = 0; i < size; ++i) {
    // Rows that do not exist repeat the last one.
    Value row = index.constant(i);
    if (rows)
      row = index.min(row, index.sub(rows, index.constant(1)));
    Value at = index.add(in, index.mul(row, between));
    Value value =
        columns
            ? Value(vector::MaskedLoadOp::create(
                  builder, loc, type, memory, ValueRange{at}, columnMask, zero))
            : Value(vector::LoadOp::create(builder, loc, type, memory,
                                           ValueRange{at}));
    if (stored != word) {
      value = arith::BitcastOp::create(builder, loc, emitter.vectorType(stored),
                                       value);
      value =
          arith::ExtUIOp::create(builder, loc, emitter.vectorType(word), value);
    }
    values.push_back(value);
  }
  transposeSquare(kernel, values);
  for (int64_t j = 0; j < size; ++j) {
    Value value = values[j], number = index.constant(j);
    if (stored != word) {
      value = arith::TruncIOp::create(builder, loc, emitter.vectorType(stored),
                                      value);
      value = arith::BitcastOp::create(builder, loc, type, value);
    }
    Value at = index.add(out, index.mul(number, apart));
    auto store = [&] {
      if (rows)
        vector::MaskedStoreOp::create(builder, loc, target, ValueRange{at},
                                      rowMask, value);
      else
        vector::StoreOp::create(builder, loc, value, target, ValueRange{at});
    };
    if (!columns || j == 0) {
      store();
      continue;
    }
    auto ifOp = scf::IfOp::create(builder, loc, index.less(number, columns),
                                  /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(ifOp.thenBlock());
    store();
  }
}

LogicalResult mlir::dl::cpu::emitTransposeKernel(KernelFunction &kernel) {
  std::optional<Permutation> match = Permutation::match(kernel.source);
  if (!match)
    return failure();
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  OpBuilder &builder = kernel.builder;
  linalg::GenericOp op = match->op;
  auto access = getLinearAccess(kernel, op, match->operand);
  if (!access)
    return failure();
  Buffer result = kernel.getOutputs().front().buffer;
  unsigned loops = op.getNumLoops();
  SmallVector<Value> strides(loops), sizes, outer;
  Value stride = index.constant(1);
  for (unsigned d = loops; d-- > 0;) {
    strides[d] = stride;
    stride = index.mul(stride, result.sizes[d]);
  }
  Value width = index.constant(emitter.width());
  // Squares along the result's last dimension that a tile has.
  constexpr int64_t kSquares = 8;
  Value length = index.constant(kSquares * emitter.width());
  for (unsigned d = 0; d < loops; ++d) {
    Value size = emitter.loopSize(op, d);
    sizes.push_back(size);
    outer.push_back(d == match->from ? index.ceilDiv(size, width)
                    : d == match->to ? index.ceilDiv(size, length)
                                     : size);
  }
  Value count = index.constant(1);
  for (Value size : outer)
    count = index.mul(count, size);
  kernel.emitTiles(count, [&](Value tile) {
    SmallVector<Value> at = kernel.delinearize(tile, outer);
    at[match->from] = index.mul(at[match->from], width);
    at[match->to] = index.mul(at[match->to], length);
    Value in = access->base, out = index.constant(0);
    for (unsigned d = 0; d < loops; ++d) {
      in = index.add(in, index.mul(at[d], access->strides[d]));
      out = index.add(out, index.mul(at[d], strides[d]));
    }
    Value between = access->strides[match->to], apart = strides[match->from];
    Value end = index.min(index.sub(sizes[match->to], at[match->to]), length);
    Value columns =
        index.min(index.sub(sizes[match->from], at[match->from]), width);
    emitLoop(builder, kernel.loc, index.constant(0), end, width, {},
             [&](Value done, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               Value rows = index.min(index.sub(end, done), width);
               Value from = index.add(in, index.mul(done, between));
               Value to = index.add(out, done);
               auto isFull = [&](Value value) {
                 return arith::CmpIOp::create(builder, kernel.loc,
                                              arith::CmpIPredicate::eq, value,
                                              width);
               };
               Value both = arith::AndIOp::create(
                   builder, kernel.loc, isFull(rows), isFull(columns));
               auto ifOp = scf::IfOp::create(builder, kernel.loc, both,
                                             /*withElseRegion=*/true);
               OpBuilder::InsertionGuard guard(builder);
               builder.setInsertionPointToStart(ifOp.thenBlock());
               copySquare(kernel, access->memory, from, between, result.memory,
                          to, apart, {}, {});
               builder.setInsertionPointToStart(ifOp.elseBlock());
               copySquare(kernel, access->memory, from, between, result.memory,
                          to, apart, rows, columns);
               return {};
             });
  });
  return success(!emitter.failed());
}
