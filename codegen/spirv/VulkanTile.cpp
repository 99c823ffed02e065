// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/VulkanTile.h"
#include "codegen/gpu/PanelTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace ::dl::spirv;
using ::dl::gpucode::getColumnLoops;
using ::dl::gpucode::TileShape;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::LaneIndex;
using mlir::dl::cpu::Position;

VulkanTile::VulkanTile(::dl::gpucode::StageFunction &stage,
                       const Contraction &contraction, const TileShape &shape,
                       int64_t width)
    : TileEmitter(stage, contraction, shape), deep(builder, loc, kVector),
      across(builder, loc, width),
      rowNeighbours(findNeighbours(contraction, contraction.rowSide,
                                   contraction.rows, kVector)),
      columnNeighbours(findNeighbours(contraction, contraction.laneSide,
                                      getColumnLoops(contraction),
                                      across.width())),
      storesVectors(stage.storesVectors) {}

bool VulkanTile::hasPanels(const Contraction &contraction) {
  return mlir::dl::hasSparseMatmulForm(contraction.op);
}

/// Whether a position is the row that a slot stands for.
static bool isSlotRow(Value at) {
  return at.getDefiningOp<arith::IndexCastUIOp>() != nullptr;
}

VulkanTile::Neighbours
VulkanTile::findNeighbours(const Contraction &contraction, OpOperand *operand,
                           ArrayRef<unsigned> loops, int64_t width) {
  linalg::GenericOp op = contraction.op;
  if (hasPanels(contraction)) {
    if (operand == contraction.laneSide)
      return Neighbours::Lines;
    bool areDeep =
        mlir::dl::getRowGroup(op) % kVector == 0 &&
        isSlotRow(::dl::gpucode::findLeftReader(op).getIndices().back());
    return areDeep ? Neighbours::Depth : Neighbours::None;
  }
  // Other types that have to be converted are not worth the code.
  bool haveVectors = contraction.factorType.isF32() || contraction.isInteger();
  if (!haveVectors)
    return Neighbours::None;
  if (::dl::gpucode::readsWholeRuns(op, operand, contraction.reduced, kVector))
    return Neighbours::Depth;
  return ::dl::gpucode::readsWholeRuns(op, operand, loops, width)
             ? Neighbours::Lines
             : Neighbours::None;
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

Value VulkanTile::getTensor(OpOperand *operand) {
  return hasPanels(contraction) && operand == contraction.rowSide
             ? ::dl::gpucode::findLeftReader(op).getTensor()
             : operand->get();
}

/// A multiple of the size of a group for certain, where a slot is the first of
/// one.
LaneIndex VulkanTile::readRow(const Position &dims) {
  const LaneIndex &slot = dims[contraction.reduced[0]];
  Value row =
      emitter
          .read(op.getDpsInputOperand(::dl::gpucode::kPanelPositions)->get(),
                {index.uniform(panel), index.uniform(slot.base)})
          .value;
  row = arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(), row);
  if (slot.stride) {
    Value group = constant(mlir::dl::getRowGroup(op));
    row = index.mul(index.div(row, group), group);
  }
  LaneIndex result = index.uniform(row);
  result.stride = slot.stride;
  return result;
}

Position VulkanTile::getPosition(OpOperand *operand, const Position &dims,
                                 ElementEmitter &by) {
  if (!hasPanels(contraction))
    return by.mapPosition(op.getMatchingIndexingMap(operand), dims);
  if (operand == contraction.laneSide) {
    LaneIndex column = dims[contraction.lanes[0]];
    column.base =
        index.rem(column.base, constant(::dl::gpucode::getPanelWidth(op)));
    return {index.uniform(panel), dims[contraction.reduced[0]], column};
  }
  Position at;
  for (Value position : ::dl::gpucode::findLeftReader(op).getIndices())
    if (isSlotRow(position))
      at.push_back(readRow(dims));
    else
      at.push_back(dims[position.getDefiningOp<linalg::IndexOp>().getDim()]);
  return at;
}

Value VulkanTile::getExtent(unsigned loop) {
  if (!hasPanels(contraction))
    return emitter.loopSize(op, loop);
  Value count =
      emitter
          .read(op.getDpsInputOperand(::dl::gpucode::kPanelCounts)->get(),
                {index.uniform(panel)})
          .value;
  count =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), count);
  // Whole groups, and no more than there are slots, as all can see.
  int64_t group = mlir::dl::getRowGroup(op),
          slots = op.getStaticLoopRanges()[loop];
  return index.mul(
      index.min(index.div(count, constant(group)), constant(slots / group)),
      constant(group));
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// An element as a factor, which float32 holds.
Value VulkanTile::toFactor(OpOperand *operand, Value value) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  if (value.getType() == f32)
    return value;
  if (!value.getType().isInteger())
    return arith::ExtFOp::create(builder, loc, f32, value);
  Value wide = isUnsigned(operand)
                   ? Value(arith::ExtUIOp::create(builder, loc, i32, value))
                   : Value(arith::ExtSIOp::create(builder, loc, i32, value));
  return arith::SIToFPOp::create(builder, loc, f32, wide);
}

Value VulkanTile::read(OpOperand *operand, const Position &dims) {
  return toFactor(
      operand,
      emitter.read(getTensor(operand), getPosition(operand, dims, emitter))
          .value);
}

