#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Figures of a CUDA device: kernels and models beside PyTorch's, right and how fast.

    gpu.py --bin BUILD/bin [--models FOLDER...] [--only PART,...] [--json FILE] [--table FILE]

| part | what |
| --- | --- |
| `products` | products of bf16, f16, float32, tf32, 8-bit floats and integers, beside PyTorch's |
| `split` | products of few results and long sums, beside torch.matmul |
| `convolutions` | layers of ResNet-50 in bf16 with channels last, and a converted operand, beside PyTorch's |
| `rows` | softmax, layer norm and root-mean-square norm: bytes a second, beside PyTorch's |
| `attention` | of bf16, full and causal, beside scaled_dot_product_attention's fastest backend |
| `decode` | products of one row with a matrix: bytes a second |
| `models` | the models of torch_models.py in bf16, beside torch.compile (max-autotune) |
| `folders` | each FOLDER has model.onnx and input_<i>.npy: outputs beside the CPU's, times |
| `sanitizer` | small kernels under compute-sanitizer's memcheck and racecheck |

Kernels are timed by the device's clock, in rounds that alternate with PyTorch's; of calls
of models, copies of inputs and outputs count in. What is missing (PyTorch, compute-sanitizer
from PATH or PyPI's nvidia-cuda-sanitizer-api) is named, and left out. The table goes to the
standard output and --table, all figures to --json. Without a device there is one line that
says so, and exit status 1; with --dry-run, everything is compiled all the same. --quick
takes small sizes, for a try.
"""
import argparse
import glob
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import gpu_programs as programs

ROUNDS = 5
# Bytes a second of memory, by the device's name.
BANDWIDTH = {"H200": 4.8e12, "H100": 3.35e12, "A100": 2.0e12, "L40": 8.6e11, "B200": 8.0e12}


class Tools:
    def __init__(self, binaries, folder, dry):
        self.binaries, self.folder, self.target, self.dry = binaries, folder, "cuda", dry
        self.missing = set()

    def call(self, name, *arguments):
        done = subprocess.run([os.path.join(self.binaries, name), *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[0])
        return done.stdout

    def path(self, name):
        return os.path.join(self.folder, name)

    def device(self):
        """The name of the first CUDA device; empty where there is none."""
        for line in self.call("dl-run", "--list-devices").splitlines():
            if line.startswith("cuda"):
                return line.partition(" ")[2].strip()
        return ""

    def choose_target(self):
        """The target for the first device, by what nvidia-smi says of it."""
        try:
            command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "cuda"
        capability = int(found.replace(".", ""))
        return f"cuda:sm_{capability}" + ("a" if capability >= 90 else "")

    def compile(self, text, *options):
        """A module of a program's text, for the device."""
        source, module = self.path("program.mlir"), self.path("program.dlm")
        with open(source, "w") as file:
            file.write(text)
        self.call("dl-compile", source, "--target=" + self.target, "-o", module, *options)
        return module

    def time_kernels(self, module):
        """Microseconds of a run's kernels, the best of a profile."""
        trace = self.path("trace.json")
        self.call("dl-bench", module, "--seconds=0.2", "--profile=" + trace)
        with open(trace) as file:
            events = json.load(file)
        events = events["traceEvents"] if isinstance(events, dict) else events
        best = {}
        for event in events:
            if event.get("ph") == "X":
                best[event["name"]] = min(best.get(event["name"], float("inf")), event["dur"])
        return sum(best.values())

    def find_torch(self):
        """PyTorch with a device, or None."""
        if importlib.util.find_spec("torch") is None:
            self.missing.add("PyTorch is not installed: nothing to compare with")
            return None
        import torch

        if not torch.cuda.is_available():
            self.missing.add("PyTorch has no CUDA device: nothing to compare with")
            return None
        torch.backends.cuda.matmul.allow_tf32 = False
        return torch


def show(row):
    print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
    return row


def time_torch(torch, run):
    """Microseconds of the best of some runs, by events."""
    best = float("inf")
    for _ in range(10):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        best = min(best, 1e3 * start.elapsed_time(end))
    return best


def alternate(tools, module, peers):
    """Microseconds of a module's kernels and of the fastest peer, in turns."""
    ours, theirs = float("inf"), float("inf")
    for _ in range(1 if tools.dry else ROUNDS):
        if not tools.dry:
            ours = min(ours, tools.time_kernels(module))
        for peer in peers:
            theirs = min(theirs, peer())
    return ours, theirs


def measure(tools, row, module, peers, flops=0, moved=0):
    ours, theirs = alternate(tools, module, peers)
    if tools.dry:
        return show({**row, "state": "compiled"})
    row["us"] = ours
    if flops:
        row["tflops"] = flops / ours / 1e6
    if moved:
        row["gbs"] = moved / ours / 1e3
    if peers:
        row.update(torch_us=theirs, ratio=theirs / ours)
    return show(row)


def make_product_peers(torch, size, kind):
    if kind == "f8E4M3FN":
        if torch.cuda.get_device_capability() < (8, 9):
            return []
        a, b = (torch.randn(size, size, device="cuda").to(torch.float8_e4m3fn) for _ in range(2))
        one = torch.ones((), device="cuda")

        def multiply():
            return torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)

        return [lambda: time_torch(torch, multiply)]
    if kind == "i8":
        a, b = (torch.randint(-128, 128, (size, size), device="cuda", dtype=torch.int8) for _ in range(2))
        return [lambda: time_torch(torch, lambda: torch._int_mm(a, b))]
    types = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32, "tf32": torch.float32}
    a, b = (torch.randn(size, size, device="cuda", dtype=types[kind]) for _ in range(2))

    def peer():
        torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
        try:
            return time_torch(torch, lambda: a @ b)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = False

    return [peer]


