#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantizes models to int8 with this compiler and with ONNX Runtime, from the same samples, as a table in Markdown.

    quantized.py --bin BUILD/bin FOLDER [NAME...] [--samples 4] [--json FILE] [--skip-speed] [--skip-peer]

FOLDER is laid out as for peers.py. Samples are NAME/samples/*/input_<i>.npy where there
are some; else made of input_<i>.npy, to which noise is added where they are floats.
Each quantized model answers them, and as many that it has not seen, and is compared
with the float32 one in ONNX Runtime: the signal-to-noise ratio of an output is the
power of the output over that of its error, in decibels, and the least of all outputs
counts. Speed is that of `dl-bench`, in turns with this compiler's float32.

The exit status is 0 if no model is slower than in float32 by more than --slack, and
none has a lower ratio than ONNX Runtime's.
"""
import argparse
import filecmp
import glob
import json
import os
import shutil
import sys
import tempfile

import numpy as np

from peers import ENGINE, ORT, OURS, Failure, attempt, call, cpu_name, number, print_table

QUANTIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quantize_peer.py")
EXACT = float("inf")


# ---------------------------------------------------------------------------
# Samples
# ---------------------------------------------------------------------------


def inputs_of(folder):
    return sorted(glob.glob(f"{folder}/input_*.npy"), key=number)


def make_samples(source, folder, count, seed):
    """`count` folders of inputs like those of `source`: floats with noise, from none to 0.1 * (count - 1)."""
    random = np.random.default_rng(seed)
    for k in range(count):
        os.makedirs(f"{folder}/{k}")
        for path in inputs_of(source):
            value = np.load(path)
            if value.dtype.kind == "f":
                value = value + k * 0.1 * random.standard_normal(value.shape).astype(value.dtype)
            np.save(f"{folder}/{k}/{os.path.basename(path)}", value)


def find_samples(model, scratch, count):
    """Folders of samples: for calibration, and for it and what was not seen."""
    given = sorted(glob.glob(f"{model}/samples/*/"))
    seen, all_of_them = f"{scratch}/seen", f"{scratch}/all"
    if given:
        for i, folder in enumerate(given[: 2 * count]):
            if i < count:
                shutil.copytree(folder, f"{seen}/{i}")
            shutil.copytree(folder, f"{all_of_them}/{i}")
        return seen, all_of_them
    make_samples(model, seen, count, seed=3)
    shutil.copytree(seen, all_of_them)
    make_samples(model, f"{scratch}/new", count, seed=4)
    for k in range(1, count):
        shutil.move(f"{scratch}/new/{k}", f"{all_of_them}/new{k}")
    return seen, all_of_them


# ---------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------


def our_outputs(args, module, inputs, scratch):
    out = f"{scratch}/out"
    call([f"{args.bin}/dl-run", module, *(f"--input={path}" for path in inputs), f"--output-dir={out}",
          f"--threads={args.threads}"], args.limit)
    return [np.load(path) for path in sorted(glob.glob(f"{out}/output_*.npy"), key=number)]


def peer_outputs(args, model, inputs, scratch):
    out = f"{scratch}/peer.npz"
    call([sys.executable, ENGINE, ORT, model, *inputs, f"--threads={args.threads}", f"--output={out}"], args.limit, title=ORT)
    with np.load(out) as file:
        return [file[f"output_{i}"] for i in range(len(file.files))]


def signal_to_noise(run, exact):
    """Decibels of each output of floats over all samples; `exact` has the outputs of each sample."""
    power, noise = {}, {}
    for folder, wanted in exact.items():
        got = run(inputs_of(folder))
        for i, want in enumerate(wanted):
            if want.dtype.kind != "f":
                continue
            if got[i].shape != want.shape:
                raise Failure(f"output {i}: shape {got[i].shape}, expected {want.shape}")
            want = want.astype(np.float64)
            power[i] = power.get(i, 0) + (want**2).sum()
            noise[i] = noise.get(i, 0) + ((got[i] - want) ** 2).sum()
    return [10 * float(np.log10(power[i] / noise[i])) if noise[i] > 0 else EXACT for i in power]


# ---------------------------------------------------------------------------
# Speed
# ---------------------------------------------------------------------------


def bench(args, module, inputs):
    """Milliseconds of the fastest call."""
    found = call([f"{args.bin}/dl-bench", module, *(f"--input={path}" for path in inputs), f"--threads={args.threads}",
                  f"--seconds={args.seconds}", "--json"], args.limit)
    return json.loads(found)["min_ms"]


def compare_speed(args, first, second, inputs):
    """The least milliseconds of both, in turns; once where the guard has made them the same."""
    if filecmp.cmp(first, second, shallow=False):
        return [bench(args, first, inputs)] * 2
    times = [[bench(args, module, inputs) for module in (first, second)] for _ in range(args.rounds)]
    return [min(each) for each in zip(*times)]


