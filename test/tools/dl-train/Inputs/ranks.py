#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Looks at what several ranks leave, and ends one of them.

    ranks.py make FOLDER                  models with dropout and with batch normalization, data of which the second half is the first again
    ranks.py draws LOG LOG                whether steps of two ranks are means of two steps each of one, which draw one after the other
    ranks.py statistics CHECKPOINT...     whether the statistics of the last one are the means of those of the others
    ranks.py compare LOG LOG BOUND        whether losses of all steps, and of validation, differ by less than BOUND
    ranks.py states CHECKPOINT CHECKPOINT BOUND   the same for all elements of the states
    ranks.py traffic LOG                  what each step of a log sent, and whether times were taken
    ranks.py kill MPIRUN BIN FOLDER       kills a rank of a training, resumes it with another number of ranks, and compares
    ranks.py interrupt MPIRUN BIN FOLDER  interrupts one rank, then mpirun: all end after the same step, with a checkpoint
"""
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np

import digits


def losses(log, name="loss"):
    """By step; what was done again counts as it was the last time."""
    rows = [json.loads(line) for line in open(log, encoding="utf-8")]
    return {row["step"]: row[name] for row in rows if name in row}


def make(folder):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    generator = np.random.default_rng(7)
    node = helper.make_node

    def save(name, nodes, **weights):
        graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 20])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])],
                                  [numpy_helper.from_array(value, key) for key, value in weights.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), f"{folder}/{name}.onnx")

    w = generator.standard_normal((20, 5)).astype(np.float32)
    save("dropout", [node("Dropout", ["x", "ratio", "train"], ["d"]), node("MatMul", ["d", "w"], ["y"])], w=w,
         ratio=np.float32(0.5), train=np.bool_(True))
    ones, zeros = np.ones(20, np.float32), np.zeros(20, np.float32)
    save("norm", [node("BatchNormalization", ["x", "scale", "shift", "mean", "variance"], ["n", "mean_", "variance_"], training_mode=1),
                  node("MatMul", ["n", "w"], ["y"])], w=w, scale=ones, shift=zeros, mean=zeros, variance=ones)
    x = generator.standard_normal((16, 20)).astype(np.float32)
    y = generator.integers(0, 5, 16)
    np.savez(f"{folder}/half.npz", x=x[:8], label=y[:8])
    np.savez(f"{folder}/other.npz", x=x[8:], label=y[8:])
    np.savez(f"{folder}/both.npz", x=x, label=y)
    np.savez(f"{folder}/twice.npz", x=np.concatenate([x[:8], x[:8]]), label=np.concatenate([y[:8], y[:8]]))


def draws(alone, together):
    one, two = losses(alone), losses(together)
    means = all(abs(two[step] - (one[2 * step - 1] + one[2 * step]) / 2) < 1e-5 for step in two)
    print("draws", len(two), "means" if means else (one, two), "different" if len(set(one.values())) == len(one) else "ALIKE")


def statistics(*paths):
    found = []
    for path in paths:
        text, data = digits.read(path)
        found.append({state["name"]: np.frombuffer(data, np.float32, state["bytes"] // 4, state["offset"])
                      for state in text["states"] if state["role"] == "statistic"})
    *parts, whole = found
    worst = max(np.abs(whole[name] - np.mean([part[name] for part in parts], axis=0)).max() for name in whole)
    print("statistics", len(whole), "means" if worst < 1e-6 else worst)


def compare(first, second, bound):
    for name in ("loss", "val_loss"):
        a, b = losses(first, name), losses(second, name)
        if a.keys() != b.keys():
            print(name, "of other steps")
            continue
        worst = max((abs(a[step] - b[step]) for step in a), default=0)
        print(name, len(a), "equal" if worst < float(bound) else worst)


def states(first, second, bound):
    (texts, a), (others, b) = digits.read(first), digits.read(second)
    assert texts["states"] == others["states"]
    # Counters are no floats; as such, they are next to zero.
    worst = np.abs(np.frombuffer(a, np.float32) - np.frombuffer(b, np.float32)).max()
    print("states", "equal" if worst < float(bound) else worst)


def traffic(log):
    rows = [json.loads(line) for line in open(log, encoding="utf-8")]
    rows = [row for row in rows if "loss" in row]
    print("bytes", *sorted({row["wire_bytes"] for row in rows}))
    print("times", all(row["communicating_ms"] > 0 and row["waiting_ms"] >= 0 for row in rows))


def command(binaries, folder, name):
    return [f"{binaries}/dl-train", f"{folder}/adamw.dlm", f"--input={folder}/train_x.npy", f"--label={folder}/train_y.npy",
            "--batch=60", "--epochs=40", "--validation-split=0.165", f"--checkpoint={folder}/{name}.ckpt", "--checkpoint-every=5",
            "--resume", f"--log={folder}/{name}.jsonl", "--threads=1"]


def find_ranks(launcher):
    """The processes of the ranks that an mpirun has started, in their order."""
    found = {}
    for number in os.listdir("/proc"):
        try:
            environment = open(f"/proc/{number}/environ", "rb").read().split(b"\0")
            parent = int(open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        ranks = [int(entry.split(b"=")[1]) for entry in environment if entry.startswith(b"OMPI_COMM_WORLD_RANK=")]
        if parent == launcher.pid and ranks:
            found[ranks[0]] = int(number)
    return found


def start(mpirun, binaries, folder, name):
    """A training on two ranks that is under way."""
    launcher = subprocess.Popen([*shlex.split(mpirun), "2", *command(binaries, folder, name)], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)
    log = f"{folder}/{name}.jsonl"
    before = len(open(log).readlines()) if os.path.exists(log) else 0
    until = time.time() + 60
    while time.time() < until and launcher.poll() is None:
        if os.path.exists(log) and len(open(log).readlines()) > before + 20:
            break
    return launcher, find_ranks(launcher)


def clear(folder, name):
    for ending in ("ckpt", "jsonl"):
        if os.path.exists(f"{folder}/{name}.{ending}"):
            os.remove(f"{folder}/{name}.{ending}")


def kill(mpirun, binaries, folder):
    for name in ("whole", "killed"):
        clear(folder, name)
    subprocess.run(command(binaries, folder, "whole"), check=True, stdout=subprocess.DEVNULL)
    last = max(losses(f"{folder}/whole.jsonl"))
    for victim in (1, 0):
        launcher, ranks = start(mpirun, binaries, folder, "killed")
        os.kill(ranks[victim], signal.SIGKILL)
        launcher.communicate()
        done = max(losses(f"{folder}/killed.jsonl"))
        print("killed:", "the job failed" if launcher.returncode else "NO", "before the end" if done < last else done)
    # One rank more than before.
    subprocess.run([*shlex.split(mpirun), "3", *command(binaries, folder, "killed")], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    compare(f"{folder}/whole.jsonl", f"{folder}/killed.jsonl", 1e-5)


def interrupt(mpirun, binaries, folder):
    for kind in ("rank", "mpirun"):
        clear(folder, "interrupted")
        launcher, ranks = start(mpirun, binaries, folder, "interrupted")
        if kind == "rank":
            os.kill(ranks[1], signal.SIGINT)
        else:
            launcher.send_signal(signal.SIGUSR1)
        _, errors = launcher.communicate(timeout=60)
        step = max(losses(f"{folder}/interrupted.jsonl"))
        text, _ = digits.read(f"{folder}/interrupted.ckpt")
        print(f"{kind}: status {launcher.returncode},", "checkpoint of the last step," if text["step"] == step else (text, step),
              "told", errors.count(f"interrupted after step {step}; checkpoint: "))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
