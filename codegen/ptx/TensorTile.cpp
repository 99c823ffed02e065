// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/TensorTile.h"
#include "codegen/ptx/GenerateKernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::Side;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Elements that are read at once: 16 bytes.
static constexpr int64_t kWidth = 8;
/// One mma.sync: 16 rows, 8 columns, 16 contracted positions.
static constexpr int64_t kRows = 16, kColumns = 8, kDepth = 16;
/// Pieces of the operands in shared memory.
static constexpr int64_t kStages = 4;
/// The address space of shared memory.
static constexpr unsigned kSharedSpace = 3;
/// Warps of a workgroup, across rows and columns.
static constexpr int64_t kWarpsDown = 2, kWarpsAcross = 4, kWarp = 32;

/// Whether neighbours in an operand's memory are steps of `loop`, whole eights
/// of them.
static bool hasEights(linalg::GenericOp op, OpOperand *operand,
                      ArrayRef<unsigned> loops) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (loops.empty() || map.getNumResults() == 0)
    return false;
  auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
  int64_t range = op.getStaticLoopRanges()[loops.back()];
  return last && last.getPosition() == loops.back() &&
         !ShapedType::isDynamic(range) && range > 0 && range % kWidth == 0;
}

bool TensorTile::fits(const Contraction &contraction) {
  linalg::GenericOp op = contraction.op;
  if (!contraction.factorType.isF16() && !contraction.factorType.isBF16())
    return false;
  SmallVector<unsigned> columns(contraction.outerLanes);
  llvm::append_range(columns, contraction.lanes);
  int64_t rows = ::dl::gpucode::getStaticSize(op, contraction.rows);
  if (!ShapedType::isDynamic(rows) && rows < kRows)
    return false;
  auto sideFits = [&](OpOperand *operand, ArrayRef<unsigned> loops) {
    return hasEights(op, operand, contraction.reduced) ||
           hasEights(op, operand, loops);
  };
  return sideFits(contraction.rowSide, contraction.rows) &&
         sideFits(contraction.laneSide, columns);
}

/// Large tiles where there are enough to keep the processors busy.
static TileShape chooseShape(const Contraction &contraction) {
  constexpr TileShape kLarge{128, 128, 8, 8, 32, 1},
      kSmall{64, 64, 4, 4, 32, 2};
  constexpr int64_t kBusy = 128, kUnknown = 512;
  SmallVector<unsigned> columns(contraction.outerLanes);
  llvm::append_range(columns, contraction.lanes);
  auto count = [&](ArrayRef<unsigned> loops, int64_t tile) {
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops);
    return llvm::divideCeil(ShapedType::isDynamic(size) ? kUnknown : size,
                            tile);
  };
  int64_t batch =
      ::dl::gpucode::getStaticSize(contraction.op, contraction.batch);
  return std::max<int64_t>(batch, 1) * count(contraction.rows, kLarge.rows) *
                     count(columns, kLarge.columns) >=
                 kBusy
             ? kLarge
             : kSmall;
}

TensorTile::TensorTile(::dl::gpucode::StageFunction &stage,
                       const Contraction &contraction,
                       CudaParameters &parameters)
    : TileEmitter(stage, contraction, chooseShape(contraction)),
      parameters(parameters), wide(builder, loc, kWidth) {}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// A piece's rows are lines where neighbours are contracted positions, and the