/// Neighbours along a loop: of a padded tensor, all are inside, or none.
VulkanTile::Vector VulkanTile::load(OpOperand *operand, Position dims,
                                    unsigned along, ElementEmitter &by) {
  dims[along].stride = 1;
  Vector vector;
  Value tensor = getTensor(operand);
  vector.loaded = by.read(tensor, getPosition(operand, dims, by)).value;
  auto pad = tensor.getDefiningOp<tensor::PadOp>();
  auto select = vector.loaded.getDefiningOp<arith::SelectOp>();
  if (!select || !pad)
    return vector;
  vector.loaded = select.getTrueValue();
  vector.isInside = select.getCondition();
  vector.border = emitter.scalar(pad.getConstantPaddingValue());
  select.erase();
  return vector;
}

Value VulkanTile::orBorder(const Vector &vector, Value inside, Value border) {
  return vector.isInside ? Value(arith::SelectOp::create(
                               builder, loc, vector.isInside, inside, border))
                         : inside;
}

SmallVector<Value> VulkanTile::readVector(OpOperand *operand,
                                          const Position &dims, unsigned along,
                                          ElementEmitter &by) {
  Vector vector = load(operand, dims, along, by);
  Value border =
      vector.isInside ? toFactor(operand, vector.border) : vector.border;
  SmallVector<Value> elements;
  for (int64_t i = 0; i < by.width(); ++i)
    elements.push_back(
        orBorder(vector,
                 toFactor(operand, vector::ExtractOp::create(builder, loc,
                                                             vector.loaded, i)),
                 border));
  return elements;
}

/// Whether vectors of a tensor are loads, or what surrounds it.
bool VulkanTile::isInMemory(Value tensor) {
  if (emitter.buffers.contains(tensor))
    return true;
  auto pad = tensor.getDefiningOp<tensor::PadOp>();
  return pad && pad.getConstantPaddingValue() &&
         emitter.buffers.contains(pad.getSource()) &&
         isZeroInteger(pad.getMixedLowPad().back()) &&
         isZeroInteger(pad.getMixedHighPad().back());
}

/// Whether each element is computed of the one at its place in a tensor that
/// lies in memory, and narrower, and perhaps of rows' or columns' numbers, as
/// what is dequantized.
bool VulkanTile::isWidened(Value tensor) {
  auto generic = tensor.getDefiningOp<linalg::GenericOp>();
  if (!generic || mlir::dl::cpu::isReduction(generic) ||
      generic.getNumResults() != 1 ||
      !generic.getBody()->getOps<linalg::IndexOp>().empty() ||
      !generic.getBody()->getOps<tensor::ExtractOp>().empty())
    return false;
  bool isNarrow = false;
  for (OpOperand *operand : generic.getDpsInputOperands()) {
    AffineMap map = generic.getMatchingIndexingMap(operand);
    Value source = operand->get();
    bool isStored = emitter.buffers.contains(source);
    if (!map.isIdentity()) {
      if (!isStored || !map.isProjectedPermutation())
        return false;
      continue;
    }
    if (isStored && getElementTypeOrSelf(source).getIntOrFloatBitWidth() < 32)
      isNarrow = true;
    else if (isStored || !isWidened(source))
      return false;
    else
      isNarrow = true;
  }
  return isNarrow;
}

void VulkanTile::prepareVectors() {
  for (ElementEmitter *vectors : {&deep, &across}) {
    vectors->buffers = emitter.buffers;
    vectors->scalars = emitter.scalars;
  }
  // What is computed on the way is not worth the code.
  for (auto [operand, neighbours] :
       {std::pair(contraction.rowSide, &rowNeighbours),
        std::pair(contraction.laneSide, &columnNeighbours)})
    if (Value tensor = getTensor(operand);
        !isInMemory(tensor) && !(storesVectors && isWidened(tensor)))
      *neighbours = Neighbours::None;
}

bool VulkanTile::hasVectorsOfColumns() {
  int64_t width = across.width();
  SmallVector<unsigned> loops = getColumnLoops(contraction);
  if (width == 1 || shape.ownColumns % width != 0 || loops.empty())
    return false;
  unsigned last = loops.back();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  int64_t range = op.getStaticLoopRanges()[last];
  return !ShapedType::isDynamic(range) && range % width == 0 &&
         map.getResults().back() == builder.getAffineDimExpr(last);
}

void VulkanTile::storeElements(Position dims, Value isInside,
                               ArrayRef<Value> sums, Value result,
                               const Buffer &buffer) {
  OpBuilder::InsertionGuard guard(builder);
  if (isInside) {
    auto branch = scf::IfOp::create(builder, loc, isInside,
                                    /*withElseRegion=*/false);
    builder.setInsertionPoint(branch.thenYield());
  }
  bool areVectors = sums.size() > 1;
  ElementEmitter &by = areVectors ? across : emitter;
  ElementEmitter::Scope scope(by);
  Value sum = sums.front();
  if (areVectors) {
    dims[columnLoops.back()].stride = 1;
    sum = vector::FromElementsOp::create(
        builder, loc, across.vectorType(sum.getType()), sums);
  }
  Position at =
      by.mapPosition(op.getMatchingIndexingMap(op.getDpsInitOperand(0)), dims);
  by.remember(op->getResult(0), at, {sum, areVectors});
  by.write(buffer, at, by.read(result, at));
}
