// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Forest.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Constants.h"
#include <cmath>
#include <limits>

using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

/// The largest number of the type below `value`; NaN, to which nothing
/// compares, where there is none.
static double getBelow(double value, FloatType type) {
  if (std::isnan(value) || value == -kInfinity)
    return kNaN;
  return type.isF32() ? std::nextafter(static_cast<float>(value), -INFINITY)
                      : std::nextafter(value, -kInfinity);
}

LogicalResult Forest::setDecision(int64_t number, const Decision &decision) {
  ForestNode &node = nodes[number];
  node.feature = decision.feature;
  node.takesMissing = decision.takesMissing;
  node.onTrue = decision.onTrue;
  node.onFalse = decision.onFalse;
  double value =
      type.isF32() ? static_cast<float>(decision.value) : decision.value;
  StringRef mode = decision.mode;
  if (decision.feature < 0 || decision.feature >= numFeatures)
    return context.invalid("a node asks feature " + Twine(decision.feature) +
                           " of " + Twine(numFeatures));
  bool exchange =
      mode == "BRANCH_GTE" || mode == "BRANCH_GT" || mode == "BRANCH_NEQ";
  // The opposite of a comparison with NaN holds.
  if (exchange) {
    std::swap(node.onTrue, node.onFalse);
    node.takesMissing = !node.takesMissing;
    if (mode == "BRANCH_NEQ")
      node.takesMissing = false;
  }
  if (mode == "BRANCH_LEQ" || mode == "BRANCH_GT") {
    node.threshold = value;
    if (std::isnan(value) && exchange)
      return context.unsupported("a threshold is NaN");
    return success();
  }
  if (mode == "BRANCH_LT" || mode == "BRANCH_GTE") {
    node.threshold = getBelow(value, type);
    if (std::isnan(value) && exchange)
      return context.unsupported("a threshold is NaN");
    return success();
  }
  if (mode != "BRANCH_EQ" && mode != "BRANCH_NEQ" && mode != "BRANCH_MEMBER")
    return context.unsupported("a node's mode is " + mode);
  Equality key{decision.feature, {value}, node.takesMissing};
  if (mode == "BRANCH_MEMBER") {
    key.values.assign(decision.members.begin(), decision.members.end());
    if (key.values.empty())
      return context.invalid("a node has no members to compare with");
  }
  auto [entry, isNew] =
      equalities.try_emplace(key, numFeatures + equalities.size());
  node.feature = entry->second;
  node.threshold = 0.5;
  node.takesMissing = false;
  return success();
}

