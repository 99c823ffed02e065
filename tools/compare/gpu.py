#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Figures of a CUDA device: products beside PyTorch's, models right and how fast.

    gpu.py --bin BUILD/bin [--models FOLDER...] [--json FILE]

Products of bf16 and float32 are timed by the kernel's time in a profile, in rounds that
alternate with torch.matmul where PyTorch can be imported. Each FOLDER holds model.onnx
and input_<i>.npy; its outputs on the device, in float32 and bf16, are compared with the
CPU's by the largest magnitude, and whole calls timed. Where compute-sanitizer is found, small
products run under memcheck and racecheck. The table goes to the standard output,
all figures to FILE. Without a device there is one line that says so, and exit status 1.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

PRODUCT = """func.func @main(%a: tensor<{n}x{n}x{t}>, %b: tensor<{n}x{n}x{t}>) -> tensor<{n}x{n}x{t}> {{
  %0 = dl.matmul %a, %b : (tensor<{n}x{n}x{t}>, tensor<{n}x{n}x{t}>) -> tensor<{n}x{n}x{t}>
  return %0 : tensor<{n}x{n}x{t}>
}}
"""
SIZES = (1024, 2048, 4096, 8192)
ROUNDS = 5


class Tools:
    def __init__(self, binaries, folder):
        self.binaries, self.folder, self.target = binaries, folder, "cuda"

    def call(self, name, *arguments):
        done = subprocess.run([os.path.join(self.binaries, name), *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[0])
        return done.stdout

    def path(self, name):
        return os.path.join(self.folder, name)

    def has_device(self):
        return any(line.startswith("cuda") for line in self.call("dl-run", "--list-devices").splitlines())

    def choose_target(self):
        """The target for the first device, by what nvidia-smi says of it."""
        try:
            command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "cuda"
        capability = int(found.replace(".", ""))
        return f"cuda:sm_{capability}" + ("a" if capability >= 90 else "")


def time_product(tools, module):
    """Microseconds of the kernel, the best of a profile."""
    trace = tools.path("trace.json")
    tools.call("dl-bench", module, "--seconds=0.2", "--profile=" + trace)
    with open(trace) as file:
        events = json.load(file)
    events = events["traceEvents"] if isinstance(events, dict) else events
    return min(event["dur"] for event in events if event.get("ph") == "X")


def make_peer(size, kind):
    """A function that times torch.matmul in microseconds, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.backends.cuda.matmul.allow_tf32 = False
    kinds = {"bf16": torch.bfloat16, "f32": torch.float32}
    a, b = (torch.randn(size, size, device="cuda", dtype=kinds[kind]) for _ in range(2))

    def run():
        best = float("inf")
        for _ in range(10):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            a @ b
            end.record()
            torch.cuda.synchronize()
            best = min(best, 1e3 * start.elapsed_time(end))
        return best

    run()
    return run


def products(tools):
    rows = []
    for kind in ("bf16", "f32"):
        for size in SIZES:
            source, module = tools.path("product.mlir"), tools.path("product.dlm")
            with open(source, "w") as file:
                file.write(PRODUCT.format(n=size, t=kind))
            tools.call("dl-compile", source, "--target=" + tools.target, "-o", module)
            peer = make_peer(size, kind)
            ours, theirs = float("inf"), float("inf")
            for _ in range(ROUNDS):
                ours = min(ours, time_product(tools, module))
                theirs = min(theirs, peer()) if peer else theirs
            row = {"product": f"{size}^3 {kind}", "us": ours, "tflops": 2 * size**3 / ours / 1e6}
            if peer:
                row.update(torch_us=theirs, ratio=theirs / ours)
            rows.append(row)
            print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
    return rows


def run_model(tools, model, folder, target, precision):
    """The outputs of a model on a target, and milliseconds of a call."""
    module, out = tools.path("model.dlm"), tools.path("out")
    shutil.rmtree(out, ignore_errors=True)
    inputs = sorted(glob.glob(folder + "/input_*.npy"), key=lambda path: int(path.rsplit("_", 1)[1][:-4]))
    arguments = ["--input=" + path for path in inputs]
    tools.call("dl-compile", model, "--target=" + target, "--precision=" + precision, "-o", module)
    tools.call("dl-run", module, "--output-dir=" + out, *arguments)
    outputs = [np.load(path).astype(np.float64) for path in sorted(glob.glob(out + "/output_*.npy"))]
    if target == "cpu":
        return outputs, 0.0
    timed = json.loads(tools.call("dl-bench", module, "--seconds=0.3", "--json", *arguments))
    return outputs, timed["min_ms"]


def models(tools, folders):
    rows = []
    for folder in folders:
        model, row = os.path.join(folder, "model.onnx"), {"model": os.path.basename(os.path.normpath(folder))}
        expected, _ = run_model(tools, model, folder, "cpu", "f32")
        for precision in ("f32", "bf16"):
            found, milliseconds = run_model(tools, model, folder, tools.target, precision)
            error = max(
                float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) if b.size else 0.0
                for a, b in zip(found, expected)
            )
            row.update({f"{precision}_ms": milliseconds, f"{precision}_error": error})
        rows.append(row)
        print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
    return rows


def sanitize(tools):
    """What memcheck and racecheck say of a product on the device."""
    checker = shutil.which("compute-sanitizer")
    if not checker:
        return {}
    found = {}
    for kind in ("f32", "bf16"):
        source, module = tools.path("small.mlir"), tools.path("small.dlm")
        with open(source, "w") as file:
            file.write(PRODUCT.format(n=200, t=kind))
        tools.call("dl-compile", source, "--target=" + tools.target, "-o", module)
        for tool in ("memcheck", "racecheck"):
            command = [checker, "--tool", tool, os.path.join(tools.binaries, "dl-bench"), module, "--seconds=0"]
            done = subprocess.run(command, capture_output=True, text=True)
            found[f"{tool} {kind}"] = done.stdout.strip().splitlines()[-1]
            print(f"{tool} {kind}: {found[f'{tool} {kind}']}", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--target", help="such as cuda:sm_80; default: the device's own architecture")
    parser.add_argument("--json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(args.bin, folder)
        if not tools.has_device():
            sys.exit("error: cuda: this machine has no CUDA device or no driver for one")
        tools.target = args.target or tools.choose_target()
        try:
            figures = {"products": products(tools), "models": models(tools, args.models), "sanitizer": sanitize(tools)}
        except RuntimeError as error:
            sys.exit(str(error))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
