# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles a model each of whose sizes is written with the one before it twice: long_sizes.py BIN SCRATCH

The last size, written out, has a million parts. Whoever writes it out, in the compiler or in the module, takes minutes or
hundreds of megabytes. The result is compared with numpy's, and the module's size and the report of dl-bench are looked at.
"""
import json
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

from driver import call

bin, scratch = sys.argv[1:]
STEPS = 20
nodes, name = [], "x"
for i in range(STEPS):
    nodes += [helper.make_node("Slice", [name, "zero", "end", "zero", "two"], [f"half{i}"]),
              helper.make_node("Neg", [f"half{i}"], [f"other{i}"]),
              helper.make_node("Concat", [name, f"other{i}"], [f"x{i}"], axis=0)]
    name = f"x{i}"
numbers = {"zero": 0, "two": 2, "end": np.iinfo(np.int64).max}
graph = helper.make_graph(
    nodes, "g", [helper.make_tensor_value_info("x", 1, ["N", 3])], [helper.make_tensor_value_info(name, 1, [None, 3])],
    [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in numbers.items()])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), f"{scratch}/m.onnx")
call(f"{bin}/dl-compile", f"{scratch}/m.onnx", "-o", f"{scratch}/m.dlm")
size = os.path.getsize(f"{scratch}/m.dlm")
print("size:", "good" if size < 2 << 20 else f"BAD, {size} bytes")
for n in (0, 1, 2, 5):
    x = want = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
    np.save(f"{scratch}/x.npy", x)
    call(f"{bin}/dl-run", f"{scratch}/m.dlm", f"--input={scratch}/x.npy", f"--output-dir={scratch}/out")
    for _ in range(STEPS):
        want = np.concatenate([want, -want[::2]])
    found = np.load(f"{scratch}/out/output_0.npy")
    print(f"N = {n}:", "good" if np.array_equal(found, want) else f"BAD, {found.shape} for {want.shape}")
report = subprocess.run([f"{bin}/dl-bench", f"{scratch}/m.dlm", f"--input={scratch}/x.npy", "--seconds=0.01", "--json"],
                        capture_output=True, text=True, check=True).stdout
moved = json.loads(report)["moved_bytes"]
print("bytes:", "good" if moved > want.nbytes else f"BAD, {moved}")
