#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What integers and zeros cost in accuracy, on real data that scikit-learn brings along.

    reduced.py BIN FOLDER

Two networks are trained: on digits (1797 images of 8 x 8) and on cancer (569 cells of 30 features). Half of the data
trains, and gives the samples; the other half is asked. Prints the loss of each way in points.
"""
import os
import subprocess
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.neural_network import MLPClassifier

WAYS = {
    "int8": (0.5, ["--quantize=int8", "--quantize-guard=false"]),
    "int4": (1, ["--quantize=int4", "--quantize-guard=false"]),
    "80 % zeros": (1, ["--sparsify=unstructured@0.8", "--sparsify-guard=false"]),
}


def export(network, width, path):
    nodes, weights, value = [], [], "x"
    for i, (w, b) in enumerate(zip(network.coefs_, network.intercepts_)):
        weights += [numpy_helper.from_array(w.astype(np.float32), f"w{i}"), numpy_helper.from_array(b.astype(np.float32), f"b{i}")]
        last = i == len(network.coefs_) - 1
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], ["y" if last else f"g{i}"], f"layer{i}"))
        if not last:
            nodes.append(helper.make_node("Relu", [f"g{i}"], [f"r{i}"]))
            value = f"r{i}"
    classes = network.coefs_[-1].shape[1]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", width])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", classes])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main(binaries, folder):
    warnings.filterwarnings("ignore")
    for name, load in (("digits", load_digits), ("cancer", load_breast_cancer)):
        data = load()
        x = ((data.data - data.data.mean(0)) / (data.data.std(0) + 1e-3)).astype(np.float32)
        order = np.random.default_rng(5).permutation(len(x))
        train, ask = order[: len(x) // 2], order[len(x) // 2:]
        network = MLPClassifier((256, 128), random_state=1, max_iter=60).fit(x[train], data.target[train])
        here = f"{folder}/{name}"
        os.makedirs(f"{here}/samples", exist_ok=True)
        export(network, x.shape[1], f"{here}/model.onnx")
        np.save(f"{here}/samples/0.npy", x[train])
        np.save(f"{here}/x.npy", x[ask])

        def accuracy(options):
            subprocess.run([f"{binaries}/dl-compile", f"{here}/model.onnx", "-o", f"{here}/m.dlm", *options], check=True,
                           stderr=subprocess.DEVNULL)
            subprocess.run([f"{binaries}/dl-run", f"{here}/m.dlm", f"--input={here}/x.npy", f"--output-dir={here}/out"], check=True)
            logits = np.load(f"{here}/out/output_0.npy")
            answer = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
            return 100 * np.mean(answer == data.target[ask])

        exact = accuracy([])
        print(f"{name}: {exact:.1f} % of {len(ask)}", flush=True)
        for way, (limit, options) in WAYS.items():
            loss = exact - accuracy([*options, f"--calibration={here}/samples"])
            print(f"{name} {way}: loses {loss:.2f} points, {'at most' if loss <= limit else 'MORE THAN'} {limit}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
