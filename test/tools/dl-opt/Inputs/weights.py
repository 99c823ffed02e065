#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares an anonymous model's weights with the true ones, or prints a script.

    weights.py TRUE.onnx ANONYMOUS.onnx
    weights.py --needs NAME TRUE.onnx

The first checks that types and shapes agree, values differ, and their means and
deviations are alike. The second prints a shell script that succeeds for a model that
holds the bytes of the initializer NAME.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper

if sys.argv[1] == "--needs":
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(sys.argv[3]).graph.initializer}
    text = tensors[sys.argv[2]].tobytes().hex()
    print(f"{sys.executable} -c \"import sys; sys.exit('{text}' not in open('$1', 'rb').read().hex())\"")
    sys.exit(0)

true, other = (
    [numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer] for path in sys.argv[1:]
)
assert len(true) == len(other)
for a, b in zip(true, other):
    assert a.dtype == b.dtype and a.shape == b.shape
    assert not np.array_equal(a, b)
    if a.size >= 100:
        assert abs(a.mean() - b.mean()) < 0.3 * a.std(), (a.mean(), b.mean())
        assert 0.5 < b.std() / a.std() < 1.5, (a.std(), b.std())
    assert b.min() >= a.min() and b.max() <= a.max()
