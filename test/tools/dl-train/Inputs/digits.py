#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes what the tests of dl-train need, and looks at what it leaves.

    digits.py make FOLDER        mlp.onnx, cnn.onnx (fresh weights), training and test data: scikit-learn's digits
    digits.py accuracy LOG LEAST whether the test's accuracy reaches LEAST
    digits.py events FOLDER      names and steps in an event file
    digits.py kill BIN FOLDER N  kills a training N times, resumes it each time, and compares with one that was left alone
    digits.py long BIN FOLDER N  the same from the start: data, modules, N kills
    digits.py full BIN FOLDER    lets the disk be full in the middle of a checkpoint
    digits.py damage FILE KIND   cuts a file short, or flips one of its bits
"""
import glob
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time

import numpy as np


def make(folder):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from sklearn.datasets import load_digits
    generator = np.random.default_rng(5)

    def weight(name, *dims):
        scale = np.sqrt(2 / np.prod(dims[1:] if len(dims) > 2 else dims[:1]))
        return numpy_helper.from_array((generator.standard_normal(dims) * scale).astype(np.float32), name)

    def bias(name, size):
        return numpy_helper.from_array(np.zeros(size, np.float32), name)

    def save(name, nodes, weights):
        graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])], weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), f"{folder}/{name}.onnx")

    node = helper.make_node
    save("mlp", [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w0", "b0"], ["h"]), node("Relu", ["h"], ["r"]),
                 node("Gemm", ["r", "w1", "b1"], ["y"])],
         [weight("w0", 64, 64), bias("b0", 64), weight("w1", 64, 10), bias("b1", 10)])
    save("cnn", [node("Conv", ["x", "w0", "b0"], ["c0"], pads=[1, 1, 1, 1]), node("Relu", ["c0"], ["r0"]),
                 node("Conv", ["r0", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]), node("Relu", ["c1"], ["r1"]),
                 node("MaxPool", ["r1"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", ["p"], ["f"]),
                 node("Gemm", ["f", "w2", "b2"], ["h"]), node("Relu", ["h"], ["r2"]), node("Gemm", ["r2", "w3", "b3"], ["y"])],
         [weight("w0", 16, 1, 3, 3), bias("b0", 16), weight("w1", 32, 16, 3, 3), bias("b1", 32), weight("w2", 512, 64),
          bias("b2", 64), weight("w3", 64, 10), bias("b3", 10)])
    digits = load_digits()
    images, labels = (digits.images / 16).astype(np.float32)[:, None], digits.target.astype(np.int64)
    order = np.random.default_rng(1).permutation(len(images))
    for name, part in (("train", order[:1437]), ("test", order[1437:])):
        np.save(f"{folder}/{name}_x.npy", images[part])
        np.save(f"{folder}/{name}_y.npy", labels[part])
        np.savez_compressed(f"{folder}/{name}.npz", label=labels[part], other=np.zeros(3), x=images[part])
    np.savez(f"{folder}/order.npz", images[part], labels[part])
    np.savez(f"{folder}/half.npz", x=images[part])


def accuracy(log, least):
    rows = [json.loads(line) for line in open(log, encoding="utf-8")]
    found = [row["test_accuracy"] for row in rows if "test_accuracy" in row]
    print("reached" if found[-1] >= float(least) else found[-1])


def crc(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    value ^= 0xffffffff
    return ((value >> 15 | value << 17) + 0xa282ead8) & 0xffffffff


def fields(data):
    """Fields of a protobuf message: (number, value)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, data[at:at + size]
        at += size


def events(folder):
    """Read with TensorFlow's own definition of the format, checksums and all."""
    data = open(glob.glob(f"{folder}/events.out.tfevents.*")[0], "rb").read()
    steps = {}
    at = 0
    while at < len(data):
        size, check = struct.unpack_from("<QI", data, at)
        assert check == crc(data[at:at + 8])
        event = data[at + 12:at + 12 + size]
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == crc(event)
        at += size + 16
        message = dict(fields(event))
        if 3 in message:
            print("version", message[3].decode())
        for number, value in fields(message.get(5, b"")):
            entry = dict(fields(value))
            steps.setdefault(entry[1].decode(), []).append(message[2])
    for name in sorted(steps):
        print(name, len(steps[name]), "up to step", steps[name][-1])


