// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/TensorTile.h"
#include "codegen/cpu/KernelFunction.h"
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
using ::dl::gpucode::hasWholeRuns;
using ::dl::gpucode::readsWholeRuns;
using ::dl::gpucode::Side;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Bytes that are read at once, of half an instruction's contracted positions.
static constexpr int64_t kAccessBytes = 16, kStepBytes = 2 * kAccessBytes;
static constexpr int64_t kRows = MatrixOps::kRows,
                         kColumns = MatrixOps::kColumns;
/// Elements of 16 bits that are read at once.
static constexpr int64_t kEight = 8;
/// Bytes where neighbours are lines go by blocks of so many lines and
/// contracted positions.
static constexpr int64_t kBlock = MatrixOps::kBlock;
/// Pieces of the operands in shared memory, and bytes of a row of each.
static constexpr int64_t kStages = 4, kPieceBytes = 64;

bool TensorTile::fits(const Contraction &contraction, const PtxTarget &target) {
  constexpr unsigned kFirst = 80, kFirstFloat8 = 89;
  linalg::GenericOp op = contraction.op;
  Type type = contraction.factorType;
  bool isByte = type.isInteger(8) || MatrixOps::isFloat8(type);
  if (target.capability < (MatrixOps::isFloat8(type) ? kFirstFloat8 : kFirst) ||
      (!type.isF16() && !type.isBF16() && !isByte &&
       !(type.isF32() && target.usesTf32)))
    return false;
  SmallVector<unsigned> columns = ::dl::gpucode::getColumnLoops(contraction);
  int64_t rows = ::dl::gpucode::getStaticSize(op, contraction.rows);
  if (!ShapedType::isDynamic(rows) && rows < kRows)
    return false;
  // Bytes are gathered where neighbours are no contracted positions.
  if (isByte)
    return hasWholeRuns(op, contraction.reduced, kAccessBytes);
  auto sideFits = [&](OpOperand *operand, ArrayRef<unsigned> loops) {
    return readsWholeRuns(op, operand, contraction.reduced, kEight) ||
           readsWholeRuns(op, operand, loops, kEight);
  };
  return sideFits(contraction.rowSide, contraction.rows) &&
         sideFits(contraction.laneSide, columns);
}

/// Large tiles where there are enough to keep the processors busy.
static TileShape chooseShape(const Contraction &contraction,
                             int64_t pieceBytes) {
  int64_t depth = pieceBytes / contraction.factorBytes();
  TileShape large{128, 128, 8, 8, depth, 1}, small{64, 64, 4, 4, depth, 2};
  constexpr int64_t kBusy = 128, kUnknown = 512;
  SmallVector<unsigned> columns = ::dl::gpucode::getColumnLoops(contraction);
  auto count = [&](ArrayRef<unsigned> loops, int64_t tile) {
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops);
    return llvm::divideCeil(ShapedType::isDynamic(size) ? kUnknown : size,
                            tile);
  };
  int64_t batch =
      ::dl::gpucode::getStaticSize(contraction.op, contraction.batch);
  return std::max<int64_t>(batch, 1) * count(contraction.rows, large.rows) *
                     count(columns, large.columns) >=
                 kBusy
             ? large
             : small;
}

TensorTile::TensorTile(::dl::gpucode::StageFunction &stage,
                       const Contraction &contraction,
                       CudaParameters &parameters)
    : TensorTile(stage, contraction, parameters, kPieceBytes, kStages) {}

TensorTile::TensorTile(::dl::gpucode::StageFunction &stage,
                       const Contraction &contraction,
                       CudaParameters &parameters, int64_t pieceBytes,
                       int64_t stages)
    : TileEmitter(stage, contraction, chooseShape(contraction, pieceBytes)),
      width(kAccessBytes / contraction.factorBytes()),
      wide(builder, loc, width), matrices(builder, loc, contraction),
      parameters(parameters), stages(stages), fours(builder, loc, kBlock) {}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// A piece's rows are lines where neighbours are contracted positions, and the
