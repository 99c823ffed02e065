#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the fuzzers in a folder of their own and runs them for a while.

    fuzz.py [--build build] [--folder build-fuzz] [--minutes M] [--jobs N] [TARGET...]

Each target starts from the small corpus in test/fuzz/corpus, and from what it has found
before in FOLDER/corpus. What breaks one is written to FOLDER/findings, printed, and makes
the exit status 1. A case may take 20 s and 1 GiB in one allocation, 2 GiB in all; more
counts as a finding. The last lines tell the number of executions.
"""
import argparse
import os
import re
import subprocess
import sys
import zipfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Shares of the time, and the longest input.
TARGETS = {"import": (6, 8192), "training": (2, 4096), "module": (2, 16384), "values": (1, 4096), "dialect": (1, 2048)}
FLAGS = ["-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-print_final_stats=1", "-verbosity=1"]


def build(args):
    """Configures and builds; says nothing unless that fails."""
    def call(*command, **environment):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, **environment})
        if done.returncode:
            sys.exit(f"error: {command[0]}: {done.stdout[-4000:]}")

    os.makedirs(args.folder, exist_ok=True)
    for name in ("venv", "onnx-prefix"):
        link = os.path.join(args.folder, name)
        if not os.path.lexists(link):
            os.symlink(os.path.abspath(os.path.join(args.build, name)), link)
    if not os.path.exists(os.path.join(args.folder, "build.ninja")):
        sanitizers = "fuzzer-no-link,address,undefined"
        call(os.path.join(SOURCE, "tools/setup/configure.sh"), args.folder, "-DDL_BUILD_FUZZERS=ON",
             "-DDL_BUILD_TESTS=OFF", f"-DDL_SANITIZER={sanitizers}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -gline-tables-only",
             "-DCMAKE_CXX_FLAGS=-fno-sanitize=vptr,function -fno-sanitize-recover=undefined")
    call(os.path.join(args.folder, "venv/bin/cmake"), "--build", args.folder, "--target", "fuzzers", "-j", str(args.jobs))


def run(args, name, seconds):
    """The executions of one target, and the file that broke it."""
    corpus, findings = (os.path.join(args.folder, part, name) for part in ("corpus", "findings"))
    seeds = os.path.join(args.folder, "seeds", name)
    for folder in (corpus, findings, seeds):
        os.makedirs(folder, exist_ok=True)
    with zipfile.ZipFile(os.path.join(SOURCE, "test/fuzz/corpus", f"{name}.zip")) as archive:
        archive.extractall(seeds)
    command = [os.path.join(args.folder, "bin", f"fuzz-{name}"), *FLAGS, f"-max_len={TARGETS[name][1]}",
               f"-max_total_time={seconds}", f"-artifact_prefix={findings}/", corpus, seeds]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    with open(os.path.join(args.folder, f"{name}.log"), "w", encoding="utf-8") as log:
        log.write(done.stderr)
    count = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    written = re.search(r"Test unit written to (\S+)", done.stderr)
    if done.returncode:
        reason = re.search(r"(?:ERROR|SUMMARY|runtime error).*", done.stderr)
        print(f"finding: {name}: {reason.group() if reason else done.stderr[-500:]}: {written.group(1) if written else 'no file'}")
    return int(count.group(1)) if count else 0, done.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; by default all")
    parser.add_argument("--build", default="build", help="the folder that set-up has prepared")
    parser.add_argument("--folder", default="build-fuzz")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    names = args.targets or list(TARGETS)
    build(args)
    whole, broken = sum(TARGETS[name][0] for name in names), False
    for name in names:
        seconds = max(int(args.minutes * 60 * TARGETS[name][0] / whole), 1)
        executions, failed = run(args, name, seconds)
        broken |= failed
        print(f"{name}: {executions} executions in {seconds} s", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
