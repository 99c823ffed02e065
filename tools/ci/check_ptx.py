#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles models to PTX and lets NVIDIA's assembler look at every kernel.

    check_ptx.py --bin BUILD/bin MODEL.onnx... [--arch sm_80,sm_90a] [--jobs 2]

Each model is compiled in float32 and bf16 for each architecture. ptxas must accept the
text, without a byte of spill. Prints a line for each that fails, then
'N passed, N failed'. Needs ptxas: from PATH, a CUDA toolkit, or PyPI's
nvidia-cuda-nvcc.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile


def find_assembler():
    found = [shutil.which("ptxas"), "/usr/local/cuda/bin/ptxas"]
    for folder in sys.path:
        found += glob.glob(f"{folder}/nvidia/*/bin/ptxas")
    for path in found:
        if path and os.access(path, os.X_OK):
            return path
    sys.exit("error: ptxas: not found; pip install nvidia-cuda-nvcc")


def check(assembler, binaries, model, precision, archs):
    """What is wrong with a model's PTX, or an empty text."""
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "model.ptx")
        for arch in archs:
            command = [os.path.join(binaries, "dl-compile"), model, "--target=cuda:" + arch, "--emit=ptx",
                       "--precision=" + precision, "-o", text]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                return done.stderr.strip().splitlines()[0]
            command = [assembler, "-arch=" + arch, "-v", text, "-o", os.path.join(folder, "model.cubin")]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                return f"{arch}: {done.stderr.strip()[:200]}"
            spilled = re.findall(r"entry function '(\w+)'[^\n]*\n[^\n]*\n?[^\n]*?[1-9]\d* bytes spill", done.stderr)
            if spilled:
                return f"{arch}: spills in {', '.join(spilled[:5])}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--arch", default="sm_80,sm_90a")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    assembler = find_assembler()
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        tasks = {
            (model, precision): pool.submit(check, assembler, args.bin, model, precision, args.arch.split(","))
            for model in args.models
            for precision in ("f32", "bf16")
        }
        for (model, precision), task in tasks.items():
            wrong = task.result()
            if wrong:
                print(f"{model} ({precision}): {wrong}", flush=True)
            passed, failed = (passed, failed + 1) if wrong else (passed + 1, failed)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