/// other way round; eight elements more keep eight of them in different banks,
/// and where lanes read four of them, of 32 bits, these.
Value TensorTile::layOutOperands(int64_t more) {
  int64_t bytes[2];
  Side *sides[] = {&left, &right};
  // Bytes are no rows that could be transposed on the way to the registers.
  if (contraction.factorBytes() == 1)
    left.alongDepth = right.alongDepth = true;
  for (auto [side, size] : llvm::zip(sides, bytes)) {
    int64_t length = side->alongDepth ? getDepth(*side) : side->lines;
    int64_t count = side->alongDepth ? side->lines : getDepth(*side);
    constexpr int64_t kBanks = 8;
    side->pitch = length + (side->alongDepth ? width : kBanks);
    size = stages * count * side->pitch * contraction.factorBytes();
  }
  constexpr int64_t kSumBytes = 4;
  int64_t total = std::max(bytes[0] + bytes[1] + more,
                           kSumBytes * shape.rows / kWarpsDown * shape.columns);
  leftPointer = parameters.getDynamicShared(total);
  auto getPointer = [&](int64_t offset) {
    return LLVM::GEPOp::create(
        builder, loc, leftPointer.getType(), builder.getI8Type(), leftPointer,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
  };
  rightPointer = getPointer(bytes[0]);
  auto toMemory = [&](Value pointer, Type type) {
    return mlir::dl::cpu::makeMemory(builder, loc, pointer, type, kIndexBits,
                                     kSharedSpace);
  };
  Type element = mlir::dl::cpu::getStoredType(contraction.factorType);
  left.memory = toMemory(leftPointer, element);
  right.memory = toMemory(rightPointer, element);
  sums = toMemory(leftPointer, contraction.sumType);
  for (ElementEmitter *own : {&wide, &fours}) {
    own->buffers = emitter.buffers;
    own->scalars = emitter.scalars;
  }
  return more ? getPointer(bytes[0] + bytes[1]).getResult() : Value();
}

void TensorTile::layOut() { layOutOperands(0); }

void TensorTile::findPlace() {
  lane = index.rem(invocation, constant(kWarp));
  Value warp = index.div(invocation, constant(kWarp));
  warpColumn = index.rem(warp, constant(kWarpsAcross));
  warpRow = index.div(warp, constant(kWarpsAcross));
}

int64_t TensorTile::countShare(const Side &side) const {
  return side.lines * getDepth(side) / width / shape.getInvocations();
}

/// Line and contracted position of the first of eight elements, or of a block:
/// eight blocks of neighbouring lines, then others along the contracted
/// positions, which are stored in different banks.
std::pair<Value, Value> TensorTile::getShare(const Side &side, int64_t number) {
  Value eight =
      index.add(invocation, constant(number * shape.getInvocations()));
  if (isByBlocks(side)) {
    constexpr int64_t kTogether = 8;
    Value rest = index.div(eight, constant(kTogether)),
          down = constant(getDepth(side) / kBlock);
    Value line =
        index.add(index.mul(index.div(rest, down), constant(kTogether)),
                  index.rem(eight, constant(kTogether)));
    return {index.mul(line, constant(kBlock)),
            index.mul(index.rem(rest, down), constant(kBlock))};
  }
  Value across =
      constant((side.alongDepth ? getDepth(side) : side.lines) / width);
  Value inner = index.mul(index.rem(eight, across), constant(width));
  Value outer = index.div(eight, across);
  return side.alongDepth ? std::pair(outer, inner) : std::pair(inner, outer);
}

/// Whether neighbours in memory are lines, whole blocks of them.
bool TensorTile::isByBlocks(const Side &side) const {
  linalg::GenericOp op = contraction.op;
  if (contraction.factorBytes() != 1 ||
      readsWholeRuns(op, side.operand, contraction.reduced, kEight))
    return false;
  return readsWholeRuns(op, side.operand, side.loops, kBlock);
}

/// Four lines by four contracted positions, line by line.
Value TensorTile::readBlock(const Side &side, Value line, Value k) {
  Value all = matrices.readBlock(fours, side.operand, [&](int64_t i) {
    Position dims =
        getOperandDims(side, line, index.add(k, constant(i)), kBlock, 1);
    dims[side.loops.back()].stride = 1;
    return dims;
  });
  return vector::BitCastOp::create(
      builder, loc, VectorType::get({width}, builder.getI8Type()), all);
}

/// Neighbours along contracted positions that lie apart in memory, one by one.
Value TensorTile::gatherShare(const Side &side, Value line, Value k) {
  AffineMap map = op.getMatchingIndexingMap(side.operand);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < width; ++i) {
    Position dims = getOperandDims(side, line, index.add(k, constant(i)));
    auto element =
        emitter.read(side.operand->get(), emitter.mapPosition(map, dims));
    elements.push_back(MatrixOps::isFloat8(contraction.factorType)
                           ? emitter.toByte(element)
                           : element.value);
  }
  return vector::FromElementsOp::create(
      builder, loc, VectorType::get({width}, builder.getI8Type()), elements);
}

