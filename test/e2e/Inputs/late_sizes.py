#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a model whose shapes depend on data, and inputs, good and bad, to a folder."""
import sys

import numpy as np
import onnx
import onnx.parser

folder = sys.argv[1]
onnx.save(
    onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[3, 4] x, int64[2] shape) => (float[A, B] y, int64[2, C] where) {
            [reshape] r = Reshape (x, shape)
            y = Exp (r)
            [nonzero] where = NonZero (r)
        }"""
    ),
    f"{folder}/m.onnx",
)
np.save(f"{folder}/x.npy", np.arange(12, dtype=np.float32).reshape(3, 4))
for name, shape in (("good", (2, -1)), ("negative", (-2, -6)), ("many", (4, 5)), ("huge", (1 << 62, 1)), ("two", (-1, -1))):
    np.save(f"{folder}/{name}.npy", np.array(shape, dtype=np.int64))
