# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a network of many layers with ever less memory: the losses stay, and the memory is what was asked for.

    memory_budget.py BIN SCRATCH
"""
import json
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, ROWS, WIDTH = 6, 256, 96


def make(scratch, batch):
    r = np.random.default_rng(2)
    weights = [numpy_helper.from_array(np.array(2 ** -0.5, np.float32), "root"), numpy_helper.from_array(np.array(0.5, np.float32), "half"),
               numpy_helper.from_array(np.array(1, np.float32), "one")]
    nodes, value = [], "x"

    def add(op, inputs, output):
        nodes.append(helper.make_node(op, inputs, [output]))
        return output

    def weight(name, array):
        weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    for i in range(LAYERS):
        name = lambda text: f"{text}{i}"
        n = add("LayerNormalization", [value, weight(name("scale"), np.ones(WIDTH)), weight(name("shift"), np.zeros(WIDTH))], name("n"))
        h = add("Gemm", [n, weight(name("w"), r.standard_normal((WIDTH, WIDTH)) * 0.1), weight(name("b"), np.zeros(WIDTH))], name("h"))
        e = add("Erf", [add("Mul", [h, "root"], name("s"))], name("e"))
        g = add("Mul", [add("Mul", [h, "half"], name("d")), add("Add", [e, "one"], name("p"))], name("g"))
        v = add("MatMul", [g, weight(name("v"), r.standard_normal((WIDTH, WIDTH)) * 0.1)], name("v_"))
        value = add("Add", [value, v], name("y"))
    add("MatMul", [value, weight("last", r.standard_normal((WIDTH, 10)) * 0.1)], "out")
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, WIDTH])],
                              [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 10])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{scratch}/deep.onnx")
    np.save(f"{scratch}/x.npy", r.standard_normal((ROWS, WIDTH)).astype(np.float32))
    np.save(f"{scratch}/y.npy", r.integers(0, 10, ROWS))


def train(bin, scratch, *flags):
    """The losses of some steps, and the bytes of the step's arenas."""
    subprocess.run([f"{bin}/dl-compile", f"{scratch}/deep.onnx", "--train", "--optimizer=adam", "--lr=0.01", *flags, "-o", f"{scratch}/deep.dlm"],
                   check=True, stderr=subprocess.DEVNULL)
    log = f"{scratch}/log.jsonl"
    subprocess.run([f"{bin}/dl-train", f"{scratch}/deep.dlm", f"--input={scratch}/x.npy", f"--label={scratch}/y.npy", "--full-batch",
                    "--steps=4", f"--log={log}"], check=True, stdout=subprocess.DEVNULL)
    info = json.loads(subprocess.run([f"{bin}/dl-run", f"{scratch}/deep.dlm", "--info", "--json"], check=True, capture_output=True).stdout)
    return [json.loads(line)["loss"] for line in open(log)], info


def main():
    bin, scratch = sys.argv[1:]
    make(scratch, ROWS)
    whole, _ = train(bin, scratch)
    for most, flags in ((4.5e6, ["--memory-budget=1GiB"]), (2e6, ["--memory-budget=2MB"]), (1.7e6, ["--memory-budget=1700kB"]),
                        (2e6, ["--memory-budget=2000000", "--precision=bf16", "--precision-guard=false"]), (2e6, ["--accumulate=4"]),
                        (1e6, ["--accumulate=4", "--memory-budget=1MB"])):
        losses, info = train(bin, scratch, *flags)
        arena = int(next(entry["targets"][0]["arena_bytes"] for entry in info["entries"] if entry["name"] == "step"))
        limit = 0.02 if "--precision=bf16" in flags else 1e-5
        error = max(abs(a - b) / b for a, b in zip(losses, whole))
        print(*flags, "good" if len(losses) == 4 and error < limit and arena <= most else f"BAD, {arena}, {losses} for {whole}")
    make(scratch, "N")
    for flags, reason in ((["--memory-budget=9MB"], "the memory of a step depends on sizes; --dim=NAME=SIZE fixes them"),
                          (["--memory-budget=much"], "expected a number of bytes such as 1000, 64MB or 2GiB, found 'much'")):
        done = subprocess.run([f"{bin}/dl-compile", f"{scratch}/deep.onnx", "--train", *flags, "-o", f"{scratch}/none.dlm"], capture_output=True, text=True)
        print(*flags, "good" if done.returncode == 1 and done.stderr == f"error: --memory-budget: {reason}\n" else f"BAD, {done.stderr}")
    losses, _ = train(bin, scratch, "--dim=N=256", "--memory-budget=2MB")
    print("dimension given:", "good" if np.allclose(losses, whole, rtol=1e-5) else f"BAD, {losses} for {whole}")
    make(scratch, ROWS)
    for flags in (["--memory-budget=10kB"],):
        done = subprocess.run([f"{bin}/dl-compile", f"{scratch}/deep.onnx", "--train", *flags, "-o", f"{scratch}/none.dlm"], capture_output=True, text=True)
        found = re.match(r"error: --memory-budget: a step's intermediate results take (\d+) bytes at least, expected at most 10000$", done.stderr.strip())
        print(*flags, "good" if done.returncode == 1 and found and int(found[1]) > 10000 else f"BAD, {done.stderr}")


if __name__ == "__main__":
    main()
