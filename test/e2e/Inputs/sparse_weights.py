# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Multiplies with weights of which blocks are zero, with many rows and few, by vectors of two widths.

    sparse_weights.py BIN SCRATCH
"""
import sys

import numpy as np
import onnx.parser
from onnx import numpy_helper

import driver

DEPTH, COLUMNS = 128, 192


def make(rows, block):
    """The model, and its weights: about one block of five is kept, and at least one in each column of blocks."""
    r = np.random.default_rng(block)
    keep = r.random((DEPTH // block, COLUMNS // block)) < 0.2
    keep[r.integers(0, DEPTH // block, COLUMNS // block), np.arange(COLUMNS // block)] = True
    w = (r.standard_normal((DEPTH, COLUMNS)) * np.kron(keep, np.ones((block, block)))).astype(np.float32)
    b = r.standard_normal(COLUMNS).astype(np.float32)
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g (float[{rows}, {DEPTH}] x) => (float[{rows}, {COLUMNS}] y) '
                                    "{ m = MatMul(x, w) s = Add(m, b) y = Relu(s) }")
    model.graph.initializer.extend([numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
    return model, w, b


def main():
    bin, scratch = sys.argv[1:]
    for rows in (5, 32, 37, 64, 129):
        for block in (4, 16, 32, 64):
            model, w, b = make(rows, block)
            x = np.random.default_rng(rows).standard_normal((rows, DEPTH)).astype(np.float32)
            expected = np.maximum(x.astype(np.float64) @ w + b, 0)
            for cpu in ("native", "x86-64-v3"):
                module = driver.compile_model(bin, model, scratch, f"--cpu={cpu}")
                y, = driver.run_module(bin, module, [x], 1, scratch)
                error = np.abs(y - expected).max() / np.abs(expected).max()
                print(f"{rows} rows, {block} x {block}, {cpu}:", "good" if error < 2e-6 else f"BAD: {error}")


if __name__ == "__main__":
    main()
