# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the module of schedule.mlir for several sizes and compares it with NumPy.

    schedule.py DL_RUN MODULE FOLDER
"""
import os
import subprocess
import sys

import numpy as np

dl_run, module, folder = sys.argv[1:]
w = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
for rows in (1, 5, 64, 0):
    x = np.linspace(-2, 2, rows * 3, dtype=np.float32).reshape(rows, 3)
    h = np.arange(4, dtype=np.float32)
    files = []
    for name, value in (("x", x), ("h", h)):
        files.append(os.path.join(folder, f"{name}.npy"))
        np.save(files[-1], value)
    out = os.path.join(folder, f"out{rows}")
    subprocess.run(
        [dl_run, module, *(f"--input={file}" for file in files), f"--output-dir={out}"],
        check=True,
    )
    y = x @ w
    states = h + np.cumsum(y, axis=0)
    expected = [y, np.maximum(y, 1).reshape(-1), states[-1] if rows else h, states]
    for i, value in enumerate(expected):
        found = np.load(os.path.join(out, f"output_{i}.npy"))
        assert found.shape == value.shape, (i, found.shape, value.shape)
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-5)
