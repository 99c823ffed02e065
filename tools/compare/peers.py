#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares compiled models with ONNX Runtime and OpenVINO, as a table in Markdown.

    peers.py error  --bin BUILD/bin FOLDER [NAME...]   errors in bf16
    peers.py memory --bin BUILD/bin FOLDER [NAME...]   memory while running

FOLDER holds a folder for each model, NAME: model.onnx, input_<i>.npy for each input
and, optionally, expected.npz; README.md beside this script describes all of it, and
what the tables mean. An engine that is not installed is left out.
"""
import argparse
import contextlib
import glob
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

OURS, ORT, OV = "this compiler", "onnxruntime", "openvino"
NAMES = {OURS: "this compiler", ORT: "ONNX Runtime", OV: "OpenVINO"}
ENGINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine.py")


class Failure(Exception):
    pass


def number(path):
    """The number in input_<number>.npy."""
    return int(path.rsplit("_", 1)[1].split(".")[0])


def call(command, limit, title=None):
    """What a program prints; raises Failure with its last words."""
    title = title or os.path.basename(command[0])
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failure(f"{title}: no answer in {limit:g} s") from None
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no message"]
        raise Failure(f"{title}: exit status {done.returncode}: {words[-1][:300]}")
    return done.stdout


class Model:
    """A model's files, and the programs that run it."""

    def __init__(self, name, args, scratch):
        self.folder, self.args, self.scratch = os.path.join(args.folder, name), args, scratch
        self.source = f"{self.folder}/model.onnx"
        self.inputs = sorted(glob.glob(f"{self.folder}/input_*.npy"), key=number)

    def compile(self, precision):
        module = f"{self.scratch}/{precision}.dlm"
        # Whatever the CPU multiplies faster, the precision itself is looked at.
        call([f"{self.args.bin}/dl-compile", self.source, "-o", module, f"--precision={precision}", "--precision-guard=false"], self.args.limit)
        return module

    def given(self):
        return [f"--input={path}" for path in self.inputs]

    def our_outputs(self, precision):
        out = f"{self.scratch}/out-{precision}"
        call([f"{self.args.bin}/dl-run", self.compile(precision), *self.given(), f"--threads={self.args.threads}",
              f"--output-dir={out}"], self.args.limit)
        return [np.load(path) for path in sorted(glob.glob(f"{out}/output_*.npy"), key=number)]

    def engine(self, engine, *options):
        command = [sys.executable, ENGINE, engine, self.source, *self.inputs, *options]
        return json.loads(call(command, self.args.limit, title=engine))

    def outputs(self, engine, precision, threads):
        out = f"{self.scratch}/{engine}-{precision}.npz"
        self.engine(engine, f"--precision={precision}", f"--threads={threads}", f"--output={out}")
        with np.load(out) as file:
            return [file[f"output_{i}"] for i in range(len(file.files))]


# ---------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------


def scales(output):
    """What errors are measured against: the largest magnitude in a value's slice along axis 1 where the output has three or more
    dimensions, of the whole output otherwise, so that large coordinates do not hide scores."""
    size = np.abs(output.astype(np.float64))
    if output.ndim < 3 or not output.size:
        return np.full(output.size, size.max() if output.size else 0)
    largest = size.max(axis=tuple(axis for axis in range(output.ndim) if axis != 1), keepdims=True)
    return np.broadcast_to(largest, output.shape).ravel()


def reference(model):
    """For each output its shape, positions, the values there and their scales: of expected.npz, or of ONNX Runtime."""
    path = f"{model.folder}/expected.npz"
    if os.path.exists(path):
        with np.load(path) as file:
            count = sum(key.startswith("shape_") for key in file.files)
            return [(tuple(file[f"shape_{i}"]), *(file[f"{key}_{i}"] for key in ("index", "value", "scale")))
                    for i in range(count)]
    return [(output.shape, np.arange(output.size), output.ravel(), scales(output))
            for output in model.outputs(ORT, "f32", threads=1)]


def compare(outputs, expected):
    """The largest error of all values, the mean, and the largest of each output."""
    if len(outputs) != len(expected):
        raise Failure(f"{len(outputs)} outputs, expected {len(expected)}")
    errors = []
    for i, (output, (shape, index, value, scale)) in enumerate(zip(outputs, expected)):
        if output.shape != shape:
            raise Failure(f"output {i}: shape {output.shape}, expected {shape}")
        error = np.abs(output.ravel()[index].astype(np.float64) - value.astype(np.float64)) / np.maximum(scale, 1e-30)
        errors.append(np.where(np.isfinite(error), error, np.inf))
    each = [float(error.max()) if error.size else 0.0 for error in errors]
    every = np.concatenate(errors) if errors else np.zeros(0)
    return {"largest": max(each, default=0.0), "mean": float(every.mean()) if every.size else 0.0, "outputs": each}


def measure_error(model):
    expected = reference(model)
    row = {OURS: compare(model.our_outputs("bf16"), expected)}
    if OV in model.args.peers:
        row[OV] = attempt(lambda: compare(model.outputs(OV, "bf16", model.args.threads), expected))
        if "failure" not in row[OV]:
            row["not_larger"] = row[OURS]["largest"] <= row[OV]["largest"]
    return row


def error_table(rows):
    yield ["model", "this compiler", "mean", "OpenVINO", "mean", "not larger"]
    for name, row in rows.items():
        if "failure" in row:
            yield [name, row["failure"], "", "", "", ""]
            continue
        cells = [name]
        for side in (OURS, OV):
            cells += [f"{row[side][key]:.2e}" if key in row.get(side, {}) else "-" for key in ("largest", "mean")]
        yield cells + [{True: "yes", False: "**no**"}.get(row.get("not_larger"), "")]


