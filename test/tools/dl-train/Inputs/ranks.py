#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Looks at what several ranks leave, and ends one of them.

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
    compare(f"{folder}/whole.jsonl", f"{folder}/killed.jsonl", 1e-4)


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