def read(path):
    """A checkpoint's text and elements."""
    data = open(path, "rb").read()
    size = struct.unpack_from("<Q", data, 8)[0]
    return json.loads(data[16:16 + size]), data[24 + size:-8]


def kill(binaries, folder, times):
    def command(name):
        return [f"{binaries}/dl-train", f"{folder}/mlp.dlm", f"--input={folder}/train_x.npy", f"--label={folder}/train_y.npy", f"--epochs={40 + 4 * int(times)}",
                "--batch=16", "--schedule=cosine", f"--checkpoint={folder}/{name}.ckpt", "--checkpoint-every=7", "--resume", "--quiet"]

    subprocess.run(command("whole"), check=True, stdout=subprocess.DEVNULL)
    begin = time.time()
    subprocess.run(command("again"), check=True, stdout=subprocess.DEVNULL)
    whole = time.time() - begin
    chance = random.Random(3)
    killed = 0
    for _ in range(int(times)):
        process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0, 1.5 * whole / int(times) + 0.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    subprocess.run(command("killed"), check=True, stdout=subprocess.DEVNULL)
    want, got = read(f"{folder}/whole.ckpt"), read(f"{folder}/killed.ckpt")
    print("killed:", "often" if killed >= int(times) // 4 else killed)
    print("the same bits:", want == got)


def long(binaries, folder, times):
    os.makedirs(folder, exist_ok=True)
    for name in ("whole", "again", "killed"):
        if os.path.exists(f"{folder}/{name}.ckpt"):
            os.remove(f"{folder}/{name}.ckpt")
    make(folder)
    subprocess.run([f"{binaries}/dl-compile", f"{folder}/mlp.onnx", "--train", "--optimizer=adamw", "--lr=0.003", "-o", f"{folder}/mlp.dlm"],
                   check=True)
    kill(binaries, folder, times)


def full(binaries, folder):
    """What happens where a file cannot grow any more, by a limit and, where it can be mounted, on a small disk."""
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def train(place, epochs, limit=None):
        command = [f"{binaries}/dl-train", f"{folder}/mlp.dlm", f"--input={folder}/train_x.npy", f"--label={folder}/train_y.npy",
                   f"--epochs={epochs}", f"--checkpoint={place}/full.ckpt", "--resume", "--quiet"]
        lower = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
        return subprocess.run(command, capture_output=True, text=True, preexec_fn=lower, restore_signals=False)

    def check(place, fail):
        if os.path.exists(f"{place}/full.ckpt"):
            os.remove(f"{place}/full.ckpt")
        assert train(place, 1).returncode == 0
        old = open(f"{place}/full.ckpt", "rb").read()
        failed = fail(len(old))
        kept = open(f"{place}/full.ckpt", "rb").read() == old and not os.path.exists(f"{place}/full.ckpt.new")
        return failed.returncode == 1 and kept and failed.stderr.startswith("error: ") and f"full.ckpt: cannot be written" in failed.stderr

    print("a limit:", "good" if check(folder, lambda size: train(folder, 2, size * 2 // 3)) else "BAD")
    disk = f"{folder}/disk"
    os.makedirs(disk, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        print("a full disk: not tried, nothing can be mounted")
        return

    def fill(size):
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        open(f"{disk}/rest", "wb").write(bytes(free - size // 2))
        return train(disk, 2)

    try:
        print("a full disk:", "good" if check(disk, fill) else "BAD")
    finally:
        subprocess.run(["umount", disk], check=True)


def damage(path, kind):
    data = bytearray(open(path, "rb").read())
    if kind == "cut":
        data = data[:len(data) * 2 // 3]
    else:
        data[len(data) * 2 // 3] ^= 16
    open(path, "wb").write(data)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
