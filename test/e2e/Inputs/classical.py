#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Linear models, kernel machines and preparation of features of ai.onnx.ml, with random
attributes and rows, compiled and compared with ONNX Runtime.

    classical.py --bin BUILD/bin [--seed S] [--rounds N]

Each round has one model for each operator and variant. The last line counts outputs.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import driver

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"]


def cases(random):
    """Yields op, attributes, inputs, output types, opset of ai.onnx.ml."""
    features = int(random.integers(1, 9))
    rows = int(random.choice([1, 2, 7, 17, 40]))
    floats = lambda *shape: random.standard_normal(shape).astype(np.float32)
    listed = lambda count: [float(v) for v in floats(count)]
    x = floats(rows, features)
    whole = random.integers(0, 5, (rows, features)).astype(np.int64)
    for transform in TRANSFORMS:
        for targets in (1, 3):
            yield "LinearRegressor", dict(coefficients=listed(targets * features), intercepts=listed(targets), targets=targets, post_transform=transform), [x], [FLOAT], 1
            classes = 2 if targets == 1 else targets
            yield "LinearClassifier", dict(coefficients=listed(targets * features), intercepts=listed(targets), classlabels_ints=[int(v) for v in random.permutation(9)[:classes]],
                                           post_transform=transform, multi_class=0), [x], [INT, FLOAT], 1
    supports = int(random.integers(1, 6))
    for kernel in ["LINEAR", "POLY", "RBF", "SIGMOID"]:
        for one_class in (0, 1):
            yield "SVMRegressor", dict(kernel_type=kernel, kernel_params=[abs(v) / 4 for v in listed(2)] + [3.0], n_supports=supports, coefficients=listed(supports),
                                       support_vectors=listed(supports * features), rho=listed(1), one_class=one_class), [x], [FLOAT], 1
    yield "SVMRegressor", dict(kernel_type="LINEAR", kernel_params=[0.5, 0.0, 3.0], n_supports=0, coefficients=listed(features), rho=listed(1)), [x], [FLOAT], 1
    for values in (x, whole):
        for count in (1, features):
            yield "Scaler", dict(offset=listed(count), scale=listed(count)), [values], [FLOAT], 1
    zeros = np.where(random.random((rows, 1)) < 0.3, 0, x).astype(np.float32)
    for norm in ("MAX", "L1", "L2"):
        yield "Normalizer", dict(norm=norm), [zeros], [FLOAT], 1
    holes = np.where(random.random(x.shape) < 0.3, np.nan, x).astype(np.float32)
    for count in (1, features):
        yield "Imputer", dict(imputed_value_floats=listed(count), replaced_value_float=float("nan")), [holes], [FLOAT], 1
        yield "Imputer", dict(imputed_value_int64s=[int(v) for v in random.integers(0, 99, count)], replaced_value_int64=3), [whole], [INT], 1
    yield "Binarizer", dict(threshold=listed(1)[0]), [x], [FLOAT], 1
    columns = random.integers(0, features, int(random.integers(1, 6))).astype(np.int64)
    yield "ArrayFeatureExtractor", {}, [x, columns], [FLOAT], 1
    yield "ArrayFeatureExtractor", {}, [whole, columns], [INT], 1
    yield "FeatureVectorizer", dict(inputdimensions=[features, 2]), [x, floats(rows, 2)], [FLOAT], 1
    yield "OneHotEncoder", dict(cats_int64s=[4, 1, 0], zeros=1), [whole], [FLOAT], 1
    yield "LabelEncoder", dict(keys_int64s=[3, 1, 0], values_floats=listed(3), default_float=-2.5), [whole], [FLOAT], 2
    yield "LabelEncoder", dict(keys_floats=[3.0, 1.0, 0.0], values_int64s=[7, 8, 9], default_int64=-5), [whole.astype(np.float32)], [INT], 2
    tensor = lambda values, type: numpy_helper.from_array(np.array(values, type), "t")
    yield "LabelEncoder", dict(keys_tensor=tensor([3, 1], np.int64), values_tensor=tensor([5, 6], np.int64), default_tensor=tensor([42], np.int64)), [whole], [INT], 4


def check(args, case, scratch):
    op, attributes, inputs, types, version = case
    names = [f"y{i}" for i in range(len(types))]
    node = helper.make_node(op, [f"x{i}" for i in range(len(inputs))], names, domain="ai.onnx.ml", **attributes)
    dims = lambda i, value: ["N", *value.shape[1:]] if value.ndim == 2 else list(value.shape)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(v.dtype), dims(i, v)) for i, v in enumerate(inputs)],
                              [helper.make_tensor_value_info(name, type, None) for name, type in zip(names, types)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)], ir_version=9)
    wanted = driver.open_peer(model).run(None, {f"x{i}": v for i, v in enumerate(inputs)})
    try:
        results = driver.run_module(args.bin, driver.compile_model(args.bin, model, scratch), inputs, len(wanted), scratch)
    except RuntimeError as error:
        return str(error)
    for i, (got, want) in enumerate(zip(results, wanted)):
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"output {i} is {got.dtype}{got.shape}, expected {want.dtype}{want.shape}"
        if not np.allclose(got, want, 1e-5, 1e-5, equal_nan=True):
            return f"output {i} differs by {np.nanmax(np.abs(got - want)):.1e}: {got.ravel()[:4]}, expected {want.ravel()[:4]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    passed = failed = 0
    for seed in range(args.seed, args.seed + args.rounds):
        for case in cases(np.random.default_rng(seed)):
            with tempfile.TemporaryDirectory() as scratch:
                problem = check(args, case, scratch)
            passed, failed = passed + (problem is None), failed + (problem is not None)
            if problem:
                shown = {key: value for key, value in case[1].items() if isinstance(value, (str, int))}
                print(f"seed {seed}: {case[0]} {shown}: {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
