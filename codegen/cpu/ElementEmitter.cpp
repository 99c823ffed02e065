// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::dl::cpu;

bool mlir::dl::cpu::isReduction(linalg::GenericOp op) {
  return op.getNumReductionLoops() != 0;
}

LogicalResult mlir::dl::cpu::generalizeNamedOps(Operation *kernel) {
  IRRewriter rewriter(kernel->getContext());
  SmallVector<linalg::LinalgOp> named;
  kernel->walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp, linalg::FillOp>(op))
      named.push_back(op);
  });
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return op->emitOpError("has no generic form");
  }
  return success();
}

SmallVector<Value> mlir::dl::cpu::emitLoop(
    OpBuilder &builder, Location loc, Value lower, Value upper, Value step,
    ValueRange carried,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(builder, loc, lower, upper, step, carried);
  OpBuilder::InsertionGuard guard(builder);
  if (carried.empty()) {
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    body(loop.getInductionVar(), {});
    return {};
  }
  builder.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> yielded =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(builder, loc, yielded);
  return llvm::to_vector(ValueRange(loop.getResults()));
}

void ElementEmitter::fail(Operation *op, const Twine &reason) {
  if (!hasFailed)
    op->emitOpError() << "cannot be generated for the CPU: " << reason;
  hasFailed = true;
}

//===----------------------------------------------------------------------===//
// Known elements
//===----------------------------------------------------------------------===//

void ElementEmitter::remember(Value tensor, ArrayRef<LaneIndex> position,
                              Element element) {
  known.push_back({tensor, Position(position), element});
}

Element ElementEmitter::read(Value tensor, ArrayRef<LaneIndex> position) {
  for (const Known &entry : llvm::reverse(known))
    if (entry.tensor == tensor &&
        ArrayRef<LaneIndex>(entry.position) == position)
      return entry.element;
  Element element = compute(tensor, position);
  if (!element.value) {
    // Keep the generated code well formed until the failure is reported.
    hasFailed = true;
    Type type = cast<ShapedType>(tensor.getType()).getElementType();
    element = {
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type)),
        false};
  }
  remember(tensor, position, element);
  return element;
}

Element ElementEmitter::compute(Value tensor, ArrayRef<LaneIndex> position) {
  Type elementType = cast<ShapedType>(tensor.getType()).getElementType();
  if (auto found = buffers.find(tensor); found != buffers.end())
    return load(found->second, elementType, position);
  Operation *op = tensor.getDefiningOp();
  if (!op) {
    emitError(tensor.getLoc()) << "a tensor of the kernel has no memory";
    return {};
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!splat) {
      fail(op, "only splat constants stand inside of a kernel");
      return {};
    }
    return {arith::ConstantOp::create(builder, loc,
                                      splat.getSplatValue<TypedAttr>()),
            false};
  }
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return {scalar(fill.getInputs()[0]), false};
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return {scalar(splat.getInput()), false};
  if (auto list = dyn_cast<tensor::FromElementsOp>(op))
    return readList(list, position);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return readPad(pad, position);
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    unsigned result = cast<OpResult>(tensor).getResultNumber();
    return isReduction(generic) ? readReduction(generic, result, position)
                                : readGeneric(generic, result, position);
  }
  if (auto source = moveToSource(op, position))
    return read(source->first, source->second);
  fail(op, "no rule for this operation inside of a kernel");
  return {};
}

//===----------------------------------------------------------------------===//
// Structured operations
//===----------------------------------------------------------------------===//

Position ElementEmitter::mapPosition(AffineMap map, ArrayRef<LaneIndex> dims) {
  Position result;
  for (AffineExpr expr : map.getResults())
    result.push_back(index.evaluate(expr, dims));
  return result;
}

Position ElementEmitter::iterationPosition(linalg::GenericOp op,
                                           unsigned result,
                                           ArrayRef<LaneIndex> position) {
  Position dims(op.getNumLoops());
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(result));
  for (auto [expr, at] : llvm::zip(map.getResults(), position))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      dims[dim.getPosition()] = at;
  return dims;
}

