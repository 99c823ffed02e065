// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Strategy.h"
#include "codegen/gpu/WeightFloats.h"
#include "codegen/gpu/WeightPairs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace ::dl::gpucode;

namespace {

/// Arithmetic operations for one element. Up to `kCheap` they cost less than a
/// pass through memory would.
constexpr int64_t kCheap = 16;
constexpr int64_t kFunction = 8;    // exp, erf, ...
constexpr int64_t kReduction = 256; // its loop

class Planner {
public:
  Planner(func::FuncOp kernel, bool divides)
      : kernel(kernel), divides(divides) {}
  Plan run();

private:
  int64_t getCost(Value value) const;
  int64_t computeCost(Operation *op) const;
  bool isKept(Value value) const;
  void store(Value value, unsigned buffer);
  /// Whether `value` is the argument that lies in `buffer`.
  bool isBuffer(Value value, unsigned buffer) const {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && bufferOf[argument.getArgNumber()] == buffer;
  }

  func::FuncOp kernel;
  bool divides;
  Plan plan;
  SmallVector<unsigned> bufferOf; // by number of the argument
  /// Results of operations that are computed where they are used.
  DenseMap<Value, int64_t> costs;
};

} // namespace

/// The insert_slice that writes into `value` and is its only user: both then
/// share one buffer.
static bool isOverwritten(Value value) {
  if (!value.hasOneUse())
    return false;
  auto insert = dyn_cast<tensor::InsertSliceOp>(*value.user_begin());
  return insert && insert.getDest() == value;
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

int64_t Planner::getCost(Value value) const {
  auto found = costs.find(value);
  return found == costs.end() ? 1 : found->second; // one load
}

int64_t Planner::computeCost(Operation *op) const {
  if (isa<tensor::EmptyOp, linalg::FillOp, arith::ConstantOp>(op))
    return 0;
  int64_t cost = 0;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic) {
    for (Value operand : op->getOperands())
      if (isa<TensorType>(operand.getType()))
        cost += getCost(operand);
    return cost + 1;
  }
  for (OpOperand &operand : op->getOpOperands())
    if (!generic.getMatchingBlockArgument(&operand).use_empty())
      cost += getCost(operand.get());
  for (Operation &inner : generic.getBody()->without_terminator()) {
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
      cost += getCost(extract.getTensor());
    if (!isa<arith::ConstantOp, arith::BitcastOp>(inner))
      cost += isa<math::MathDialect>(inner.getDialect()) ? kFunction : 1;
  }
  return generic.getNumReductionLoops() ? cost + kReduction : cost;
}

bool Planner::isKept(Value value) const {
  int64_t cost = getCost(value);
  // Weights are compressed in order not to be read from memory as a whole.
  if (Operation *op = value.getDefiningOp();
      op && (hasPairsForm(op) || hasFloatsForm(op)))
    return false;
  if (cost <= kCheap)
    return false;
  auto reduction = value.getDefiningOp<linalg::GenericOp>();
  if (divides && reduction && isLong(reduction) &&
      !ShapedType::isDynamicShape(reduction.getStaticLoopRanges()))
    return true;
  unsigned reads = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isa<tensor::DimOp>(user))
      continue;
    if (user->getBlock() != value.getParentBlock())
      return true; // read at positions that are computed
    ++reads;
    auto generic = dyn_cast<linalg::GenericOp>(user);
    if (!generic)
      continue;
    if (generic.getMatchingBlockArgument(&use).use_empty()) {
      --reads;
      continue;
    }
    if (generic.isDpsInput(&use) &&
        !generic.getMatchingIndexingMap(&use).isPermutation())
      return true; // read once for each step of some loop
    // A loop within a loop of one thread: fewer threads would do all the work.
    if (generic.getNumReductionLoops() && cost > kReduction &&
        generic.isDpsInput(&use))
      return true;
  }
  return reads > 1;
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

void Planner::store(Value value, unsigned buffer) {
  if (auto insert = value.getDefiningOp<tensor::InsertSliceOp>()) {
    Value whole = insert.getDest();
    if (!isBuffer(whole, buffer) && !whole.getDefiningOp<tensor::EmptyOp>())
      store(whole, buffer);
    plan.stages.push_back({insert.getSource(), buffer, insert, value});
    return;
  }
  plan.stages.push_back({value, buffer, nullptr, value});
}

