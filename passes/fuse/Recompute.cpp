// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What readers of a kernel's result compute again from what is stored anyway:
// the cut between forward and backward pass that Chen et al., "Training Deep
// Nets with Sublinear Memory Cost" (2016), choose by segments, here by the
// bytes that each kernel moves.

#include "ir/dialect/Dims.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/fuse/Slice.h"

namespace dl {
#define GEN_PASS_DEF_RECOMPUTE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

namespace {

class Recomputer {
public:
  explicit Recomputer(Block &block) : block(block) {
    for (auto [i, op] : llvm::enumerate(block))
      position[&op] = i;
  }

  void run() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (auto fused = dyn_cast<FusedOp>(op))
        visit(fused);
  }

private:
  void visit(FusedOp fused);
  std::optional<SmallVector<FusedOp>> getReaders(OpResult result);
  bool pays(OpResult result, ArrayRef<FusedOp> readers, const Slice &slice);
  void recompute(OpResult result, ArrayRef<FusedOp> readers,
                 const Slice &slice);
  void shrink(FusedOp fused);
  int64_t getLastUse(Value value);

  Block &block;
  DenseMap<Operation *, int64_t> position;
};

} // namespace

/// Whether an op of a kernel reads each element of its operands for one element
/// of the kernel's loops, and no product reads what it makes.
static bool readsOnce(Operation *first, Type shape) {
  llvm::SmallSetVector<Operation *, 8> reached;
  reached.insert(first);
  for (size_t i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i];
    bool isElementwise = getKind(op) == FusionKind::Elementwise &&
                         !isCheapMovement(op) &&
                         haveEqualDims(op->getResult(0).getType(), shape);
    if (!isElementwise) {
      if (!getReducedAxes(op))
        return false;
      continue;
    }
    for (Operation *user : op->getUsers())
      if (!isa<YieldOp>(user))
        reached.insert(user);
  }
  return true;
}

/// The kernels that read a result, if all could compute it instead.
std::optional<SmallVector<FusedOp>> Recomputer::getReaders(OpResult result) {
  llvm::SetVector<Operation *> readers;
  for (Operation *user : result.getUsers()) {
    auto reader = dyn_cast<FusedOp>(user->getParentOp());
    if (!reader || reader->getBlock() != &block ||
        !readsOnce(user, result.getType()))
      return std::nullopt;
    readers.insert(reader);
  }
  return llvm::map_to_vector(readers, llvm::CastTo<FusedOp>);
}

/// The place in the block of the last op that reads a value.
int64_t Recomputer::getLastUse(Value value) {
  int64_t last = -1;
  for (Operation *user : value.getUsers())
    if (Operation *at = block.findAncestorOpInBlock(*user))
      last = std::max(last, position.lookup(at));
  return last;
}

/// Whether the bytes that are not stored and read are worth those that are read
/// in their place and the instructions, and no more has to be kept in memory.
bool Recomputer::pays(OpResult result, ArrayRef<FusedOp> readers,
                      const Slice &slice) {
  constexpr size_t kMostOps = 96;      // as many compile fast
  constexpr int64_t kLeast = 64 << 10; // fewer bytes stay in a cache
  constexpr int64_t kVectorBytes = 64;
  constexpr int64_t kInstructionsPerVector = 15; // in the time of moving it
  constexpr int64_t kNear = 16; // ops, over which nothing is kept for long
  int64_t bytes = estimateBytes(result.getType());
  if (bytes < kLeast)
    return false;
  // A line that is stored is read before.
  int64_t saved = 2 * bytes, cost = 0, kept = 0;
  int64_t last = getLastUse(result);
  for (Value input : slice.inputs)
    if (getLastUse(input) < last)
      kept += estimateBytes(input.getType());
  for (FusedOp reader : readers) {
    Block &body = reader.getBody().front();
    if (body.getOperations().size() + slice.ops.size() > kMostOps)
      return false;
    int64_t passes = 1;
    for (Operation &op : body)
      passes += getReducedAxes(&op).has_value();
    saved += bytes;
    cost += slice.cost * passes;
    for (Value input : slice.inputs)
      if (llvm::none_of(input.getUsers(), [&](Operation *user) {
            return reader->isAncestor(user);
          }))
        saved -= estimateBytes(input.getType());
  }
  bool isNear = last - position.lookup(result.getOwner()) <= kNear;
  return (kept <= bytes || isNear) &&
         cost * bytes / kVectorBytes <
             saved / kVectorBytes * kInstructionsPerVector;
}

void Recomputer::recompute(OpResult result, ArrayRef<FusedOp> readers,
                           const Slice &slice) {
  auto fused = cast<FusedOp>(result.getOwner());
  SmallVector<Operation *> ops(slice.ops);
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (FusedOp reader : readers) {
    IRMapping mapping;
    for (auto [yielded, other] :
         llvm::zip(getYield(fused).getOperands(), fused.getResults()))
      if (slice.inputs.contains(other))
        mapping.map(yielded, other);
    OpBuilder builder(reader->getContext());
    builder.setInsertionPointToStart(&reader.getBody().front());
    for (Operation *op : ops)
      builder.clone(*op, mapping);
    Value again =
        mapping.lookup(getYield(fused).getOperand(result.getResultNumber()));
    result.replaceUsesWithIf(again, [&](OpOperand &use) {
      return reader->isAncestor(use.getOwner());
    });
  }
}

void Recomputer::shrink(FusedOp fused) {
  int64_t place = position.lookup(fused);
  position.erase(fused);
  if (FusedOp smaller = dropUnusedResults(fused))
    position[smaller] = place;
}

void Recomputer::visit(FusedOp fused) {
  YieldOp yield = getYield(fused);
  auto getOp = [&](OpResult result) {
    return yield.getOperand(result.getResultNumber()).getDefiningOp();
  };
  SmallVector<OpResult> results;
  for (OpResult result : fused->getResults())
    if (Operation *op = getOp(result); op && op->getParentOp() == fused &&
                                       isa<RankedTensorType>(result.getType()))
      results.push_back(result);
  // Later ops first: what they read becomes an op of their readers.
  llvm::sort(results, [&](OpResult a, OpResult b) {
    return getOp(a) != getOp(b) && getOp(b)->isBeforeInBlock(getOp(a));
  });
  bool changed = false;
  for (OpResult result : results) {
    std::optional<SmallVector<FusedOp>> readers = getReaders(result);
    if (!readers || readers->empty())
      continue;
    std::optional<Slice> slice = getElementwiseSlice(result);
    if (!slice || !pays(result, *readers, *slice))
      continue;
    recompute(result, *readers, *slice);
    changed = true;
  }
  if (changed)
    shrink(fused);
}

namespace {

class Recompute : public ::dl::impl::RecomputeBase<Recompute> {
  using RecomputeBase::RecomputeBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!isModelFunction(function) || !function->hasAttr(kStateResultsAttr))
      return;
    Recomputer(function.getBody().front()).run();
    function.walk(
        [](ScanOp scan) { Recomputer(scan.getBody().front()).run(); });
  }
};

} // namespace
