#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators on strings, and models whose labels are strings, with random contents, compiled and
compared with ONNX Runtime (or, where it does not have one, ONNX's reference evaluator).

    strings.py --bin BUILD/bin [--seed S] [--rounds N] [--filter OP]

The last line counts cases.
"""
import argparse
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import driver

FLOAT, INT, STRING, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL
ML = "ai.onnx.ml"
WORDS = ["a", "b", "", "monday", "Tuesday", "a b", "x,y", "MONDAY", " padded ", "longer than any small string would be", "ä", "1.5"]


def words(random, *shape, of=WORDS):
    return np.array(of, object)[random.integers(0, len(of), shape)]


def case(op, inputs, types, attributes=None, domain="", peer="ort", version=None):
    return dict(op=op, inputs=inputs, types=types, attributes=attributes or {}, domain=domain, peer=peer, version=version)


def movement(random):
    """Operators that move strings or compare them."""
    x, y = words(random, 3, 4), words(random, 3, 4)
    yield case("Identity", [x], [STRING])
    yield case("Equal", [x, y], [BOOL], peer="reference")
    yield case("Where", [random.random((3, 1)) < 0.5, x, y], [STRING])
    yield case("Concat", [x, y], [STRING], dict(axis=1))
    yield case("Transpose", [x], [STRING], dict(perm=[1, 0]))
    yield case("Reshape", [x, np.array([2, -1], np.int64)], [STRING])
    yield case("Gather", [x, np.array([[2, 0]], np.int64)], [STRING], dict(axis=0), peer="reference")
    yield case("GatherElements", [x, np.array([[2, 0, 1, 1]], np.int64)], [STRING], dict(axis=0))
    yield case("GatherND", [x, np.array([[2, 0], [0, 3]], np.int64)], [STRING])
    yield case("ScatterElements", [x, np.array([[2, 0, 1, 1]], np.int64), y[:1]], [STRING], dict(axis=0))
    yield case("ScatterND", [x, np.array([[2]], np.int64), y[:1]], [STRING])
    yield case("Slice", [x, np.array([2], np.int64), np.array([0], np.int64), np.array([1], np.int64), np.array([-1], np.int64)], [STRING], peer="reference")
    yield case("Expand", [x[:, :1], np.array([3, 5], np.int64)], [STRING])
    yield case("Tile", [x, np.array([2, 1], np.int64)], [STRING], peer="reference")
    yield case("Pad", [x, np.array([0, 1, 1, 0], np.int64)], [STRING], peer="own")
    yield case("Squeeze", [x[:, None], np.array([1], np.int64)], [STRING])
    yield case("Unsqueeze", [x, np.array([0], np.int64)], [STRING])
    yield case("Split", [x], [STRING, STRING], dict(axis=1, num_outputs=2))
    yield case("Compress", [x, random.random(3) < 0.5], [STRING], dict(axis=0))
    yield case("ReverseSequence", [x, np.array([3, 1, 2, 3], np.int64)], [STRING], peer="reference")
    for is_sorted in (0, 1):
        yield case("Unique", [words(random, 9, of=WORDS[:10])], [STRING, INT, INT, INT], dict(sorted=is_sorted))
    yield case("Shape", [x], [INT])


def text(random):
    x = words(random, 7)
    yield case("StringConcat", [words(random, 3, 1), words(random, 4)], [STRING])
    for attributes in (dict(), dict(delimiter=","), dict(delimiter=" ", maxsplit=1), dict(maxsplit=0), dict(delimiter="on")):
        yield case("StringSplit", [words(random, 2, 3)], [STRING, INT], attributes, peer="reference")
    for pattern in ("a|b", ".*on.*", r"[[:alpha:]]+", ""):
        yield case("RegexFullMatch", [x], [BOOL], dict(pattern=pattern))
    ascii_words = [word for word in WORDS if word.isascii()]
    for action in ("NONE", "LOWER", "UPPER"):
        for sensitive in (0, 1):
            for stopwords in (["monday", "a"], ascii_words, None):
                attributes = dict(case_change_action=action, is_case_sensitive=sensitive, locale="C")
                if stopwords:
                    attributes["stopwords"] = stopwords
                yield case("StringNormalizer", [words(random, 6, of=ascii_words)], [STRING], attributes)
    yield case("StringNormalizer", [words(random, 1, 6, of=ascii_words)], [STRING], dict(case_change_action="UPPER", stopwords=["a"], locale="C"))
    numbers = np.array(["1.5", "-2", "1e3", "NaN", "inf", "-INF"], object)
    yield case("Cast", [numbers], [FLOAT], dict(to=FLOAT))
    yield case("Cast", [numbers[:3]], [TensorProto.DOUBLE], dict(to=TensorProto.DOUBLE))
    yield case("Cast", [np.array(["7", "-12", "0"], object)], [TensorProto.INT32], dict(to=TensorProto.INT32))
    yield case("Cast", [random.standard_normal(5).astype(np.float32)], [STRING], dict(to=STRING), peer="reference")
    yield case("Cast", [random.integers(-99, 99, 5)], [STRING], dict(to=STRING))


def features(random):
    keys = ["a", "b", "monday", "x,y"]
    x = words(random, 5, 3)
    whole = random.integers(0, 5, (5, 3)).astype(np.int64)
    tensor = lambda values, kind: numpy_helper.from_array(np.array(values, kind), "t")
    yield case("LabelEncoder", [x], [INT], dict(keys_strings=keys, values_int64s=[4, 3, 2, 1], default_int64=-7), ML, version=2)
    yield case("LabelEncoder", [x], [FLOAT], dict(keys_strings=keys, values_floats=[4.0, 3.5, 2.0, 1.0]), ML, version=2)
    yield case("LabelEncoder", [x], [STRING], dict(keys_strings=keys, values_strings=["p", "q", "r", "s"], default_string="other"), ML, version=2)
    yield case("LabelEncoder", [whole], [STRING], dict(keys_int64s=[3, 1], values_strings=["three", "one"]), ML, version=2)
    yield case("LabelEncoder", [whole.astype(np.float32)], [STRING], dict(keys_floats=[3.0, 1.0], values_strings=["three", "one"]), ML, version=2)
    yield case("LabelEncoder", [x], [TensorProto.INT16], dict(keys_tensor=tensor(keys, object), values_tensor=tensor([1, 2, 3, 4], np.int16), default_tensor=tensor([-1], np.int16)), ML, version=4)
    yield case("CategoryMapper", [x], [INT], dict(cats_int64s=[4, 3, 2, 1], cats_strings=keys, default_int64=9), ML, version=1)
    yield case("CategoryMapper", [whole], [STRING], dict(cats_int64s=[4, 3, 2, 1], cats_strings=keys), ML, version=1)
    yield case("OneHotEncoder", [x[:, 0]], [FLOAT], dict(cats_strings=keys, zeros=1), ML, version=1)
    yield case("OneHotEncoder", [words(random, 4, of=keys)], [FLOAT], dict(cats_strings=keys, zeros=0), ML, version=1)
    for mode in ("TF", "IDF", "TFIDF"):
        yield case("TfIdfVectorizer", [words(random, 2, 8, of=keys)], [FLOAT],
                   dict(min_gram_length=1, max_gram_length=2, max_skip_count=1, mode=mode, ngram_counts=[0, 3], ngram_indexes=[2, 0, 1, 3, 4],
                        pool_strings=["a", "b", "monday", "a", "b", "b", "monday"], weights=[1.0, 2.0, 0.5, 3.0, 4.0]))


def classifiers(random):
    floats = lambda *shape: random.standard_normal(shape).astype(np.float32)
    listed = lambda count: [float(value) for value in floats(count)]
    count, rows = int(random.integers(1, 5)), int(random.choice([1, 6]))
    x = floats(rows, count)
    for classes in (2, 3):
        labels = dict(classlabels_strings=[f"class {i}" for i in range(classes)])
        targets = 1 if classes == 2 else classes
        yield case("LinearClassifier", [x], [STRING, FLOAT], dict(coefficients=listed(targets * count), intercepts=listed(targets), post_transform="LOGISTIC", **labels), ML, version=1)
        tree = dict(nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[0.1, 0.0, 0.0],
                    nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], class_treeids=[0] * (2 * classes), class_nodeids=[1] * classes + [2] * classes,
                    class_ids=list(range(classes)) * 2, class_weights=listed(2 * classes))
        yield case("TreeEnsembleClassifier", [x], [STRING, FLOAT], dict(tree, **labels), ML, version=1)
    for strings in (False, True):
        for classes in (2, 3, 4):
            names = [f"class {i}" for i in range(classes)]
            numbers = [int(value) for value in random.permutation(9)[:classes]]
            labels = dict(classlabels_strings=names) if strings else dict(classlabels_ints=numbers)
            per_class = [int(value) for value in random.integers(1, 4, classes)]
            supports, pairs = sum(per_class), classes * (classes - 1) // 2
            for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
                machine = dict(kernel_type=kernel, kernel_params=[abs(value) / 4 for value in listed(2)] + [3.0], vectors_per_class=per_class, support_vectors=listed(supports * count),
                               coefficients=listed((classes - 1) * supports), rho=listed(pairs), **labels)
                for transform in ("NONE", "LOGISTIC", "SOFTMAX"):
                    yield case("SVMClassifier", [x], [STRING if strings else INT, FLOAT], dict(machine, post_transform=transform), ML, version=1)
                yield case("SVMClassifier", [x], [STRING if strings else INT, FLOAT], dict(machine, prob_a=[-abs(v) for v in listed(pairs)], prob_b=listed(pairs)), ML, version=1)
            yield case("SVMClassifier", [x], [STRING if strings else INT, FLOAT], dict(kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=listed(classes * count), rho=listed(1), **labels), ML, version=1)


def expected(case, model, names):
    if case["peer"] == "own":  # neither has it: numpy's
        x, pads = case["inputs"]
        return [np.pad(x, [(pads[0], pads[2]), (pads[1], pads[3])], constant_values="")]
    if case["peer"] == "reference":
        return ReferenceEvaluator(model).run(None, dict(zip(names, case["inputs"])))
    return driver.open_peer(model).run(None, dict(zip(names, case["inputs"])))


def run(bin, model, inputs, count, scratch):
    module = driver.compile_model(bin, model, scratch)
    files = []
    for i, array in enumerate(inputs):
        with open(f"{scratch}/input_{i}.pb", "wb") as file:
            file.write(numpy_helper.from_array(array).SerializeToString())
        files.append(f"--input={scratch}/input_{i}.pb")
    driver.call(f"{bin}/dl-run", module, *files, f"--output-dir={scratch}/out", "--output-format=pb")
    results = []
    for i in range(count):
        with open(f"{scratch}/out/output_{i}.pb", "rb") as file:
            results.append(numpy_helper.to_array(onnx.TensorProto.FromString(file.read())))
    return results


def check(bin, case, scratch):
    inputs = case["inputs"]
    names = [f"x{i}" for i in range(len(inputs))]
    outputs = [f"y{i}" for i in range(len(case["types"]))]
    node = helper.make_node(case["op"], names, outputs, domain=case["domain"], **case["attributes"])
    element = lambda array: STRING if array.dtype == object else helper.np_dtype_to_tensor_dtype(array.dtype)
    value = helper.make_tensor_value_info
    # What only moves has a size that is known when it runs.
    shape = lambda i, array: [f"N{i}", *array.shape[1:]] if array.ndim and array.dtype == object and case["domain"] == "" and case["op"] != "StringNormalizer" else list(array.shape)
    graph = helper.make_graph([node], "g", [value(name, element(array), shape(i, array)) for i, (name, array) in enumerate(zip(names, inputs))],
                              [value(name, kind, None) for name, kind in zip(outputs, case["types"])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(ML, case["version"] or 1)], ir_version=10)
    wanted = expected(case, model, names)
    try:
        results = run(bin, model, inputs, len(wanted), scratch)
    except RuntimeError as error:
        return str(error)
    for i, (got, want) in enumerate(zip(results, wanted)):
        want = np.asarray(want)
        if got.shape != want.shape:
            return f"output {i} is {got.shape}, expected {want.shape}"
        if want.dtype.kind in "OU":
            same = (got.astype(str) == want.astype(str)).all()
        else:
            same = got.dtype == want.dtype and np.allclose(got, want, 2e-5, 2e-5, equal_nan=True)
        if not same:
            return f"output {i} differs: {got.ravel()[:6]}, expected {want.ravel()[:6]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--filter", default="")
    args = parser.parse_args()
    passed = failed = 0
    for seed in range(args.seed, args.seed + args.rounds):
        random = np.random.default_rng(seed)
        for family in (movement, text, features, classifiers):
            for drawn in family(random):
                if args.filter not in drawn["op"]:
                    continue
                with tempfile.TemporaryDirectory() as scratch:
                    problem = check(args.bin, drawn, scratch)
                passed, failed = passed + (problem is None), failed + (problem is not None)
                if problem:
                    shown = {key: value for key, value in drawn["attributes"].items() if isinstance(value, (str, int))}
                    print(f"seed {seed}: {drawn['op']} {shown}: {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
