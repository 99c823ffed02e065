#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the example application outside the tree and runs it.

The runtime is installed to a scratch folder, which is moved before it is used; the
example is built against it once through find_package and once through pkg-config, and
must print what the golden module makes of ones.
"""
import argparse
import os
import shutil
import subprocess
import sys

EXPECTED = "y: 104 105 106\n"
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cmake", "pkg-config", "compiler", "build", "scratch", "module"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    shutil.rmtree(args.scratch, ignore_errors=True)
    os.makedirs(args.scratch)
    first, prefix = f"{args.scratch}/first", f"{args.scratch}/prefix"
    run(args.cmake, "--install", args.build, "--component", "dlrt", "--prefix", first)
    os.rename(first, prefix)
    pc = next(folder for folder, _, files in os.walk(prefix) if "dlrt.pc" in files)
    library = os.path.dirname(pc)

    out = f"{args.scratch}/by-cmake"
    run(args.cmake, "-S", f"{HERE}/example", "-B", out, f"-DCMAKE_CXX_COMPILER={args.compiler}",
        f"-DCMAKE_PREFIX_PATH={prefix}")
    run(args.cmake, "--build", out)
    by_cmake = run(f"{out}/embed", args.module)

    env = dict(os.environ, PKG_CONFIG_PATH=pc)
    flags = run(args.pkg_config, "--cflags", "--libs", "dlrt", env=env).split()
    out = f"{args.scratch}/by-pkg-config"
    run(args.compiler, "-std=c++17", f"{HERE}/example/main.cpp", "-o", out, *flags)
    by_pkg_config = run(out, args.module, env=dict(os.environ, LD_LIBRARY_PATH=library))

    for way, found in (("find_package", by_cmake), ("pkg-config", by_pkg_config)):
        if found != EXPECTED:
            sys.exit(f"built with {way}: printed {found!r}, expected {EXPECTED!r}")


if __name__ == "__main__":
    main()
