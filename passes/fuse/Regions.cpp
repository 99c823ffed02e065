// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Movement into groups, and the regions that groups become.

#include "ir/dialect/StateOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Reshapes.h"
#include "passes/fuse/Graph.h"
#include "passes/fuse/Structure.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

namespace {

class RegionBuilder {
public:
  explicit RegionBuilder(Graph &graph) : graph(graph) {
    auto function = dyn_cast<func::FuncOp>(graph.block.getParentOp());
    isTraining = function && function->hasAttr(kStateResultsAttr);
  }

  void run() {
    for (Group *group : graph.getGroups())
      addCopies(group);
    groupMovement();
    SmallVector<Operation *> ordered = order();
    for (Group *group : graph.getGroups())
      copy(group);
    for (Operation *op : ordered)
      place(op);
    for (Operation *op : llvm::reverse(graph.getOps()))
      if (op->use_empty() && !op->hasTrait<OpTrait::IsTerminator>() &&
          op->getNumRegions() == 0 && isMemoryEffectFree(op))
        op->erase();
  }

private:
  bool isKeptNarrow(Operation *op, const Group *group);
  bool mayCopy(Operation *op, const Group *group);
  static bool repeatsRows(ReshapeOp op, const Group *group);
  bool reachesMovement(Operation *op, const Group *group);
  void addCopies(Group *group);
  void addCopiesOf(Operation *op, Group *group);
  void groupMovement();
  SmallVector<Operation *> order();
  void copy(Group *group);
  void place(Operation *op);

  Graph &graph;
  bool isTraining = false; ///< a step, which updates states
  /// Bodies of the groups' regions, until these exist.
  DenseMap<Group *, Block *> bodies;
};

} // namespace

//===----------------------------------------------------------------------===//
// What is copied
//===----------------------------------------------------------------------===//

/// Whether a product reads halves that are better stored first: a parameter in
/// training, which the products of both directions read rounded; rows that do
/// not lie along what is summed, of which no pairs could be loaded.
bool RegionBuilder::isKeptNarrow(Operation *op, const Group *group) {
  if (group->kind != GroupKind::Contraction || !isTraining)
    return false;
  if (isFloatRounding(op))
    return isa<BlockArgument>(op->getOperand(0)) &&
           graph.getUsers(op).size() > 1;
  Operation *product = group->ops.front();
  return permutesLastDim(op) && op->getResult(0) == product->getOperand(0) &&
         isa<MatmulOp>(product) &&
         getElementTypeOrSelf(op->getResult(0)).isBF16();
}

/// Whether a product would read rows or columns each several times, as the
/// gradient of a mean over them is: where they lie is no sum of positions.
bool RegionBuilder::repeatsRows(ReshapeOp op, const Group *group) {
  std::optional<int64_t> repeated = getRepeatedDim(op);
  return repeated && isa<MatmulOp>(group->ops.front()) &&
         *repeated + 2 >= op.getType().getRank();
}

/// Whether the group reads through this movement op rather than its result.
bool RegionBuilder::mayCopy(Operation *op, const Group *group) {
  if (!graph.isFree(op) || op->getNumResults() != 1)
    return false;
  // A reshape outside costs nothing: it is copied to get at what is behind it.
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return isCheapMovement(op) && !repeatsRows(reshape, group) &&
           reachesMovement(op, group);
  // Each element of a filter's gradient reads nearly all of the input.
  if (isa<PadOp>(op) && isa<ConvFilterGradientOp>(group->ops.front()))
    return false;
  if (isKeptNarrow(op, group))
    return false;
  // Reductions read their operand several times, along its last dimension.
  if (group->kind == GroupKind::Reduction && permutesLastDim(op))
    return false;
  // What its producer's kernel could not round is rounded where it is read.
  if (isCheapMovement(op) || isFloatRounding(op))
    return true;
  // Indices are looked up by one group, not by several, and not again and
  // again.
  return isIndirect(op) && graph.isUsedOnlyIn(op, group) &&
         group->kind != GroupKind::Contraction &&
         group->kind != GroupKind::Attention &&
         group->kind != GroupKind::Window;
}

bool RegionBuilder::reachesMovement(Operation *op, const Group *group) {
  Operation *producer = op->getOperand(0).getDefiningOp();
  return producer && mayCopy(producer, group);
}

void RegionBuilder::addCopiesOf(Operation *op, Group *group) {
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (!producer || group->copies.contains(producer) ||
        !mayCopy(producer, group))
      continue;
    addCopiesOf(producer, group);
    group->copies.insert(producer);
  }
}

void RegionBuilder::addCopies(Group *group) {
  if (readsMemory(group->ops.front()))
    return;
  for (Operation *op : group->ops)
    addCopiesOf(op, group);
}