Value ElementEmitter::loopSize(linalg::GenericOp op, unsigned dimension) {
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr);
          dim && dim.getPosition() == dimension)
        return size(operand.get(), i);
  }
  fail(op, "a loop's size follows from no operand");
  return index.constant(0);
}

Element ElementEmitter::readGeneric(linalg::GenericOp op, unsigned result,
                                    ArrayRef<LaneIndex> position) {
  Position dims = iterationPosition(op, result, position);
  SmallVector<Element> results = emitBody(op, dims, {});
  return result < results.size() ? results[result] : Element();
}

Element ElementEmitter::indexElement(const LaneIndex &position) {
  if (position.isUniform())
    return {position.base, false};
  return {index.toVector(position), true};
}

LaneIndex ElementEmitter::toIndex(Element element) {
  if (!element.isVector)
    return index.uniform(element.value);
  LaneIndex result;
  result.lanes = element.value;
  return result;
}

Value ElementEmitter::toVector(Element element) {
  if (element.isVector)
    return element.value;
  return vector::BroadcastOp::create(
      builder, loc, vectorType(element.value.getType()), element.value);
}

Element ElementEmitter::cloneScalarOp(Operation *op,
                                      ArrayRef<Element> operands) {
  bool isVector = llvm::any_of(operands, [](Element e) { return e.isVector; });
  SmallVector<Value> values;
  for (Element operand : operands)
    values.push_back(isVector ? toVector(operand) : operand.value);
  Type type = op->getResult(0).getType();
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(values);
  state.addTypes(isVector ? Type(vectorType(type)) : type);
  state.addAttributes(op->getAttrs());
  Operation *clone = builder.create(state);
  return {clone->getResult(0), isVector};
}

/// A loop in a body, whose bounds are the same for all lanes. What it carries
/// has a value for each lane from the start, for it may get one.
bool ElementEmitter::emitBodyLoop(scf::ForOp loop,
                                  function_ref<Element(Value)> get,
                                  DenseMap<Value, Element> &values,
                                  function_ref<bool(Block &)> emitBlock) {
  SmallVector<Value> carried;
  bool isVector = width() > 1;
  for (Value init : loop.getInitArgs())
    carried.push_back(isVector ? toVector(get(init)) : get(init).value);
  Element lower = get(loop.getLowerBound()), upper = get(loop.getUpperBound()),
          step = get(loop.getStep());
  if (lower.isVector || upper.isVector || step.isVector) {
    fail(loop, "a loop in a structured body differs between lanes");
    return false;
  }
  bool done = true;
  SmallVector<Value> results = emitLoop(
      builder, loc, lower.value, upper.value, step.value, carried,
      [&](Value i, ValueRange inner) {
        Scope scope(*this);
        values[loop.getInductionVar()] = {i, false};
        for (auto [argument, value] :
             llvm::zip(loop.getRegionIterArgs(), inner))
          values[argument] = {value, isVector};
        done = emitBlock(*loop.getBody());
        SmallVector<Value> next;
        for (Value value : loop.getBody()->getTerminator()->getOperands())
          next.push_back(!done      ? inner[next.size()]
                         : isVector ? toVector(get(value))
                                    : get(value).value);
        return next;
      });
  for (auto [result, value] : llvm::zip(loop.getResults(), results))
    values[result] = {value, isVector};
  return done;
}

