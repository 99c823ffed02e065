#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that checking scripts notice wrong results.

    wrong_tools.py --bin BUILD/bin [--suite-tolerance] MODEL... -- CHECK...

Runs the command CHECK once for each kind of wrong result, on tools that compile and
run like those in BUILD/bin and then spoil what dl-run wrote: `scale` multiplies the
first floating-point output by 1.001 (by 1.01 with --suite-tolerance, for a script
that by its definition accepts a relative error of 1e-3), `nan` puts a NaN in it,
`swap` exchanges the first two outputs, `missing` removes the first. {bin} and {model}
in CHECK stand for the folder of those tools and a model: the first whose first output
is float32, for `swap` the first with two outputs of different type or shape. MODEL is
NAME=PATH_OF_ONNX_FILE. CHECK must succeed with the real tools and fail with each of
the others.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

KINDS = ("scale", "nan", "swap", "missing")
WRAPPER = """#!/bin/sh
exec "{python}" "{script}" --spoil {kind} {factor} "{real}" "$@"
"""


def load(path):
    if path.endswith(".npy"):
        return np.load(path)
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return numpy_helper.to_array(tensor)


def store(path, value):
    if path.endswith(".npy"):
        np.save(path, value)
    else:
        with open(path, "wb") as file:
            file.write(numpy_helper.from_array(value).SerializeToString())


def spoil(kind, factor, command):
    """Runs dl-run and spoils its output folder."""
    done = subprocess.run(command)
    if done.returncode:
        return done.returncode
    folder = next(a.split("=", 1)[1] for a in command if a.startswith("--output-dir="))
    outputs = sorted(glob.glob(f"{folder}/output_*"), key=lambda f: int(f.rsplit("_", 1)[1].split(".")[0]))
    if kind == "missing":
        os.remove(outputs[0])
    elif kind == "swap":
        a, b = load(outputs[0]), load(outputs[1])
        store(outputs[0], b)
        store(outputs[1], a)
    else:
        path = next(f for f in outputs if load(f).dtype == np.float32)
        value = load(path)
        shape, value = value.shape, value.ravel().copy()
        if kind == "scale":
            value *= np.float32(factor)
        else:
            # Everywhere: a script may compare a sample of the values.
            value[...] = np.nan
        store(path, value.reshape(shape))
    return 0


def result(command, tools, model):
    command = [part.replace("{bin}", tools).replace("{model}", model) for part in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    if sys.argv[1:2] == ["--spoil"]:
        return spoil(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--suite-tolerance", action="store_true")
    parser.add_argument("models", nargs="+")
    args = parser.parse_args(sys.argv[1:split])
    check = sys.argv[split + 1:]
    real = os.path.abspath(args.bin)

    one = two = None
    for model in args.models:
        name, _, path = model.partition("=")
        outputs = onnx.load(path, load_external_data=False).graph.output
        if one is None and outputs[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            one = name
        if two is None and len(outputs) > 1 and outputs[0].type != outputs[1].type:
            two = name

    passed = failed = 0
    for kind in ("none", *KINDS):
        model = two if kind == "swap" else one
        if model is None:
            print(f"{kind}: skipped: no model for it was given")
            continue
        if kind == "none":
            status, text = result(check, real, model)
            good = status == 0
        else:
            with tempfile.TemporaryDirectory() as tools:
                os.symlink(f"{real}/dl-compile", f"{tools}/dl-compile")
                with open(f"{tools}/dl-run", "w", encoding="utf-8") as file:
                    file.write(WRAPPER.format(
                        python=sys.executable, script=os.path.abspath(__file__), kind=kind,
                        factor=1.01 if args.suite_tolerance else 1.001, real=f"{real}/dl-run"))
                os.chmod(f"{tools}/dl-run", 0o755)
                status, text = result(check, tools, model)
            # It must fail on its own judgement: a wrapper that breaks proves nothing.
            good = status != 0 and "dl-run: exit" not in text and "Traceback" not in text
        passed, failed = passed + good, failed + (not good)
        verdict = "as it should" if good else "wrongly"
        print(f"{kind}: {model}: {'accepted' if status == 0 else 'refused'}, {verdict}", flush=True)
        if not good:
            print(text.strip()[-500:])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
