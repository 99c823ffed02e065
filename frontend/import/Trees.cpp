// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: ensembles of decision trees.

#include "frontend/import/Families.h"
#include "frontend/import/Forest.h"
#include "frontend/import/Scores.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

/// The input as rows [N, features] of f32 or, for doubles, of f64; null where
/// it has no such form, which is reported.
static Value getRows(NodeContext &context) {
  Value x = context.input(0);
  if (NodeContext::rank(x) == 1)
    x = context.reshape(x, {context.constantExpr(1), NodeContext::dim(x, 0)});
  if (!x)
    return Value();
  if (NodeContext::rank(x) != 2) {
    (void)context.invalid("its input has rank " + Twine(NodeContext::rank(x)) +
                          ", expected 1 or 2");
    return Value();
  }
  if (NodeContext::type(x).isDynamicDim(1)) {
    (void)context.unsupported("its number of features is not known");
    return Value();
  }
  Type element = NodeContext::elementType(x);
  return context.cast(x, element.isF64() ? element
                                         : Type(context.builder.getF32Type()));
}

//===----------------------------------------------------------------------===//
// Trees as lists of nodes: TreeEnsembleRegressor, TreeEnsembleClassifier
//===----------------------------------------------------------------------===//

namespace {

/// Nodes by the number of their tree and their own.
using NodeNumbers = std::map<std::pair<int64_t, int64_t>, int64_t>;

} // namespace

/// Attribute `name`, or the tensor `name`_as_tensor; empty where neither is
/// given.
static SmallVector<double> getNumbers(NodeContext &context, StringRef name) {
  if (auto tensor = context.getTensorFloats((name + "_as_tensor").str()))
    return *tensor;
  SmallVector<double> result;
  if (auto floats = context.getFloats(name))
    result.append(floats->begin(), floats->end());
  return result;
}

static SmallVector<int64_t> getList(NodeContext &context, StringRef name) {
  return context.getInts(name).value_or(SmallVector<int64_t>());
}

static LogicalResult readNodes(NodeContext &context, Forest &forest,
                               NodeNumbers &numbers) {
  SmallVector<int64_t> trees = getList(context, "nodes_treeids"),
                       ids = getList(context, "nodes_nodeids"),
                       features = getList(context, "nodes_featureids"),
                       onTrue = getList(context, "nodes_truenodeids"),
                       onFalse = getList(context, "nodes_falsenodeids"),
                       missing =
                           getList(context, "nodes_missing_value_tracks_true");
  auto modes =
      context.getStrings("nodes_modes").value_or(SmallVector<std::string>());
  SmallVector<double> values = getNumbers(context, "nodes_values");
  size_t count = trees.size();
  for (size_t size : {ids.size(), features.size(), onTrue.size(),
                      onFalse.size(), modes.size(), values.size()})
    if (size != count)
      return context.invalid("it describes " + Twine(count) +
                             " nodes by lists of " + Twine(size));
  if (!missing.empty() && missing.size() != count)
    return context.invalid("nodes_missing_value_tracks_true has " +
                           Twine(missing.size()) + " entries for " +
                           Twine(count) + " nodes");
  for (size_t i = 0; i < count; ++i)
    if (!numbers.try_emplace({trees[i], ids[i]}, i).second)
      return context.invalid("tree " + Twine(trees[i]) + " has two nodes " +
                             Twine(ids[i]));
  forest.nodes.resize(count);
  std::vector<bool> isChild(count, false);
  for (size_t i = 0; i < count; ++i) {
    if (modes[i] == "LEAF") {
      forest.nodes[i].isLeaf = true;
      continue;
    }
    int64_t children[2];
    for (auto [id, child] : {std::pair(onTrue[i], &children[0]),
                             std::pair(onFalse[i], &children[1])}) {
      auto found = numbers.find({trees[i], id});
      if (found == numbers.end())
        return context.invalid("tree " + Twine(trees[i]) + " has no node " +
                               Twine(id));
      *child = found->second;
      isChild[found->second] = true;
    }
    if (failed(forest.setDecision(i, {modes[i],
                                      features[i],
                                      values[i],
                                      !missing.empty() && missing[i] != 0,
                                      children[0],
                                      children[1],
                                      {}})))
      return failure();
  }
  std::map<int64_t, int64_t> rootOf;
  for (size_t i = 0; i < count; ++i)
    if (!isChild[i]) {
      if (!rootOf.try_emplace(trees[i], i).second)
        return context.invalid("tree " + Twine(trees[i]) + " has two roots");
      forest.roots.push_back(i);
    }
  for (int64_t tree : trees)
    if (!rootOf.count(tree))
      return context.invalid("tree " + Twine(tree) + " has no root");
  return success();
}

