#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that each source file names its licence and stays within 600 lines.

    check_files.py [ROOT]       prints each violation; exit status 1 if any
    check_files.py --self-test  checks this script on made-up trees

A file that is longer for a reason is listed in tools/ci/long-files.txt, one a line:
`PATH: REASON`.
"""
import os
import sys
import tempfile

import sources

LIMIT = 600
EXCEPTIONS = "tools/ci/long-files.txt"
LICENCE = (
    "Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.",
    "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception",
)
SUFFIXES = (".h", ".cpp", ".c", ".td", ".fbs", ".inc", ".py", ".sh", ".cmake")
NAMES = ("CMakeLists.txt", "Makefile", "lit.cfg.py", "lit.site.cfg.py.in", ".ci/run")


def is_source(path):
    return path.endswith(SUFFIXES) or path in NAMES or os.path.basename(path) in NAMES


def violations(root):
    found, exceptions = [], {}
    listed = os.path.join(root, EXCEPTIONS)
    if os.path.exists(listed):
        with open(listed, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.split("#")[0].strip()
                if not line:
                    continue
                path, _, reason = line.partition(":")
                if not reason.strip():
                    found.append(f"{EXCEPTIONS}:{number}: no reason for {path}")
                exceptions[path] = number
    for path in sources.files(root):
        if not is_source(path):
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        # A script's first line, or a mode line of an editor, may come before it.
        if not any(LICENCE[0] in a and LICENCE[1] in b for a, b in zip(lines[:3], lines[1:4])):
            found.append(f"{path}:1: does not start with the licence lines: {LICENCE[0]}")
        if len(lines) > LIMIT and path not in exceptions:
            found.append(f"{path}: {len(lines)} lines, more than {LIMIT}: split it, or give the reason in {EXCEPTIONS}")
        if len(lines) <= LIMIT and path in exceptions:
            found.append(f"{EXCEPTIONS}:{exceptions[path]}: {path} has {len(lines)} lines and needs no exception")
        exceptions.pop(path, None)
    found += [f"{EXCEPTIONS}:{number}: there is no {path}" for path, number in exceptions.items()]
    return found


def self_test():
    head = "".join(f"// {line}\n" for line in LICENCE)
    script = "#!/bin/sh\n" + "".join(f"# {line}\n" for line in LICENCE)
    long = head + "\n" * LIMIT
    cases = [
        # files, number of violations
        ({"a.cpp": head}, 0),
        ({"a.sh": script}, 0),
        ({"a.cpp": "int a;\n"}, 1),
        ({"a.cpp": "int a;\n" * 5 + head}, 1),
        ({"CMakeLists.txt": "project(a)\n"}, 1),
        ({"a.mlir": "module {}\n", "b.txt": "b\n"}, 0),
        ({"a.cpp": long}, 1),
        ({"a.cpp": long, EXCEPTIONS: "a.cpp: a table\n"}, 0),
        ({"a.cpp": long, EXCEPTIONS: "a.cpp\n"}, 1),
        ({"a.cpp": head, EXCEPTIONS: "a.cpp: a table\n"}, 1),
        ({"a.cpp": head, EXCEPTIONS: "# none\nb.cpp: a table\n"}, 1),
    ]
    bad = 0
    for tree, count in cases:
        with tempfile.TemporaryDirectory() as root:
            for name, text in tree.items():
                os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
                with open(f"{root}/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
            found = violations(root)
            if len(found) != count:
                bad += 1
                print(f"self-test: {list(tree)}: expected {count} violations, got {found}")
    print(f"{len(cases) - bad} passed, {bad} failed")
    return bad


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    found = violations(root)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
