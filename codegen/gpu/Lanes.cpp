// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Lanes.h"
#include "codegen/gpu/EntryBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ::dl::gpucode;

namespace {

using Lanes = SmallVector<Value, 4>;

class Splitter {
public:
  explicit Splitter(Operation *function)
      : function(function), builder(function->getContext()) {}

  LogicalResult run();

private:
  static bool isVector(Value value) { return isa<VectorType>(value.getType()); }
  static int64_t countLanes(Value value) {
    return cast<VectorType>(value.getType()).getNumElements();
  }
  Lanes getLanes(Value value);
  SmallVector<Value> replaceVectors(ValueRange values);
  SmallVector<Type> replaceVectors(TypeRange types);
  void setResults(Operation *old, Operation *made);

  LogicalResult splitBlock(Block &block);
  LogicalResult split(Operation *op);
  LogicalResult splitElementwise(Operation *op);
  LogicalResult splitIf(scf::IfOp op);
  LogicalResult splitFor(scf::ForOp op);
  void splitConstant(arith::ConstantOp op);
  void splitLoad(Value loaded);
  template <typename Store> void splitStore(Store op);
  /// Single lanes: those that the mask lets through, others pass through.
  void readLanes(Value result, Value memory, ArrayRef<Value> places, Value mask,
                 Value passThrough);

  Operation *function;
  OpBuilder builder;
  DenseMap<Value, Lanes> known;
  SmallVector<Operation *> old; ///< what has been replaced, users last
};

} // namespace

Lanes Splitter::getLanes(Value value) {
  auto found = known.find(value);
  return found == known.end() ? Lanes() : found->second;
}

SmallVector<Value> Splitter::replaceVectors(ValueRange values) {
  SmallVector<Value> replaced;
  for (Value value : values)
    if (isVector(value))
      llvm::append_range(replaced, getLanes(value));
    else
      replaced.push_back(value);
  return replaced;
}

SmallVector<Type> Splitter::replaceVectors(TypeRange types) {
  SmallVector<Type> replaced;
  for (Type type : types)
    if (auto vector = dyn_cast<VectorType>(type))
      replaced.append(vector.getNumElements(), vector.getElementType());
    else
      replaced.push_back(type);
  return replaced;
}