def compile_product(tools, size, kind):
    if kind == "f8E4M3FN":
        return tools.compile(programs.make_float8_product(size))
    if kind == "i8":
        return tools.compile(programs.make_byte_product(size))
    if kind == "tf32":
        return tools.compile(programs.make_product(size, size, size, "f32"), "--precision=tf32")
    return tools.compile(programs.make_product(size, size, size, kind))


def products(tools, quick):
    torch, rows = tools.find_torch(), []
    for kind in ("bf16", "f16", "f32", "tf32", "f8E4M3FN", "i8"):
        for size in (128,) if quick else (1024, 2048, 4096, 8192):
            module = compile_product(tools, size, kind)
            peers = make_product_peers(torch, size, kind) if torch else []
            rows.append(measure(tools, {"product": f"{size}^3 {kind}"}, module, peers, flops=2 * size**3))
    return rows


def split(tools, quick):
    torch, rows = tools.find_torch(), []
    for m, depth, n in ((40, 2048, 72),) if quick else ((16, 4096, 1024), (128, 4096, 512), (768, 32768, 768)):
        module, peers = tools.compile(programs.make_product(m, depth, n, "bf16")), []
        if torch:
            a = torch.randn(m, depth, device="cuda", dtype=torch.bfloat16)
            b = torch.randn(depth, n, device="cuda", dtype=torch.bfloat16)
            peers = [lambda: time_torch(torch, lambda: a @ b)]
        rows.append(measure(tools, {"split": f"{m} x {depth} x {n}"}, module, peers, flops=2 * m * depth * n))
    return rows


