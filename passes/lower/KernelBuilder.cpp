// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/lower/KernelBuilder.h"
#include "mlir/IR/Matchers.h"
#include "passes/Constants.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static Type getKernelElementType(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSignless())
    return type;
  return IntegerType::get(type.getContext(), integer.getWidth());
}

RankedTensorType KernelBuilder::getKernelType(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(),
                               getKernelElementType(type.getElementType()));
}

KernelBuilder::KernelBuilder(FusedOp group)
    : group(group), builder(group.getContext()) {}

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

/// The one element that a constant repeats, with a signless type.
static TypedAttr getSplat(Attribute attribute) {
  auto elements = dyn_cast<DenseElementsAttr>(attribute);
  if (!elements || (!elements.isSplat() && elements.getNumElements() != 1))
    return {};
  Attribute value = *elements.getValues<Attribute>().begin();
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return IntegerAttr::get(getKernelElementType(integer.getType()),
                            integer.getValue());
  return dyn_cast<TypedAttr>(value);
}

void KernelBuilder::addArgument(Value value) {
  Attribute constant;
  matchPattern(value, m_Constant(&constant));
  RankedTensorType type = typeOf(value);
  if (TypedAttr splat = constant ? getSplat(constant) : TypedAttr()) {
    views[value].splat = splat;
    return;
  }
  // Index arguments come after all tensors: see addCaptures.
  if (isa_and_nonnull<SizeValuesAttr>(constant))
    return;
  BlockArgument argument =
      entry->addArgument(getKernelType(type), value.getLoc());
  inputs.push_back(value);
  setTensor(value, argument);
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      getSizeValue(getDim(type, d));
}

void KernelBuilder::addCaptures() {
  llvm::SetVector<Value> captures;
  group.getBody().walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (operand.getParentRegion() != &group.getBody())
        captures.insert(operand);
  });
  // A size that an argument has is read from it: declare the arguments first.
  for (Value value : captures)
    addArgument(value);
  for (auto [i, value] : llvm::enumerate(
           group.getBody().front().getTerminator()->getOperands())) {
    BlockArgument argument = entry->addArgument(
        getKernelType(cast<RankedTensorType>(group.getResult(i).getType())),
        value.getLoc());
    destinations.try_emplace(value, argument);
  }
  for (Value value : captures)
    if (!views.count(value)) {
      View &view = views[value];
      view.sizesType = getKernelType(typeOf(value));
      std::optional<SmallVector<AffineExpr>> values = getSizeValues(value);
      for (AffineExpr expr : *values)
        view.sizes.push_back(getSizeValue(expr));
    }
}

LogicalResult KernelBuilder::run() {
  MLIRContext *context = group.getContext();
  SmallVector<Location> locations;
  for (Operation &op : group.getBody().front().without_terminator())
    locations.push_back(op.getLoc());
  function = func::FuncOp::create(FusedLoc::get(context, locations), "kernel",
                                  FunctionType::get(context, {}, {}));
  function.setPrivate();
  function->setAttr("dl.kernel", builder.getUnitAttr());
  // A gradient may turn by a sign that rounding has changed before.
  if (auto step = group->getParentOfType<func::FuncOp>();
      step && step->hasAttr(kStateResultsAttr))
    function->setAttr("dl.precise", builder.getUnitAttr());
  entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  addCaptures();
  builder.setInsertionPointToEnd(entry);
  for (Operation &op : group.getBody().front().without_terminator())
    if (failed(lowerOp(&op)))
      return failure();
  return addResults();
}

LogicalResult KernelBuilder::lowerOp(Operation *op) {
  for (auto rule :
       {lowerElementwise, lowerReduction, lowerContraction, lowerMovement,
        lowerGather, lowerSequential, lowerSignal, lowerTree}) {
    RuleResult result = rule(*this, op);
    if (failed(result))
      return failure();
    if (*result)
      return success();
  }
  return op->emitOpError("has no kernel form");
}

