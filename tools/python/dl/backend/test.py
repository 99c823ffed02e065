# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs ONNX's own backend suite, by its own runner, on this compiler.

    python -m dl.backend.test [--filter REGEX] [--quiet] [--isolate]

Prints each case that does not pass with the reason, then how many of those were
refused by the compiler (the rest ran and failed), then "N passed, N failed". Exit
status 1 where a case failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import unittest
import warnings
from typing import Any

CHUNK = 50


class Result(unittest.TestResult):
    """Collects the reason of each case that does not pass."""

    def __init__(self, report: Any):
        super().__init__()
        self.report = report
        self.passed = 0
        self.refused = 0
        self.failed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed += 1

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self._add(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._add(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        # A model that is_compatible refuses.
        from dl.backend import DlBackend

        self.refused += 1
        self.report(f"{name_of(test)}: {' '.join(DlBackend.refusal.split())[:300] or reason}")

    def _add(self, test: unittest.TestCase, err: Any) -> None:
        from dl import Error

        kind, error, _ = err
        if issubclass(kind, Error) and error.status in ("failed", "unsupported"):
            self.refused += 1
        else:
            self.failed += 1
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        self.report(f"{name_of(test)}: {'' if issubclass(kind, Error) else kind.__name__ + ': '}{' '.join(lines)[:300]}")


def name_of(test: unittest.TestCase) -> str:
    return test.id().rsplit(".", 1)[-1].removesuffix("_cpu")


def find_cases(pattern: str) -> list[unittest.TestCase]:
    """The suite's cases for the CPU whose name, without "_cpu", matches."""
    import onnx.backend.test

    from dl.backend import DlBackend

    found: list[unittest.TestCase] = []
    # The suite's own generators warn.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        suite = onnx.backend.test.BackendTest(DlBackend, __name__).test_suite
    for case in suite:
        tests = case if isinstance(case, unittest.TestSuite) else [case]
        found += [t for t in tests if t.id().endswith("_cpu") and re.search(pattern, name_of(t))]
    return found


def run_here(cases: list[unittest.TestCase], report: Any) -> Result:
    result = Result(report)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unittest.TestSuite(cases).run(result)
    return result


def run_isolated(cases: list[unittest.TestCase], report: Any) -> tuple[int, int, int]:
    """In processes of their own, some cases each, and where one ends early, each case
    of it: a crash fails one case."""
    names = [name_of(case) for case in cases]
    totals = [0, 0, 0]
    groups = [names[i : i + CHUNK] for i in range(0, len(names), CHUNK)]
    while groups:
        group = groups.pop(0)
        pattern = f"^({'|'.join(map(re.escape, group))})$"
        done = subprocess.run(
            [sys.executable, "-m", "dl.backend.test", "--filter", pattern], capture_output=True, text=True
        )
        counts = re.search(r"^(\d+) refused\n(\d+) passed, (\d+) failed\n\Z", done.stdout, re.MULTILINE)
        if counts:
            refused, passed, failed = map(int, counts.groups())
            totals = [totals[0] + passed, totals[1] + refused, totals[2] + failed - refused]
            for line in done.stdout[: counts.start()].splitlines():
                report(line)
        elif len(group) > 1:
            groups = [[name] for name in group] + groups
        else:
            totals[2] += 1
            report(f"{group[0]}: ended with status {done.returncode}")
    return totals[0], totals[1], totals[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m dl.backend.test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--filter", default=".", help="a regular expression that a case's name holds")
    parser.add_argument("--quiet", action="store_true", help="print the counts alone")
    parser.add_argument("--isolate", action="store_true", help="in other processes, so that a crash fails one case")
    args = parser.parse_args()

    def report(line: str) -> None:
        if not args.quiet:
            print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="dl-") as folder:
        # Where the suite writes the data that it makes.
        os.environ.setdefault("ONNX_HOME", folder)
        cases = find_cases(args.filter)
        if args.isolate:
            passed, refused, failed = run_isolated(cases, report)
        else:
            result = run_here(cases, report)
            passed, refused, failed = result.passed, result.refused, result.failed
    print(f"{refused} refused\n{passed} passed, {refused + failed} failed")
    return 1 if refused or failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
