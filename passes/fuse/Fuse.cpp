// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The rules that decide which ops become one kernel.

#include "ir/dialect/Dims.h"
#include "ir/dialect/StateOps.h"
#include "ir/dialect/WalkProducers.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/WholeParts.h"
#include "passes/fuse/Graph.h"
#include "passes/fuse/Structure.h"

namespace dl {
#define GEN_PASS_DEF_FUSE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

/// Larger groups win nothing and take long to compile.
constexpr size_t kMaxGroup = 64;

namespace {

class Fuser {
public:
  explicit Fuser(Block &block) : graph(block) {
    auto function = dyn_cast<func::FuncOp>(block.getParentOp());
    isTraining = function && function->hasAttr(kStateResultsAttr);
  }

  void run() {
    // Later contractions first: what follows several belongs to the last.
    for (Operation *op : llvm::reverse(graph.getOps()))
      if (graph.isFree(op) && getKind(op) == FusionKind::Contraction)
        addContraction(op);
    for (Operation *op : graph.getOps())
      if (getKind(op) == FusionKind::Reduction && graph.isFree(op))
        addAttention(op);
    for (Operation *op : graph.getOps())
      if (getKind(op) == FusionKind::Reduction && graph.isFree(op))
        addReduction(op);
    // Users first: they may take in what is broadcast to them.
    for (Operation *op : llvm::reverse(graph.getOps()))
      if (getKind(op) == FusionKind::Elementwise && graph.isFree(op) &&
          !isCheapMovement(op) && !isFloatRounding(op))
        addElementwise(op);
    for (Operation *op : graph.getOps())
      if (graph.isFree(op) && isRoot(op)) {
        if (isPlaced(op))
          graph.placed.insert(op);
        else
          addRoot(op);
      }
    buildRegions(graph);
  }

private:
  static bool isRoot(Operation *op) {
    if (!isa<FusionInterface>(op) || op->getNumRegions())
      return false;
    return assembles(op) || getKind(op) == FusionKind::Opaque;
  }

  /// Whether an op concatenates what kernels of their own make, each for it, so
  /// that these can write to where it lies.
  bool isPlaced(Operation *op) {
    auto concat = dyn_cast<ConcatOp>(op);
    if (!concat || !hasWholeParts(concat) || isTraining)
      return false;
    llvm::SmallPtrSet<Operation *, 8> makers;
    for (Value part : concat.getOperands()) {
      Operation *maker = part.getDefiningOp();
      auto leadsToOneEnd = [&](Operation *from) {
        return llvm::none_of(from->getUsers(), [&](Operation *user) {
          return user != op && (user->hasTrait<OpTrait::IsTerminator>() ||
                                graph.placed.contains(user));
        });
      };
      while (maker && isa<ReshapeOp>(maker) && leadsToOneEnd(maker))
        maker = maker->getOperand(0).getDefiningOp();
      Group *group = maker ? graph.getGroup(maker) : nullptr;
      if (!group || !leadsToOneEnd(maker) || !makers.insert(maker).second ||
          group->kind == GroupKind::Elementwise ||
          group->kind == GroupKind::Movement)
        return false;
    }
    return makers.size() > 1;
  }

  bool tryJoin(Group *group, Operation *op) {
    if (!graph.isFree(op) || group->ops.size() >= kMaxGroup ||
        !graph.mayJoin(group, op))
      return false;
    graph.join(group, op);
    return true;
  }

  /// Adds the steps of dequantizing what the group makes that lead to `value`.
  void addSteps(Value value, Group *group, SmallVector<Operation *> &steps) {
    SmallVector<Operation *> found;
    Operation *op = value.getDefiningOp();
    for (; op && isDequantization(op) && graph.isFree(op) &&
           !llvm::is_contained(steps, op);
         op = op->getOperand(0).getDefiningOp())
      found.push_back(op);
    if (op && graph.getGroup(op) == group)
      steps.append(found.rbegin(), found.rend());
  }