# ---------------------------------------------------------------------------
# Memory
# ---------------------------------------------------------------------------


def beyond_start(memory):
    """What a process has beyond what it has without a model."""
    start, end = memory["start"], memory["end"]
    return {
        "run_peak_bytes": memory["run_peak_bytes"] - start["resident_bytes"],
        "load_peak_bytes": max(memory["load_peak_bytes"], memory["run_peak_bytes"]) - start["resident_bytes"],
        "anonymous_bytes": end["anonymous_bytes"] - start["anonymous_bytes"],
        "file_bytes": end["file_bytes"] - start["file_bytes"],
    }


def measure_memory(model):
    args, row = model.args, {}
    for precision in args.precision.split(","):
        module = model.compile(precision)
        ours = json.loads(call([f"{args.bin}/dl-bench", module, *model.given(), f"--threads={args.threads}",
                                f"--seconds={args.seconds}", "--json"], args.limit))
        part = row[precision] = {OURS: {**beyond_start(ours["memory"]), "arena_bytes": ours["arena_bytes"]}}
        for peer in args.peers:
            # ONNX Runtime has no bf16 on x86.
            if precision == "bf16" and peer == ORT:
                continue
            part[peer] = attempt(lambda: beyond_start(model.engine(
                peer, f"--precision={precision}", f"--threads={args.threads}", f"--runs={args.runs}")["memory"]))
        os.remove(module)
        for key in ("run_peak_bytes", "load_peak_bytes"):
            peers = [part[peer][key] for peer in args.peers if key in part.get(peer, {})]
            if peers:
                part[f"{key}_not_larger"] = part[OURS][key] <= min(peers)
    return row


def memory_table(rows, precision, peers):
    sides = [OURS, *(peer for peer in peers if precision == "f32" or peer != ORT)]
    yield ["model", "arena", *(NAMES[side] for side in sides), "not larger"]
    for name, row in rows.items():
        if "failure" in row:
            yield [name, row["failure"], *[""] * (len(sides) + 1)]
            continue
        part = row[precision]
        cells = [name, f"{part[OURS]['arena_bytes'] / 1e6:.1f}"]
        for side in sides:
            mb = {key: f"{value / 1e6:.1f}" for key, value in part[side].items() if key.endswith("bytes")}
            cells.append("{run_peak_bytes} / {load_peak_bytes} ({anonymous_bytes} + {file_bytes})".format(**mb) if mb else "-")
        known = [part.get(f"{key}_not_larger") for key in ("run_peak_bytes", "load_peak_bytes")]
        yield cells + [" / ".join({True: "yes", False: "**no**", None: ""}[each] for each in known)]


# ---------------------------------------------------------------------------


def attempt(function):
    """Its result, or why another engine has none."""
    try:
        return function()
    except Failure as reason:
        return {"failure": str(reason)}


def print_table(lines):
    for i, cells in enumerate(lines):
        print("| " + " | ".join(cells) + " |")
        if i == 0:
            print("|" + " --- |" * len(cells))


def cpu_name():
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown CPU"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in (("error", "errors in bf16"), ("memory", "memory while running")):
        sub = commands.add_parser(command, help=text)
        sub.add_argument("--bin", required=True, help="the folder of dl-compile, dl-run and dl-bench")
        sub.add_argument("folder")
        sub.add_argument("names", nargs="*", help="models; default: all")
        sub.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
        sub.add_argument("--peers", default=f"{ORT},{OV}", help="engines to compare with; default: %(default)s")
        sub.add_argument("--limit", type=float, default=600, help="seconds for one program; default: %(default)s")
        sub.add_argument("--json", metavar="FILE", help="write all numbers there, too")
        if command == "memory":
            sub.add_argument("--precision", default="f32,bf16", help="default: %(default)s")
            sub.add_argument("--runs", type=int, default=5, help="of the other engines; default: %(default)s")
            sub.add_argument("--seconds", type=float, default=0.5, help="of our runs; default: %(default)s")
    args = parser.parse_args()
    wanted = args.peers.split(",")
    args.peers = [peer for peer in wanted if importlib.util.find_spec(peer)]
    for peer in wanted:
        if peer not in args.peers:
            print(f"{peer} is not installed: left out", file=sys.stderr)

    measure = measure_error if args.command == "error" else measure_memory
    rows = {}
    for name in args.names or sorted(os.listdir(args.folder)):
        with tempfile.TemporaryDirectory() as scratch:
            try:
                rows[name] = measure(Model(name, args, scratch))
            except Failure as reason:
                rows[name] = {"failure": str(reason)}
        sides = [rows[name], *(part for part in rows[name].values() if isinstance(part, dict))]
        failures = [side["failure"] for side in sides if "failure" in side]
        print(f"{name}: {failures[0] if failures else 'done'}", file=sys.stderr, flush=True)

    print(f"{cpu_name()}, {args.threads} threads\n")
    if args.command == "error":
        print_table(error_table(rows))
    else:
        for precision in args.precision.split(","):
            print(f"{precision}, MB: in runs / with loading (anonymous + of files)\n")
            print_table(memory_table(rows, precision, args.peers))
            print()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"cpu": cpu_name(), "threads": args.threads, "models": rows}, file, indent=1)
            file.write("\n")
    return 1 if not rows or any("failure" in row for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
