# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Writes models in which each of 40 values is read twice by what makes the next one: doubled_uses.py FOLDER."""
import os
import sys

import onnx
from onnx import parser

STEPS = 40


def chain(step, first):
    """The nodes of `step`, which makes $out of $in, again and again; and the last value's name."""
    text, value = "", first
    for i in range(STEPS):
        text += step.replace("$in", value).replace("$out", f"c{i}").replace("$i", str(i)) + "\n"
        value = f"c{i}"
    return text, value


def write(name, inputs, outputs, before, step, first, after):
    text, last = chain(step, first)
    model = parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 18]> g ({inputs}) => ({outputs})\n{{\n{before}\n{text}{after.replace("$in", last)}\n}}'
    )
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(sys.argv[1], name + ".onnx"))


DOUBLE = "$out = Add($in, $in)"
ATTENTION = "float[2, 4, 64, 32] q, float[2, 4, 32, 64] k, float[2, 4, 64, 32] v"
POSITIONS = """zero = Constant<value_int = 0>()
one = Constant<value_int = 1>()
axes = Constant<value_ints = [1]>()
last = Constant<value_int = 3>()
none = Constant<value_float = 0.0>()
low = Log(none)
shape = Shape(k)
count = Gather(shape, last)
columns = Range(zero, count, one)"""
OPEN_ATTENTION = "float[2, 4, N, 32] q, float[2, 4, 32, N] k, float[2, 4, N, 32] v"
MIX = """weights = Softmax(masked)
y = MatMul(weights, v)"""

os.makedirs(sys.argv[1], exist_ok=True)
write("elements", "float[8, 16] x", "float[8, 16] y", "", "r$i = Relu($in)\n$out = Add($in, r$i)", "x", "y = Neg($in)")
write("product", "float[8, 16] x, float[16, 16] w", "float[8, 16] y", "p = MatMul(x, w)", "$out = Mul($in, $in)", "p", "y = Neg($in)")
write("norm", "float[8, 16] x, float[16] w", "float[8, 16] y", "", "$out = Mul($in, $in)", "x", "y = LayerNormalization($in, w)")
write("scores", ATTENTION, "float[2, 4, 64, 32] y", "p = MatMul(q, k)", DOUBLE, "p", "masked = Identity($in)\n" + MIX)
write(
    "positions",
    OPEN_ATTENTION,
    "float[2, 4, N, 32] y",
    POSITIONS,
    DOUBLE,
    "columns",
    "rows = Unsqueeze(columns, axes)\nseen = LessOrEqual($in, rows)\np = MatMul(q, k)\nmasked = Where(seen, p, low)\n" + MIX,
)
write(
    "moves",
    "float[8, 16] x, float[16, 16] w",
    "float[8, 16] y",
    "begin = Constant<value_ints = [4]>()\nend = Constant<value_ints = [12]>()\ne = Exp(x)",
    "t$i = Concat<axis = 0>($in, $in)\n$out = Slice(t$i, begin, end)",
    "e",
    "y = MatMul($in, w)",
)
write(
    "cache",
    "float[1, 2, 1, 4] k, int64[1, 1, 1, 1] at, float[1, 2, 8, 4] past",
    "float[1, 2, 8, 4] present, float[1, 2, 8, 4] y",
    "shape = Constant<value_ints = [1, 2, 1, 4]>()\nat4 = Expand(at, shape)",
    "r$i = Mul($in, at4)\n$out = Add($in, r$i)",
    "at4",
    "present = ScatterElements<axis = 2>(past, $in, k)\ny = Exp(present)",
)
write(
    "parts",
    "float[1, 2, 1, 4] q, float[1, 2, P, 4] past",
    "float[1, 2, P2, 4] present, float[1, 2, 1, 1] y",
    "axes = Constant<value_ints = [2, 3]>()\naxis = Constant<value_ints = [1]>()\nbegin = Constant<value_ints = [0]>()\nend = Constant<value_ints = [2]>()",
    "t$i = Concat<axis = 1>($in, $in)\n$out = Slice(t$i, begin, end, axis)",
    "past",
    "present = Concat<axis = 2>($in, q)\ny = ReduceSum<keepdims = 1>(present, axes)",
)