  /// Takes in an op that reads what the group makes, with the dequantization
  /// that may stand before it, if `accepts` it.
  bool tryJoinReader(Group *group, Operation *op,
                     function_ref<bool(Operation *)> accepts) {
    SmallVector<Operation *> steps, joined;
    while (op && isDequantization(op)) {
      steps.push_back(op);
      op = getOnlyUser(op);
    }
    if (!op || isCheapMovement(op) || !accepts(op))
      return false;
    // What else it reads may be dequantized from the group's bytes, too.
    for (Value operand : op->getOperands())
      addSteps(operand, group, steps);
    steps.push_back(op);
    while (joined.size() < steps.size() && tryJoin(group, steps[joined.size()]))
      joined.push_back(steps[joined.size()]);
    if (joined.size() == steps.size())
      return true;
    for (Operation *step : llvm::reverse(joined))
      graph.leave(group, step);
    return false;
  }

  /// Takes in elementwise ops of the dimensions of `type` that follow the
  /// group.
  void addFollowing(Group *group, Type type) {
    for (size_t i = 0; i < group->ops.size(); ++i)
      for (Operation *user : graph.getUsers(group->ops[i]))
        tryJoinReader(group, user, [&](Operation *op) {
          return getKind(op) == FusionKind::Elementwise &&
                 haveEqualDims(op->getResult(0).getType(), type);
        });
  }

  /// Takes in elementwise ops that only the group reads: of a gradient's
  /// contraction, what the update makes of an optimizer's slots.
  void addPreceding(Group *group, Type type) {
    for (size_t i = 1; i < group->ops.size(); ++i)
      for (Value operand : group->ops[i]->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (producer && graph.isNode(producer) &&
            getKind(producer) == FusionKind::Elementwise &&
            !isCheapMovement(producer) &&
            haveEqualDims(producer->getResult(0).getType(), type) &&
            graph.isUsedOnlyIn(producer, group))
          tryJoin(group, producer);
      }
  }

  /// The only user of the op, or null.
  Operation *getOnlyUser(Operation *op) {
    ArrayRef<Operation *> users = graph.getUsers(op);
    return users.size() == 1 ? users.front() : nullptr;
  }

  void addContraction(Operation *op) {
    Group *group = graph.createGroup(GroupKind::Contraction, op);
    // A permutation of the outer dimensions only changes where rows are stored.
    Operation *last = op;
    if (Operation *user = getOnlyUser(op);
        user && permutesOuterDims(user) && tryJoin(group, user))
      last = user;
    addFollowing(group, last->getResult(0).getType());
    if (isTraining)
      addPreceding(group, last->getResult(0).getType());
  }

  /// Whether elements follow from their positions alone, perhaps with more
  /// dimensions of size 1.
  bool isOfPositions(Value value) {
    auto visit = [&](Value below) {
      Operation *op = below.getDefiningOp();
      if (!op)
        return WalkResult::interrupt();
      if (below != value && !graph.isNode(op))
        return WalkResult::skip();
      bool isPlaced = getKind(op) == FusionKind::Elementwise ||
                      (isa<ReshapeOp>(op) && isCheapMovement(op));
      return graph.isFree(op) && isPlaced ? WalkResult::advance()
                                          : WalkResult::interrupt();
    };
    return !walkProducers(value, visit).wasInterrupted();
  }

  /// Takes in what only the group reads and is made of positions alone, as a
  /// mask of what comes before: to compute it is less than to read it.
  void addPositions(Group *group) {
    for (size_t i = 0; i < group->ops.size(); ++i)
      for (Value operand : group->ops[i]->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && isOfPositions(operand) &&
            graph.isUsedOnlyIn(producer, group))
          tryJoin(group, producer);
  }

  /// Whether an op multiplies weights of this type by the scales of quantized
  /// values, which have a place in memory.
  static bool scalesWeights(Operation *op, RankedTensorType type) {
    return isa<MulOp>(op) && type &&
           haveEqualDims(op->getResult(0).getType(), type) &&
           llvm::any_of(op->getOperands(), [](Value operand) {
             Operation *producer = operand.getDefiningOp();
             while (producer && isa<ReshapeOp, SliceOp, TransposeOp>(producer))
               producer = producer->getOperand(0).getDefiningOp();
             return producer && isa<InsertOp>(producer);
           });
  }

