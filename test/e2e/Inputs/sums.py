#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far long sums are from those in float64.

    sums.py BIN FOLDER

Sums of a batch's images, for each channel, as batch normalization takes them: a line
tells the root of the mean squared error of 64 sums, in units of float32's rounding.
"""
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main():
    bin, folder = sys.argv[1:]
    for shape in [(16, 32, 32, 64), (16, 16, 32, 64)]:
        nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)]
        graph = helper.make_graph(nodes, "sums", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[-1]])],
                                  [numpy_helper.from_array(np.array([0, 1, 2]), "axes")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/sums.onnx")
        x = np.random.default_rng(3).uniform(0.5, 1.5, shape).astype(np.float32)
        np.save(f"{folder}/x.npy", x)
        subprocess.run([f"{bin}/dl-compile", f"{folder}/sums.onnx", "-o", f"{folder}/sums.dlm"], check=True)
        subprocess.run([f"{bin}/dl-run", f"{folder}/sums.dlm", f"--input={folder}/x.npy", f"--output-dir={folder}/out"], check=True,
                       stdout=subprocess.DEVNULL)
        found = np.load(f"{folder}/out/output_0.npy")
        exact = x.sum(axis=(0, 1, 2), dtype=np.float64)
        error = np.sqrt(np.mean(((found - exact) / exact) ** 2)) / 2.0 ** -24
        print(shape, "good" if error < 1.5 else "BAD", f"{error:.2f}")


if __name__ == "__main__":
    main()