/// other way round; eight elements more keep eight of them in different banks.
void TensorTile::layOut() {
  int64_t bytes[2];
  Side *sides[] = {&left, &right};
  for (auto [side, size] : llvm::zip(sides, bytes)) {
    int64_t length = side->alongDepth ? shape.depth : side->lines;
    int64_t count = side->alongDepth ? side->lines : shape.depth;
    side->pitch = length + kWidth;
    size = kStages * count * side->pitch * contraction.factorBytes();
  }
  constexpr int64_t kSumBytes = 4;
  int64_t total = std::max(bytes[0] + bytes[1],
                           kSumBytes * shape.rows / kWarpsDown * shape.columns);
  leftPointer = parameters.getDynamicShared(total);
  rightPointer = LLVM::GEPOp::create(
      builder, loc, leftPointer.getType(), builder.getI8Type(), leftPointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes[0])});
  auto toMemory = [&](Value pointer, Type type) {
    return mlir::dl::cpu::makeMemory(builder, loc, pointer, type, kIndexBits,
                                     kSharedSpace);
  };
  left.memory = toMemory(leftPointer, contraction.factorType);
  right.memory = toMemory(rightPointer, contraction.factorType);
  sums = toMemory(leftPointer, builder.getF32Type());
  wide.buffers = emitter.buffers;
  wide.scalars = emitter.scalars;
}

void TensorTile::findPlace() {
  lane = index.rem(invocation, constant(kWarp));
  Value warp = index.div(invocation, constant(kWarp));
  warpColumn = index.rem(warp, constant(kWarpsAcross));
  warpRow = index.div(warp, constant(kWarpsAcross));
}

int64_t TensorTile::countShare(const Side &side) const {
  return side.lines * shape.depth / kWidth / shape.getInvocations();
}

/// Line and contracted position of the first of eight elements.
std::pair<Value, Value> TensorTile::getShare(const Side &side, int64_t number) {
  Value eight =
      index.add(invocation, constant(number * shape.getInvocations()));
  Value across =
      constant((side.alongDepth ? shape.depth : side.lines) / kWidth);
  Value inner = index.mul(index.rem(eight, across), constant(kWidth));
  Value outer = index.div(eight, across);
  return side.alongDepth ? std::pair(outer, inner) : std::pair(inner, outer);
}

Value TensorTile::readShare(const Side &side, Value line, Value k) {
  Position dims = getOperandDims(side, line, k, side.alongDepth ? 1 : kWidth,
                                 side.alongDepth ? kWidth : 1);
  unsigned inner =
      side.alongDepth ? contraction.reduced.back() : side.loops.back();
  dims[inner].stride = 1;
  return wide.toVector(wide.read(
      side.operand->get(),
      wide.mapPosition(op.getMatchingIndexingMap(side.operand), dims)));
}

/// The element of a side's memory where a share of a stage begins.
Value TensorTile::getOffset(const Side &side, int64_t number, Value stage) {
  int64_t rowCount = side.alongDepth ? side.lines : shape.depth;
  auto [line, at] = getShare(side, number);
  auto [row, column] =
      side.alongDepth ? std::pair(line, at) : std::pair(at, line);
  Value place = index.add(index.mul(row, constant(side.pitch)), column);
  return index.add(index.mul(stage, constant(side.pitch * rowCount)), place);
}

/// Of a share beyond the contracted positions nothing is read: zeros are.
SmallVector<Value> TensorTile::copy(const Side &side, Value start,
                                    Value stage) {
  constexpr int32_t kBytes = 16;
  SmallVector<Value> rest;
  Type type = VectorType::get({kWidth}, contraction.factorType);
  Type i32 = builder.getI32Type();
  for (int64_t i = 0; i < countShare(side); ++i) {
    auto [line, at] = getShare(side, i);
    ElementEmitter::Scope scope(emitter);
    ElementEmitter::Scope wideScope(wide);
    Value k = index.add(start, at);
    Value value = readShare(side, line, k);
    Value isInside = index.less(k, depth);
    Value source = parameters.takeSource(value);
    if (!source) {
      Value zero =
          arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
      rest.push_back(
          arith::SelectOp::create(builder, loc, isInside, value, zero));
      continue;
    }
    rest.push_back(Value());
    auto toInt = [&](int32_t number) {
      return arith::ConstantOp::create(builder, loc,
                                       builder.getI32IntegerAttr(number));
    };
    Value base = &side == &left ? leftPointer : rightPointer;
    Value offset = arith::IndexCastOp::create(builder, loc, i32,
                                              getOffset(side, i, stage));
    Value to = LLVM::GEPOp::create(builder, loc, base.getType(),
                                   contraction.factorType, base,
                                   ArrayRef<LLVM::GEPArg>{offset});
    NVVM::CpAsyncOp::create(builder, loc, to, source, kBytes,
                            NVVM::LoadCacheModifierKind::CG,
                            arith::SelectOp::create(builder, loc, isInside,
                                                    toInt(kBytes), toInt(0)));
  }
  return rest;
}

