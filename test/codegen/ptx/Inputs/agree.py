#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the results of a program on a CUDA or Vulkan device with those on the CPU.

    agree.py --bin BUILD/bin MODEL --target cuda:sm_80|vulkan... [--precision f32|bf16]
             [--sizes "N=1 M=7"]... [--tolerance 1e-5] [--build BUILD] [--beside PROGRAM]
             [--twice]

Inputs are random, integers of more than 8 bits below 4. A difference is measured against the largest
magnitude of the output. With --beside, the CPU runs that program of the same results. With --twice, the device runs a second time,
which must give the same bits. Where --build is given, the device is the interpreter of PTX in
BUILD/lib/ptx-device, of the target's capability.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np


def call(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{os.path.basename(command[0])}: {done.stderr.strip()[:1000]}")
    return done.stdout


def make_input(value, sizes, random):
    shape = [sizes[d] if isinstance(d, str) else d for d in value["dims"]]
    kind = value["type"]
    if kind in ("int8", "uint8"):
        return random.integers(0, 256, shape).astype(kind)
    if kind.startswith("int") or kind.startswith("uint") or kind == "bool":
        return random.integers(0, 2 if kind == "bool" else 4, shape).astype(kind)
    return random.standard_normal(shape).astype(kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--build", help="use the interpreter of PTX in this folder")
    parser.add_argument("--target", action="append", required=True)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--sizes", action="append", help="of all named dimensions: 'N=1 M=7'")
    parser.add_argument("--beside", help="what the CPU runs in place of the model")
    parser.add_argument("--twice", action="store_true", help="results must be the same in a second run")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    args = parser.parse_args()
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        modules = {}
        for target in ["cpu", *args.target]:
            modules[target] = os.path.join(folder, target.replace(":", "_") + ".dlm")
            precision = [] if target == "cpu" else ["--precision=" + args.precision]
            model = args.beside if target == "cpu" and args.beside else args.model
            call(f"{args.bin}/dl-compile", model, "--target=" + target, *precision, "-o", modules[target])
        about = json.loads(call(f"{args.bin}/dl-run", modules["cpu"], "--info", "--json"))["entries"][0]
        for text in args.sizes or [""]:
            sizes = {name: int(size) for name, size in re.findall(r"(\w+)=(\d+)", text)}
            inputs = []
            for i, value in enumerate(about["inputs"]):
                inputs.append(os.path.join(folder, f"input_{i}.npy"))
                np.save(inputs[-1], make_input(value, sizes, random))
            outputs = {}
            for target, module in modules.items():
                out = os.path.join(folder, "out")
                environment = dict(os.environ)
                if args.build and target != "cpu":
                    environment["LD_LIBRARY_PATH"] = f"{args.build}/lib/ptx-device"
                    environment["PTX_DEVICE_CAPABILITY"] = re.findall(r"\d+", target)[0]

                def run():
                    call(f"{args.bin}/dl-run", module, "--output-dir=" + out, *("--input=" + path for path in inputs),
                         env=environment)
                    return [np.load(f"{out}/output_{i}.npy") for i in range(len(about["outputs"]))]

                outputs[target] = run()
                if args.twice and target != "cpu":
                    for first, second in zip(outputs[target], run()):
                        if first.tobytes() != second.tobytes():
                            sys.exit(f"{target} {text or 'fixed'}: WRONG, a second run gives other bits")
            for target in args.target:
                for found, expected in zip(outputs[target], outputs["cpu"]):
                    expected = expected.astype(np.float64)
                    scale = np.abs(expected).max(initial=0) or 1
                    error = np.abs(found - expected).max(initial=0) / scale
                    print(f"{target} {text or 'fixed'}: {'ok' if error <= args.tolerance else 'WRONG'} {error:.2g}")
                    if not error <= args.tolerance:
                        sys.exit(1)


if __name__ == "__main__":
    main()