# ---------------------------------------------------------------------------


def measure(name, args, scratch):
    folder = os.path.join(args.folder, name)
    model, plain, ours = f"{folder}/model.onnx", f"{scratch}/float32.dlm", f"{scratch}/int8.dlm"
    seen, all_of_them = find_samples(folder, scratch, args.samples)
    call([f"{args.bin}/dl-compile", model, "-o", plain], args.limit)
    report = f"{scratch}/report.json"
    call([f"{args.bin}/dl-compile", model, "-o", ours, f"--quantize={args.type}", f"--calibration={seen}",
          f"--quantize-report={report}", *args.compile_args.split()], args.limit)
    with open(report, encoding="utf-8") as file:
        products = json.load(file)["products"]
    row = {"products": len(products), "quantized": sum(each["type"] != "float32" for each in products)}
    if not args.skip_speed:
        row["float32_ms"], row["int8_ms"] = compare_speed(args, plain, ours, inputs_of(folder))
        row["not_slower"] = row["int8_ms"] <= row["float32_ms"] * (1 + args.slack)
    folders = sorted(glob.glob(f"{all_of_them}/*/"))
    exact = {each: peer_outputs(args, model, inputs_of(each), scratch) for each in folders}
    row[OURS] = signal_to_noise(lambda inputs: our_outputs(args, ours, inputs, scratch), exact)
    if not args.skip_peer:
        def quantize_by_peer():
            quantized = f"{scratch}/peer.onnx"
            call([sys.executable, QUANTIZER, model, seen, quantized], args.limit, title=ORT)
            return {"outputs": signal_to_noise(lambda inputs: peer_outputs(args, quantized, inputs, scratch), exact)}
        row[ORT] = attempt(quantize_by_peer)
        if "outputs" in row[ORT]:
            row["not_noisier"] = min(row[OURS], default=EXACT) >= min(row[ORT]["outputs"], default=EXACT)
    return row


def decibels(outputs):
    least = min(outputs, default=EXACT)
    # Above that, nothing but the order of sums in float32 is left.
    return "exact" if least > 100 else f"{least:.1f}"


def table(rows):
    answer = {True: "yes", False: "**no**", None: ""}
    yield ["model", "products in int8", "float32 ms", "int8 ms", "faster", "SNR dB", "ONNX Runtime's", "not slower", "not noisier"]
    for name, row in rows.items():
        if "failure" in row:
            yield [name, row["failure"], *[""] * 7]
            continue
        times = ["-"] * 3
        if "int8_ms" in row:
            times = [f"{row['float32_ms']:.4g}", f"{row['int8_ms']:.4g}", f"{row['float32_ms'] / row['int8_ms']:.2f}"]
        peer = row.get(ORT, {})
        theirs = decibels(peer["outputs"]) if "outputs" in peer else peer.get("failure", "-")
        yield [name, f"{row['quantized']} of {row['products']}", *times, decibels(row[OURS]), theirs,
               answer[row.get("not_slower")], answer[row.get("not_noisier")]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="the folder of dl-compile, dl-run and dl-bench")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", help="models; default: all")
    parser.add_argument("--samples", type=int, default=4, help="for calibration; default: %(default)s")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5, help="of the times; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement; default: %(default)s")
    parser.add_argument("--slack", type=float, default=0.03, help="a share of time that counts as the same; default: %(default)s")
    parser.add_argument("--type", default="int8", choices=("int8", "int4"), help="of ours; default: %(default)s")
    parser.add_argument("--compile-args", default="", help="further options of dl-compile --quantize")
    parser.add_argument("--skip-speed", action="store_true", help="compare errors alone")
    parser.add_argument("--skip-peer", action="store_true", help="leave ONNX Runtime's quantization out")
    parser.add_argument("--limit", type=float, default=1200, help="seconds for one program; default: %(default)s")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there, too")
    args = parser.parse_args()
    rows = {}
    for name in args.names or sorted(os.listdir(args.folder)):
        with tempfile.TemporaryDirectory() as scratch:
            try:
                rows[name] = measure(name, args, scratch)
            except Failure as reason:
                rows[name] = {"failure": str(reason)}
        print(f"{name}: {rows[name].get('failure', 'done')}", file=sys.stderr, flush=True)
    print(f"{cpu_name()}, {args.threads} threads\n")
    print_table(table(rows))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"cpu": cpu_name(), "threads": args.threads, "models": rows}, file, indent=1)
            file.write("\n")
    misses = [name for name, row in rows.items()
              if "failure" in row or row.get("not_slower") is False or row.get("not_noisier") is False]
    return 1 if misses or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