def make_layers(torch, quick):
    """Names, programs, multiplications and PyTorch's functions."""
    shapes = [(2, 9, 64, 72, 3, 1)]
    if not quick:
        layers = ((56, 64, 64, 3, 1), (56, 256, 128, 1, 1), (28, 128, 128, 3, 1), (28, 512, 1024, 1, 2))
        layers += ((14, 256, 256, 3, 1), (7, 512, 512, 3, 1))
        shapes = [(batch, *layer) for batch in (1, 64) for layer in layers]
    for batch, size, channels, filters, window, stride in shapes:
        name = f"{batch} x {size}^2 x {channels} to {filters}, {window}^2"
        out = -(-size // stride)
        count = batch * out**2 * filters * channels * window**2
        run = None
        if torch:
            kind = {"device": "cuda", "dtype": torch.bfloat16}
            x = torch.randn(batch, channels, size, size, **kind).to(memory_format=torch.channels_last)
            w = torch.randn(filters, channels, window, window, **kind).to(memory_format=torch.channels_last)

            def run(x=x, w=w, stride=stride, pad=window // 2):
                return torch.nn.functional.conv2d(x, w, stride=stride, padding=pad)

        yield name, programs.make_convolution(batch, size, channels, filters, window, stride), count, run
    size, run = 136 if quick else 4096, None
    if torch:
        a = torch.randn(size, size, device="cuda")
        b = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)

        def run():
            return a.to(torch.bfloat16) @ b

    yield f"{size}^3, converted", programs.make_converted_product(size), size**3, run


def convolutions(tools, quick):
    torch, found = tools.find_torch(), []
    for name, program, count, run in make_layers(torch, quick):
        peers = [lambda run=run: time_torch(torch, run)] if torch else []
        found.append(measure(tools, {"convolution": name}, tools.compile(program), peers, flops=2 * count))
    return found


def make_row_kernels(torch, count, columns):
    """Names, programs and PyTorch's functions."""
    functional = torch.nn.functional if torch else None
    yield "softmax", programs.make_softmax(count, columns, "bf16"), lambda x, w: functional.softmax(x, 1)
    yield (
        "layer norm",
        programs.make_norm(count, columns, "bf16", centred=True),
        lambda x, w: functional.layer_norm(x, (columns,), w),
    )
    yield (
        "rms norm",
        programs.make_norm(count, columns, "bf16", centred=False),
        lambda x, w: functional.rms_norm(x, (columns,), w),
    )


def rows(tools, quick):
    torch, found = tools.find_torch(), []
    limit = next((value for name, value in BANDWIDTH.items() if name in tools.device()), 0)
    shapes = ((5, 200),) if quick else ((65536, 64), (32768, 1024), (8192, 4096), (2048, 50257))
    for count, columns in shapes:
        for name, program, function in make_row_kernels(torch, count, columns):
            module, peers = tools.compile(program), []
            if torch:
                x = torch.randn(count, columns, device="cuda", dtype=torch.bfloat16)
                w = torch.randn(columns, device="cuda", dtype=torch.bfloat16)
                peers = [lambda: time_torch(torch, lambda: function(x, w))]
            row = measure(tools, {"rows": f"{name} {count} x {columns}"}, module, peers, moved=4 * count * columns)
            if limit and "gbs" in row:
                row["share"] = row["gbs"] * 1e9 / limit
            found.append(row)
    return found


def make_attention_peers(torch, heads, length, size, causal):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q, k, v = (torch.randn(1, heads, length, size, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    peers = []
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION):

        def peer(backend=backend):
            try:
                with sdpa_kernel(backend):
                    return time_torch(
                        torch, lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
                    )
            except RuntimeError:  # the backend does not take this
                return float("inf")

        peers.append(peer)
    return peers


def attention(tools, quick):
    torch, rows, heads = tools.find_torch(), [], 2 if quick else 16
    for size in (64, 128):
        for length in (160,) if quick else (4096, 16384):
            for causal in (False, True):
                module = tools.compile(programs.make_attention(heads, length, size, causal))
                peers = make_attention_peers(torch, heads, length, size, causal) if torch else []
                flops = 4 * heads * length**2 * size // (2 if causal else 1)
                name = f"{heads} heads of {size}, {length}, {'causal' if causal else 'full'}"
                rows.append(measure(tools, {"attention": name}, module, peers, flops=flops))
    return rows


def decode(tools, quick):
    torch, rows = tools.find_torch(), []
    limit = next((value for name, value in BANDWIDTH.items() if name in tools.device()), 0)
    for depth, columns in ((256, 512),) if quick else ((4096, 4096), (4096, 14336), (8192, 28672)):
        for by_rows in (True, False):
            module = tools.compile(programs.make_product(1, depth, columns, "bf16", by_rows))
            peers = []
            if torch:
                x = torch.randn(1, depth, device="cuda", dtype=torch.bfloat16)
                w = torch.randn(depth, columns, device="cuda", dtype=torch.bfloat16)
                w = w if by_rows else w.t().contiguous().t()
                peers = [lambda: time_torch(torch, lambda: x @ w)]
            name = f"1 x {depth} x {columns}, {'rows' if by_rows else 'columns'} in memory"
            row = measure(tools, {"decode": name}, module, peers, moved=2 * depth * columns)
            if limit and "gbs" in row:
                row["share"] = row["gbs"] * 1e9 / limit
            rows.append(row)
    return rows


def export(torch, module, inputs, path):
    module.eval()
    with torch.no_grad():
        torch.onnx.export(module, inputs, path, dynamo=False, opset_version=18)


def time_compiled(torch, module, inputs):
    """Milliseconds of a call by torch.compile, inputs on the device."""
    module = module.cuda().to(torch.bfloat16)
    inputs = [x.cuda().to(torch.bfloat16) if x.is_floating_point() else x.cuda() for x in inputs]
    with torch.no_grad():
        compiled = torch.compile(module, mode="max-autotune")
        for _ in range(5):
            compiled(*inputs)
        return min(time_torch(torch, lambda: compiled(*inputs)) for _ in range(ROUNDS)) / 1e3


def models(tools, quick):
    if importlib.util.find_spec("torch") is None:
        tools.missing.add("PyTorch is not installed: its models are not there")
        return []
    import torch
    import torch_models

    rows, has_device = [], tools.find_torch()
    for name, module, inputs in torch_models.make_models(quick):
        path, compiled = tools.path("model.onnx"), tools.path("model.dlm")
        try:
            export(torch, module, inputs, path)
        except (RuntimeError, ImportError) as error:
            tools.missing.add(f"PyTorch cannot export models: {str(error).splitlines()[0]}")
            return rows
        tools.call("dl-compile", path, "--target=" + tools.target, "--precision=bf16", "-o", compiled)
        row = {"model": name}
        if tools.dry:
            rows.append(show({**row, "state": "compiled"}))
            continue
        files = []
        for i, value in enumerate(inputs):
            files.append(f"--input={tools.path(f'model_{i}.npy')}")
            np.save(tools.path(f"model_{i}.npy"), value.numpy())
        timed = json.loads(tools.call("dl-bench", compiled, "--seconds=1", "--json", *files))
        row["bf16_ms"] = timed["min_ms"]
        if has_device:
            row["torch_ms"] = time_compiled(torch, module, inputs)
            row["ratio"] = row["torch_ms"] / row["bf16_ms"]
        rows.append(show(row))
    return rows


def run_model(tools, model, folder, target, precision):
    """The outputs of a model on a target, and milliseconds of a call."""
    module, out = tools.path("model.dlm"), tools.path("out")
    shutil.rmtree(out, ignore_errors=True)
    inputs = sorted(glob.glob(folder + "/input_*.npy"), key=lambda path: int(path.rsplit("_", 1)[1][:-4]))
    arguments = ["--input=" + path for path in inputs]
    tools.call("dl-compile", model, "--target=" + target, "--precision=" + precision, "-o", module)
    if tools.dry and target != "cpu":
        return [], 0.0
    tools.call("dl-run", module, "--output-dir=" + out, *arguments)
    outputs = [np.load(path).astype(np.float64) for path in sorted(glob.glob(out + "/output_*.npy"))]
    if target == "cpu":
        return outputs, 0.0
    timed = json.loads(tools.call("dl-bench", module, "--seconds=0.3", "--json", *arguments))
    return outputs, timed["min_ms"]


def folders(tools, paths):
    rows = []
    for folder in paths:
        model, row = os.path.join(folder, "model.onnx"), {"folder": os.path.basename(os.path.normpath(folder))}
        expected, _ = run_model(tools, model, folder, "cpu", "f32")
        for precision, limit in (("f32", 1e-3), ("bf16", 1e-2)):
            found, milliseconds = run_model(tools, model, folder, tools.target, precision)
            if tools.dry:
                row["state"] = "compiled"
                continue
            error = max(
                float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) if b.size else 0.0
                for a, b in zip(found, expected)
            )
            row.update({f"{precision}_ms": milliseconds, f"{precision}_error": error})
            row[f"{precision}_right"] = error <= limit
        rows.append(show(row))
    return rows


def sanitize(tools):
    """What memcheck and racecheck say of small kernels on the device."""
    found = [shutil.which("compute-sanitizer"), "/usr/local/cuda/bin/compute-sanitizer"]
    for folder in sys.path:
        found += glob.glob(f"{folder}/nvidia/**/compute-sanitizer", recursive=True)
    found = [path for path in found if path and os.path.isfile(path) and os.access(path, os.X_OK)]
    if not found:
        tools.missing.add("compute-sanitizer is not there: pip install nvidia-cuda-sanitizer-api")
    rows = []
    for name, text in programs.make_small():
        module = tools.compile(text)
        if tools.dry or not found:
            rows.append(show({"sanitizer": name, "state": "compiled"}))
            continue
        for tool in ("memcheck", "racecheck"):
            command = [found[0], "--tool", tool, os.path.join(tools.binaries, "dl-bench"), module, "--seconds=0"]
            done = subprocess.run(command, capture_output=True, text=True)
            said = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]
            rows.append(show({"sanitizer": name, "tool": tool, "state": said}))
    return rows