Value TensorTile::readShare(const Side &side, Value line, Value k) {
  if (isByBlocks(side))
    return readBlock(side, line, k);
  if (contraction.factorBytes() == 1 &&
      !readsWholeRuns(op, side.operand, contraction.reduced, kEight))
    return gatherShare(side, line, k);
  Position dims = getOperandDims(side, line, k, side.alongDepth ? 1 : width,
                                 side.alongDepth ? width : 1);
  unsigned inner =
      side.alongDepth ? contraction.reduced.back() : side.loops.back();
  dims[inner].stride = 1;
  Value value = wide.toVector(wide.read(
      side.operand->get(),
      wide.mapPosition(op.getMatchingIndexingMap(side.operand), dims)));
  if (!MatrixOps::isFloat8(contraction.factorType))
    return value;
  auto cast = value.getDefiningOp<arith::BitcastOp>();
  if (!cast || !cast->use_empty())
    return wide.toByte({value, true});
  Value bytes = cast.getIn(); // as they lie in memory
  cast.erase();
  return bytes;
}

/// The element of a side's memory where a share of a stage begins.
Value TensorTile::getOffset(const Side &side, int64_t number, Value stage) {
  int64_t rowCount = side.alongDepth ? side.lines : getDepth(side);
  auto [line, at] = getShare(side, number);
  auto [row, column] =
      side.alongDepth ? std::pair(line, at) : std::pair(at, line);
  Value place = index.add(index.mul(row, constant(side.pitch)), column);
  return index.add(index.mul(stage, constant(side.pitch * rowCount)), place);
}

/// Of a share beyond the contracted positions nothing is read: zeros are.
SmallVector<Value> TensorTile::copy(const Side &side, Value piece,
                                    Value stage) {
  constexpr int32_t kBytes = 16;
  SmallVector<Value> rest;
  Value start = index.mul(piece, constant(getDepth(side)));
  Type type = VectorType::get(
      {width}, mlir::dl::cpu::getStoredType(contraction.factorType));
  Type i32 = builder.getI32Type();
  for (int64_t i = 0; i < countShare(side); ++i) {
    auto [line, at] = getShare(side, i);
    ElementEmitter::Scope scope(emitter);
    ElementEmitter::Scope wideScope(wide);
    Value k = index.add(start, at);
    Value value = readShare(side, line, k);
    Value isInside = index.less(
        k, getDepth(side) == shape.depth
               ? depth
               : index.div(depth, constant(shape.depth / getDepth(side))));
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
    Type stored = mlir::dl::cpu::getStoredType(contraction.factorType);
    Value offset = arith::IndexCastOp::create(builder, loc, i32,
                                              getOffset(side, i, stage));
    Value to = LLVM::GEPOp::create(builder, loc, base.getType(), stored, base,
                                   ArrayRef<LLVM::GEPArg>{offset});
    NVVM::CpAsyncOp::create(builder, loc, to, source, kBytes,
                            NVVM::LoadCacheModifierKind::CG,
                            arith::SelectOp::create(builder, loc, isInside,
                                                    toInt(kBytes), toInt(0)));
  }
  return rest;
}

void TensorTile::store(const Side &side, ArrayRef<Value> values, Value stage) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i])
      continue;
    Value at = getOffset(side, static_cast<int64_t>(i), stage);
    auto put = [&](Value value, Value to, int64_t bytes) {
      vector::StoreOp::create(builder, loc, value, side.memory, ValueRange{to},
                              /*nontemporal=*/false,
                              llvm::MaybeAlign(static_cast<uint64_t>(bytes)));
    };
    if (!isByBlocks(side)) {
      put(values[i], at, kAccessBytes);
      continue;
    }
    Value lines = vector::BitCastOp::create(
        builder, loc, VectorType::get({kBlock}, builder.getI32Type()),
        values[i]);
    for (int64_t line = 0; line < kBlock; ++line)
      put(LLVM::BitcastOp::create(
              builder, loc, VectorType::get({kBlock}, builder.getI8Type()),
              vector::ExtractOp::create(builder, loc, lines, line)),
          index.add(at, constant(line * side.pitch)), kBlock);
  }
}