LogicalResult KernelBuilder::addResults() {
  SmallVector<Value> results;
  Operation *yield = group.getBody().front().getTerminator();
  unsigned firstDestination =
      entry->getNumArguments() - yield->getNumOperands();
  for (auto [i, value] : llvm::enumerate(yield->getOperands())) {
    BlockArgument destination = entry->getArgument(firstDestination + i);
    const View &view = views[value];
    bool isFirst =
        !llvm::is_contained(yield->getOperands().take_front(i), value);
    bool isResult = view.tensor && view.map.isIdentity() &&
                    view.tensor.getDefiningOp() && isFirst &&
                    view.tensor.getType() == destination.getType() &&
                    !isa<arith::ConstantOp>(view.tensor.getDefiningOp());
    results.push_back(isResult ? view.tensor
                               : materialize(value.getLoc(), typeOf(value),
                                             view, destination));
  }
  func::ReturnOp::create(builder, group.getLoc(), results);
  function.setFunctionType(builder.getFunctionType(
      entry->getArgumentTypes(), ValueRange(results).getTypes()));
  for (auto [i, input] : llvm::enumerate(inputs))
    if (isStoredConstant(input))
      function.setArgAttr(i, "dl.constant", builder.getUnitAttr());
  return success();
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

Value KernelBuilder::getIndex(int64_t value) {
  Value &known = indices[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(entry);
    known = arith::ConstantIndexOp::create(builder, function.getLoc(), value);
  }
  return known;
}

Value KernelBuilder::getSizeValue(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return getIndex(constant.getValue());
  for (auto &[known, value] : knownSizes)
    if (provablyEqual(known, expr))
      return value;
  Value result;
  auto findIn = [&](RankedTensorType type, Value tensor) {
    for (int64_t d = 0; d < type.getRank() && !result; ++d) {
      AffineExpr dim = getDim(type, d);
      if (!type.isDynamicDim(d) || !provablyEqual(dim, expr))
        continue;
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(entry);
      Value number =
          arith::ConstantIndexOp::create(builder, function.getLoc(), d);
      result =
          tensor::DimOp::create(builder, function.getLoc(), tensor, number);
    }
  };
  for (auto [input, argument] : llvm::zip(inputs, entry->getArguments()))
    findIn(typeOf(input), argument);
  for (auto [value, argument] : destinations)
    if (!result && getKernelType(typeOf(value)) == argument.getType())
      findIn(typeOf(value), argument);
  if (!result) {
    result = entry->insertArgument(inputs.size() + sizes.size(),
                                   builder.getIndexType(), function.getLoc());
    sizes.push_back(expr);
  }
  knownSizes.push_back({expr, result});
  return result;
}

OpFoldResult KernelBuilder::getSize(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return builder.getIndexAttr(constant.getValue());
  return getSizeValue(expr);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

void KernelBuilder::setTensor(Value value, Value tensor) {
  View &view = views[value];
  view.tensor = tensor;
  view.map = builder.getMultiDimIdentityMap(typeOf(value).getRank());
}

View KernelBuilder::getView(Value value) { return views[value]; }

Value KernelBuilder::createEmpty(Location loc, ArrayRef<AffineExpr> dims,
                                 Type elementType) {
  SmallVector<OpFoldResult> extents;
  for (AffineExpr dim : dims)
    extents.push_back(getSize(dim));
  return tensor::EmptyOp::create(builder, loc, extents,
                                 getKernelElementType(elementType));
}

Value KernelBuilder::getDestination(Value value) {
  if (auto found = destinations.find(value);
      found != destinations.end() &&
      found->second.getType() == getKernelType(typeOf(value)))
    return found->second;
  return createEmpty(value.getLoc(), getDims(typeOf(value)),
                     typeOf(value).getElementType());
}

Value KernelBuilder::materialize(Location loc, RankedTensorType type,
                                 const View &view, Value destination) {
  return createMap(loc, getDims(type), view,
                   builder.getMultiDimIdentityMap(type.getRank()), destination,
                   [](OpBuilder &, Location, ValueRange inputs, ValueRange) {
                     return SmallVector<Value>(inputs);
                   });
}

Value KernelBuilder::getTensor(Value value) {
  View view = getView(value);
  RankedTensorType type = getKernelType(typeOf(value));
  if (view.splat && type.hasStaticShape())
    return getTensorView(value).tensor;
  if (view.tensor && view.map.isIdentity())
    return view.tensor;
  Value tensor = materialize(value.getLoc(), typeOf(value), view,
                             createEmpty(value.getLoc(), getDims(typeOf(value)),
                                         type.getElementType()));
  setTensor(value, tensor);
  return tensor;
}

View KernelBuilder::getTensorView(Value value) {
  View view = getView(value);
  if (view.tensor)
    return view;
  RankedTensorType type = getKernelType(typeOf(value));
  View result;
  result.map = builder.getMultiDimIdentityMap(type.getRank());
  if (view.splat && type.hasStaticShape())
    result.tensor = arith::ConstantOp::create(
        builder, value.getLoc(),
        SplatElementsAttr::get(type, Attribute(view.splat)));
  else
    result.tensor = getTensor(value);
  return result;
}

Value KernelBuilder::createFill(Location loc, TypedAttr value,
                                Value destination) {
  Value scalar = arith::ConstantOp::create(builder, loc, value);
  return linalg::FillOp::create(builder, loc, scalar, destination).getResult(0);
}

//===----------------------------------------------------------------------===//
// Structured ops
//===----------------------------------------------------------------------===//

AffineMap KernelBuilder::getBroadcastMap(RankedTensorType operand,
                                         RankedTensorType result) {
  MLIRContext *context = operand.getContext();
  SmallVector<AffineExpr> exprs;
  unsigned offset = result.getRank() - operand.getRank();
  for (int64_t d = 0; d < operand.getRank(); ++d)
    exprs.push_back(operand.getDimSize(d) == 1 &&
                            result.getDimSize(d + offset) != 1
                        ? getAffineConstantExpr(0, context)
                        : getAffineDimExpr(d + offset, context));
  return AffineMap::get(result.getRank(), 0, exprs, context);
}

/// The value of a scalar operand in a body.
static Value createScalarOperand(OpBuilder &builder, Location loc,
                                 const View &view) {
  if (view.splat)
    return arith::ConstantOp::create(builder, loc, view.splat);
  return arith::IndexCastOp::create(
      builder, loc, view.sizesType.getElementType(), view.sizes.front());
}

/// The place, in row-major order, of the element of a static tensor that a body
/// reads through `map` (of dimensions and zeros).
static Value createPosition(OpBuilder &builder, Location loc,
                            RankedTensorType type, AffineMap map) {
  Value position = arith::ConstantIndexOp::create(builder, loc, 0);
  for (auto [expr, size] : llvm::zip(map.getResults(), type.getShape())) {
    Value extent = arith::ConstantIndexOp::create(builder, loc, size);
    position = arith::MulIOp::create(builder, loc, position, extent);
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      continue;
    Value at = linalg::IndexOp::create(builder, loc, dim.getPosition());
    position = arith::AddIOp::create(builder, loc, position, at);
  }
  return position;
}

/// The element of a tensor of sizes that stands at position `at`.
static Value createSizesElement(OpBuilder &builder, Location loc,
                                const View &view, Value at) {
  Value result = view.sizes.front();
  for (auto [i, size] : llvm::enumerate(view.sizes))
    if (i) {
      Value number = arith::ConstantIndexOp::create(builder, loc, i);
      Value isHere = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::eq, at, number);
      result = arith::SelectOp::create(builder, loc, isHere, size, result);
    }
  return arith::IndexCastOp::create(builder, loc,
                                    view.sizesType.getElementType(), result);
}

linalg::GenericOp
KernelBuilder::createGeneric(Location loc, ArrayRef<Loop> loops,
                             ArrayRef<View> operands, ArrayRef<AffineMap> maps,
                             ValueRange inits, ArrayRef<AffineMap> outMaps,
                             Body body) {
  SmallVector<Value> tensors;
  SmallVector<AffineMap> allMaps;
  llvm::SmallBitVector covered(loops.size());
  auto cover = [&](AffineMap map) {
    for (AffineExpr expr : map.getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        covered.set(dim.getPosition());
  };
  for (auto [view, map] : llvm::zip(operands, maps))
    if (view.tensor) {
      tensors.push_back(view.tensor);
      allMaps.push_back(view.map.compose(map));
      cover(allMaps.back());
    }
  for (AffineMap map : outMaps)
    cover(map);
  // Loops whose size follows from no operand get one that has only a shape.
  SmallVector<AffineExpr> shape, shapeExprs;
  for (unsigned d = 0; d < loops.size(); ++d)
    if (!covered.test(d)) {
      shape.push_back(loops[d].size);
      shapeExprs.push_back(builder.getAffineDimExpr(d));
    }
  if (!shape.empty()) {
    tensors.push_back(createEmpty(loc, shape, builder.getF32Type()));
    allMaps.push_back(
        AffineMap::get(loops.size(), 0, shapeExprs, builder.getContext()));
  }
  llvm::append_range(allMaps, outMaps);
  SmallVector<utils::IteratorType> iterators;
  for (const Loop &loop : loops)
    iterators.push_back(loop.isReduction ? utils::IteratorType::reduction
                                         : utils::IteratorType::parallel);
  return linalg::GenericOp::create(
      builder, loc, inits.getTypes(), tensors, inits, allMaps, iterators,
      [&](OpBuilder &b, Location at, ValueRange arguments) {
        SmallVector<Value> inputs;
        unsigned next = 0;
        for (auto [view, map] : llvm::zip(operands, maps)) {
          if (view.tensor) {
            inputs.push_back(arguments[next++]);
            continue;
          }
          if (view.splat || view.sizes.size() == 1) {
            inputs.push_back(createScalarOperand(b, at, view));
            continue;
          }
          inputs.push_back(createSizesElement(
              b, at, view, createPosition(b, at, view.sizesType, map)));
        }
        SmallVector<Value> yielded =
            body(b, at, inputs, arguments.take_back(inits.size()));
        linalg::YieldOp::create(b, at, yielded);
      });
}

Value KernelBuilder::createMap(Location loc, ArrayRef<AffineExpr> dims,
                               ArrayRef<View> operands,
                               ArrayRef<AffineMap> maps, Value destination,
                               Body body) {
  SmallVector<Loop> loops;
  for (AffineExpr dim : dims)
    loops.push_back({dim, false});
  return createGeneric(loc, loops, operands, maps, destination,
                       builder.getMultiDimIdentityMap(dims.size()), body)
      .getResult(0);
}
