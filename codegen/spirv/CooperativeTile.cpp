// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/CooperativeTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace ::dl::spirv;
using ::dl::gpucode::getColumnLoops;
using ::dl::gpucode::Side;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Rows and columns of a matrix of sums, and contracted positions of a matrix
/// of 16-bit floats: a size that all devices of interest have.
static constexpr int64_t kMatrix = 16;

/// Contracted positions of the factors' matrices.
static int64_t getDepth(const Contraction &contraction,
                        const SpirvTarget &target) {
  return contraction.isInteger() ? target.byteMatrixDepth : kMatrix;
}

namespace {
/// How an operand's matrices lie in memory.
struct Matrices {
  bool isTransposed; ///< neighbours are rows of A, or contracted positions of B
  int64_t pitch;     ///< elements from one line of neighbours to the next
};
} // namespace

/// The matrices of an operand of a contraction with one row or column loop
/// `line`; nothing where neighbours belong to neither it nor the contracted
/// loop.
static std::optional<Matrices> findMatrices(const Contraction &contraction,
                                            OpOperand *operand, unsigned line) {
  auto type = cast<RankedTensorType>(operand->get().getType());
  linalg::GenericOp op = contraction.op;
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (!map.isProjectedPermutation() || !type.hasStaticShape())
    return std::nullopt;
  unsigned depth = contraction.reduced.front();
  unsigned last = map.getDimPosition(map.getNumResults() - 1);
  if (last != line && last != depth)
    return std::nullopt;
  unsigned other = last == depth ? line : depth;
  int64_t pitch = 1;
  for (unsigned i = map.getNumResults();
       i-- > 0 && map.getDimPosition(i) != other;)
    pitch *= type.getDimSize(i);
  bool isRowSide = operand == contraction.rowSide;
  return Matrices{isRowSide ? last == line : last == depth, pitch};
}

bool CooperativeTile::fits(const Contraction &contraction,
                           const DenseMap<Value, Buffer> &buffers,
                           const SpirvTarget &target) {
  bool areBytes = contraction.isInteger();
  // Not every device multiplies bytes with a sign by those without.
  if (!target.cooperativeMatrices ||
      (areBytes ? contraction.hasUnsignedRows != contraction.hasUnsignedLanes ||
                      !target.byteMatrixDepth
                : !contraction.factorType.isF16() || !target.float16))
    return false;
  SmallVector<unsigned> columnLoops = getColumnLoops(contraction);
  if (contraction.rows.size() != 1 || columnLoops.size() != 1 ||
      contraction.reduced.size() != 1)
    return false;
  auto isWhole = [&](ArrayRef<unsigned> loops, int64_t width) {
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops);
    return !ShapedType::isDynamic(size) && size > 0 && size % width == 0;
  };
  auto liesInMemory = [&](OpOperand *operand, unsigned line) {
    auto found = buffers.find(operand->get());
    if (found == buffers.end() || found->second.offset ||
        !found->second.strides.empty() ||
        !findMatrices(contraction, operand, line))
      return false;
    auto type = cast<RankedTensorType>(operand->get().getType());
    return type.getNumElements() * contraction.factorBytes() <=
           target.bufferBytes;
  };
  return isWhole(contraction.rows, kMatrix) && isWhole(columnLoops, kMatrix) &&
         isWhole(contraction.reduced, getDepth(contraction, target)) &&
         liesInMemory(contraction.rowSide, contraction.rows.front()) &&
         liesInMemory(contraction.laneSide, columnLoops.front());
}

TileShape CooperativeTile::chooseShape(const Contraction &contraction,
                                       const SpirvTarget &target) {
  auto choose = [&](ArrayRef<unsigned> loops) {
    constexpr int64_t kMost = 64;
    int64_t size = ::dl::gpucode::getStaticSize(contraction.op, loops),
            lines = kMost;
    while (size % lines)
      lines /= 2;
    return lines;
  };
  int64_t rows = choose(contraction.rows),
          columns = choose(getColumnLoops(contraction)),
          invocations = target.subgroup;
  // Which sums an invocation keeps is the driver's business: the numbers below
  // only divide the tile.
  int64_t across = std::min(columns, invocations);
  return {rows,
          columns,
          rows / (invocations / across),
          columns / across,
          getDepth(contraction, target),
          /*resident=*/1};
}