/// Movement that some op needs in memory becomes a group of its own.
void RegionBuilder::groupMovement() {
  llvm::DenseSet<Operation *> needed;
  auto need = [&](Operation *user, const Group *group) {
    for (Value input : Graph::getInputs(user))
      if (Operation *producer = input.getDefiningOp();
          producer && !(group && group->copies.contains(producer)))
        needed.insert(producer);
  };
  for (Group *group : graph.getGroups()) {
    for (Operation *op : group->ops)
      need(op, group);
    for (Operation *op : group->copies)
      need(op, group);
  }
  for (Operation *op : llvm::reverse(graph.getOps())) {
    if (!graph.isFree(op))
      continue;
    bool ends = op->hasTrait<OpTrait::IsTerminator>() || isa<BindOp>(op) ||
                isRuntimeStep(op);
    if (!ends && !op->getNumRegions() && !needed.contains(op))
      continue;
    if (ends || op->getNumRegions() ||
        isa<AllReduceOp, HostCallOp, InsertOp, ReshapeOp>(op) ||
        graph.placed.contains(op)) {
      need(op, nullptr);
      continue;
    }
    Group *group = graph.createGroup(GroupKind::Movement, op);
    addCopies(group);
    need(op, group);
    for (Operation *copy : group->copies)
      need(copy, group);
  }
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// One op of each group and all others, so that what they need comes first, and
/// else in the order of the text.
SmallVector<Operation *> RegionBuilder::order() {
  SmallVector<Operation *> result;
  llvm::DenseSet<Operation *> done;
  std::function<void(Operation *)> visit = [&](Operation *op) {
    Group *group = graph.getGroup(op);
    Operation *first = group ? group->ops.front() : op;
    if (!done.insert(first).second)
      return;
    auto visitInputs = [&](Operation *user) {
      for (Operation *binder : graph.getBinders(user))
        visit(binder);
      for (Value input : Graph::getInputs(user))
        if (Operation *producer = input.getDefiningOp();
            producer && graph.isNode(producer))
          if (!group || (graph.getGroup(producer) != group &&
                         !group->copies.contains(producer)))
            visit(producer);
    };
    if (group) {
      SmallVector<Operation *> members(group->ops.begin(), group->ops.end());
      members.append(group->copies.begin(), group->copies.end());
      llvm::sort(members, [&](Operation *a, Operation *b) {
        return graph.getPosition(a) < graph.getPosition(b);
      });
      for (Operation *member : members)
        visitInputs(member);
    } else {
      visitInputs(op);
    }
    result.push_back(first);
  };
  for (Operation *op : graph.getOps())
    visit(op);
  return result;
}

/// Copies what the group reads through, and lets its members use the copies.
/// All groups do so before the first one is placed, which changes uses.
void RegionBuilder::copy(Group *group) {
  Block *body = bodies[group] = new Block;
  OpBuilder builder(group->ops.front()->getContext());
  builder.setInsertionPointToEnd(body);
  IRMapping mapping;
  for (Operation *copied : group->copies)
    builder.clone(*copied, mapping);
  for (Operation *member : group->ops)
    for (OpOperand &operand : member->getOpOperands())
      if (Value mapped = mapping.lookupOrNull(operand.get()))
        operand.set(mapped);
}

void RegionBuilder::place(Operation *op) {
  Block &block = graph.block;
  Group *group = graph.getGroup(op);
  if (!group) {
    op->moveBefore(&block, block.end());
    return;
  }
  SmallVector<Operation *> members(group->ops.begin(), group->ops.end());
  llvm::sort(members, [&](Operation *a, Operation *b) {
    return graph.getPosition(a) < graph.getPosition(b);
  });
  // Results: what is used outside, by copies of other groups, too.
  SmallVector<Value> results;
  for (Operation *member : members)
    for (Value value : member->getResults())
      if (llvm::any_of(value.getUsers(), [&](Operation *user) {
            Operation *at = block.findAncestorOpInBlock(*user);
            return !at || graph.getGroup(at) != group;
          }))
        results.push_back(value);

  MLIRContext *context = op->getContext();
  SmallVector<Location> locations;
  for (Operation *copy : group->copies)
    locations.push_back(copy->getLoc());
  for (Operation *member : members)
    locations.push_back(member->getLoc());
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(&block);
  auto fused = FusedOp::create(builder, FusedLoc::get(context, locations),
                               ValueRange(results).getTypes());
  Block *body = bodies[group];
  fused.getBody().push_back(body);
  for (Operation *member : members)
    member->moveBefore(body, body->end());
  for (auto [value, result] : llvm::zip(results, fused.getResults()))
    value.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !fused->isAncestor(use.getOwner());
    });
  builder.setInsertionPointToEnd(body);
  YieldOp::create(builder, fused.getLoc(), results);
}

void mlir::dl::fuse::buildRegions(Graph &graph) { RegionBuilder(graph).run(); }