SmallVector<Element> ElementEmitter::emitBody(linalg::GenericOp op,
                                              ArrayRef<LaneIndex> dims,
                                              ArrayRef<Element> accumulators) {
  Block *body = op.getBody();
  DenseMap<Value, Element> values;
  // Loop positions keep their form, so that rows that are gathered whole are
  // read as rows.
  DenseMap<Value, LaneIndex> positions;
  unsigned numInputs = op.getNumDpsInputs();
  for (BlockArgument argument : body->getArguments()) {
    if (argument.use_empty())
      continue;
    unsigned number = argument.getArgNumber();
    if (number >= numInputs && !accumulators.empty()) {
      values[argument] = accumulators[number - numInputs];
      continue;
    }
    OpOperand &operand = op->getOpOperand(number);
    values[argument] = read(
        operand.get(), mapPosition(op.getMatchingIndexingMap(&operand), dims));
  }
  auto get = [&](Value value) -> Element {
    auto found = values.find(value);
    return found != values.end() ? found->second
                                 : Element{scalar(value), false};
  };
  // Runs the operations of a block; false where one has no rule.
  std::function<bool(Block &)> emitBlock = [&](Block &block) {
    for (Operation &inner : block.without_terminator()) {
      if (auto indexOp = dyn_cast<linalg::IndexOp>(inner)) {
        values[indexOp.getResult()] = indexElement(dims[indexOp.getDim()]);
        positions[indexOp.getResult()] = dims[indexOp.getDim()];
      } else if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
        if (auto byte = extract.getIndices().size() == 1
                            ? extract.getIndices()[0]
                                  .getDefiningOp<arith::IndexCastUIOp>()
                            : arith::IndexCastUIOp())
          if (Element found = lookUp(extract.getTensor(), get(byte.getIn()));
              found.value) {
            values[extract.getResult()] = found;
            continue;
          }
        Position at;
        for (Value i : extract.getIndices())
          at.push_back(positions.count(i) ? positions[i] : toIndex(get(i)));
        values[extract.getResult()] = read(extract.getTensor(), at);
      } else if (auto dim = dyn_cast<tensor::DimOp>(inner)) {
        values[dim.getResult()] = {
            size(dim.getSource(), *dim.getConstantIndex()), false};
      } else if (isa<arith::ConstantOp>(inner)) {
        values[inner.getResult(0)] = {builder.clone(inner)->getResult(0),
                                      false};
      } else if (OpTrait::hasElementwiseMappableTraits(&inner) &&
                 inner.getNumResults() == 1) {
        SmallVector<Element> operands;
        for (Value operand : inner.getOperands())
          operands.push_back(get(operand));
        values[inner.getResult(0)] = cloneScalarOp(&inner, operands);
      } else if (auto loop = dyn_cast<scf::ForOp>(inner)) {
        if (!emitBodyLoop(loop, get, values, emitBlock))
          return false;
      } else {
        fail(&inner, "no rule for this operation in a structured body");
        return false;
      }
    }
    return true;
  };
  if (!emitBlock(*body))
    return {};
  SmallVector<Element> results;
  for (Value value : body->getTerminator()->getOperands())
    results.push_back(get(value));
  return results;
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

std::optional<std::pair<Value, Position>>
ElementEmitter::moveToSource(Operation *op, ArrayRef<LaneIndex> position) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    Position at;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned next = 0;
    for (int64_t d = 0, e = slice.getSourceType().getRank(); d < e; ++d) {
      auto value = [&](OpFoldResult mixed) {
        if (auto constant = getConstantIntValue(mixed))
          return index.constant(*constant);
        return scalar(cast<Value>(mixed));
      };
      LaneIndex offset = index.uniform(value(slice.getMixedOffsets()[d]));
      if (dropped.test(d)) {
        at.push_back(offset);
        continue;
      }
      LaneIndex scaled =
          index.mul(position[next++], value(slice.getMixedStrides()[d]));
      at.push_back(IndexBuilder::getConstant(offset.base) == 0
                       ? scaled
                       : index.add(scaled, offset));
    }
    return {{slice.getSource(), at}};
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    Position at;
    for (ArrayRef<int64_t> group : expand.getReassociationIndices()) {
      std::optional<LaneIndex> linear;
      for (int64_t d : group) {
        if (expand.getResultType().getDimSize(d) == 1)
          continue;
        linear =
            linear ? index.add(index.mul(*linear, size(expand, d)), position[d])
                   : position[d];
      }
      at.push_back(linear ? *linear : index.uniform(index.constant(0)));
    }
    return {{expand.getSrc(), at}};
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    RankedTensorType sourceType = collapse.getSrcType();
    Position at(sourceType.getRank(), index.uniform(index.constant(0)));
    for (auto [i, group] :
         llvm::enumerate(collapse.getReassociationIndices())) {
      SmallVector<int64_t> real;
      for (int64_t d : group)
        if (sourceType.getDimSize(d) != 1)
          real.push_back(d);
      LaneIndex rest = position[i];
      while (real.size() > 1) {
        int64_t d = real.pop_back_val();
        Value extent = size(collapse.getSrc(), d);
        at[d] = index.rem(rest, extent);
        rest = index.div(rest, extent);
      }
      if (!real.empty())
        at[real.front()] = rest;
    }
    return {{collapse.getSrc(), at}};
  }
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return {{cast.getSource(), Position(position)}};
  return std::nullopt;
}

