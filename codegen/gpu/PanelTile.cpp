// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/PanelTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::Position;

/// Of tiles that are one panel wide, the first is for few rows.
static constexpr TileShape kShapes[] = {
    {16, 64, 2, 2, 32, 4}, {64, 64, 4, 4, 16, 2}, {32, 32, 2, 2, 32, 4}};

namespace dl::gpucode {
int64_t getPanelWidth(linalg::GenericOp op) {
  return cast<ShapedType>(op.getDpsInputOperand(kPanelValues)->get().getType())
      .getDimSize(2);
}

tensor::ExtractOp findLeftReader(linalg::GenericOp op) {
  auto reads = op.getBody()->getOps<tensor::ExtractOp>();
  return llvm::hasSingleElement(reads) ? *reads.begin() : tensor::ExtractOp();
}
} // namespace dl::gpucode

/// Whether a position is one of the loops, or the row that a slot stands for.
static bool isPosition(Value value, linalg::GenericOp op) {
  if (value.getDefiningOp<linalg::IndexOp>())
    return true;
  auto cast = value.getDefiningOp<arith::IndexCastUIOp>();
  return cast && cast.getIn() == op.getRegionInputArgs()[kPanelPositions];
}

namespace dl::gpucode {
std::optional<Contraction> matchPanels(linalg::GenericOp op) {
  if (!mlir::dl::hasSparseMatmulForm(op) || op.getNumReductionLoops() != 1 ||
      op.getNumDpsInputs() != kPanelCounts + 1 ||
      !llvm::is_contained(kPanelWidths, getPanelWidth(op)))
    return std::nullopt;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  tensor::ExtractOp reader = findLeftReader(op);
  if (!out.isProjectedPermutation() || !reader ||
      !llvm::all_of(reader.getIndices(),
                    [&](Value at) { return isPosition(at, op); }))
    return std::nullopt;
  Contraction contraction;
  contraction.op = op;
  contraction.factorType = contraction.sumType =
      Float32Type::get(op.getContext());
  contraction.rowSide = op.getDpsInputOperand(kPanelPositions);
  contraction.laneSide = op.getDpsInputOperand(kPanelValues);
  for (unsigned d = 0; d + 1 < out.getNumResults(); ++d)
    contraction.rows.push_back(out.getDimPosition(d));
  contraction.lanes = {out.getDimPosition(out.getNumResults() - 1)};
  op.getReductionDims(contraction.reduced);
  return contraction;
}
} // namespace dl::gpucode

static TileShape chooseShape(const Contraction &contraction) {
  int64_t rows = getStaticSize(contraction.op, contraction.rows);
  bool isFew = !ShapedType::isDynamic(rows) && rows <= kShapes[0].rows;
  for (const TileShape &shape : ArrayRef(kShapes).drop_front(isFew ? 0 : 1))
    if (shape.columns == getPanelWidth(contraction.op))
      return shape;
  llvm_unreachable("matchPanels takes no other widths");
}

PanelTile::PanelTile(StageFunction &stage, const Contraction &contraction)
    : TileEmitter(stage, contraction, chooseShape(contraction)),
      reader(findLeftReader(contraction.op)) {}

/// What the row of a slot meets in a line of the left matrix.
Value PanelTile::readLeft(Value line, Value slot) {
  Position dims = tileDims;
  setPositions(dims, contraction.rows,
               index.min(index.add(left.first, line),
                         index.sub(left.extent, constant(1))));
  Value position = emitter
                       .read(op.getDpsInputOperand(kPanelPositions)->get(),
                             {index.uniform(panel), index.uniform(slot)})
                       .value;
  position = arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(),
                                          position);
  Position at;
  for (Value index : reader.getIndices())
    if (auto loop = index.getDefiningOp<linalg::IndexOp>())
      at.push_back(dims[loop.getDim()]);
    else
      at.push_back(this->index.uniform(position));
  return emitter.read(reader.getTensor(), at).value;
}

/// Slots beyond the panel's last one are of no row.
SmallVector<Value> PanelTile::fetch(const Side &side, Value start) {
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  int64_t slots = op.getStaticLoopRanges()[contraction.reduced[0]];
  return fetchEach(side, start, [&](Value line, Value k) -> Value {
    ElementEmitter::Scope scope(emitter);
    Value slot = index.min(k, constant(slots - 1));
    Value value = &side == &right
                      ? emitter
                            .read(op.getDpsInputOperand(kPanelValues)->get(),
                                  {index.uniform(panel), index.uniform(slot),
                                   index.uniform(line)})
                            .value
                      : readLeft(line, slot);
    return arith::SelectOp::create(builder, loc, index.less(k, depth), value,
                                   zero);
  });
}

SmallVector<Value> PanelTile::addPieces(ArrayRef<Value> start) {
  panel = index.div(right.first, constant(shape.columns));
  Value count = emitter
                    .read(op.getDpsInputOperand(kPanelCounts)->get(),
                          {index.uniform(panel)})
                    .value;
  depth =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), count);
  return TileEmitter::addPieces(start);
}
