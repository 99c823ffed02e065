#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types of a byte or less, compiled and compared with ml_dtypes.

    narrow.py --bin BUILD/bin [--target=vulkan]

Casts to each type, of all its numbers, of what lies between them, beyond them, and of
what is not finite; casts from each of its codes; and movement of packed tensors whose
elements do not fill the last byte, of static and symbolic sizes. The last line counts.
"""
import argparse
import sys
import tempfile

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, numpy_helper

import driver

FLOATS = {
    "FLOAT8E4M3FN": ml_dtypes.float8_e4m3fn,
    "FLOAT8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "FLOAT8E5M2": ml_dtypes.float8_e5m2,
    "FLOAT8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "FLOAT4E2M1": ml_dtypes.float4_e2m1fn,
}
INTEGERS = {"INT4": ml_dtypes.int4, "UINT4": ml_dtypes.uint4, "INT2": ml_dtypes.int2, "UINT2": ml_dtypes.uint2}
WIDE = {"FLOAT": np.float32, "FLOAT16": np.float16, "DOUBLE": np.float64}


def run(args, nodes, source, target, shape, dims, array):
    """The output of a model with one input, as raw bytes and an array."""
    x = helper.make_tensor_value_info("x", getattr(TensorProto, source), dims)
    y = helper.make_tensor_value_info("y", getattr(TensorProto, target), None)
    graph = helper.make_graph(nodes, "narrow", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=12)
    with tempfile.TemporaryDirectory() as scratch:
        module = driver.compile_model(args.bin, model, scratch, f"--target={args.target}")
        tensor = numpy_helper.from_array(array.reshape(shape))
        with open(f"{scratch}/input_0.pb", "wb") as file:
            file.write(tensor.SerializeToString())
        driver.call(f"{args.bin}/dl-run", module, f"--input={scratch}/input_0.pb", f"--output-dir={scratch}/out",
                    "--output-format=pb")
        with open(f"{scratch}/out/output_0.pb", "rb") as file:
            result = TensorProto.FromString(file.read())
    return numpy_helper.to_array(result)


def same(got, want):
    """Equal, not-a-number wherever it is wanted, zeros of one sign."""
    got, want = got.astype(np.float64), want.astype(np.float64)
    nan = np.isnan(want)
    return np.array_equal(np.isnan(got), nan) and np.array_equal(got[~nan], want[~nan]) \
        and np.array_equal(np.signbit(got[~nan]), np.signbit(want[~nan]))


def between(kind):
    """Numbers of a type, halfway points, neighbours of both, and what is beyond."""
    bits = 4 if kind == ml_dtypes.float4_e2m1fn else 8
    codes = np.arange(2**bits, dtype=np.uint8).view(kind).astype(np.float64)
    numbers = np.unique(codes[np.isfinite(codes)])
    middle = (numbers[1:] + numbers[:-1]) / 2
    beyond = numbers.max() * np.array([1.01, 1.0625, 1.07, 1.25, 2, 1e4])
    points = np.concatenate([numbers, middle, beyond, -beyond, [numbers[numbers > 0].min() / 4, 0.0, -0.0]])
    return np.concatenate([points, np.nextafter(points.astype(np.float32), np.float32(np.inf)),
                           np.nextafter(points.astype(np.float32), np.float32(-np.inf))])


def saturated(values, kind):
    """As ONNX's table of Cast has it: the largest number in place of what lies beyond."""
    largest = float(ml_dtypes.finfo(kind).max)
    return np.where(np.isnan(values), values, np.clip(values, -largest, largest))


def cases(args):
    for name, kind in FLOATS.items():
        special = [] if name == "FLOAT4E2M1" else [np.nan, np.inf, -np.inf]
        for source, wide in WIDE.items():
            with np.errstate(over="ignore"):
                values = np.concatenate([between(kind), special]).astype(wide)
            if name == "FLOAT4E2M1":
                values = values[np.isfinite(values)]
            for saturate in (1, 0) if name.startswith("FLOAT8") else (1,):
                node = helper.make_node("Cast", ["x"], ["y"], to=getattr(TensorProto, name), saturate=saturate)
                got = run(args, [node], source, name, values.shape, ["n"], values)
                want = (saturated(values, kind) if saturate else values).astype(kind)
                yield f"{source} to {name}, saturate {saturate}", same(got, want)
        codes = np.arange(16 if name == "FLOAT4E2M1" else 256, dtype=np.uint8).view(kind)
        for target, wide in WIDE.items():
            node = helper.make_node("Cast", ["x"], ["y"], to=getattr(TensorProto, target))
            got = run(args, [node], name, target, codes.shape, codes.shape, codes)
            yield f"{name} to {target}", same(got, codes.astype(wide))
    random = np.random.default_rng(1)
    for name, kind in (*INTEGERS.items(), ("FLOAT4E2M1", ml_dtypes.float4_e2m1fn)):
        for shape, dims in (((3, 5), (3, 5)), ((7, 3), ("a", "b")), ((1,), (1,)), ((0, 3), ("a", 3)), ((), ()), ((5, 7, 4), (5, 7, 4))):
            bits = 2 if name.endswith("2") else 4
            values = random.integers(0, 2**bits, shape).astype(np.uint8)
            values = values.view(kind) if name == "FLOAT4E2M1" else (values - (2 ** (bits - 1) if name[0] == "I" else 0)).astype(np.int8).astype(kind)
            order = list(range(len(shape)))[::-1]
            node = helper.make_node("Transpose", ["x"], ["y"], **({"perm": order} if order else {}))
            got = run(args, [node], name, name, shape, dims, values)
            yield f"transpose of {name} {shape}", same(got, values.transpose(order))
            node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
            got = run(args, [node], name, "FLOAT", shape, dims, values)
            yield f"{name} {shape} to FLOAT", same(got, values.astype(np.float32))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--target", default="cpu")
    args = parser.parse_args()
    passed = failed = 0
    for what, isSame in cases(args):
        passed, failed = passed + isSame, failed + (not isSame)
        if not isSame:
            print(f"differs: {what}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
