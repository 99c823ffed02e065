#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks what libdlrt.so is made of.

    check_library.py LIBRARY HEADER

It needs the C and C++ libraries and threads alone, exports the functions of dlrt.h and
nothing else, has a SONAME, and is at most 1 MB when stripped.
"""
import os
import re
import subprocess
import sys
import tempfile

ALLOWED = re.compile(r"(libc|libm|libstdc\+\+|libpthread)\.so\.\d+|ld-linux-.*")
LIMIT = 1_000_000


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    library, header = sys.argv[1:]
    problems = []
    dynamic = output("readelf", "-dW", library)
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if not ALLOWED.fullmatch(needed):
            problems.append(f"needs {needed}")
    if "[libdlrt.so.0]" not in "".join(re.findall(r"\(SONAME\).*", dynamic)):
        problems.append("has no SONAME libdlrt.so.0")
    symbols = output("nm", "-D", "--defined-only", library).split("\n")
    exported = {line.split()[-1].split("@")[0] for line in symbols if line}
    text = open(header, encoding="utf-8").read()
    declared = set(re.findall(r"^DLRT_API[^;(]*?(dlrt_\w+)\(", text, re.MULTILINE))
    problems += [f"exports {name}, which dlrt.h does not declare" for name in sorted(exported - declared)]
    problems += [f"does not export {name}" for name in sorted(declared - exported)]
    with tempfile.TemporaryDirectory() as scratch:
        stripped = os.path.join(scratch, "stripped.so")
        subprocess.run(["strip", "-o", stripped, library], check=True)
        size = os.path.getsize(stripped)
    if size > LIMIT:
        problems.append(f"has {size} bytes stripped, more than {LIMIT}")
    for problem in problems:
        print(f"{library}: {problem}")
    print(f"{size} bytes stripped, {len(exported)} functions")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
