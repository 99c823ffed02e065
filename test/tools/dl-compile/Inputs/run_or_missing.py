# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs product.mlir's module where there is the device for it, and compares with numpy;
elsewhere the tool must say in one line that there is none.

    run_or_missing.py DL-RUN MODULE --dim ROWS
"""
import os
import subprocess
import sys
import tempfile

import numpy as np


def main():
    tool, module, rows = sys.argv[1], sys.argv[2], int(sys.argv[4])
    random = np.random.default_rng(0)
    inputs = [
        random.standard_normal(shape).astype(np.float32) for shape in ((rows, 777), (777, 513), (513,))
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = [tool, module, "--output-dir", folder]
        for i, value in enumerate(inputs):
            path = os.path.join(folder, f"in_{i}.npy")
            np.save(path, value)
            command.append("--input=" + path)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.splitlines()
            known = ("there is no CUDA driver", "the CUDA driver has no device", "there is no Vulkan ")
            if len(lines) != 1 or not any(text in lines[0] for text in known):
                sys.exit(f"expected one line that names what is missing, found: {done.stderr}")
            print("skipped: " + lines[0])
            return
        found = np.load(os.path.join(folder, "output_0.npy"))
        expected = inputs[0].astype(np.float64) @ inputs[1] + inputs[2]
        error = np.abs(found - expected).max() / np.abs(expected).max()
        if not error < 1e-5:
            sys.exit(f"the result is wrong by {error}")


if __name__ == "__main__":
    main()
