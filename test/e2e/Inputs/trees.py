#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random ensembles of decision trees, compiled and compared with ONNX Runtime.

    trees.py --bin BUILD/bin [--seed S] [--models N] [--compile-arg=ARG]...

Shapes of trees, modes of decisions, missing values, votes, aggregates and
transformations are drawn at random; the number of rows is a symbol. Rows hold
thresholds themselves, and NaN where that has an answer. Labels must be equal,
scores differ by no more than rounding. The last line counts runs.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import driver

ORDERED = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]
MODES = [*ORDERED, "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"]
ROWS = [0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 40, 65, 100]
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
TOLERANCE = 1e-5


class Ensemble:
    """Trees as lists: inner nodes are (feature, value, mode, missing, true, false)."""

    def __init__(self, random, double):
        self.random = random
        self.type = np.float64 if double else np.float32
        self.features = self.pick([1, 2, 3, 5, 8, 20, 33])
        self.count = self.pick([1, 2, 3, 7, 15, 16, 17, 33, 50])
        self.targets = self.pick([1, 1, 1, 2, 3, 5, 9])
        self.depth = self.pick([0, 1, 2, 3, 4, 6, 8, 12])
        self.full = self.pick([0, 1]) and self.depth <= 6
        self.modes = ORDERED[:1] if self.pick([0, 1]) else ORDERED
        self.missing = self.pick([0, 0, 1])
        self.chain = self.pick([0, 0, 0, 1])
        self.values = np.round(random.standard_normal(12), 2).astype(self.type)
        self.trees = [self.grow() for _ in range(self.count)]

    def pick(self, values):
        return values[int(self.random.integers(len(values)))]

    def grow(self):
        """A list of nodes; a leaf is None. The first is the root."""
        nodes = []

        def add(level):
            number = len(nodes)
            nodes.append(None)
            if level == self.depth or not (self.full or self.random.random() < 0.8):
                return number
            child = [add(level + 1), add(self.depth if self.chain else level + 1)]
            if self.random.random() < 0.5:
                child.reverse()
            nodes[number] = (int(self.random.integers(self.features)), self.pick(self.values), self.pick(self.modes),
                             int(self.missing and self.random.random() < 0.5), *child)
            return number

        add(0)
        return nodes

    def rows(self, count):
        x = self.random.standard_normal((count, self.features)).astype(self.type)
        ties = self.random.random(x.shape) < 0.3
        x[ties] = self.random.choice(self.values, int(ties.sum()))
        whole = self.random.random(x.shape) < 0.1
        x[whole] = np.floor(4 * self.random.random(int(whole.sum())))
        x[self.random.random(x.shape) < 0.1] = np.nan
        return x

    def weight(self, scale=1.0):
        return float(np.float32(self.random.standard_normal() * scale))


def lists(ensemble, single_leaf_votes, targets, weight):
    """The attributes of nodes, and those of votes: tree, node, target, weight."""
    nodes = {key: [] for key in ["treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true"]}
    votes = []
    for t, tree in enumerate(ensemble.trees):
        own = ensemble.pick(range(targets))
        for i, node in enumerate(tree):
            feature, value, mode, missing, on_true, on_false = node or (0, 0.0, "LEAF", 0, 0, 0)
            for key, entry in zip(nodes, [t, i, feature, value, mode, on_true, on_false, missing]):
                nodes[key].append(entry)
            if node is None:
                for target in [own] if single_leaf_votes else range(targets):
                    votes.append((t, i, target, weight()))
    return nodes, votes


def attributes(ensemble, nodes, votes, prefix):
    result = {f"nodes_{key}": value for key, value in nodes.items() if key not in ("values",)}
    if not ensemble.missing:
        del result["nodes_missing_value_tracks_true"]
    vote = dict(zip(["treeids", "nodeids", "ids", "weights"], map(list, zip(*votes))))
    result.update({f"{prefix}_{key}": value for key, value in vote.items() if key != "weights"})
    if ensemble.type == np.float64:
        result["nodes_values_as_tensor"] = numpy_helper.from_array(np.array(nodes["values"], np.float64), "v")
        result[f"{prefix}_weights_as_tensor"] = numpy_helper.from_array(np.array(vote["weights"], np.float64), "w")
    else:
        result["nodes_values"] = [float(v) for v in nodes["values"]]
        result[f"{prefix}_weights"] = vote["weights"]
    return result