void TensorTile::store(const Side &side, ArrayRef<Value> values, Value stage) {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i])
      vector::StoreOp::create(
          builder, loc, values[i], side.memory,
          ValueRange{getOffset(side, static_cast<int64_t>(i), stage)},
          /*nontemporal=*/false,
          llvm::MaybeAlign(kWidth * contraction.factorBytes()));
}

/// A barrier in each step says that the step's piece is there, and that all
/// have multiplied the one whose place the next copies take. What cannot be
/// copied is read before a piece is multiplied and stored after it.
SmallVector<Value> TensorTile::addPieces(ArrayRef<Value> start) {
  Value zero = constant(0), one = constant(1), ring = constant(kStages);
  gpu::BarrierOp::create(builder, loc); // the last tile is stored
  for (int64_t i = 0; i < kStages - 1; ++i) {
    Value at = constant(i * shape.depth), stage = constant(i);
    for (Side *side : {&left, &right})
      store(*side, copy(*side, at, stage), stage);
    NVVM::CpAsyncCommitGroupOp::create(builder, loc);
  }
  Value pieces = index.ceilDiv(depth, constant(shape.depth));
  SmallVector<Value> values = mlir::dl::cpu::emitLoop(
      builder, loc, zero, pieces, one, start,
      [&](Value piece, ValueRange carried) {
        ElementEmitter::Scope scope(emitter);
        NVVM::CpAsyncWaitGroupOp::create(builder, loc, kStages - 2);
        gpu::BarrierOp::create(builder, loc);
        Value next = index.add(piece, constant(kStages - 1));
        Value stage = index.rem(next, ring);
        Value at = index.mul(next, constant(shape.depth));
        SmallVector<Value> a = copy(left, at, stage),
                           b = copy(right, at, stage);
        NVVM::CpAsyncCommitGroupOp::create(builder, loc);
        SmallVector<Value> added =
            multiply(llvm::to_vector(carried), index.rem(piece, ring));
        store(left, a, stage);
        store(right, b, stage);
        return added;
      });
  NVVM::CpAsyncWaitGroupOp::create(builder, loc, 0);
  return values;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Four matrices of eight lines by eight contracted positions, from `line` and
/// `k` on: the second one is eight lines further with `linesFirst`, otherwise
/// eight positions, the third one the other way round.
SmallVector<Value> TensorTile::loadMatrices(const Side &side, Value half,
                                            Value line, int64_t k,
                                            bool linesFirst) {
  Value matrix = index.div(lane, constant(8)),
        in = index.rem(lane, constant(8));
  Value first = index.mul(index.rem(matrix, constant(2)), constant(8)),
        second = index.mul(index.div(matrix, constant(2)), constant(8));
  Value atLine = index.add(line, linesFirst ? first : second);
  Value atDepth = index.add(constant(k), linesFirst ? second : first);
  // Each lane gives the address of one row of eight.
  Value row = index.add(side.alongDepth ? atLine : atDepth, in),
        column = side.alongDepth ? atDepth : atLine;
  int64_t rowCount = side.alongDepth ? side.lines : shape.depth;
  Value offset =
      index.add(index.mul(half, constant(side.pitch * rowCount)),
                index.add(index.mul(row, constant(side.pitch)), column));
  Type i32 = builder.getI32Type();
  Value number = arith::IndexCastOp::create(builder, loc, i32, offset);
  Value base = &side == &left ? leftPointer : rightPointer;
  Value address =
      LLVM::GEPOp::create(builder, loc, base.getType(), contraction.factorType,
                          base, ArrayRef<LLVM::GEPArg>{number});
  Type result = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                                 {i32, i32, i32, i32});
  MLIRContext *context = builder.getContext();
  Value loaded = NVVM::LdMatrixOp::create(
      builder, loc, result, address, /*num=*/4,
      side.alongDepth ? NVVM::MMALayout::row : NVVM::MMALayout::col,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i) {
    Value bits = LLVM::ExtractValueOp::create(builder, loc, loaded, i);
    if (contraction.factorType.isF16())
      bits = LLVM::BitcastOp::create(
          builder, loc, VectorType::get({2}, builder.getF16Type()), bits);
    registers.push_back(bits);
  }
  return registers;
}

