// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reading padded tensors: checks of the border, and where they are not needed.

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

Element ElementEmitter::readPad(tensor::PadOp op,
                                ArrayRef<LaneIndex> position) {
  Position at;
  Value inside;     // for all lanes alike
  Value laneInside; // vector<Wxi1>
  auto both = [&](Value a, Value b) -> Value {
    return a ? arith::AndIOp::create(builder, loc, a, b) : b;
  };
  Value zero = index.constant(0);
  for (auto [d, lane] : llvm::enumerate(position)) {
    auto bound = [&](OpFoldResult mixed) {
      if (auto constant = getConstantIntValue(mixed))
        return index.constant(*constant);
      return scalar(cast<Value>(mixed));
    };
    Value low = bound(op.getMixedLowPad()[d]);
    Value high = bound(op.getMixedHighPad()[d]);
    if (IndexBuilder::getConstant(low) == 0 &&
        IndexBuilder::getConstant(high) == 0) {
      at.push_back(lane);
      continue;
    }
    Value extent = size(op.getSource(), d);
    LaneIndex moved = index.add(lane, index.uniform(index.sub(zero, low)));
    if (unchecked.contains(op)) {
      at.push_back(moved);
      continue;
    }
    if (moved.isUniform()) {
      Value isInside = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::ult, moved.base, extent);
      inside = both(inside, isInside);
      moved.base =
          arith::SelectOp::create(builder, loc, isInside, moved.base, zero);
    } else {
      Value extents = vector::BroadcastOp::create(
          builder, loc, vectorType(builder.getIndexType()), extent);
      laneInside =
          both(laneInside,
               arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult,
                                     index.toVector(moved), extents));
    }
    at.push_back(moved);
  }
  Value padding = op.getConstantPaddingValue();
  if (!padding) {
    fail(op, "the border is not one value");
    return {};
  }
  Element border{scalar(padding), false};
  if (!inside && !laneInside)
    return read(op.getSource(), at);

  Value outerMask = mask;
  Element element;
  {
    Scope scope(*this);
    if (laneInside)
      mask = mask ? Value(arith::AndIOp::create(builder, loc, mask, laneInside))
                  : laneInside;
    element = read(op.getSource(), at);
  }
  mask = outerMask;
  if (laneInside)
    element = {arith::SelectOp::create(builder, loc, laneInside,
                                       toVector(element), toVector(border)),
               true};
  if (inside)
    element.value = arith::SelectOp::create(builder, loc, inside, element.value,
                                            element.isVector ? toVector(border)
                                                             : border.value);
  return element;
}

/// Whether every factor of the expression is positive, so that it grows with
/// each dimension.
static bool isMonotone(AffineExpr expr) {
  bool monotone = true;
  expr.walk([&](AffineExpr e) {
    if (auto constant = dyn_cast<AffineConstantExpr>(e))
      monotone &= constant.getValue() >= 0;
    monotone &= e.getKind() != AffineExprKind::Mod;
  });
  return monotone;
}

Value ElementEmitter::isInsideBorder(linalg::GenericOp op, Position dims,
                                     int block, int64_t count) {
  Position lowest = dims, highest = dims;
  for (auto [d, dim] : llvm::enumerate(dims)) {
    bool isReduced = linalg::isReductionIterator(op.getIteratorTypesArray()[d]);
    if (isReduced) {
      lowest[d] = index.uniform(index.constant(0));
      highest[d] = index.uniform(index.sub(loopSize(op, d), index.constant(1)));
    } else if (dim.lanes || dim.flatPosition >= 0) {
      return {};
    } else if (dim.base) {
      lowest[d] = index.uniform(dim.base);
      highest[d] = index.uniform(
          index.add(dim.base, index.constant((width() - 1) * dim.stride)));
    }
    if ((int)d == block)
      highest[d] =
          index.uniform(index.add(dim.base, index.constant(count - 1)));
  }
  Value inside;
  auto require = [&](Value condition) {
    inside = inside
                 ? Value(arith::AndIOp::create(builder, loc, inside, condition))
                 : condition;
  };
  for (OpOperand *operand : op.getDpsInputOperands()) {
    auto pad = operand->get().getDefiningOp<tensor::PadOp>();
    if (!pad || op.getMatchingBlockArgument(operand).use_empty() ||
        buffers.count(pad) || unchecked.contains(pad))
      continue;
    AffineMap map = op.getMatchingIndexingMap(operand);
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      auto low = getConstantIntValue(pad.getMixedLowPad()[d]);
      auto high = getConstantIntValue(pad.getMixedHighPad()[d]);
      if (low == 0 && high == 0)
        continue;
      bool isKnown = true;
      for (unsigned i = 0; i < lowest.size(); ++i)
        isKnown &= lowest[i].isSet() || !expr.isFunctionOfDim(i);
      if (!low || !isMonotone(expr) || !isKnown)
        return {};
      Value first = index.evaluate(expr, lowest).base;
      Value last = index.evaluate(expr, highest).base;
      Value lowValue = index.constant(*low);
      require(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                    first, lowValue));
      require(index.less(last, index.add(lowValue, size(pad.getSource(), d))));
    }
  }
  return inside;
}

void ElementEmitter::emitUnchecked(linalg::GenericOp op,
                                   function_ref<void()> body) {
  SmallVector<Operation *> added;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (auto pad = operand->get().getDefiningOp<tensor::PadOp>())
      if (unchecked.insert(pad).second)
        added.push_back(pad);
  body();
  for (Operation *pad : added)
    unchecked.erase(pad);
}

SmallVector<Value>
ElementEmitter::emitByBorder(linalg::GenericOp op, ArrayRef<LaneIndex> dims,
                             TypeRange resultTypes,
                             function_ref<SmallVector<Value>()> body) {
  Value inside = checksAlways ? Value() : isInsideBorder(op, Position(dims));
  if (!inside)
    return body();
  auto ifOp = scf::IfOp::create(builder, loc, resultTypes, inside,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  auto emitBranch = [&](Block *block) {
    Scope scope(*this);
    if (resultTypes.empty()) {
      builder.setInsertionPoint(block->getTerminator());
      body();
    } else {
      builder.setInsertionPointToEnd(block);
      scf::YieldOp::create(builder, loc, body());
    }
  };
  emitUnchecked(op, [&] { emitBranch(ifOp.thenBlock()); });
  emitBranch(ifOp.elseBlock());
  return llvm::to_vector(ValueRange(ifOp.getResults()));
}

void ElementEmitter::emitByBorder(linalg::GenericOp op, Value condition,
                                  function_ref<void()> inside,
                                  function_ref<void()> outside) {
  auto ifOp =
      scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  emitUnchecked(op, [&] {
    Scope scope(*this);
    builder.setInsertionPointToStart(ifOp.thenBlock());
    inside();
  });
  Scope scope(*this);
  builder.setInsertionPointToStart(ifOp.elseBlock());
  bool before = std::exchange(checksAlways, true);
  outside();
  checksAlways = before;
}