/// A short list of scalars: chosen by comparing the position with each.
Element ElementEmitter::readList(tensor::FromElementsOp op,
                                 ArrayRef<LaneIndex> position) {
  LaneIndex linear = index.uniform(index.constant(0));
  RankedTensorType type = op.getType();
  for (auto [d, lane] : llvm::enumerate(position))
    linear =
        index.add(index.mul(linear, index.constant(type.getDimSize(d))), lane);
  Element at = indexElement(linear);
  Element result{scalar(op.getElements().front()), false};
  for (auto [i, value] : llvm::enumerate(op.getElements())) {
    if (i == 0)
      continue;
    Element number{index.constant(i), false}, element{scalar(value), false};
    if (at.isVector) {
      number = {toVector(number), true};
      element = {toVector(element), true};
      result = {toVector(result), true};
    }
    Value isHere = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                         at.value, number.value);
    result.value = arith::SelectOp::create(builder, loc, isHere, element.value,
                                           result.value);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Scalars and sizes
//===----------------------------------------------------------------------===//

Value ElementEmitter::scalar(Value value) {
  if (Value mapped = scalars.lookupOrNull(value))
    return mapped;
  Operation *op = value.getDefiningOp();
  if (!op) {
    emitError(value.getLoc()) << "a value of the kernel has no counterpart";
    hasFailed = true;
    return index.constant(0);
  }
  Value result;
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    result = size(dim.getSource(), *dim.getConstantIndex());
  } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Position at;
    for (Value i : extract.getIndices())
      at.push_back(index.uniform(scalar(i)));
    // What is read depends on when: not entered into `scalars`.
    return read(extract.getTensor(), at).value;
  } else {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(scalar(operand));
    Operation *clone = op->cloneWithoutRegions();
    clone->setOperands(operands);
    builder.insert(clone);
    result = clone->getResult(cast<OpResult>(value).getResultNumber());
  }
  return result;
}

Value ElementEmitter::size(Value tensor, unsigned dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension))
    return index.constant(type.getDimSize(dimension));
  if (auto found = buffers.find(tensor); found != buffers.end())
    return found->second.sizes[dimension];
  auto mixed = [&](OpFoldResult value) {
    if (auto constant = getConstantIntValue(value))
      return index.constant(*constant);
    return scalar(cast<Value>(value));
  };
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op))
    return mixed(empty.getMixedSizes()[dimension]);
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned next = 0;
    for (unsigned d = 0;; ++d)
      if (!dropped.test(d) && next++ == dimension)
        return mixed(slice.getMixedSizes()[d]);
  }
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    return mixed(expand.getMixedOutputShape()[dimension]);
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op)) {
    Value product = index.constant(1);
    for (int64_t d : collapse.getReassociationIndices()[dimension])
      product = index.mul(product, size(collapse.getSrc(), d));
    return product;
  }
  if (auto pad = dyn_cast_or_null<tensor::PadOp>(op))
    return index.add(index.add(mixed(pad.getMixedLowPad()[dimension]),
                               size(pad.getSource(), dimension)),
                     mixed(pad.getMixedHighPad()[dimension]));
  if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(op))
    return size(insert.getDest(), dimension);
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
    return size(cast.getSource(), dimension);
  if (auto style = dyn_cast_or_null<DestinationStyleOpInterface>(op))
    return size(style.getTiedOpOperand(cast<OpResult>(tensor))->get(),
                dimension);
  if (auto loop = dyn_cast_or_null<scf::ForOp>(op))
    return size(loop.getTiedLoopInit(cast<OpResult>(tensor))->get(), dimension);
  emitError(tensor.getLoc()) << "the size of a tensor is not known";
  hasFailed = true;
  return index.constant(0);
}