def write_table(path, figures):
    """Each part as a table in Markdown."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# {figures['device'] or 'no device'}, {figures['target']}\n")
        for part, rows in figures["parts"].items():
            names = list(dict.fromkeys(name for row in rows for name in row))
            if not names:
                continue
            file.write(f"\n## {part}\n\n| {' | '.join(names)} |\n|{' --- |' * len(names)}\n")
            for row in rows:
                cells = (row.get(name, "") for name in names)
                file.write(f"| {' | '.join(f'{c:.4g}' if isinstance(c, float) else str(c) for c in cells)} |\n")
        for line in figures["missing"]:
            file.write(f"\nMissing: {line}.\n")


def main():
    parts = {
        "products": lambda tools, args: products(tools, args.quick),
        "split": lambda tools, args: split(tools, args.quick),
        "convolutions": lambda tools, args: convolutions(tools, args.quick),
        "rows": lambda tools, args: rows(tools, args.quick),
        "attention": lambda tools, args: attention(tools, args.quick),
        "decode": lambda tools, args: decode(tools, args.quick),
        "models": lambda tools, args: models(tools, args.quick),
        "folders": lambda tools, args: folders(tools, args.models),
        "sanitizer": lambda tools, args: sanitize(tools),
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--models", nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--target", help="such as cuda:sm_80; default: the device's own architecture")
    parser.add_argument("--only", help="parts, divided by commas; default: all", default=",".join(parts))
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--dry-run", action="store_true", help="compile everything, run nothing on a device")
    parser.add_argument("--json")
    parser.add_argument("--table")
    args = parser.parse_args()
    chosen = args.only.split(",")
    for part in chosen:
        if part not in parts:
            sys.exit(f"error: --only: there is no part '{part}', only {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(args.bin, folder, args.dry_run)
        device = "" if args.dry_run else tools.device()
        if not device and not args.dry_run:
            sys.exit("error: cuda: this machine has no CUDA device or no driver for one")
        tools.target = args.target or ("cuda" if args.dry_run else tools.choose_target())
        figures = {"device": device, "target": tools.target, "parts": {}}
        try:
            for part in chosen:
                figures["parts"][part] = parts[part](tools, args)
        except RuntimeError as error:
            sys.exit(str(error))
    figures["missing"] = sorted(tools.missing)
    for line in figures["missing"]:
        print(f"missing: {line}", file=sys.stderr)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    if args.table:
        write_table(args.table, figures)


if __name__ == "__main__":
    main()
