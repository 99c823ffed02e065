# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares logs of dl-train: same_losses.py WHOLE PART...; the steps that each part has are to have the losses of the whole, but for rounding."""
import json
import sys


def losses(path):
    return {row["step"]: row["loss"] for row in map(json.loads, open(path)) if "loss" in row}


whole = losses(sys.argv[1])
for path in sys.argv[2:]:
    part = losses(path)
    differing = {step: (loss, whole.get(step)) for step, loss in part.items()
                 if abs(loss - whole.get(step, 1e9)) > 1e-5 * max(abs(loss), 0.1)}
    print(", ".join(map(str, part)) + (": same" if part and not differing else f": DIFFER, {differing}"))