void CooperativeTile::layOut() {
  constexpr int64_t kBytes = 4;
  sums = entry.getShared(builder, loc, contraction.sumType, 0,
                         kBytes * kMatrix * shape.columns);
}

int64_t CooperativeTile::countSums() const {
  return shape.rows / kMatrix * (shape.columns / kMatrix);
}

int64_t CooperativeTile::countPasses() const { return shape.rows / kMatrix; }

/// The matrices of a side from one contracted position on.
SmallVector<Value> CooperativeTile::loadMatrices(const Side &side,
                                                 Value start) {
  bool isRowSide = side.operand == contraction.rowSide;
  Matrices matrices =
      *findMatrices(contraction, side.operand, side.loops.front());
  Type element = contraction.factorType;
  if (contraction.isInteger())
    element =
        IntegerType::get(builder.getContext(), 8,
                         contraction.hasUnsignedRows ? IntegerType::Unsigned
                                                     : IntegerType::Signed);
  SmallVector<int64_t> sizes = {kMatrix, shape.depth};
  if (!isRowSide)
    std::swap(sizes[0], sizes[1]);
  auto type =
      gpu::MMAMatrixType::get(sizes, element, isRowSide ? "AOp" : "BOp");
  SmallVector<Value> loaded;
  for (int64_t i = 0; i < side.lines; i += kMatrix) {
    Position dims = tileDims;
    setPositions(dims, side.loops, index.add(side.first, constant(i)));
    setPositions(dims, contraction.reduced, start);
    emitter.visitReads(
        side.operand->get(),
        emitter.mapPosition(op.getMatchingIndexingMap(side.operand), dims),
        Value(), [&](const Buffer &buffer, const auto &offset) {
          loaded.push_back(gpu::SubgroupMmaLoadMatrixOp::create(
              builder, loc, type, buffer.memory, ValueRange{offset.base},
              builder.getIndexAttr(matrices.pitch),
              matrices.isTransposed ? builder.getUnitAttr() : UnitAttr()));
        });
  }
  return loaded;
}

SmallVector<Value> CooperativeTile::addPieces(ArrayRef<Value> start) {
  auto type =
      gpu::MMAMatrixType::get({kMatrix, kMatrix}, contraction.sumType, "COp");
  SmallVector<Value> zeros;
  for (Value value : start)
    zeros.push_back(
        gpu::SubgroupMmaConstantMatrixOp::create(builder, loc, type, value));
  return mlir::dl::cpu::emitLoop(
      builder, loc, constant(0), depth, constant(shape.depth), zeros,
      [&](Value k, ValueRange carried) {
        ElementEmitter::Scope scope(emitter);
        SmallVector<Value> a = loadMatrices(left, k),
                           b = loadMatrices(right, k), next(carried);
        for (auto [i, rows] : llvm::enumerate(a))
          for (auto [j, columns] : llvm::enumerate(b)) {
            Value &sum = next[i * b.size() + j];
            sum = gpu::SubgroupMmaComputeOp::create(
                builder, loc, type, rows, columns, sum,
                /*a_transpose=*/UnitAttr(), /*b_transpose=*/UnitAttr());
          }
        return next;
      });
}

void CooperativeTile::storeSums(ArrayRef<Value> values, int64_t pass) {
  int64_t across = shape.columns / kMatrix;
  for (int64_t j = 0; j < across; ++j)
    gpu::SubgroupMmaStoreMatrixOp::create(
        builder, loc, values[pass * across + j], sums,
        ValueRange{constant(j * kMatrix)}, builder.getIndexAttr(shape.columns),
        /*transpose=*/UnitAttr());
}
