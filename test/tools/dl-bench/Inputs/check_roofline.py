# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the parts of dl-bench --roofline --json with each other."""
import json
import math
import sys

report = json.load(open(sys.argv[1]))
machine, kernels = report["roofline"]["machine"], report["roofline"]["kernels"]
times = [kernel["ms"] for kernel in kernels]
peaks = {"f32": machine["peak_gflops"]}
for kind in ("pairs", "tiles"):
    if f"bf16_{kind}_peak_gflops" in machine:
        peaks[f"bf16-{kind}"] = machine[f"bf16_{kind}_peak_gflops"]
limits = all(1 < peak < 1e5 for peak in peaks.values()) and set(peaks) - {"f32"} == {k["products"] for k in kernels} - {"f32"} and 0.5 < machine["bandwidth_gbytes_per_s"] < 1e4
shares = all(
    math.isclose(
        kernel["share"],
        max(kernel["gflops"] / peaks[kernel["products"]], kernel["gbytes_per_s"] / machine["bandwidth_gbytes_per_s"]),
        rel_tol=1e-6,
    )
    and math.isclose(kernel["peak_share"], kernel["gflops"] / peaks[kernel["products"]], rel_tol=1e-6)
    for kernel in kernels
)
print(
    f"sorted {times == sorted(times, reverse=True)}, "
    f"flops {math.isclose(sum(kernel['flops'] for kernel in kernels), report['flops'], rel_tol=1e-6)}, "
    f"bytes {math.isclose(sum(kernel['bytes'] for kernel in kernels), report['moved_bytes'], rel_tol=1e-6)}, "
    f"limits {limits}, shares {shares}"
)
print("parameters", 0 < 4 * report["parameters"] <= report["parameter_bytes"] + 64, report["energy_source"])
print("products", *sorted({kernel["products"] for kernel in kernels}))