  /// scores -> normalization of rows -> product with another tensor.
  void addAttention(Operation *normalizer) {
    auto type = dyn_cast<RankedTensorType>(normalizer->getResult(0).getType());
    Operation *producer = normalizer->getOperand(0).getDefiningOp();
    Operation *second = getOnlyUser(normalizer), *between = nullptr;
    if (second && (isFloatRounding(second) || scalesWeights(second, type))) {
      between = second;
      second = getOnlyUser(between);
    }
    Value weights = (between ? between : normalizer)->getResult(0);
    Group *scores = producer ? graph.getGroup(producer) : nullptr;
    if (!type || !normalizesAlong(normalizer, type.getRank() - 1) || !scores ||
        scores->kind != GroupKind::Contraction || !second ||
        !isPlainProduct(second) || second->getOperand(0) != weights ||
        second->getOperand(1) == weights)
      return;
    Group *mix = graph.getGroup(second);
    Operation *first = scores->ops.front();
    if (!mix || mix == scores || mix->kind != GroupKind::Contraction ||
        !isPlainProduct(first) ||
        !haveEqualDims(first->getResult(0).getType(), type))
      return;
    for (Operation *op : scores->ops)
      for (Operation *user : graph.getUsers(op))
        if (user != normalizer && graph.getGroup(user) != scores)
          return;
    if (llvm::any_of(scores->ops, permutesOuterDims) ||
        !graph.mayJoin(scores, normalizer))
      return;
    graph.join(scores, normalizer);
    if (between)
      graph.join(scores, between);
    if (!graph.mayMerge(scores, mix)) {
      // Cannot be: the product is the normalizer's only user.
      return;
    }
    graph.merge(scores, mix);
    scores->kind = GroupKind::Attention;
    addPositions(scores);
  }

  void addReduction(Operation *op) {
    std::optional<SmallVector<int64_t>> axes = getReducedAxes(op);
    if (!axes) {
      Group *group = graph.createGroup(GroupKind::Window, op);
      addFollowing(group, op->getResult(0).getType());
      return;
    }
    auto full = cast<RankedTensorType>(op->getOperand(0).getType());
    Group *group = graph.createGroup(GroupKind::Reduction, op);
    auto belongs = [&](Operation *other, bool follows) {
      // Bytes are read again rather than computed again: what made them may be
      // reductions themselves.
      if (Operation *producer = other->getNumOperands()
                                    ? other->getOperand(0).getDefiningOp()
                                    : nullptr;
          producer && getKind(other) == FusionKind::Reduction &&
          isDequantization(producer))
        return false;
      if (getKind(other) == FusionKind::Reduction) {
        std::optional<SmallVector<int64_t>> otherAxes = getReducedAxes(other);
        return otherAxes && *otherAxes == *axes &&
               haveEqualDims(other->getOperand(0).getType(), full);
      }
      if (getKind(other) != FusionKind::Elementwise || isCheapMovement(other))
        return false;
      Type type = other->getResult(0).getType();
      return haveEqualDims(type, full) ||
             (follows && isReducedShape(type, full, *axes));
    };
    // What the update of a bias makes of an optimizer's slots.
    auto precedesUpdate = [&](Operation *producer) {
      return isTraining && graph.isUsedOnlyIn(producer, group) &&
             belongs(producer, /*follows=*/true);
    };
    // One number that many wait for, as whether a loss is finite, is not kept
    // back until what one of them needs is there, too.
    constexpr size_t kMany = 4;
    auto isNumber = [](Operation *op) {
      auto type = cast<RankedTensorType>(op->getResult(0).getType());
      return type.hasStaticShape() && type.getNumElements() == 1;
    };
    auto isAwaited = [&](Operation *member, Operation *reader) {
      return isTraining && graph.getUsers(member).size() > kMany &&
             isNumber(member) && !isNumber(reader);
    };
    for (size_t i = 0; i < group->ops.size(); ++i) {
      Operation *member = group->ops[i];
      for (Operation *user : graph.getUsers(member))
        tryJoinReader(group, user, [&](Operation *reader) {
          return graph.isFree(reader) && belongs(reader, /*follows=*/true) &&
                 !isAwaited(member, reader);
        });
      for (Value operand : member->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && graph.isFree(producer) &&
            getKind(producer) == FusionKind::Elementwise &&
            (belongs(producer, /*follows=*/false) || precedesUpdate(producer)))
          tryJoin(group, producer);
    }
  }

