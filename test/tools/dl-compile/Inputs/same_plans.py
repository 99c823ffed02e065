# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs feed_forward's module for several targets by each of its plans that this machine
has a device for, and another for the CPU, and compares: those for the CPU to the bit.

    same_plans.py BUILD/bin FAT.dlm CPU.dlm
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np


def run(tool, module, device, inputs, folder):
    out = os.path.join(folder, "out")
    subprocess.run([tool, module, *inputs, f"--output-dir={out}", *device], check=True)
    return np.load(os.path.join(out, "output_0.npy"))


def main():
    tool = os.path.join(sys.argv[1], "dl-run")
    listed = subprocess.run([tool, "--list-devices"], capture_output=True, text=True, check=True).stdout
    devices = [name for name in ("vulkan", "cuda") if name + ":" in listed]
    with tempfile.TemporaryDirectory() as folder:
        info = subprocess.run([tool, sys.argv[2], "--info", "--json"], capture_output=True, text=True, check=True)
        inputs = []
        for i, value in enumerate(json.loads(info.stdout)["entries"][0]["inputs"]):
            dims = [dim if isinstance(dim, int) else 5 for dim in value["dims"]]
            path = os.path.join(folder, f"in_{i}.npy")
            np.save(path, np.random.default_rng(i).standard_normal(dims).astype(np.float32))
            inputs.append("--input=" + path)
        alone = run(tool, sys.argv[3], [], inputs, folder)
        fat = run(tool, sys.argv[2], ["--device=cpu"], inputs, folder)
        if not np.array_equal(alone, fat) or not np.array_equal(fat, run(tool, sys.argv[2], [], inputs, folder)):
            sys.exit("the CPU's plan gives something else beside others")
        for device in devices:
            found = run(tool, sys.argv[2], [f"--device={device}"], inputs, folder)
            error = np.abs(found - alone).max() / np.abs(alone).max()
            if not error < 1e-5:
                sys.exit(f"{device} differs by {error}")


if __name__ == "__main__":
    main()