/// What an operation with regions has returned, of one whose vectors are lanes.
void Splitter::setResults(Operation *before, Operation *made) {
  unsigned next = 0;
  for (Value result : before->getResults()) {
    if (!isVector(result)) {
      result.replaceAllUsesWith(made->getResult(next++));
      continue;
    }
    Lanes &lanes = known[result];
    for (int64_t i = 0; i < countLanes(result); ++i)
      lanes.push_back(made->getResult(next++));
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void Splitter::splitLoad(Value loaded) {
  builder.setInsertionPointAfterValue(loaded);
  Lanes &lanes = known[loaded];
  for (int64_t i = 0; i < countLanes(loaded); ++i)
    lanes.push_back(
        vector::ExtractOp::create(builder, loaded.getLoc(), loaded, i));
}

template <typename Store> void Splitter::splitStore(Store op) {
  Value value = op.getValueToStore();
  Value list = vector::FromElementsOp::create(
      builder, op.getLoc(), cast<VectorType>(value.getType()), getLanes(value));
  op->replaceUsesOfWith(value, list);
}

void Splitter::readLanes(Value result, Value memory, ArrayRef<Value> places,
                         Value mask, Value passThrough) {
  Location loc = result.getLoc();
  Lanes masks = getLanes(mask), others = getLanes(passThrough);
  Lanes lanes;
  for (auto [place, isRead, other] : llvm::zip(places, masks, others)) {
    if (matchPattern(isRead, m_Zero())) {
      lanes.push_back(other);
      continue;
    }
    bool isSure = matchPattern(isRead, m_One());
    Value at = place;
    if (!isSure) {
      Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
      at = arith::SelectOp::create(builder, loc, isRead, place, zero);
    }
    Value read = memref::LoadOp::create(builder, loc, memory, ValueRange{at});
    lanes.push_back(isSure ? read
                           : Value(arith::SelectOp::create(builder, loc, isRead,
                                                           read, other)));
  }
  known[result] = lanes;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

void Splitter::splitConstant(arith::ConstantOp op) {
  Lanes &lanes = known[op];
  for (Attribute value :
       cast<DenseElementsAttr>(op.getValue()).getValues<Attribute>())
    lanes.push_back(arith::ConstantOp::create(builder, op.getLoc(),
                                              cast<TypedAttr>(value)));
}

LogicalResult Splitter::splitElementwise(Operation *op) {
  if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1 ||
      !isVector(op->getResult(0)))
    return failure();
  Lanes lanes;
  for (int64_t i = 0; i < countLanes(op->getResult(0)); ++i) {
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      state.addOperands(isVector(operand) ? getLanes(operand)[i] : operand);
    state.addTypes(getElementTypeOrSelf(op->getResult(0)));
    state.addAttributes(op->getAttrs());
    lanes.push_back(builder.create(state)->getResult(0));
  }
  known[op->getResult(0)] = lanes;
  return success();
}

LogicalResult Splitter::splitIf(scf::IfOp op) {
  auto made = scf::IfOp::create(
      builder, op.getLoc(), replaceVectors(op->getResultTypes()),
      op.getCondition(), /*addThenBlock=*/false, /*addElseBlock=*/false);
  for (auto [from, to] : llvm::zip(op->getRegions(), made->getRegions()))
    to.takeBody(from);
  for (Region &region : made->getRegions())
    for (Block &block : region)
      if (failed(splitBlock(block)))
        return failure();
  setResults(op, made);
  return success();
}

LogicalResult Splitter::splitFor(scf::ForOp op) {
  auto made = scf::ForOp::create(builder, op.getLoc(), op.getLowerBound(),
                                 op.getUpperBound(), op.getStep(),
                                 replaceVectors(op.getInitArgs()));
  made->setAttrs(op->getAttrs());
  Block &body = *made.getBody();
  op.getInductionVar().replaceAllUsesWith(made.getInductionVar());
  unsigned next = 0;
  for (BlockArgument argument : op.getRegionIterArgs()) {
    if (!isVector(argument)) {
      argument.replaceAllUsesWith(made.getRegionIterArg(next++));
      continue;
    }
    Lanes &lanes = known[argument];
    for (int64_t i = 0; i < countLanes(argument); ++i)
      lanes.push_back(made.getRegionIterArg(next++));
  }
  if (!body.empty())
    body.getTerminator()->erase();
  body.getOperations().splice(body.end(), op.getBody()->getOperations());
  // Arguments of the old body, which is empty now, may still have users.
  if (failed(splitBlock(body)))
    return failure();
  setResults(op, made);
  return success();
}

LogicalResult Splitter::split(Operation *op) {
  builder.setInsertionPoint(op);
  if (auto load = dyn_cast<vector::LoadOp>(op)) {
    splitLoad(load.getResult()); // stays
    return success();
  }
  if (auto store = dyn_cast<vector::StoreOp>(op)) {
    splitStore(store); // stays
    return success();
  }
  if (isa<memref::LoadOp>(op)) { // of memory that holds vectors
    splitLoad(op->getResult(0));
    return success(); // stays
  }
  if (auto store = dyn_cast<memref::StoreOp>(op)) {
    splitStore(store);
    return success(); // stays
  }
  if (isa<scf::YieldOp>(op)) {
    op->setOperands(replaceVectors(op->getOperands()));
    return success();
  }
  auto extract = dyn_cast<vector::ExtractOp>(op);
  if (isa<vector::BitCastOp>(op) ||
      (extract && extract.getSource().getDefiningOp<vector::BitCastOp>()))
    return success(); // stay
  old.push_back(op);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    splitConstant(constant);
  } else if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
    if (isVector(broadcast.getSource()))
      return failure();
    known[broadcast] = Lanes(countLanes(broadcast), broadcast.getSource());
  } else if (extract) {
    if (extract.hasDynamicPosition())
      return failure();
    op->replaceAllUsesWith(ValueRange{
        getLanes(extract.getSource())[extract.getStaticPosition().front()]});
  } else if (auto list = dyn_cast<vector::FromElementsOp>(op)) {
    known[list] = Lanes(list.getElements());
  } else if (auto shuffle = dyn_cast<vector::ShuffleOp>(op)) {
    SmallVector<Value> both =
        replaceVectors(ValueRange{shuffle.getV1(), shuffle.getV2()});
    Lanes &lanes = known[shuffle];
    for (int64_t i : shuffle.getMask())
      lanes.push_back(both[std::max<int64_t>(i, 0)]);
  } else if (auto load = dyn_cast<vector::MaskedLoadOp>(op)) {
    SmallVector<Value> places;
    for (int64_t i = 0; i < countLanes(load); ++i)
      places.push_back(arith::AddIOp::create(
          builder, op->getLoc(), load.getIndices().front(),
          arith::ConstantIndexOp::create(builder, op->getLoc(), i)));
    readLanes(load, load.getBase(), places, load.getMask(), load.getPassThru());
  } else if (auto gather = dyn_cast<vector::GatherOp>(op)) {
    SmallVector<Value> places;
    for (Value place : getLanes(gather.getIndices()))
      places.push_back(builder.createOrFold<arith::AddIOp>(
          op->getLoc(), gather.getOffsets().front(), place));
    readLanes(gather, gather.getBase(), places, gather.getMask(),
              gather.getPassThru());
  } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
    return splitIf(branch);
  } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
    return splitFor(loop);
  } else {
    return splitElementwise(op);
  }
  return success();
}

LogicalResult Splitter::splitBlock(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (llvm::any_of(op.getOperands(), isVector) ||
        llvm::any_of(op.getResults(), isVector)) {
      if (failed(split(&op)))
        return failure();
      continue;
    }
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        if (failed(splitBlock(inner)))
          return failure();
  }
  return success();
}

LogicalResult Splitter::run() {
  for (Region &region : function->getRegions())
    for (Block &block : region)
      if (failed(splitBlock(block)))
        return failure();
  for (Operation *op : llvm::reverse(old))
    op->erase();
  return success();
}

namespace dl::gpucode {
bool readsVectors(Operation *function) {
  int64_t vectors = 0, lanes = 0;
  function->walk([&](Operation *op) {
    auto load = dyn_cast<vector::LoadOp>(op);
    if (load && isMultiple(load.getIndices().front(),
                           load.getVectorType().getNumElements()))
      ++vectors;
    else if (isa<vector::LoadOp, vector::MaskedLoadOp, vector::GatherOp>(op))
      ++lanes;
  });
  return vectors > 0 && vectors >= lanes;
}

LogicalResult splitLanes(Operation *function) {
  return Splitter(function).run();
}
} // namespace dl::gpucode
