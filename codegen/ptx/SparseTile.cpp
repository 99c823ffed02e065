// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/SparseTile.h"
#include "codegen/gpu/WeightPairs.h"
#include "codegen/ptx/GenerateKernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::Side;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Contracted positions whose places are in one word.
static constexpr int64_t kOfWord = 16;
/// Pieces of the operands in shared memory, and bytes of the left one that an
/// instruction takes from a row.
static constexpr int64_t kStages = 3, kStepBytes = 64;
/// Devices that want metadata that are said to be in order.
static constexpr unsigned kFirstOrdered = 90;
static constexpr int64_t kRows = MatrixOps::kRows,
                         kColumns = MatrixOps::kColumns;

/// The matrix of pairs (see CompressWeights.h) that a contraction multiplies
/// with; null for others.
static linalg::GenericOp findMatrix(const Contraction &contraction) {
  auto matrix = contraction.laneSide->get().getDefiningOp<linalg::GenericOp>();
  if (!matrix || !::dl::gpucode::hasPairsForm(matrix))
    return {};
  return matrix;
}

bool SparseTile::fits(const Contraction &contraction, const PtxTarget &target) {
  Type type = contraction.factorType;
  SmallVector<unsigned> columns = ::dl::gpucode::getColumnLoops(contraction);
  if (type.isF32() || MatrixOps::isFloat8(type) ||
      !TensorTile::fits(contraction, target) || columns.size() != 1 ||
      contraction.reduced.size() != 1 || !findMatrix(contraction))
    return false;
  linalg::GenericOp op = contraction.op;
  MLIRContext *context = op.getContext();
  int64_t depth = op.getStaticLoopRanges()[contraction.reduced[0]];
  return op.getMatchingIndexingMap(contraction.laneSide) ==
             AffineMap::get(op.getNumLoops(), 0,
                            {getAffineDimExpr(columns[0], context),
                             getAffineDimExpr(contraction.reduced[0], context)},
                            context) &&
         depth % (kStepBytes / contraction.factorBytes()) == 0;
}

SparseTile::SparseTile(::dl::gpucode::StageFunction &stage,
                       const Contraction &contraction,
                       CudaParameters &parameters, const PtxTarget &target)
    : TensorTile(stage, contraction, parameters, 2 * kStepBytes, kStages),
      matrix(findMatrix(contraction)), words(builder, loc, countShareOfWords()),
      isOrdered(target.capability >= kFirstOrdered) {}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

int64_t SparseTile::getDepth(const Side &side) const {
  return &side == &right ? shape.depth / 2 : shape.depth;
}

int64_t SparseTile::countWords() const { return shape.depth / kOfWord; }

int64_t SparseTile::countShareOfWords() const {
  return shape.columns * countWords() / shape.getInvocations();
}

void SparseTile::layOut() {
  constexpr int64_t kWordBytes = 2;
  int64_t bytes = kStages * shape.columns * countWords() * kWordBytes;
  places =
      mlir::dl::cpu::makeMemory(builder, loc, layOutOperands(bytes),
                                builder.getI16Type(), kIndexBits, kSharedSpace);
  words.buffers = emitter.buffers;
  words.scalars = emitter.scalars;
}

/// What is kept, by its own positions.
Value SparseTile::readShare(const Side &side, Value line, Value k) {
  if (&side != &right)
    return TensorTile::readShare(side, line, k);
  Value values = matrix.getDpsInputOperand(0)->get();
  int64_t kept = cast<ShapedType>(values.getType()).getDimSize(1);
  Value row = index.min(index.add(side.first, line),
                        index.sub(side.extent, constant(1)));
  Position at{index.uniform(row),
              index.uniform(index.min(k, constant(kept - width)))};
  at.back().stride = 1;
  return wide.toVector(wide.read(values, at));
}

/// The channel, in the tile, and the first of the words that an invocation
/// brings.
std::pair<Value, Value> SparseTile::getShareOfWords() {
  Value first = index.mul(invocation, constant(countShareOfWords()));
  return {index.div(first, constant(countWords())),
          index.rem(first, constant(countWords()))};
}

/// Beyond the contracted positions, others are read: what is kept there is
/// zero.
Value SparseTile::readWords(Value piece) {
  int64_t share = countShareOfWords();
  Value tensor = matrix.getDpsInputOperand(2)->get();
  int64_t total = cast<ShapedType>(tensor.getType()).getDimSize(1);
  auto [channel, word] = getShareOfWords();
  Value row = index.min(index.add(right.first, channel),
                        index.sub(right.extent, constant(1)));
  Value column =
      index.min(index.add(index.mul(piece, constant(countWords())), word),
                constant(total - share));
  Position at{index.uniform(row), index.uniform(column)};
  if (share == 1)
    return emitter.read(tensor, at).value;
  at.back().stride = 1;
  ElementEmitter::Scope scope(words);
  return words.toVector(words.read(tensor, at));
}

/// The places come last.
SmallVector<Value> SparseTile::copy(const Side &side, Value piece,
                                    Value stage) {
  SmallVector<Value> rest = TensorTile::copy(side, piece, stage);
  if (&side == &right) {
    ElementEmitter::Scope scope(emitter);
    rest.push_back(readWords(piece));
  }
  return rest;
}