Plan Planner::run() {
  Block &body = kernel.getBody().front();
  auto terminator = cast<func::ReturnOp>(body.getTerminator());
  unsigned tensors = 0;
  for (Type type : kernel.getArgumentTypes())
    bufferOf.push_back(isa<TensorType>(type) ? tensors++ : ~0u);
  // Results go to the last arguments, in order.
  unsigned firstOutput = tensors - terminator.getNumOperands();
  llvm::SmallBitVector written(terminator.getNumOperands());

  for (Operation &op : body.without_terminator())
    for (Value value : op.getResults()) {
      if (!isa<RankedTensorType>(value.getType()))
        continue;
      costs[value] = computeCost(&op);
      auto returned = llvm::find(terminator.getOperands(), value);
      if (returned != terminator.getOperands().end()) {
        unsigned number = std::distance(terminator.operand_begin(), returned);
        written.set(number);
        store(value, firstOutput + number);
      } else if (isa<tensor::InsertSliceOp>(op) ? !isOverwritten(value)
                                                : isKept(value)) {
        store(value, tensors + plan.temporaries.size());
        plan.temporaries.push_back(value);
      } else {
        continue;
      }
      costs.erase(value);
    }
  // What is returned twice, or is an argument, is copied.
  for (auto [i, value] : llvm::enumerate(terminator.getOperands())) {
    unsigned buffer = firstOutput + i;
    if (!written.test(i) && !isBuffer(value, buffer))
      plan.stages.push_back({value, buffer, nullptr, {}});
  }
  return std::move(plan);
}

namespace dl::gpucode {
/// The results of a kernel and the buffer of the first one.
static std::pair<OperandRange, unsigned> getResults(func::FuncOp kernel) {
  auto results = cast<func::ReturnOp>(kernel.getBody().front().getTerminator())
                     .getOperands();
  unsigned buffer = -results.size();
  for (Type type : kernel.getArgumentTypes())
    buffer += isa<TensorType>(type);
  return {results, buffer};
}

Plan planOutputs(func::FuncOp kernel, bool sequential) {
  Plan plan;
  auto [results, buffer] = getResults(kernel);
  for (Value result : results)
    plan.stages.push_back({result, buffer++, nullptr, result, sequential});
  return plan;
}

Plan planStatements(func::FuncOp kernel) {
  Plan plan;
  auto [results, buffer] = getResults(kernel);
  for (Value result : results) {
    SmallVector<Stage> statements; // the last one first
    for (Value value = result; value;) {
      Operation *op = value.getDefiningOp();
      Stage stage{value, buffer, nullptr, value};
      if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(op)) {
        stage = {insert.getSource(), buffer, insert, value};
        value = insert.getDest();
      } else if (auto loop = dyn_cast_or_null<scf::ForOp>(op)) {
        stage.sequential = true;
        value = loop.getInitArgs()[cast<OpResult>(value).getResultNumber()];
      } else {
        stage.sequential = isa_and_present<scf::IfOp>(op);
        value = Value();
      }
      // What is returned lies in its own argument from the start.
      auto argument = dyn_cast<BlockArgument>(stage.value);
      bool isPlace = argument && !stage.part &&
                     llvm::count_if(kernel.getArgumentTypes().take_front(
                                        argument.getArgNumber()),
                                    llvm::IsaPred<TensorType>) == buffer;
      if (argument && !stage.part)
        stage.result = Value();
      if (!isPlace && !isa_and_present<tensor::EmptyOp>(op))
        statements.push_back(stage);
    }
    llvm::append_range(plan.stages, llvm::reverse(statements));
    ++buffer;
  }
  return plan;
}

bool isLong(linalg::GenericOp op) {
  constexpr int64_t kMany = int64_t(1) << 16;
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  int64_t steps = 1;
  for (unsigned d : reduced) {
    int64_t range = op.getStaticLoopRanges()[d];
    steps =
        ShapedType::isDynamic(range) || steps >= kMany ? kMany : steps * range;
  }
  return steps >= kMany;
}

bool isWindow(linalg::GenericOp op) {
  constexpr int64_t kMostSteps = 32; // that are written out
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  int64_t steps = 1;
  for (unsigned d : reduced) {
    int64_t range = op.getStaticLoopRanges()[d];
    if (ShapedType::isDynamic(range) || steps * range > kMostSteps)
      return false;
    steps *= range;
  }
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    return llvm::any_of(op.getMatchingIndexingMap(operand).getResults(),
                        [&](AffineExpr expr) {
                          return !isa<AffineDimExpr>(expr) &&
                                 llvm::any_of(reduced, [&](unsigned d) {
                                   return expr.isFunctionOfDim(d);
                                 });
                        });
  });
}

Plan choosePlan(func::FuncOp kernel, bool divides) {
  return Planner(kernel, divides).run();
}
} // namespace dl::gpucode