/// A barrier in each step says that the step's piece is there, and that all
/// have multiplied the one whose place the next copies take. What cannot be
/// copied is read before a piece is multiplied and stored after it.
SmallVector<Value> TensorTile::addPieces(ArrayRef<Value> start) {
  Value one = constant(1), ring = constant(stages);
  auto [first, end] = getPieces();
  gpu::BarrierOp::create(builder, loc); // the last tile is stored
  for (int64_t i = 0; i < stages - 1; ++i) {
    Value piece = index.add(first, constant(i)), stage = index.rem(piece, ring);
    for (Side *side : {&left, &right})
      store(*side, copy(*side, piece, stage), stage);
    NVVM::CpAsyncCommitGroupOp::create(builder, loc);
  }
  SmallVector<Value> values = mlir::dl::cpu::emitLoop(
      builder, loc, first, end, one, start,
      [&](Value piece, ValueRange carried) {
        ElementEmitter::Scope scope(emitter);
        NVVM::CpAsyncWaitGroupOp::create(builder, loc,
                                         static_cast<int32_t>(stages - 2));
        gpu::BarrierOp::create(builder, loc);
        Value next = index.add(piece, constant(stages - 1));
        Value stage = index.rem(next, ring);
        SmallVector<Value> a = copy(left, next, stage),
                           b = copy(right, next, stage);
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

/// Four matrices of eight lines by contracted positions of 16 bytes, from
/// `line` and `k` on: the second one is eight lines further with `linesFirst`,
/// otherwise 16 bytes, the third one the other way round.
SmallVector<Value> TensorTile::loadMatrices(const Side &side, Value half,
                                            Value line, int64_t k,
                                            bool linesFirst) {
  if (contraction.factorType.isF32() && !side.alongDepth)
    return loadTransposed(side, half, line, k, linesFirst);
  Value matrix = index.div(lane, constant(8)),
        in = index.rem(lane, constant(8));
  Value first = index.rem(matrix, constant(2)),
        second = index.div(matrix, constant(2));
  Value atLine =
      index.add(line, index.mul(linesFirst ? first : second, constant(8)));
  Value atDepth = index.add(
      constant(k), index.mul(linesFirst ? second : first, constant(width)));
  // Each lane gives the address of one row of eight.
  Value row = index.add(side.alongDepth ? atLine : atDepth, in),
        column = side.alongDepth ? atDepth : atLine;
  int64_t rowCount = side.alongDepth ? side.lines : shape.depth;
  Value offset =
      index.add(index.mul(half, constant(side.pitch * rowCount)),
                index.add(index.mul(row, constant(side.pitch)), column));
  Value number =
      arith::IndexCastOp::create(builder, loc, builder.getI32Type(), offset);
  Value base = &side == &left ? leftPointer : rightPointer;
  Value address =
      LLVM::GEPOp::create(builder, loc, base.getType(),
                          mlir::dl::cpu::getStoredType(contraction.factorType),
                          base, ArrayRef<LLVM::GEPArg>{number});
  return matrices.load(address, /*transposed=*/!side.alongDepth);
}

/// The same where neighbours are lines of 32 bits, which ldmatrix does not
/// transpose: each lane reads its elements.
SmallVector<Value> TensorTile::loadTransposed(const Side &side, Value half,
                                              Value line, int64_t k,
                                              bool linesFirst) {
  Value group = index.div(lane, constant(4)),
        inGroup = index.rem(lane, constant(4));
  Value base =
      index.add(index.add(index.mul(half, constant(side.pitch * shape.depth)),
                          index.mul(index.add(constant(k), inGroup),
                                    constant(side.pitch))),
                index.add(line, group));
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i) {
    int64_t lines = linesFirst ? i % 2 : i / 2,
            depths = linesFirst ? i / 2 : i % 2;
    Value at =
        index.add(base, constant(lines * 8 + depths * width * side.pitch));
    registers.push_back(matrices.roundTf32(
        memref::LoadOp::create(builder, loc, side.memory, ValueRange{at})));
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
  int64_t step = kStepBytes / contraction.factorBytes();
  for (int64_t k = 0; k < shape.depth; k += step) {
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
        llvm::copy(matrices.multiplyAdd(a[i], b[j], SmallVector<Value>(own)),
                   own.begin());
      }
  }
  return next;
}

/// Estimated for an A100: of two bytes, a processor adds products at 1.5
/// TFLOP/s, so that a step of a tile of 128 x 128 takes 22 ns, where its 64 KiB
/// take 2.2 us.
int64_t TensorTile::countPassSteps() const {
  return 200 / contraction.factorBytes();
}

/// A pass is the rows of one row of warps.
int64_t TensorTile::countPasses() const { return kWarpsDown; }

void TensorTile::storeSums(ArrayRef<Value> values, int64_t pass) {
  Value isOwn = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      warpRow, constant(pass));
  emitIf(isOwn, [&] {
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
  });
}