/// All equalities at once: [N, columns, values of each].
Value Forest::addColumns(Value x) {
  if (equalities.empty())
    return x;
  Arithmetic math(context);
  size_t most = 0;
  for (auto &[key, column] : equalities)
    most = std::max(most, key.values.size());
  int64_t count = equalities.size(), width = most;
  SmallVector<int64_t> features(count);
  SmallVector<double> values(count * width), missing(count);
  bool anyMissing = false;
  for (auto &[key, column] : equalities) {
    int64_t k = column - numFeatures;
    features[k] = key.feature;
    missing[k] = key.takesMissing;
    anyMissing |= key.takesMissing;
    for (int64_t i = 0; i < width; ++i)
      values[k * width + i] =
          key.values[std::min<size_t>(i, key.values.size() - 1)];
  }
  Value asked =
      context.create<GatherOp>(x, context.intConstant(features), int64_t(1));
  if (!asked)
    return Value();
  SmallVector<AffineExpr> dims = NodeContext::dims(asked);
  dims.push_back(context.constantExpr(1));
  Value equal =
      context.cast(math.compare(Predicate::Eq, context.reshape(asked, dims),
                                math.constant(values, {count, width}, type)),
                   type);
  Value any = math.reduce(ReduceKind::Max, equal, {2}, /*keepDims=*/false);
  if (anyMissing)
    any = math.max(any,
                   math.mul(context.cast(context.create<IsNanOp>(asked), type),
                            math.constant(missing, {count}, type)));
  Value columns = math.sub(1.0, any);
  if (!columns)
    return Value();
  return context.create<ConcatOp>(SmallVector<Value>{x, columns}, int64_t(1));
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// Finds the depth and size of each tree. Nodes that several branches lead to
/// count as often.
LogicalResult Forest::measure() {
  constexpr int64_t kMaxDepth = 4096, kMaxSize = 1 << 24;
  int64_t total = 0;
  for (int64_t root : roots) {
    int64_t depth = 0, size = 0;
    SmallVector<std::pair<int64_t, int64_t>> stack{{root, 0}};
    while (!stack.empty()) {
      auto [at, level] = stack.pop_back_val();
      depth = std::max(depth, level);
      if (level > kMaxDepth || ++total > kMaxSize)
        return context.unsupported("its trees have a cycle, more than " +
                                   Twine(kMaxDepth) + " levels or " +
                                   Twine(kMaxSize) + " nodes");
      ++size;
      if (nodes[at].isLeaf)
        continue;
      stack.push_back({nodes[at].onTrue, level + 1});
      stack.push_back({nodes[at].onFalse, level + 1});
    }
    depths.push_back(depth);
    sizes.push_back(size);
  }
  return success();
}

/// Trees that are nearly perfect are filled up: a step then needs no pointer.
/// Others, whose gaps would take more memory than pointers, are linked.
void Forest::divideByDepth(ArrayRef<int64_t> trees, ArrayRef<int64_t> targets,
                           std::vector<Group> &groups) const {
  constexpr int64_t kMaxPerfectDepth = 14, kMaxGap = 4;
  auto fits = [&](int64_t tree, int64_t depth) {
    return depth <= kMaxPerfectDepth &&
           (depth <= 4 || (int64_t(2) << depth) <= kMaxGap * sizes[tree]);
  };
  std::map<int64_t, Group> perfect;
  Group linked;
  linked.isPerfect = false;
  // Most ensembles have one limit of depth that most of their trees reach.
  int64_t most = 0, gaps = 0, all = 0;
  for (int64_t tree : trees) {
    most = std::max(most, depths[tree]);
    all += sizes[tree];
  }
  if (most <= kMaxPerfectDepth)
    gaps = static_cast<int64_t>(trees.size()) * (int64_t(2) << most);
  bool together =
      most <= 4 || (most <= kMaxPerfectDepth && gaps <= kMaxGap * all);
  for (int64_t tree : trees) {
    // A tree that is one leaf has a node above it: no array is empty.
    int64_t depth = std::max<int64_t>(together ? most : depths[tree], 1);
    Group &group = together || fits(tree, depth) ? perfect[depth] : linked;
    group.roots.push_back(roots[tree]);
    group.depth = std::max(group.depth, depth);
  }
  for (auto &[depth, group] : perfect)
    groups.push_back(std::move(group));
  if (!linked.roots.empty())
    groups.push_back(std::move(linked));
  for (Group &group : groups)
    if (group.targets.empty())
      group.targets.assign(targets.begin(), targets.end());
}

/// Trees that vote for one target each are summed for that target alone.
std::vector<Forest::Group> Forest::divide(int64_t targets) const {
  std::vector<Group> groups;
  SmallVector<SmallVector<int64_t>> byTarget(targets);
  SmallVector<int64_t> all;
  bool single = targets > 1;
  for (auto [tree, root] : llvm::enumerate(roots)) {
    all.push_back(tree);
    int64_t target = -1;
    SmallVector<int64_t> stack{root};
    while (single && !stack.empty()) {
      const ForestNode &node = nodes[stack.pop_back_val()];
      if (!node.isLeaf) {
        stack.push_back(node.onTrue);
        stack.push_back(node.onFalse);
      }
      for (auto [voted, weight] : node.votes) {
        single &= target < 0 || target == voted;
        target = voted;
      }
    }
    if (single && target >= 0)
      byTarget[target].push_back(tree);
  }
  if (single) {
    for (auto [target, trees] : llvm::enumerate(byTarget))
      if (!trees.empty())
        divideByDepth(trees, {static_cast<int64_t>(target)}, groups);
    return groups;
  }
  divideByDepth(all, range(0, targets), groups);
  return groups;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// The arrays of dl.tree_ensemble.
struct Forest::Tables {
  SmallVector<double> thresholds, leaves;
  SmallVector<int32_t> features, children;
  SmallVector<int64_t> columns; // by target
  int64_t targets;
  double noVote; // where a leaf has no vote for a target

  /// Nodes that lead nowhere but to what step 0 leads to.
  void resize(int64_t nodes, int64_t ends) {
    thresholds.assign(nodes, kNaN);
    features.assign(nodes, 0);
    leaves.assign(ends * targets, noVote);
  }
  void set(int64_t at, const ForestNode &node) {
    thresholds[at] = node.threshold;
    features[at] = static_cast<int32_t>(node.takesMissing ? -1 - node.feature
                                                          : node.feature);
  }
  void setLeaf(int64_t at, const ForestNode &node) {
    for (auto [target, weight] : node.votes) {
      double &value = leaves[at * targets + columns[target]];
      value = value == noVote ? weight : value + weight;
    }
  }
};

void Forest::fillPerfect(const Group &group, Tables &tables) const {
  int64_t trees = group.roots.size();
  tables.resize(trees * ((int64_t(1) << group.depth) - 1),
                trees << group.depth);
  struct Place {
    int64_t node, level, position;
  };
  SmallVector<Place> stack;
  for (auto [tree, root] : llvm::enumerate(group.roots))
    stack.push_back({root, 0, static_cast<int64_t>(tree)});
  while (!stack.empty()) {
    auto [number, level, position] = stack.pop_back_val();
    const ForestNode &node = nodes[number];
    if (node.isLeaf) {
      tables.setLeaf(position << (group.depth - level), node);
      continue;
    }
    tables.set(trees * ((int64_t(1) << level) - 1) + position, node);
    stack.push_back({node.onFalse, level + 1, 2 * position});
    stack.push_back({node.onTrue, level + 1, 2 * position + 1});
  }
}

void Forest::fillLinked(const Group &group, Tables &tables) const {
  // Breadth first, so that the upper levels, which all rows read, lie together.
  SmallVector<int64_t> placed(group.roots);
  for (size_t i = 0; i < placed.size(); ++i)
    if (const ForestNode &node = nodes[placed[i]]; !node.isLeaf) {
      tables.children.push_back(static_cast<int32_t>(placed.size()));
      placed.push_back(node.onFalse);
      placed.push_back(node.onTrue);
    } else {
      tables.children.push_back(static_cast<int32_t>(i));
    }
  tables.resize(placed.size(), placed.size());
  for (auto [i, number] : llvm::enumerate(placed)) {
    const ForestNode &node = nodes[number];
    if (node.isLeaf)
      tables.setLeaf(i, node);
    else
      tables.set(i, node);
  }
}

Value Forest::createTable(ArrayRef<double> values, ArrayRef<int64_t> shape) {
  auto tensor = RankedTensorType::get(shape, type);
  if (type.isF64())
    return context.constant(makeElements(
        tensor, ArrayRef<char>(reinterpret_cast<const char *>(values.data()),
                               values.size() * sizeof(double))));
  SmallVector<float> narrow(values.begin(), values.end());
  return context.constant(makeElements(
      tensor, ArrayRef<char>(reinterpret_cast<const char *>(narrow.data()),
                             narrow.size() * sizeof(float))));
}

Value Forest::create(const Group &group, Value x, Aggregate aggregate,
                     ArrayRef<double> base) {
  Tables tables;
  tables.targets = group.targets.size();
  tables.noVote = aggregate == Aggregate::Min   ? kInfinity
                  : aggregate == Aggregate::Max ? -kInfinity
                                                : 0.0;
  for (auto [column, target] : llvm::enumerate(group.targets)) {
    tables.columns.resize(std::max<int64_t>(tables.columns.size(), target + 1));
    tables.columns[target] = column;
  }
  if (group.isPerfect)
    fillPerfect(group, tables);
  else
    fillLinked(group, tables);
  if (aggregate == Aggregate::Average)
    for (double &value : tables.leaves)
      value /= static_cast<double>(roots.size());
  int64_t count = tables.thresholds.size();
  auto createNumbers = [&](ArrayRef<int32_t> numbers) {
    return context.constant(makeElements(
        RankedTensorType::get({count}, context.builder.getI32Type()),
        ArrayRef<char>(reinterpret_cast<const char *>(numbers.data()),
                       numbers.size() * sizeof(int32_t))));
  };
  ReduceKind kind = aggregate == Aggregate::Min   ? ReduceKind::Min
                    : aggregate == Aggregate::Max ? ReduceKind::Max
                                                  : ReduceKind::Sum;
  bool missing = llvm::any_of(tables.features,
                              [](int32_t feature) { return feature < 0; });
  int64_t ends = tables.leaves.size() / tables.targets;
  // A null value as an argument of its own would stand for a failure.
  struct OptionalOperand {
    Value value;
    operator Value() const { return value; }
  };
  return context.create<TreeEnsembleOp>(
      kind, x, createTable(tables.thresholds, {count}),
      createNumbers(tables.features),
      createTable(tables.leaves, {ends, tables.targets}),
      createTable(base, {tables.targets}),
      OptionalOperand{group.isPerfect ? Value()
                                      : createNumbers(tables.children)},
      static_cast<int64_t>(group.roots.size()), group.depth, missing);
}

Value Forest::evaluate(Value x, int64_t targets, Aggregate aggregate,
                       ArrayRef<double> base) {
  Arithmetic math(context);
  if (failed(measure()))
    return Value();
  // Each leaf has a number for each target, and each target may have a table.
  constexpr int64_t kMaxTargets = int64_t(1) << 16, kMaxTable = 1 << 27;
  int64_t size = 0;
  for (int64_t own : sizes)
    size += own;
  if (targets > kMaxTargets || size * targets > kMaxTable) {
    (void)context.unsupported("its " + Twine(size) + " nodes for " +
                              Twine(targets) + " targets are too many");
    return Value();
  }
  x = addColumns(x);
  if (!x)
    return Value();
  bool isSum = aggregate == Aggregate::Sum || aggregate == Aggregate::Average;
  std::vector<Group> groups = divide(targets);
  // Sums start from the base; of others it is added at the end.
  SmallVector<Value> byTarget(targets);
  Value whole;
  for (const Group &group : groups) {
    bool isWhole = static_cast<int64_t>(group.targets.size()) == targets;
    Value &sum = isWhole ? whole : byTarget[group.targets.front()];
    SmallVector<double> start(group.targets.size(), 0.0);
    if (isSum && !sum && !base.empty())
      for (auto [value, target] : llvm::zip(start, group.targets))
        value = base[target];
    Value part = create(group, x, aggregate, start);
    if (!part)
      return Value();
    sum = !sum                          ? part
          : aggregate == Aggregate::Min ? math.min(sum, part)
          : aggregate == Aggregate::Max ? math.max(sum, part)
                                        : math.add(sum, part);
  }
  if (!whole) {
    AffineExpr one = context.constantExpr(1);
    for (auto [target, sum] : llvm::enumerate(byTarget))
      if (!sum)
        sum = context.broadcast(
            context.splat(isSum && !base.empty() ? base[target] : 0.0, type,
                          {1, 1}),
            {NodeContext::dim(x, 0), one});
    whole = context.create<ConcatOp>(byTarget, int64_t(1));
  }
  if (isSum || !whole)
    return whole;
  // What no tree votes for counts as 0.
  whole = math.select(math.compare(Predicate::Eq, math.abs(whole), kInfinity),
                      0.0, whole);
  return base.empty() ? whole
                      : math.add(whole, math.constant(base, {targets}, type));
}