  void addElementwise(Operation *op) {
    Group *group = graph.createGroup(GroupKind::Elementwise, op);
    Type type = op->getResult(0).getType();
    auto belongs = [&](Operation *other) {
      return graph.isFree(other) && getKind(other) == FusionKind::Elementwise &&
             !isCheapMovement(other) &&
             haveEqualDims(other->getResult(0).getType(), type);
    };
    for (size_t i = 0; i < group->ops.size(); ++i) {
      Operation *member = group->ops[i];
      for (Operation *user : graph.getUsers(member))
        tryJoinReader(group, user, belongs);
      for (Value operand : member->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (!producer || !graph.isFree(producer))
          continue;
        // Cheap ops on what is broadcast are computed again for each element.
        if (belongs(producer) ||
            (getKind(producer) == FusionKind::Elementwise &&
             !isExpensive(producer) && graph.isUsedOnlyIn(producer, group)))
          tryJoin(group, producer);
      }
    }
  }

  /// Ops that end a kernel take in the elementwise ops that they alone use.
  void addRoot(Operation *op) {
    Group *group = graph.createGroup(
        assembles(op) ? GroupKind::Assembly : GroupKind::Opaque, op);
    if (readsMemory(op))
      return;
    for (size_t i = 0; i < group->ops.size(); ++i)
      for (Value operand : group->ops[i]->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        Group *other = producer ? graph.getGroup(producer) : nullptr;
        if (!other || other == group || other->kind != GroupKind::Elementwise ||
            other->ops.size() + group->ops.size() > kMaxGroup)
          continue;
        bool isPrivate = llvm::all_of(other->ops, [&](Operation *member) {
          return llvm::all_of(graph.getUsers(member), [&](Operation *user) {
            Group *at = graph.getGroup(user);
            return at == other || at == group;
          });
        });
        if (isPrivate && graph.mayMerge(group, other))
          graph.merge(group, other);
      }
  }

  Graph graph;
  bool isTraining = false; // a step, which updates states
};

/// Sizes that an op reads from memory are written there by a kernel, as the
/// result of a conversion that changes nothing.
static void storeSizes(Block &block) {
  for (Operation &op : block) {
    if (!isa<AllReduceOp, BindOp, HostCallOp, InsertOp, ScanOp>(op) &&
        !isRuntimeCall(&op) && !isRuntimeStep(&op) &&
        !op.hasTrait<OpTrait::IsTerminator>())
      continue;
    for (OpOperand &operand : op.getOpOperands()) {
      auto sizes = operand.get().getDefiningOp<SizesOp>();
      if (!sizes)
        continue;
      OpBuilder builder(&op);
      operand.set(CastOp::create(builder, sizes.getLoc(), sizes.getType(),
                                 sizes.getResult()));
    }
  }
}

/// Gives each reader of dequantized bytes its own dequantization, so that a
/// kernel takes it in or reads through it.
static void separateDequantization(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (!isDequantization(&op))
      continue;
    for (OpOperand &use : llvm::make_early_inc_range(op.getUses())) {
      if (op.hasOneUse() || use.getOwner()->getBlock() != &block)
        continue;
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(op)->getResult(0));
    }
  }
}

class Fuse : public ::dl::impl::FuseBase<Fuse> {
  using FuseBase::FuseBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!isModelFunction(function))
      return;
    SmallVector<Block *> blocks{&function.getBody().front()};
    function.walk([&](Operation *op) {
      if (isa<IfOp, LoopOp, ScanOp>(op))
        for (Region &region : op->getRegions())
          blocks.push_back(&region.front());
    });
    for (Block *block : blocks) {
      storeSizes(*block);
      separateDequantization(*block);
      Fuser(*block).run();
    }
  }
};

} // namespace
