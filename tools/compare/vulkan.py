#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times models on a Vulkan device beside the CPU, and products.

    vulkan.py --bin BUILD/bin [--seconds S] [--rounds N] [--target vulkan:NAME] [--json FILE] FOLDER...

Each FOLDER holds model.onnx and input_<i>.npy. One module has a plan for each, and is
timed in alternating rounds, of which the fastest call counts: whole calls, copies of
inputs and outputs counted in. The first call, in which a driver may compile kernels,
stands by itself: that of the first round, in which Mesa keeps no compiled kernels. A
table in Markdown goes to the standard output; 'device' is the time of the steps by the
device's own clock. Without a device there is one line that says so, and exit status 1.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

PRODUCT = """func.func @main(%a: tensor<{n}x{n}xf32>, %b: tensor<{n}x{n}xf32>) -> tensor<{n}x{n}xf32> {{
  %0 = dl.matmul %a, %b : (tensor<{n}x{n}xf32>, tensor<{n}x{n}xf32>) -> tensor<{n}x{n}xf32>
  return %0 : tensor<{n}x{n}xf32>
}}
"""


def call(args, name, *arguments, **variables):
    command = [os.path.join(args.bin, name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [name])[0])
    return done.stdout


def bench(args, module, inputs, device, **variables):
    options = [f"--device={device}", f"--seconds={args.seconds}", "--json"]
    return json.loads(call(args, "dl-bench", module, *inputs, *options, **variables))


def measure(args, path, inputs, folder):
    """Milliseconds by name."""
    module = os.path.join(folder, "model.dlm")
    call(args, "dl-compile", path, f"--target=cpu,{args.target}", "-o", module)
    best = {}
    for number in range(args.rounds):
        variables = {} if number else {"MESA_SHADER_CACHE_DISABLE": "true"}
        for device in ("cpu", "vulkan"):
            found = bench(args, module, inputs, device, **variables)
            best[device] = min(found["min_ms"], best.get(device, found["min_ms"]))
            if device == "vulkan":
                best["device"] = min(found["device_ms"], best.get("device", found["device_ms"]))
                best.setdefault("first", found["first_ms"])
                best["gflops"] = found["flops"] / best[device] * 1e-6
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--target", default="vulkan")
    parser.add_argument("--json")
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    args = parser.parse_args()
    listed = [line for line in call(args, "dl-run", "--list-devices").splitlines() if line.startswith("vulkan:")]
    if not listed:
        print("error: there is no Vulkan device", file=sys.stderr)
        return 1
    print(f"{listed[0]}, times in ms\n")
    print("| model | CPU | Vulkan | ratio | device | first call |\n| --- | --- | --- | --- | --- | --- |")
    figures, failed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        product = os.path.join(folder, "product.mlir")
        with open(product, "w", encoding="utf-8") as file:
            file.write(PRODUCT.format(n=1024))
        cases = [("product of 1024 x 1024 x 1024", product, [])]
        for path in args.folders:
            count = len(glob.glob(os.path.join(path, "input_*.npy")))
            inputs = [f"--input={os.path.join(path, f'input_{i}.npy')}" for i in range(count)]
            cases.append((os.path.basename(os.path.normpath(path)), os.path.join(path, "model.onnx"), inputs))
        for name, path, inputs in cases:
            try:
                found = figures[name] = measure(args, path, inputs, folder)
            except RuntimeError as error:
                failed += 1
                print(f"| {name} | {error} |", flush=True)
                continue
            more = f" ({found['gflops']:.1f} GFLOP/s)" if path == product else ""
            print(
                f"| {name} | {found['cpu']:.3g} | {found['vulkan']:.3g}{more} | {found['vulkan'] / found['cpu']:.3g} "
                f"| {found['device']:.3g} | {found['first']:.3g} |", flush=True,
            )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"device": listed[0], "models": figures}, file, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
