#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts the tests of the last ctest run: each lit and GoogleTest test, and one for any other program.

    count_tests.py BUILD_FOLDER
    count_tests.py --self-test

Prints the skipped tests by name, then 'N passed, N failed'.
"""
import re
import sys

# ctest's word for a pass by the exit status, and for one by the output.
OK = re.compile(r"^Test (Passed\.|Pass Reason:)$", re.M)
LIT = re.compile(r"^ +(Passed|Failed|Timed Out|Unresolved|Unexpectedly Passed|Unsupported) *: *(\d+)", re.M)
SUITE = re.compile(r"^Total Discovered Tests: \d+", re.M)
GOOGLE = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) tests?", re.M)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\S+\.\S+)$|^UNSUPPORTED: (.*?)(?: \(\d+ of \d+\))?$", re.M)


def count(log):
    """How many tests passed and failed, and the names of the skipped ones."""
    passed, failed, skipped = 0, 0, set()
    for part in re.split(r"^(?=\d+/\d+ Testing: )", log, flags=re.M)[1:]:
        ok = OK.search(part) is not None
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
    return passed, failed, skipped


def self_test():
    """Each way in which ctest reports a test, with what it counts."""
    cases = {
        "Test Passed.\n": (1, 0),
        "Test Pass Reason:\nRequired regular expression found. Regex=[x]\n": (1, 0),
        "Test Failed.\n": (0, 1),
        "Test Fail Reason:\nRequired regular expression not found. Regex=[x]\n": (0, 1),
        "[  PASSED  ] 3 tests.\nTest Passed.\n": (3, 0),
        "[  PASSED  ] 3 tests.\n[  FAILED  ] 2 tests, listed below:\nTest Failed.\n": (3, 2),
        "[  PASSED  ] 3 tests.\nTest Failed.\n": (3, 1),
        "Total Discovered Tests: 3\n  Passed: 2 (66%)\n  Failed: 1 (33%)\nTest Failed.\n": (2, 1),
        "Total Discovered Tests: 3\n  Passed: 2 (66%)\n  Unsupported: 1 (33%)\nTest Passed.\n": (2, 0),
    }
    for text, expected in cases.items():
        got = count(f"1/2 Testing: a\nTest Passed.\n2/2 Testing: b\n{text}")[:2]
        if got != (expected[0] + 1, expected[1]):
            print(f"error: {text!r} counts as {got}, expected one more pass than {expected}")
            return 1
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    with open(f"{sys.argv[1]}/Testing/Temporary/LastTest.log", encoding="utf-8", errors="replace") as file:
        passed, failed, skipped = count(file.read())
    for name in sorted(skipped):
        print(f"skipped: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
