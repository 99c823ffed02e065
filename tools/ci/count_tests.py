#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts the tests of the last ctest run: each lit and GoogleTest test, and one for any other program.

    count_tests.py BUILD_FOLDER

Prints the skipped tests by name, then 'N passed, N failed'.
"""
import re
import sys

LIT = re.compile(r"^ +(Passed|Failed|Timed Out|Unresolved|Unexpectedly Passed|Unsupported) *: *(\d+)", re.M)
SUITE = re.compile(r"^Total Discovered Tests: \d+", re.M)
GOOGLE = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) tests?", re.M)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\S+\.\S+)$|^UNSUPPORTED: (.*?)(?: \(\d+ of \d+\))?$", re.M)


def main():
    with open(f"{sys.argv[1]}/Testing/Temporary/LastTest.log", encoding="utf-8", errors="replace") as file:
        log = file.read()
    passed, failed, skipped = 0, 0, set()
    for part in re.split(r"^(?=\d+/\d+ Testing: )", log, flags=re.M)[1:]:
        ok = re.search(r"^Test Passed\.$", part, re.M) is not None
        good = bad = 0
        if SUITE.search(part):
            for kind, number in LIT.findall(part):
                if kind == "Passed":
                    good += int(number)
                elif kind != "Unsupported":
                    bad += int(number)
        elif GOOGLE.search(part):
            for kind, number in GOOGLE.findall(part):
                if kind == "PASSED":
                    good += int(number)
                else:
                    bad += int(number)
        elif ok:
            good = 1
        if not ok and not bad:
            bad = 1
        passed, failed = passed + good, failed + bad
        skipped |= {a or b for a, b in SKIPPED.findall(part)}
    for name in sorted(skipped):
        print(f"skipped: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