def set_base(ensemble, result, values):
    if ensemble.type == np.float64:
        result["base_values_as_tensor"] = numpy_helper.from_array(np.array(values, np.float64), "b")
    else:
        result["base_values"] = values


def regressor(ensemble):
    # Runtimes take the root of a tree for a leaf by its mode alone.
    single = ensemble.pick([0, 1])
    aggregate = ensemble.pick(["SUM", "AVERAGE", "MIN", "MAX"])
    single = single and aggregate in ("SUM", "AVERAGE")
    nodes, votes = lists(ensemble, single, ensemble.targets, ensemble.weight)
    result = attributes(ensemble, nodes, votes, "target")
    result.update(n_targets=ensemble.targets, aggregate_function=aggregate, post_transform=ensemble.pick(TRANSFORMS[:4]))
    if ensemble.pick([0, 1]):
        set_base(ensemble, result, [ensemble.weight() for _ in range(ensemble.targets)])
    return helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **result), ["y"], f"regressor {aggregate}"


def classifier(ensemble):
    classes = ensemble.pick([2, 2, 3, 5])
    positive = ensemble.pick([0, 1])
    weight = (lambda: abs(ensemble.weight())) if positive else ensemble.weight
    binary = classes == 2
    nodes, votes = lists(ensemble, binary or ensemble.pick([0, 1]), classes, weight)
    if binary:
        only = ensemble.pick([0, 1])
        votes = [(t, i, only, w / ensemble.count if positive else w) for t, i, _, w in votes]
    elif len({target for _, _, target, _ in votes}) < classes:
        nodes, votes = lists(ensemble, False, classes, weight)
    result = attributes(ensemble, nodes, votes, "class")
    result["classlabels_int64s"] = [int(v) for v in ensemble.random.permutation(10)[:classes]]
    result["post_transform"] = ensemble.pick(TRANSFORMS[:4])
    if not binary and ensemble.pick([0, 1]):
        set_base(ensemble, result, [ensemble.weight() for _ in range(classes)])
    elif binary and ensemble.pick([0, 1]):
        set_base(ensemble, result, [ensemble.weight()])
    return helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", **result), ["label", "y"], f"classifier of {classes}"


def ensemble5(ensemble):
    """TreeEnsemble of version 5: leaves in a list of their own, modes as numbers."""
    if ensemble.depth == 0:
        ensemble.depth, ensemble.full = 1, True
        ensemble.trees = [ensemble.grow() for _ in range(ensemble.count)]
    modes = MODES if ensemble.pick([0, 1]) else ensemble.modes
    # The runtime takes softmax, number 1, for logistic, and number 2 for softmax.
    columns = {key: [] for key in ["featureids", "splits", "modes", "truenodeids", "falsenodeids", "trueleafs", "falseleafs", "missing"]}
    roots, targets, weights, members = [], [], [], []
    for tree in ensemble.trees:
        numbers, inner, leaves = {}, len(columns["featureids"]), len(weights)
        if tree[0] is None:  # a root with one leaf
            tree = [(0, 0.0, "BRANCH_LEQ", 0, 1, 1), None]
        for i, node in enumerate(tree):
            numbers[i] = leaves if node is None else inner
            leaves, inner = leaves + (node is None), inner + (node is not None)
        roots.append(numbers[0])
        for node in tree:
            if node is None:
                targets.append(ensemble.pick(range(ensemble.targets)))
                weights.append(ensemble.weight())
                continue
            feature, value, mode, missing, on_true, on_false = node
            mode = ensemble.pick(modes) if modes is MODES else mode
            if mode == "BRANCH_MEMBER":
                members += [*ensemble.random.choice([1, 2, 3, 7], ensemble.pick([1, 2, 3]), replace=False), np.nan]
            for key, entry in zip(columns, [feature, value, MODES.index(mode), numbers[on_true], numbers[on_false],
                                            int(tree[on_true] is None), int(tree[on_false] is None), missing]):
                columns[key].append(entry)
    tensor = lambda values, name: numpy_helper.from_array(np.array(values, ensemble.type), name)
    attributes = {f"nodes_{key}": columns[key] for key in ["featureids", "truenodeids", "falsenodeids", "trueleafs", "falseleafs"]}
    if ensemble.missing:
        attributes["nodes_missing_value_tracks_true"] = columns["missing"]
    if members:
        attributes["membership_values"] = tensor(members, "m")
    aggregate = ensemble.pick([0, 1])
    node = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", tree_roots=roots, n_targets=ensemble.targets, aggregate_function=aggregate,
        post_transform=ensemble.pick([0, 3]), nodes_splits=tensor(columns["splits"], "s"),
        nodes_modes=numpy_helper.from_array(np.array(columns["modes"], np.uint8), "n"), leaf_targetids=targets,
        leaf_weights=tensor(weights, "w"), **attributes)
    return node, ["y"], f"ensemble {aggregate}"