/// What leaves vote for: the lists `prefix`_treeids and so on.
static LogicalResult readVotes(NodeContext &context, StringRef prefix,
                               int64_t targets, const NodeNumbers &numbers,
                               Forest &forest) {
  auto list = [&](StringRef name) {
    return getList(context, (prefix + name).str());
  };
  SmallVector<int64_t> trees = list("_treeids"), ids = list("_nodeids"),
                       votes = list("_ids");
  SmallVector<double> weights =
      getNumbers(context, (prefix + "_weights").str());
  for (size_t size : {ids.size(), votes.size(), weights.size()})
    if (size != trees.size())
      return context.invalid("it describes " + Twine(trees.size()) +
                             " weights by lists of " + Twine(size));
  for (size_t i = 0; i < trees.size(); ++i) {
    auto found = numbers.find({trees[i], ids[i]});
    if (found == numbers.end())
      return context.invalid("tree " + Twine(trees[i]) + " has no node " +
                             Twine(ids[i]));
    if (votes[i] < 0 || votes[i] >= targets)
      return context.invalid("a leaf votes for number " + Twine(votes[i]) +
                             " of " + Twine(targets));
    // Runtimes ignore weights of inner nodes.
    forest.nodes[found->second].votes.push_back({votes[i], weights[i]});
  }
  return success();
}

static std::optional<Aggregate> getAggregate(StringRef name) {
  if (name == "SUM")
    return Aggregate::Sum;
  if (name == "AVERAGE")
    return Aggregate::Average;
  if (name == "MIN")
    return Aggregate::Min;
  if (name == "MAX")
    return Aggregate::Max;
  return std::nullopt;
}

