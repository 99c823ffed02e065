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


def make_float8_product(size):
    """A product of e4m3 with sums of float32; the right operand lies in memory by columns."""
    t, c = f"tensor<{size}x{size}xf8E4M3FN>", f"tensor<{size}x{size}xf32>"
    return f"""func.func @main(%a: {t}, %m: {t}) -> {c} {{
  %b = dl.transpose %m {{permutation = array<i64: 1, 0>}} : ({t}) -> {t}
  %0 = dl.matmul %a, %b {{wide}} : ({t}, {t}) -> {c}
  return %0 : {c}
}}
"""


def make_byte_product(size):
    """A product of signed bytes with sums of 32 bits; both operands lie in memory by rows."""
    t, c = f"tensor<{size}x{size}xi8>", f"tensor<{size}x{size}xi32>"
    return f"""func.func @main(%a: {t}, %b: {t}) -> {c} {{
  %0 = dl.matmul %a, %b {{wide}} : ({t}, {t}) -> {c}
  return %0 : {c}
}}
"""


def make_converted_product(size):
    """A product of bf16 whose left operand is converted from float32."""
    a, t = f"tensor<{size}x{size}xf32>", f"tensor<{size}x{size}xbf16>"
    return f"""func.func @main(%x: {a}, %b: {t}) -> {t} {{
  %a = dl.cast %x : ({a}) -> {t}
  %0 = dl.matmul %a, %b : ({t}, {t}) -> {t}
  return %0 : {t}
}}
"""


def make_convolution(batch, size, channels, filters, window, stride):
    """A convolution of square images of bf16 with their channels last, and as large a result but for the stride."""
    pad, out = window // 2, -(-size // stride)
    x, w = f"tensor<{batch}x{size}x{size}x{channels}xbf16>", f"tensor<{window}x{window}x{channels}x{filters}xbf16>"
    y = f"tensor<{batch}x{out}x{out}x{filters}xbf16>"
    pairs = (("strides", stride), ("pads_low", pad), ("pads_high", pad), ("dilations", 1))
    about = ", ".join(f"{name} = array<i64: {value}, {value}>" for name, value in pairs)
    return f"""func.func @main(%x: {x}, %w: {w}) -> {y} {{
  %0 = dl.conv %x, %w {{channels_last = true, {about}, groups = 1 : i64}} : ({x}, {w}) -> {y}
  return %0 : {y}
}}
"""


def make_softmax(rows, columns, kind):
    t = f"tensor<{rows}x{columns}x{kind}>"
    return f"""func.func @main(%x: {t}) -> {t} {{
  %0 = dl.softmax %x {{axis = 1 : i64}} : ({t}) -> {t}
  return %0 : {t}
}}
"""


def make_norm(rows, columns, kind, centred):
    """A layer norm or, not centred, a root-mean-square norm, by float32, with a factor for each column."""
    t, w = f"tensor<{rows}x{columns}x{kind}>", f"tensor<{columns}x{kind}>"
    f, r, v, s = f"tensor<{rows}x{columns}xf32>", f"tensor<{rows}x1xf32>", f"tensor<{columns}xf32>", "tensor<f32>"
    mean = "{axes = array<i64: 1>, keepdims = true}"
    centre = f"""  %sum = dl.reduce sum, %f {mean} : ({f}) -> {r}
  %mean = dl.div %sum, %n : ({r}, {s}) -> {r}
  %c = dl.sub %f, %mean : ({f}, {r}) -> {f}
"""
    c = "%c" if centred else "%f"
    return f"""func.func @main(%x: {t}, %w: {w}) -> {t} {{
  %n = dl.constant dense<{columns}.0> : {s}
  %epsilon = dl.constant dense<1.0e-5> : {s}
  %f = dl.cast %x : ({t}) -> {f}
{centre if centred else ""}  %squares = dl.mul {c}, {c} : ({f}, {f}) -> {f}
  %squaresum = dl.reduce sum, %squares {mean} : ({f}) -> {r}
  %variance = dl.div %squaresum, %n : ({r}, {s}) -> {r}
  %above = dl.add %variance, %epsilon : ({r}, {s}) -> {r}
  %factor = dl.rsqrt %above : ({r}) -> {r}
  %normal = dl.mul {c}, %factor : ({f}, {r}) -> {f}
  %v = dl.cast %w : ({w}) -> {v}
  %y = dl.mul %normal, %v : ({f}, {v}) -> {f}
  %0 = dl.cast %y : ({f}) -> {t}
  return %0 : {t}
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
    yield "product of bytes", make_byte_product(144)
    yield "converted product", make_converted_product(136)
    yield "convolution", make_convolution(2, 9, 64, 72, 3, 1)
    yield "product of few results", make_product(40, 2048, 72, "bf16")
    for columns in (24, 1000, 33000):
        yield f"softmax of {columns}", make_softmax(5, columns, "f32")
    yield "layer norm", make_norm(5, 768, "bf16", centred=True)
    for causal in (False, True):
        yield f"attention, {'causal' if causal else 'full'}", make_attention(2, 130, 64, causal)