def check(args, seed, scratch):
    random = np.random.default_rng(seed)
    ensemble = Ensemble(random, random.random() < 0.3)
    node, outputs, what = [regressor, classifier, ensemble5][int(random.integers(3))](ensemble)
    element = TensorProto.DOUBLE if ensemble.type == np.float64 else TensorProto.FLOAT
    score = element if node.op_type == "TreeEnsemble" else TensorProto.FLOAT
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", element, ["N", ensemble.features])],
                              [helper.make_tensor_value_info(name, score if name == "y" else TensorProto.INT64, None) for name in outputs])
    version = 5 if node.op_type == "TreeEnsemble" else 3
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)], ir_version=9)
    what = (f"{what}, {ensemble.type.__name__}, {ensemble.count} trees, depth {ensemble.depth}, {ensemble.features} features, {ensemble.targets} targets, "
            + ", ".join(f"{a.name}={helper.get_attribute_value(a)}" for a in node.attribute if a.name in ("post_transform", "base_values")))
    try:
        session = driver.open_peer(model)
    except Exception as error:  # what the runtime refuses has no answer
        return 0, [], str(error)
    try:
        module = driver.compile_model(args.bin, model, scratch, *args.compile_arg)
    except RuntimeError as error:
        return 0, [f"{error}: {what}"], None
    passed, bad = 0, []
    for count in [int(v) for v in random.choice(ROWS, 4, replace=False)]:
        x = ensemble.rows(count)
        try:
            results = driver.run_module(args.bin, module, [x], len(outputs), scratch)
        except RuntimeError as error:
            bad.append(f"{error}: {count} rows, {what}")
            continue
        if count == 0:  # the runtime refuses it
            passed += 1
            continue
        wanted = session.run(outputs, {"x": x})
        problem = None
        for name, got, want in zip(outputs, results, wanted):
            if got.shape != want.shape or got.dtype != want.dtype:
                problem = f"{name} is {got.dtype}{got.shape}, expected {want.dtype}{want.shape}"
            elif name == "label" and (got != want).any():
                problem = f"{(got != want).sum()} labels differ"
            elif name == "y" and not np.allclose(got, want, TOLERANCE, TOLERANCE * max(1.0, float(np.abs(want[np.isfinite(want)]).max(initial=0))), equal_nan=True):
                problem = f"scores differ by {np.nanmax(np.abs(got - want)):.1e}"
        passed += problem is None
        if problem:
            bad.append(f"{problem}: {count} rows, {what}")
    return passed, bad, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--compile-arg", action="append", default=[])
    args = parser.parse_args()
    passed = failed = refused = 0
    for seed in range(args.seed, args.seed + args.models):
        with tempfile.TemporaryDirectory() as scratch:
            good, bad, why = check(args, seed, scratch)
        passed, failed, refused = passed + good, failed + len(bad), refused + (why is not None)
        if why and args.verbose:
            print(f"seed {seed}: {why}")
        for line in bad:
            print(f"seed {seed}: {line}", flush=True)
    print(f"{passed} passed, {failed} failed, {refused} refused by ONNX Runtime")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