void SparseTile::store(const Side &side, ArrayRef<Value> values, Value stage) {
  if (&side != &right)
    return TensorTile::store(side, values, stage);
  TensorTile::store(side, values.drop_back(), stage);
  Value at = index.add(index.mul(stage, constant(shape.columns * countWords())),
                       index.mul(invocation, constant(countShareOfWords())));
  if (countShareOfWords() == 1)
    memref::StoreOp::create(builder, loc, values.back(), places,
                            ValueRange{at});
  else
    vector::StoreOp::create(builder, loc, values.back(), places,
                            ValueRange{at});
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The metadata for 16 channels. Of 16-bit elements, the first two lanes of
/// four have the words of the piece's first half, and the others those of the
/// second one, which the instruction's selector chooses: of channel lane / 4
/// in the lower bits, of the one eight further in the upper ones. Of bytes, the
/// first and third lane have two words each of the former channel, the others
/// of the latter.
Value SparseTile::loadPlaces(Value stage, Value channel, int64_t step) {
  constexpr int64_t kQuad = 4, kFurther = 8;
  Type i16 = builder.getI16Type(), i32 = builder.getI32Type();
  Value inQuad = index.rem(lane, constant(kQuad));
  Value row =
      index.add(index.add(index.mul(stage, constant(shape.columns)), channel),
                index.div(lane, constant(kQuad)));
  auto getWord = [&](Value line, Value word) {
    return index.add(index.mul(line, constant(countWords())), word);
  };
  Value low, high;
  if (contraction.factorBytes() == 1) {
    row = index.add(
        row, index.mul(index.rem(inQuad, constant(2)), constant(kFurther)));
    Value word =
        index.add(index.mul(index.div(inQuad, constant(2)), constant(2)),
                  constant(step * countWords() / 2));
    Value at = getWord(row, word);
    low = memref::LoadOp::create(builder, loc, places, ValueRange{at});
    high = memref::LoadOp::create(builder, loc, places,
                                  ValueRange{index.add(at, constant(1))});
  } else {
    low = memref::LoadOp::create(builder, loc, places,
                                 ValueRange{getWord(row, inQuad)});
    high = memref::LoadOp::create(
        builder, loc, places,
        ValueRange{getWord(index.add(row, constant(kFurther)), inQuad)});
  }
  Value both = vector::FromElementsOp::create(
      builder, loc, VectorType::get({2}, i16), ValueRange{low, high});
  return LLVM::BitcastOp::create(builder, loc, i32, both);
}

SmallVector<Value> SparseTile::multiply(ArrayRef<Value> values, Value half) {
  SmallVector<Value> next(values);
  int64_t down = shape.rows / kWarpsDown, across = shape.columns / kWarpsAcross,
          step = kStepBytes / contraction.factorBytes();
  Value firstRow = index.mul(warpRow, constant(down)),
        firstChannel = index.mul(warpColumn, constant(across));
  SmallVector<Value> metadata;
  for (int64_t k = 0; k < shape.depth; k += step) {
    int64_t number = k / step;
    SmallVector<SmallVector<Value>> a, b;
    for (int64_t i = 0; i < across; i += kRows) {
      Value channel = index.add(firstChannel, constant(i));
      a.push_back(
          loadMatrices(right, half, channel, k / 2, /*linesFirst=*/true));
      if (contraction.factorBytes() == 1 || number == 0) {
        metadata.resize(across / kRows);
        metadata[i / kRows] = loadPlaces(half, channel, number);
      }
    }
    for (int64_t j = 0; j < down; j += 2 * kColumns) {
      Value row = index.add(firstRow, constant(j));
      SmallVector<Value> first =
          loadMatrices(left, half, row, k, /*linesFirst=*/false);
      SmallVector<Value> second =
          loadMatrices(left, half, row, k + step / 2, /*linesFirst=*/false);
      for (size_t r : {0, 2})
        b.push_back({first[r], first[r + 1], second[r], second[r + 1]});
    }
    for (size_t i = 0; i < a.size(); ++i)
      for (size_t j = 0; j < b.size(); ++j) {
        MutableArrayRef<Value> own =
            MutableArrayRef(next).slice((i * b.size() + j) * 4, 4);
        llvm::copy(matrices.multiplyAddSparse(
                       a[i], b[j], SmallVector<Value>(own), metadata[i],
                       contraction.factorBytes() == 1 ? 0 : number, isOrdered),
                   own.begin());
      }
  }
  return next;
}

/// Rows of the products are the result's columns.
void SparseTile::storeSums(ArrayRef<Value> values, int64_t pass) {
  Value isOwn = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      warpRow, constant(pass));
  emitIf(isOwn, [&] {
    int64_t down = shape.rows / kWarpsDown,
            across = shape.columns / kWarpsAcross;
    Value first = index.add(index.mul(warpColumn, constant(across)),
                            index.div(lane, constant(4)));
    Value pair = index.mul(index.rem(lane, constant(4)), constant(2));
    for (int64_t i = 0; i < across / kRows; ++i)
      for (int64_t j = 0; j < down / kColumns; ++j)
        for (int64_t c = 0; c < 4; ++c) {
          Value row = index.add(pair, constant(j * kColumns + c % 2));
          Value column = index.add(first, constant(i * kRows + c / 2 * 8));
          memref::StoreOp::create(
              builder, loc, values[(i * down / kColumns + j) * 4 + c], sums,
              ValueRange{
                  index.add(index.mul(row, constant(shape.columns)), column)});
        }
  });
}
