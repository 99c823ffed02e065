#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a model and samples for sparsify.test, and looks at what comes of them.

    sparsify.py make FOLDER
    sparsify.py zeros PRUNED.onnx NAME                   zeros of a weight
    sparsify.py run BIN FOLDER MODULE PRUNED.onnx        error against ONNX Runtime on the pruned model
    sparsify.py prefers FOLDER PRUNED.onnx MAGNITUDE.onnx    whether pruning by samples errs less on them
"""
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROWS, WIDTH = 96, 192


def make(folder):
    random = np.random.default_rng(11)

    def weight(name, *dims):
        return numpy_helper.from_array((random.standard_normal(dims) / np.sqrt(dims[0])).astype(np.float32), name)

    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["m0"], "first"),
        helper.make_node("Add", ["m0", "b0"], ["a0"]),
        helper.make_node("Relu", ["a0"], ["r0"]),
        helper.make_node("Gemm", ["r0", "w1", "b1"], ["g"], "gemm", transB=1),
        helper.make_node("MatMul", ["g", "w2"], ["y"], "odd"),
    ]
    weights = [weight("w0", WIDTH, 2 * WIDTH), weight("b0", 2 * WIDTH), weight("w1", WIDTH, 2 * WIDTH), weight("b1", WIDTH),
               weight("w2", WIDTH, 50)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 50])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/model.onnx")
    os.makedirs(f"{folder}/samples", exist_ok=True)
    # Some inputs are much larger than others.
    x = (random.standard_normal((ROWS, WIDTH)) * np.exp(random.standard_normal(WIDTH))).astype(np.float32)
    np.save(f"{folder}/samples/0.npy", x)
    np.save(f"{folder}/x.npy", x)
    # Dense products of one row are as fast as memory: zeros anywhere gain nothing.
    small = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], "row")], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])], [weight("w", 64, 64)])
    onnx.save(helper.make_model(small, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/row.onnx")
    # One of eight blocks of 32 x 32 has nearly all of the weight.
    rows, size = 256, 512
    heavy = np.argsort(random.random((size // 32, size // 32)), axis=0) < size // 32 // 8
    blocks = np.kron(np.where(heavy, 1, 1e-4), np.ones((32, 32)))
    w = (random.standard_normal((size, size)) * blocks / np.sqrt(size / 8)).astype(np.float32)
    wide = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], "wide")], "g",
                             [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, size])],
                             [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, size])], [numpy_helper.from_array(w, "w")])
    onnx.save(helper.make_model(wide, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/wide.onnx")
    os.makedirs(f"{folder}/wide", exist_ok=True)
    np.save(f"{folder}/wide/0.npy", random.standard_normal((rows, size)).astype(np.float32))


def load(path, name):
    return next(numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer if w.name == name)


def zeros(path, name):
    w = load(path, name)
    print("zeros:", round(float(np.mean(w == 0)), 3))
    columns = w if name != "w1" else w.T
    print("of each channel:", sorted({round(float(z), 3) for z in np.mean(columns == 0, axis=0)}))
    k, n = columns.shape
    if k % 16 == 0 and n % 16 == 0:
        blocks = np.abs(columns).reshape(k // 16, 16, n // 16, 16).sum((1, 3))
        print("empty blocks:", round(float(np.mean(blocks == 0)), 3))
    print("most in four:", int((columns[: k // 4 * 4].reshape(-1, 4, n) != 0).sum(1).max()))


def run_peer(path, x):
    return onnxruntime.InferenceSession(path).run(None, {"x": x})[0]


def run(binaries, folder, module, pruned):
    subprocess.run([f"{binaries}/dl-run", module, f"--input={folder}/x.npy", f"--output-dir={folder}/out"], check=True)
    want = run_peer(pruned, np.load(f"{folder}/x.npy"))
    error = np.abs(np.load(f"{folder}/out/output_0.npy") - want).max() / np.abs(want).max()
    print("as ONNX Runtime runs it:", "below 1e-5" if error < 1e-5 else error)


def prefers(folder, pruned, magnitude):
    x = np.load(f"{folder}/x.npy")
    want = run_peer(f"{folder}/model.onnx", x)
    a, b = (np.mean((run_peer(path, x) - want) ** 2) for path in (pruned, magnitude))
    print("errs less:", bool(a < b))


if __name__ == "__main__":
    {"make": make, "zeros": zeros, "run": run, "prefers": prefers}[sys.argv[1]](*sys.argv[2:])
