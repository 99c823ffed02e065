# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums up the report on a training, REPORT.json, in lines."""

import json
import sys

PASSES = ("forward", "backward", "update")


def main():
    report = json.load(open(sys.argv[1], encoding="utf-8"))
    steps, nodes, training = report["steps"], report["nodes"], report["training"]
    print(f"{report['entry']}, then {', '.join(e['entry'] for e in report['more_entries'])}")
    print(f"measured: {report['measured']}")

    passes = [s["pass"] for s in steps if "pass" in s and not s["again"]]
    print("first:", passes[0], "of", *sorted(set(passes)))
    updated = [name for s in steps for name in s.get("updates", [])]
    print("each parameter is updated:", len(set(updated)))

    def passes_of(node):
        return {m["pass"] for s in steps for m in s["nodes"] if m["node"] == node}

    products = [i for i, n in enumerate(nodes) if n["op"] in ("Conv", "Gemm", "MatMul")]
    print("products with forward and backward steps:", sum(passes_of(i) == {"forward", "backward"} for i in products))

    most = max(s["live_bytes"] for s in steps)
    arena = report["memory"]["arena_bytes"]
    if most == report["memory"]["live_bytes"] and (arena is None or 0 < most <= arena):
        print("arena holds what is in use")
    kept = sum(value["bytes"] for value in training["stored"])
    is_kept = 0 < kept == training["stored_bytes"] <= most
    is_ordered = all(steps[v["step"]]["pass"] == "forward" and v["step"] < v["until"] for v in training["stored"])
    print("kept for the backward pass:", "yes" if is_kept and is_ordered else "no")
    again = [s["index"] for s in steps if s.get("again")]
    print("kernels that run again:", len(again))
    named = {r["step"]: r["nodes"] for r in training["recomputed"]}
    for index in again:
        for node in named.get(index, []):
            print(nodes[node]["name"] + ":", nodes[node]["why"])
    print("times of passes:", *((training["passes"][p]["measured_ms"] or 0) > 0 for p in PASSES))


if __name__ == "__main__":
    main()
