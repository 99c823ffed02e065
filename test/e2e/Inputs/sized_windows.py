#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Windows whose padding depends on sizes that only the run knows, against ONNX Runtime, for many sizes of one module.

    sized_windows.py --bin BUILD/bin

Prints what differs and counts.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import parser

import driver

SIZES = [(7, 9), (8, 8), (5, 12), (16, 3), (11, 11), (6, 31)]
CONV = [f'Conv <auto_pad = "SAME_{side}", strides = {strides}, dilations = {dilations}> (x, w)'
        for side, strides, dilations in [("UPPER", [2, 2], [1, 1]), ("LOWER", [2, 3], [1, 1]), ("UPPER", [2, 1], [1, 1]), ("LOWER", [3, 3], [1, 1])]]
POOL = ["MaxPool <kernel_shape = [3, 2], strides = [2, 2], ceil_mode = 1> (x)",
        "MaxPool <kernel_shape = [3, 3], strides = [3, 2], pads = [1, 1, 0, 0], ceil_mode = 1> (x)",
        'MaxPool <kernel_shape = [3, 3], strides = [2, 3], auto_pad = "SAME_LOWER"> (x)',
        "AveragePool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (x)",
        "AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 0, 0], ceil_mode = 1> (x)",
        "AveragePool <kernel_shape = [4, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1, count_include_pad = 1> (x)",
        'AveragePool <kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER"> (x)']
TRANSPOSED = ["ConvTranspose <strides = [2, 2], output_shape = [5, 3]> (x, v)",
              'ConvTranspose <strides = [2, 3], output_shape = [6, 4], auto_pad = "SAME_UPPER"> (x, v)',
              'ConvTranspose <strides = [2, 3], auto_pad = "SAME_LOWER"> (x, v)']


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    bin = arguments.parse_args().bin
    random = np.random.default_rng(1)
    passed = failed = 0

    def check(name, model, inputs, outputs=1, limit=1e-5):
        nonlocal passed, failed
        peer = driver.open_peer(model)
        with tempfile.TemporaryDirectory() as scratch:
            module = driver.compile_model(bin, model, scratch)
            for arrays in inputs:
                wanted = peer.run(None, dict(zip([i.name for i in model.graph.input], arrays)))
                for found, right in zip(driver.run_module(bin, module, arrays, outputs, scratch), wanted):
                    good = found.shape == right.shape and np.allclose(found, right, rtol=limit, atol=limit)
                    passed, failed = passed + good, failed + (not good)
                    if not good:
                        error = np.abs(found - right).max() if found.shape == right.shape else f"{found.shape}, expected {right.shape}"
                        print(f"{name}, {[a.shape for a in arrays]}: {error}")

    weights = "<float[2, 2, 3, 3] w = {" + ", ".join(f"{x:.3f}" for x in random.normal(size=36)) + "}, float[2, 2, 3, 3] v = {" + ", ".join(f"{x:.3f}" for x in random.normal(size=36)) + "}>"
    for node in CONV + POOL + TRANSPOSED:
        model = parser.parse_model(f'<ir_version: 9, opset_import: ["": 19]> g (float[N, 2, H, W] x) => (float[?, ?, ?, ?] y) {weights} {{ y = {node} }}')
        check(node, model, [[random.normal(size=(1, 2, h, w)).astype(np.float32)] for h, w in SIZES])
    indices = parser.parse_model('''<ir_version: 9, opset_import: ["": 19]> g (float[N, 2, H, W] x) => (float[?, ?, ?, ?] y, int64[?, ?, ?, ?] i)
        { y, i = MaxPool <kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_LOWER"> (x) }''')
    check("indices of maxima", indices, [[random.normal(size=(1, 2, h, w)).astype(np.float32)] for h, w in SIZES], 2)

    # Positions of one image, and sizes that the run knows.
    for corners in (0, 1):
        grid = parser.parse_model(f'''<ir_version: 9, opset_import: ["": 20]> g (float[1, 2, 3] theta, float[1, 2, H, W] x) => (float[?, ?, ?, ?] y)
            {{ size = Shape (x) y = AffineGrid <align_corners = {corners}> (theta, size) }}''')
        check(f"grid with align_corners {corners}", grid, [[random.normal(size=(1, 2, 3)).astype(np.float32), np.zeros((1, 2, h, w), np.float32)] for h, w in SIZES])
        volume = parser.parse_model(f'''<ir_version: 9, opset_import: ["": 20]> g (float[N, 3, 4] theta, int64[5] size) => (float[?, ?, ?, ?, ?] y)
            {{ y = AffineGrid <align_corners = {corners}> (theta, size) }}''')
        check(f"grid of volumes with align_corners {corners}", volume, [[random.normal(size=(n, 3, 4)).astype(np.float32), np.array([n, 1, 3, 4, 5])] for n in (1, 2)])

    # In a loop's body, a size that it finds broadcasts with the state's.
    loop = parser.parse_model('''<ir_version: 9, opset_import: ["": 20]> g (float[N] x, int64 n, bool c) => (float[?] y) <int64 one = {1}, int64[1] m = {1}, float[1] two = {2}> {
        y = Loop (n, c, x) <body = b (int64 i, bool go, float[K] s) => (bool on, float[L] t) {
            on = Identity (go) k = Add (i, one) k1 = Reshape (k, m) v = Expand (two, k1) t = Mul (v, s) }> }''')
    check("a broadcast in a loop", loop, [[np.arange(4, dtype=np.float32), np.array(1), np.array(True)], [np.ones(1, np.float32), np.array(2), np.array(True)]])
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))


main()