static LogicalResult importRegressor(NodeContext &context) {
  Value x = getRows(context);
  if (!x)
    return failure();
  int64_t targets = context.getInt("n_targets", 1);
  std::string name = context.getString("aggregate_function", "SUM");
  auto aggregate = getAggregate(name);
  auto transform = getPostTransform(context);
  if (!aggregate)
    return context.invalid("aggregate_function is " + name);
  if (!transform)
    return failure();
  if (targets < 1)
    return context.invalid("n_targets is " + Twine(targets));
  SmallVector<double> base = getNumbers(context, "base_values");
  if (!base.empty() && static_cast<int64_t>(base.size()) != targets)
    return context.invalid("it has " + Twine(base.size()) +
                           " base values for " + Twine(targets) + " targets");
  Forest forest(context, cast<FloatType>(NodeContext::elementType(x)),
                NodeContext::type(x).getDimSize(1));
  NodeNumbers numbers;
  if (failed(readNodes(context, forest, numbers)) ||
      failed(readVotes(context, "target", targets, numbers, forest)))
    return failure();
  Value sums = forest.evaluate(x, targets, *aggregate, base);
  return context.setResults(
      context.cast(transformTargets(context, sums, *transform, targets),
                   context.builder.getF32Type()));
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

static LogicalResult importClassifier(NodeContext &context) {
  Value x = getRows(context);
  if (!x)
    return failure();
  auto labels = getClassLabels(context, "classlabels_int64s");
  if (!labels)
    return failure();
  auto transform = getPostTransform(context);
  if (!transform)
    return failure();
  int64_t classes = labels->size();
  SmallVector<double> base = getNumbers(context, "base_values");
  Forest forest(context, cast<FloatType>(NodeContext::elementType(x)),
                NodeContext::type(x).getDimSize(1));
  NodeNumbers numbers;
  if (failed(readNodes(context, forest, numbers)) ||
      failed(readVotes(context, "class", classes, numbers, forest)))
    return failure();
  // Which classes have votes, as runtimes count them: of all nodes.
  ClassVotes votes;
  votes.voted.resize(classes);
  for (const ForestNode &node : forest.nodes)
    for (auto [target, weight] : node.votes) {
      votes.voted.set(target);
      votes.anyNegative |= weight < 0;
    }
  votes.base.assign(base.begin(), base.end());
  if (classes > 2 && !base.empty() &&
      static_cast<int64_t>(base.size()) != classes)
    return context.invalid("it has " + Twine(base.size()) +
                           " base values for " + Twine(classes) + " classes");
  if (classes > 2)
    votes.base.clear();
  else
    base.clear();
  votes.scores = forest.evaluate(x, classes, Aggregate::Sum, base);
  return finishClassifier(context, votes, *labels, *transform);
}

//===----------------------------------------------------------------------===//
// TreeEnsemble, from version 5 of ai.onnx.ml on
//===----------------------------------------------------------------------===//

/// The values that follow one another for each node of mode BRANCH_MEMBER, with
/// NaN after each node's.
static SmallVector<SmallVector<double>> splitMembers(ArrayRef<double> members) {
  SmallVector<SmallVector<double>> result;
  SmallVector<double> current;
  for (double value : members) {
    if (value == value) {
      current.push_back(value);
      continue;
    }
    result.push_back(std::move(current));
    current.clear();
  }
  if (!current.empty())
    result.push_back(std::move(current));
  return result;
}

static LogicalResult importTreeEnsemble(NodeContext &context) {
  Value x = getRows(context);
  if (!x)
    return failure();
  static constexpr StringLiteral kModes[] = {
      "BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",   "BRANCH_GT",
      "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER"};
  static constexpr Aggregate kAggregates[] = {
      Aggregate::Average, Aggregate::Sum, Aggregate::Min, Aggregate::Max};
  int64_t targets = context.getInt("n_targets", 1);
  int64_t aggregate = context.getInt("aggregate_function", 1);
  auto transform =
      getPostTransform(context, context.getInt("post_transform", 0));
  if (!transform)
    return failure();
  if (targets < 1 || aggregate < 0 || aggregate > 3)
    return context.invalid("n_targets is " + Twine(targets) +
                           ", aggregate_function " + Twine(aggregate));
  SmallVector<int64_t> features = getList(context, "nodes_featureids"),
                       onTrue = getList(context, "nodes_truenodeids"),
                       onFalse = getList(context, "nodes_falsenodeids"),
                       trueLeaf = getList(context, "nodes_trueleafs"),
                       falseLeaf = getList(context, "nodes_falseleafs"),
                       missing =
                           getList(context, "nodes_missing_value_tracks_true"),
                       roots = getList(context, "tree_roots"),
                       votes = getList(context, "leaf_targetids");
  auto floats = [&](StringRef name) {
    return context.getTensorFloats(name).value_or(SmallVector<double>());
  };
  SmallVector<double> splits = floats("nodes_splits"),
                      weights = floats("leaf_weights");
  SmallVector<int64_t> modes =
      context.getTensorInts("nodes_modes").value_or(SmallVector<int64_t>());
  auto members = splitMembers(floats("membership_values"));
  size_t count = features.size(), leaves = weights.size();
  for (size_t size :
       {onTrue.size(), onFalse.size(), trueLeaf.size(), falseLeaf.size(),
        splits.size(), modes.size(), missing.empty() ? count : missing.size()})
    if (size != count)
      return context.invalid("it describes " + Twine(count) +
                             " nodes by lists of " + Twine(size));
  if (votes.size() != leaves)
    return context.invalid("it describes " + Twine(leaves) +
                           " leaves by lists of " + Twine(votes.size()));
  Forest forest(context, cast<FloatType>(NodeContext::elementType(x)),
                NodeContext::type(x).getDimSize(1));
  // Nodes, then leaves.
  forest.nodes.resize(count + leaves);
  for (size_t i = 0; i < leaves; ++i) {
    ForestNode &leaf = forest.nodes[count + i];
    leaf.isLeaf = true;
    if (votes[i] < 0 || votes[i] >= targets)
      return context.invalid("a leaf votes for number " + Twine(votes[i]) +
                             " of " + Twine(targets));
    leaf.votes.push_back({votes[i], weights[i]});
  }
  size_t nextMembers = 0;
  for (size_t i = 0; i < count; ++i) {
    int64_t children[2];
    for (auto [id, isLeaf, child] :
         {std::tuple(onTrue[i], trueLeaf[i], &children[0]),
          std::tuple(onFalse[i], falseLeaf[i], &children[1])}) {
      int64_t end = isLeaf ? leaves : count;
      if (id < 0 || id >= end)
        return context.invalid("a branch leads to " +
                               Twine(isLeaf ? "leaf " : "node ") + Twine(id) +
                               " of " + Twine(end));
      *child = isLeaf ? count + id : id;
    }
    if (modes[i] < 0 || modes[i] > 6)
      return context.invalid("a node's mode is " + Twine(modes[i]));
    ArrayRef<double> values;
    if (modes[i] == 6 && nextMembers < members.size())
      values = members[nextMembers++];
    if (failed(forest.setDecision(i, {kModes[modes[i]], features[i], splits[i],
                                      !missing.empty() && missing[i] != 0,
                                      children[0], children[1], values})))
      return failure();
  }
  for (int64_t root : roots) {
    if (root < 0 || root >= static_cast<int64_t>(count))
      return context.invalid("tree_roots has " + Twine(root) + " of " +
                             Twine(count) + " nodes");
    // A root whose branches both lead to one leaf is a tree of that leaf alone.
    forest.roots.push_back(root);
  }
  if (roots.empty())
    return context.invalid("it has no trees");
  Value sums = forest.evaluate(x, targets, kAggregates[aggregate], {});
  return context.setResults(
      transformTargets(context, sums, *transform, targets));
}

void frontend::addTreeRules(RuleTable &table) {
  constexpr const char *kDomain = "ai.onnx.ml";
  table.add(kDomain, "TreeEnsembleRegressor", 1, importRegressor);
  table.add(kDomain, "TreeEnsembleClassifier", 1, importClassifier);
  table.add(kDomain, "TreeEnsemble", 5, importTreeEnsemble);
  addFeatureRules(table);
  addMapRules(table);
  addLinearRules(table);
  addGramRules(table);
  addVectorMachineRules(table);
}
