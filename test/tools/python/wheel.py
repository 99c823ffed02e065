#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the wheel, checks what it holds, installs it and runs a model with it.

    wheel.py --build BUILD_FOLDER --scratch FOLDER
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(f"{HERE}/../../..")
PROGRAM = """
import sys, numpy as np, dl
assert dl.__file__.startswith(sys.argv[1]), dl.__file__
images, labels = np.load(sys.argv[2] + "/images.npy"), np.load(sys.argv[2] + "/labels.npy")
scores, = dl.Session(dl.compile(sys.argv[2] + "/digits.onnx", cache="")).run([images])
used = {line.split()[-1] for line in open("/proc/self/maps") if "libdl" in line}
assert len(used) == 2 and all(path.startswith(sys.argv[1]) for path in used), used
print((scores.argmax(1) == labels).mean() > 0.97)
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--scratch", required=True)
    args = parser.parse_args()
    build, scratch = os.path.abspath(args.build), os.path.abspath(args.scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    # cmake is the environment's own.
    env = dict(os.environ, PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    env.pop("PYTHONPATH", None)
    run(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", scratch, f"--config-settings=cmake.define.DL_BUILD={build}",
        f"{ROOT}/tools/python", env=env)
    wheel, = glob.glob(f"{scratch}/dl-*.whl")

    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("dl/__init__.py", "dl/py.typed", "dl/_runtime.pyi", "dl/_compiler.pyi", "dl/backend/test.py",
                   "dl/lib/libdlrt.so.0", "dl/lib/libdlc.so.0"):
        if wanted not in names:
            sys.exit(f"{os.path.basename(wheel)} has no {wanted}, only {names}")
    for wanted in ("dl/_runtime.", "dl/_compiler."):
        if not any(name.startswith(wanted) and name.endswith(".so") for name in names):
            sys.exit(f"{os.path.basename(wheel)} has no {wanted}*.so, only {names}")

    site = f"{scratch}/site"
    run(*pip, "install", "-q", "--no-deps", "--no-index", "--target", site, wheel, env=env)
    env["PYTHONPATH"] = site
    found = run(sys.executable, "-c", PROGRAM, site, f"{ROOT}/test/e2e/digits", cwd=scratch, env=env)
    if found != "True\n":
        sys.exit(f"the installed package printed {found!r}")


if __name__ == "__main__":
    main()
