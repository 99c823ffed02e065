// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/fuse/Graph.h"
#include "ir/dialect/Dims.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/Constants.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

SmallVector<Value> Graph::getInputs(Operation *op) {
  SmallVector<Value> inputs(op->getOperands());
  for (Region &region : op->getRegions()) {
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(region, captured);
    llvm::append_range(inputs, captured);
  }
  return inputs;
}

Graph::Graph(Block &block) : block(block) {
  for (Operation &op : block)
    if (!op.hasTrait<OpTrait::ConstantLike>() &&
        !(op.getNumResults() == 1 && isStoredConstant(op.getResult(0)))) {
      index[&op] = ops.size();
      ops.push_back(&op);
    }
  users.resize(ops.size());
  auto addUser = [&](Operation *producer, Operation *op) {
    auto found = index.find(producer);
    if (found != index.end() && !llvm::is_contained(users[found->second], op))
      users[found->second].push_back(op);
  };
  for (Operation *op : ops)
    for (Value input : getInputs(op))
      addUser(input.getDefiningOp(), op);
  DenseMap<unsigned, Operation *> binderOf;
  for (Operation *op : ops)
    if (auto binding = dyn_cast<BindingInterface>(op))
      for (int64_t symbol : binding.getBoundSymbols())
        binderOf[symbol] = op;
  if (binderOf.empty())
    return;
  for (Operation *op : ops)
    for (unsigned symbol : getUsedSymbols(op))
      if (Operation *binder = binderOf.lookup(symbol);
          binder && !llvm::is_contained(binders[op], binder)) {
        binders[op].push_back(binder);
        addUser(binder, op);
      }
}

ArrayRef<Operation *> Graph::getBinders(Operation *op) const {
  auto found = binders.find(op);
  return found == binders.end() ? ArrayRef<Operation *>() : found->second;
}

ArrayRef<Operation *> Graph::getUsers(Operation *op) const {
  return users[index.lookup(op)];
}

Group *Graph::createGroup(GroupKind kind, Operation *op) {
  groups.push_back(std::make_unique<Group>());
  groups.back()->kind = kind;
  join(groups.back().get(), op);
  return groups.back().get();
}

void Graph::join(Group *group, Operation *op) {
  group->ops.insert(op);
  groupOf[op] = group;
}

void Graph::leave(Group *group, Operation *op) {
  group->ops.remove(op);
  groupOf.erase(op);
}

void Graph::merge(Group *into, Group *from) {
  for (Operation *op : from->ops)
    join(into, op);
  from->ops.clear();
}

SmallVector<Group *> Graph::getGroups() const {
  SmallVector<Group *> result;
  for (auto &group : groups)
    if (!group->ops.empty())
      result.push_back(group.get());
  return result;
}

bool Graph::isUsedOnlyIn(Operation *op, const Group *group) const {
  return llvm::all_of(getUsers(op), [&](Operation *user) {
    return groupOf.lookup(user) == group;
  });
}

/// Whether a path starts at the ops `from`, leaves {a, b, single} and comes
/// back.
bool Graph::hasOuterPath(ArrayRef<Operation *> from, const Group *a,
                         const Group *b, Operation *single) const {
  auto isInside = [&](Operation *op) {
    Group *group = groupOf.lookup(op);
    return op == single || (group && (group == a || group == b));
  };
  llvm::BitVector visited(ops.size());
  SmallVector<Operation *> worklist;
  auto visitUsers = [&](Operation *op, bool start) {
    for (Operation *user : getUsers(op)) {
      if (isInside(user)) {
        if (!start)
          return true;
        continue;
      }
      if (!visited.test(index.lookup(user))) {
        visited.set(index.lookup(user));
        worklist.push_back(user);
      }
    }
    return false;
  };
  for (Operation *op : from)
    visitUsers(op, /*start=*/true);
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (Group *group = groupOf.lookup(op)) {
      for (Operation *member : group->ops) {
        visited.set(index.lookup(member));
        if (visitUsers(member, /*start=*/false))
          return true;
      }
    } else if (visitUsers(op, /*start=*/false)) {
      return true;
    }
  }
  return false;
}

bool Graph::mayJoin(Group *group, Operation *op) const {
  SmallVector<Operation *> from(group->ops.begin(), group->ops.end());
  from.push_back(op);
  return !hasOuterPath(from, group, nullptr, op);
}

bool Graph::mayMerge(Group *a, Group *b) const {
  SmallVector<Operation *> from(a->ops.begin(), a->ops.end());
  from.append(b->ops.begin(), b->ops.end());
  return !hasOuterPath(from, a, b, nullptr);
}
