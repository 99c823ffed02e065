#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the digits model, classifies the held-out digits and prints what came out.

    show.py --bin BUILD/bin [--data test/e2e/digits] [--seconds 1]

Draws a few digits with their answers, then the accuracy over all of them and the
speed for one digit and for all at once. Exit status 1 where a tool fails or the
accuracy is below 0.97.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

LEAST_ACCURACY = 0.97
SHADES = " .:-=+*#%@"
DRAWN = 6


def call(*command):
    """The standard output of a tool; ends the program with its message where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        sys.exit(f"error: {os.path.basename(command[0])}: exit status {done.returncode}")
    return done.stdout


def draw(images, answers, labels, confidence):
    """The images side by side, two characters a pixel, with the answers below."""
    for row in range(8):
        cells = []
        for image in images:
            level = np.clip(np.rint(image[0, row] * (len(SHADES) - 1)), 0, len(SHADES) - 1).astype(int)
            cells.append("".join(SHADES[v] * 2 for v in level))
        print("  " + "  ".join(cells))
    for answer, label, sure in zip(answers, labels, confidence):
        note = f"{answer} ({sure:.0%})" if answer == label else f"{answer} ({sure:.0%}), is {label}"
        print("  " + note.center(16), end="")
    print("\n")


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--data", default=os.path.normpath(f"{root}/test/e2e/digits"))
    parser.add_argument("--seconds", type=float, default=1, help="for each measurement")
    args = parser.parse_args()

    images, labels = np.load(f"{args.data}/images.npy"), np.load(f"{args.data}/labels.npy")
    with tempfile.TemporaryDirectory() as scratch:
        module = f"{scratch}/digits.dlm"
        start = time.monotonic()
        call(f"{args.bin}/dl-compile", f"{args.data}/digits.onnx", "-o", module)
        seconds = time.monotonic() - start
        print(f"digits.onnx: compiled in {seconds:.2f} s, {os.path.getsize(module) / 1024:.0f} KiB\n")

        call(f"{args.bin}/dl-run", module, f"--input={args.data}/images.npy", f"--output-dir={scratch}/out")
        probabilities = np.load(f"{scratch}/out/output_0.npy")
        if probabilities.shape != (len(images), 10) or not np.isfinite(probabilities).all():
            sys.exit(f"error: output of shape {probabilities.shape}, expected finite {(len(images), 10)}")
        answers, confidence = probabilities.argmax(1), probabilities.max(1)
        right = answers == labels

        # Two rows: digits that were read rightly, then those that were not.
        for chosen in (np.flatnonzero(right), np.flatnonzero(~right)):
            chosen = chosen[:: max(1, len(chosen) // DRAWN)][:DRAWN]
            if len(chosen):
                draw(images[chosen], answers[chosen], labels[chosen], confidence[chosen])

        print(f"accuracy: {right.mean():.4f} ({right.sum()} of {len(labels)} held-out digits)")
        np.save(f"{scratch}/one.npy", images[:1])
        for file, count in ((f"{scratch}/one.npy", 1), (f"{args.data}/images.npy", len(images))):
            text = call(f"{args.bin}/dl-bench", module, f"--input={file}", f"--seconds={args.seconds:g}", "--json")
            median = json.loads(text)["median_ms"]
            name = "one digit" if count == 1 else f"{count} digits at once"
            print(f"speed: {name}: {median * 1000:.1f} us, {count / median * 1000:,.0f} digits/s")

    if right.mean() < LEAST_ACCURACY:
        print(f"error: accuracy below {LEAST_ACCURACY}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
