#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of com.microsoft beside ONNX Runtime, as a table in Markdown.

    contrib.py --bin BUILD/bin [KIND...] [--models 20] [--seed 0] [--target cpu]

The cases are those of test/e2e/Inputs/contrib.py, of all kinds by default, with other seeds: this compiler and ONNX
Runtime 1.32 are both compared with what numpy computes. What fails is named below the table, and the exit status is 1.
"""
import argparse
import collections
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e", "Inputs"))
import contrib  # pylint: disable=wrong-import-position


def kinds():
    """Functions of the modules of kinds that take a graph."""
    for module in contrib.MODULES:
        for name, value in vars(module).items():
            code = getattr(value, "__code__", None)
            if code and value.__module__ == module.__name__ and code.co_varnames[: code.co_argcount] == ("g",):
                yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--models", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    parser.add_argument("kinds", nargs="*")
    args = parser.parse_args()
    counts, failures = collections.defaultdict(lambda: [0, 0, 0]), []
    for kind in args.kinds or kinds():
        for seed in range(args.seed, args.seed + args.models):
            graph = contrib.Graph(seed, dynamic=bool(seed % 2))
            contrib.find_kind(kind)(graph)
            try:
                found = list(contrib.check(graph, args.bin, [f"--target={args.target}"], peer=True))
            except Exception as error:  # pylint: disable=broad-except
                found = [(f"{kind} ", str(error))]
            for what, wrong in found:
                count = counts[what.split(" ")[0]]
                count[0] += not wrong
                count[1] += bool(wrong)
                if wrong:
                    failures.append(f"{kind}, seed {seed}: {what}: {wrong}")
            for node in graph.nodes:
                counts[node.op_type][2] += not set(node.output) & graph.alone
    print("| operator | outputs that agree | do not | nodes that ONNX Runtime ran, too |\n| --- | ---: | ---: | ---: |")
    for operator, (good, bad, peers) in sorted(counts.items()):
        print(f"| {operator} | {good} | {bad} | {peers} |")
    print("\n".join(["", *failures]) if failures else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
