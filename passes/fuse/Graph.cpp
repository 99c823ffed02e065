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
  producers.resize(ops.size());
  searches.resize(ops.size());
  for (size_t i = 0; i < ops.size(); ++i)
    ranks.push_back(i);
  order.assign(ops.begin(), ops.end());
  auto addUser = [&](Operation *producer, Operation *op) {
    auto found = index.find(producer);
    if (found != index.end() && !llvm::is_contained(users[found->second], op)) {
      users[found->second].push_back(op);
      producers[index.lookup(op)].push_back(producer);
    }
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
  if (joined != group)
    changes.clear();
  joined = group;
  if (group->ops.empty())
    group->rank = getRank(op);
  else
    joinRanks(group->ops.front(), op);
  group->ops.insert(op);
  groupOf[op] = group;
}

void Graph::leave(Group *group, Operation *op) {
  assert(joined == group && group->ops.back() == op && !changes.empty());
  group->ops.pop_back();
  groupOf.erase(op);
  Change &change = changes.back();
  for (auto [i, node] : llvm::enumerate(change.order)) {
    order[change.start + i] = node;
    if (node)
      setRank(node, change.start + i);
  }
  changes.pop_back();
}

void Graph::merge(Group *into, Group *from) {
  changes.clear();
  joined = nullptr;
  joinRanks(into->ops.front(), from->ops.front());
  for (Operation *op : from->ops) {
    into->ops.insert(op);
    groupOf[op] = into;
  }
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

ArrayRef<Operation *> Graph::getNode(Operation *op) const {
  if (Group *group = groupOf.lookup(op))
    return group->ops.getArrayRef();
  return ArrayRef(ops).slice(index.lookup(op), 1);
}

int64_t Graph::getRank(Operation *op) const {
  Group *group = groupOf.lookup(op);
  return group ? group->rank : ranks[index.lookup(op)];
}

void Graph::setRank(Operation *op, int64_t rank) {
  if (Group *group = groupOf.lookup(op))
    group->rank = rank;
  else
    ranks[index.lookup(op)] = rank;
}

Graph::Between Graph::findBetween(Operation *first, Operation *last) const {
  struct Search {
    int64_t number, start, end;
    const std::vector<SmallVector<Operation *, 4>> &neighbours;
    SmallVector<Operation *> found;
    size_t next = 0;
  };
  int64_t low = getRank(first), high = getRank(last);
  Search searches[] = {{++numSearches, low, high, users, {}},
                       {++numSearches, high, low, producers, {}}};
  // Whether the other end, or what leads there, is found behind others.
  auto expand = [&](Search &search, int64_t other, Operation *node,
                    bool isStart) {
    for (Operation *op : getNode(node))
      for (Operation *next : search.neighbours[index.lookup(op)]) {
        int64_t rank = getRank(next);
        if (rank == search.end && !isStart)
          return true;
        if (rank <= low || rank >= high)
          continue;
        int64_t &mark = this->searches[rank];
        if (mark == other)
          return true;
        if (mark == search.number)
          continue;
        mark = search.number;
        search.found.push_back(next);
      }
    return false;
  };
  Between result;
  for (int64_t i : {0, 1})
    if (expand(searches[i], searches[1 - i].number, i ? last : first, true))
      return result.hasPath = true, result;
  for (int64_t i = 0;; i = 1 - i) {
    Search &search = searches[i];
    if (search.next == search.found.size()) {
      result.isForward = i == 0;
      result.found = std::move(search.found);
      return result;
    }
    if (expand(search, searches[1 - i].number, search.found[search.next++],
               false))
      return result.hasPath = true, result;
  }
}

void Graph::joinRanks(Operation *a, Operation *b) {
  auto [first, last] =
      getRank(a) < getRank(b) ? std::pair(a, b) : std::pair(b, a);
  int64_t low = getRank(first), high = getRank(last);
  Between between = findBetween(first, last);
  assert(!between.hasPath && "two nodes with a path between become one");
  int64_t number = ++numSearches;
  for (Operation *op : between.found)
    searches[getRank(op)] = number;
  changes.push_back({low, SmallVector<Operation *>(
                              ArrayRef(order).slice(low, high + 1 - low))});
  // What follows from the first goes behind the two, which stand where the last
  // was; or what leads to the last before them.
  SmallVector<Operation *> found, others;
  for (int64_t rank = low + 1; rank < high; ++rank)
    if (Operation *node = order[rank])
      (searches[rank] == number ? found : others).push_back(node);
  SmallVector<Operation *> &before = between.isForward ? others : found,
                           &after = between.isForward ? found : others;
  int64_t next = low;
  auto place = [&](Operation *node) {
    order[next] = node;
    setRank(node, next++);
  };
  llvm::for_each(before, place);
  place(first);
  setRank(last, next - 1);
  llvm::for_each(after, place);
  for (; next <= high; ++next)
    order[next] = nullptr;
}

bool Graph::hasPathBetween(Operation *a, Operation *b) const {
  return (getRank(a) < getRank(b) ? findBetween(a, b) : findBetween(b, a))
      .hasPath;
}

bool Graph::mayJoin(Group *group, Operation *op) const {
  return !hasPathBetween(group->ops.front(), op);
}

bool Graph::mayMerge(Group *a, Group *b) const {
  return !hasPathBetween(a->ops.front(), b->ops.front());
}
