// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The ops of one block, and the groups that they are put into.

#ifndef DL_PASSES_FUSE_GRAPH_H
#define DL_PASSES_FUSE_GRAPH_H

#include "ir/dialect/Dialect.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dl::fuse {

/// What a group is built around; a group takes in ops as its kind allows.
enum class GroupKind {
  Contraction,
  Attention,
  Reduction,
  Window,
  Elementwise,
  Movement,
  Assembly,
  Opaque
};

struct Group {
  GroupKind kind;
  /// Members; all have one result or more in this block.
  llvm::SetVector<Operation *> ops;
  /// Ops outside that are copied into the group, operands before users.
  llvm::SetVector<Operation *> copies;
  int64_t rank = 0; ///< see Graph
};

/// Dependences among the ops of a block. Constants are no nodes,
/// not even reshaped or transposed.
///
/// Ops and groups have ranks, in an order in which producers come before their
/// users; it is kept as groups grow, by moving what lies between the two that
/// become one. So a path between them is looked for among these alone, from
/// both ends at once (M. Bender, J. Fineman, S. Gilbert and R. Tarjan, "A New
/// Approach to Incremental Cycle Detection and Related Problems", 2016, section
/// 2).
class Graph {
public:
  explicit Graph(Block &block);

  Block &block;
  ArrayRef<Operation *> getOps() const { return ops; }

  /// Ops of the block that use results of `op` or symbols that it binds, or
  /// hold ops that do.
  ArrayRef<Operation *> getUsers(Operation *op) const;

  /// Values that an op uses, with those that its regions capture.
  static SmallVector<Value> getInputs(Operation *op);

  /// The ops of the block that bind symbols that an op uses.
  ArrayRef<Operation *> getBinders(Operation *op) const;

  bool isNode(Operation *op) const { return index.count(op); }
  Group *getGroup(Operation *op) const { return groupOf.lookup(op); }
  bool isFree(Operation *op) const {
    return index.count(op) && !groupOf.count(op);
  }
  int64_t getPosition(Operation *op) const { return index.lookup(op); }

  Group *createGroup(GroupKind kind, Operation *op);

  /// Whether `op`, which is free, may join: not if a path between them leads
  /// through other ops.
  bool mayJoin(Group *group, Operation *op) const;
  void join(Group *group, Operation *op);
  /// Takes back the op that joined last, or, of those that joined one after the
  /// other, the last that is left.
  void leave(Group *group, Operation *op);

  /// Whether two groups may become one, likewise.
  bool mayMerge(Group *a, Group *b) const;
  void merge(Group *into, Group *from);

  /// Whether every user of `op` is in the group.
  bool isUsedOnlyIn(Operation *op, const Group *group) const;

  SmallVector<Group *> getGroups() const;

private:
  /// The members of the op's group, or the op alone.
  ArrayRef<Operation *> getNode(Operation *op) const;
  int64_t getRank(Operation *op) const;
  void setRank(Operation *op, int64_t rank);

  /// What is between two nodes: `found` has an op of each that paths from the
  /// first lead to, or, if not `isForward`, that lead to the last. Of a pair
  /// with a path through others, it is not complete.
  struct Between {
    bool hasPath = false, isForward = true;
    SmallVector<Operation *> found;
  };
  Between findBetween(Operation *first, Operation *last) const;
  bool hasPathBetween(Operation *a, Operation *b) const;
  /// Gives two nodes that become one a rank.
  void joinRanks(Operation *a, Operation *b);

  SmallVector<Operation *> ops;
  DenseMap<Operation *, int64_t> index;
  std::vector<SmallVector<Operation *, 4>> users, producers;
  DenseMap<Operation *, SmallVector<Operation *>> binders;
  DenseMap<Operation *, Group *> groupOf;
  std::vector<std::unique_ptr<Group>> groups;
  std::vector<int64_t> ranks; ///< of ops without a group
  /// An op of each node, by its rank; null where two nodes have become one.
  std::vector<Operation *> order;
  /// Of nodes by their ranks: the number of the last search that found them.
  mutable std::vector<int64_t> searches;
  mutable int64_t numSearches = 0;
  /// What parts of the order were before the last joins to one group.
  struct Change {
    int64_t start;
    SmallVector<Operation *> order;
  };
  std::vector<Change> changes;
  Group *joined = nullptr;

public:
  /// Concatenations whose parts are made where they lie: they stay in the
  /// schedule.
  llvm::DenseSet<Operation *> placed;
};

/// Decides what is copied into the groups, puts every op that computes into
/// one, and replaces the groups by `dl.fused` ops, in an order that respects
/// their dependences.
void buildRegions(Graph &graph);

} // namespace mlir::dl::fuse

#endif // DL_PASSES_FUSE_GRAPH_H
