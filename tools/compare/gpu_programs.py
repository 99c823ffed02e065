# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of the dialect `dl` whose kernels are measured."""


def make_product(rows, depth, columns, kind, by_rows=True):
    """A product; the right operand lies in memory by rows, or by columns."""
    a, c = f"tensor<{rows}x{depth}x{kind}>", f"tensor<{rows}x{columns}x{kind}>"
    b, bt = f"tensor<{depth}x{columns}x{kind}>", f"tensor<{columns}x{depth}x{kind}>"
    turn = "" if by_rows else f"  %b = dl.transpose %m {{permutation = array<i64: 1, 0>}} : ({bt}) -> {b}\n"
    name = "%b: " + b if by_rows else "%m: " + bt
    return f"""func.func @main(%a: {a}, {name}) -> {c} {{
{turn}  %0 = dl.matmul %a, %b : ({a}, {b}) -> {c}
  return %0 : {c}
}}
"""


def make_attention(heads, length, size, causal):
    """Attention of bf16, of one sequence; scaled by the root of the head's size."""
    t, s = f"tensor<{heads}x{length}x{size}xbf16>", f"tensor<{heads}x{length}x{length}xbf16>"
    k, m = f"tensor<{heads}x{size}x{length}xbf16>", f"tensor<{length}x{length}x"
    mask = f"""  %row = dl.iota {{axis = 0 : i64}} : {m}i32>
  %column = dl.iota {{axis = 1 : i64}} : {m}i32>
  %sees = dl.compare le, %column, %row : ({m}i32>, {m}i32>) -> {m}i1>
  %none = dl.constant dense<0xFF80> : tensor<bf16>
  %seen = dl.select %sees, %scaled, %none : ({m}i1>, {s}, tensor<bf16>) -> {s}
"""
    return f"""func.func @main(%q: {t}, %k: {t}, %v: {t}) -> {t} {{
  %kt = dl.transpose %k {{permutation = array<i64: 0, 2, 1>}} : ({t}) -> {k}
  %scores = dl.matmul %q, %kt : ({t}, {k}) -> {s}
  %scale = dl.constant dense<{size**-0.5:e}> : tensor<bf16>
  %scaled = dl.mul %scores, %scale : ({s}, tensor<bf16>) -> {s}
{mask if causal else ""}  %weights = dl.softmax %{"seen" if causal else "scaled"} {{axis = 2 : i64}} : ({s}) -> {s}
  %0 = dl.matmul %weights, %v : ({s}, {t}) -> {t}
  return %0 : {t}
}}
"""


def make_small():
    """Names and programs of all kinds of kernels, small enough to be watched."""
    for kind in ("f32", "bf16"):
        yield f"product {kind}", make_product(200, 136, 200, kind)
        yield f"matrix-vector {kind}", make_product(1, 136, 200, kind)
        yield f"matrix-vector by columns {kind}", make_product(1, 136, 200, kind, by_rows=False)
    for causal in (False, True):
        yield f"attention, {'causal' if causal else 'full'}", make_attention(2, 130, 64, causal)
