#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles a model once, runs it at several sizes and compares it with ONNX Runtime.

    compare.py --bin BUILD/bin MODEL [--size "N=1 T=7"]... [--input NAME=KIND]...

MODEL is binary ONNX or, with the ending .onnxtext, ONNX's text. A size names every
dynamic dimension of the inputs; without any --size the model is run once. KIND says
what an input holds: `normal` (default for floating point), `int:K` (integers below K,
K = 10 by default), `mask` (ones, then zeros at the end of the last row), `bool`,
`values:A,B,..` (these numbers).
In a textual model, inputs whose names start with w_ become initializers with random
values, a stand-in for trained weights.
A difference is measured against the largest magnitude of the output. Options may
stand in a file, one a line: @FILE.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import onnxruntime


class Failure(Exception):
    pass


def read(path):
    if not path.endswith(".onnxtext"):
        return onnx.load(path)
    with open(path, encoding="utf-8") as file:
        text = "".join(line for line in file if not line.lstrip().startswith("#"))
    return onnx.parser.parse_model(text)


def make_input(value, sizes, kind, random):
    """A numpy array for a graph input at the given sizes."""
    tensor = value.type.tensor_type
    shape = []
    for dim in tensor.shape.dim:
        if dim.dim_param and dim.dim_param not in sizes:
            raise Failure(f"{value.name}: no size for {dim.dim_param}")
        shape.append(sizes[dim.dim_param] if dim.dim_param else dim.dim_value)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if kind == "mask":
        array = np.ones(shape, dtype)
        if array.size:
            # Half of the last row at most: a row of zeros alone has no defined softmax.
            array[-1, shape[1] - shape[1] // 2:] = 0
        return array
    if kind is None:
        kind = "bool" if dtype == np.bool_ else "int:10" if np.issubdtype(dtype, np.integer) else "normal"
    if kind.startswith("values:"):
        return np.array([float(number) for number in kind[7:].split(",")]).astype(dtype).reshape(shape)
    if kind == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if kind.startswith("int:"):
        return random.integers(0, int(kind[4:]), shape).astype(dtype)
    return random.standard_normal(shape).astype(dtype)


def fix_weights(model):
    """Turns the inputs w_* into initializers with small random values."""
    random = np.random.default_rng(1)
    weights = [v for v in model.graph.input if v.name.startswith("w_")]
    for value in weights:
        array = make_input(value, {}, None, random)
        if array.dtype.kind == "f":
            # About the scale that keeps the size of activations through a layer.
            array = (array / np.sqrt(max(array.size / array.shape[0], 1) if array.ndim else 1)).astype(array.dtype)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
        model.graph.input.remove(value)


def call(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Failure(f"{os.path.basename(command[0])}: exit status {done.returncode}: {done.stderr.strip()[:500]}")


def difference(got, want, where):
    """The largest difference in units of the output's largest magnitude."""
    if got.shape != want.shape:
        raise Failure(f"{where}: shape {got.shape}, expected {want.shape}")
    if got.dtype != want.dtype:
        raise Failure(f"{where}: type {got.dtype}, expected {want.dtype}")
    if not want.size:
        return 0.0
    if want.dtype.kind in "biu":
        if not (got == want).all():
            raise Failure(f"{where}: {(got != want).sum()} of {want.size} values differ")
        return 0.0
    if not (np.isfinite(got) == np.isfinite(want)).all():
        raise Failure(f"{where}: not finite where the other is, or the other way round")
    finite = np.isfinite(want)
    if not finite.any():
        return 0.0
    scale = max(float(np.abs(want[finite]).max()), 1e-30)
    return float(np.abs(got[finite].astype(np.float64) - want[finite]).max()) / scale


def run(args, model, module, session, sizes, seed, scratch):
    random = np.random.default_rng(seed)
    kinds = dict(item.split("=", 1) for item in args.input)
    initializers = {t.name for t in model.graph.initializer}
    values = [v for v in model.graph.input if v.name not in initializers]
    feed = {v.name: make_input(v, sizes, kinds.get(v.name), random) for v in values}
    files = []
    for i, array in enumerate(feed.values()):
        files.append(f"--input={scratch}/input_{i}.npy")
        np.save(files[-1].split("=", 1)[1], array)
    out = tempfile.mkdtemp(dir=scratch)
    call(f"{args.bin}/dl-run", module, *files, f"--output-dir={out}")
    worst = 0.0
    for i, want in enumerate(session.run(None, feed)):
        where = f"output {i}"
        worst = max(worst, difference(np.load(f"{out}/output_{i}.npy"), want, where))
    if worst > args.tolerance:
        raise Failure(f"difference {worst:.2g} of the largest magnitude, more than {args.tolerance:g}")
    return worst


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, fromfile_prefix_chars="@")
    parser.add_argument("--bin", required=True)
    parser.add_argument("model")
    parser.add_argument("--size", action="append", default=[])
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--compile-arg", action="append", default=[])
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()

    model = read(args.model)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        binary = args.model
        if args.model.endswith(".onnxtext"):
            fix_weights(model)
            binary = f"{scratch}/model.onnx"
            onnx.save(model, binary)
        session = onnxruntime.InferenceSession(binary, options, providers=["CPUExecutionProvider"])
        module = f"{scratch}/model.dlm"
        try:
            call(f"{args.bin}/dl-compile", binary, "-o", module, *args.compile_arg)
            compiled = True
        except Failure as reason:
            print(f"failed: {reason}")
            compiled = False
        for seed, size in enumerate(args.size or [""]):
            sizes = {k: int(v) for k, v in (item.split("=") for item in size.split())}
            try:
                if not compiled:
                    raise Failure("not compiled")
                worst = run(args, model, module, session, sizes, seed, scratch)
                passed += 1
                print(f"{size or 'static'}: ok, difference {worst:.1e}", flush=True)
            except (Failure, OSError, ValueError, subprocess.TimeoutExpired) as reason:
                failed += 1
                print(f"{size or 'static'}: failed: {reason}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