SmallVector<Value> TensorTile::multiply(ArrayRef<Value> values, Value half) {
  SmallVector<Value> next(values);
  int64_t down = shape.rows / kWarpsDown / kRows,
          across = shape.columns / kWarpsAcross / kColumns;
  Value firstRow = index.mul(warpRow, constant(shape.rows / kWarpsDown)),
        firstColumn =
            index.mul(warpColumn, constant(shape.columns / kWarpsAcross));
  Type f32 = builder.getF32Type();
  Type result = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                                 {f32, f32, f32, f32});
  NVVM::MMATypes type = contraction.factorType.isF16() ? NVVM::MMATypes::f16
                                                       : NVVM::MMATypes::bf16;
  for (int64_t k = 0; k < shape.depth; k += kDepth) {
    SmallVector<SmallVector<Value>> a, b;
    for (int64_t i = 0; i < down; ++i)
      a.push_back(loadMatrices(left, half,
                               index.add(firstRow, constant(i * kRows)), k,
                               /*linesFirst=*/true));
    for (int64_t j = 0; j < across; j += 2) {
      SmallVector<Value> two = loadMatrices(
          right, half, index.add(firstColumn, constant(j * kColumns)), k,
          /*linesFirst=*/false);
      b.push_back({two[0], two[1]});
      b.push_back({two[2], two[3]});
    }
    for (int64_t i = 0; i < down; ++i)
      for (int64_t j = 0; j < across; ++j) {
        MutableArrayRef<Value> own =
            MutableArrayRef(next).slice((i * across + j) * 4, 4);
        Value product = NVVM::MmaOp::create(
            builder, loc, result, a[i], b[j],
            SmallVector<Value>(own.begin(), own.end()),
            ArrayRef<int64_t>{kRows, kColumns, kDepth}, std::nullopt,
            std::nullopt, std::array<NVVM::MMATypes, 2>{type, type},
            std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                           NVVM::MMALayout::col});
        for (int64_t c = 0; c < 4; ++c)
          own[c] = LLVM::ExtractValueOp::create(builder, loc, product, c);
      }
  }
  return next;
}

/// A pass is the rows of one row of warps.
int64_t TensorTile::countPasses() const { return kWarpsDown; }

void TensorTile::storeSums(ArrayRef<Value> values, int64_t pass) {
  Value isOwn = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      warpRow, constant(pass));
  auto branch =
      scf::IfOp::create(builder, loc, isOwn, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  int64_t down = shape.rows / kWarpsDown / kRows,
          across = shape.columns / kWarpsAcross / kColumns;
  Value firstColumn =
      index.mul(warpColumn, constant(shape.columns / kWarpsAcross));
  Value group = index.div(lane, constant(4)),
        pair = index.mul(index.rem(lane, constant(4)), constant(2));
  for (int64_t i = 0; i < down; ++i)
    for (int64_t j = 0; j < across; ++j)
      for (int64_t c = 0; c < 4; ++c) {
        Value row = index.add(group, constant(i * kRows + c / 2 * 8));
        Value column = index.add(index.add(firstColumn, pair),
                                 constant(j * kColumns + c % 2));
        memref::StoreOp::create(
            builder, loc, values[(i * across + j) * 4 + c], sums,
            ValueRange{
                index.add(index.mul(row, constant(shape.columns)), column)});
      }
}
