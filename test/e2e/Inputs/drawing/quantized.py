# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantization, and products of quantized values."""
import ml_dtypes
import numpy as np

from .draw import DTYPES, Constant, covers, onnx_type
from .convolution import Window

LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 60000), "int16": (-30000, 30000), "int4": (-8, 7), "uint4": (0, 15)}


def scaling(draw, shape, scale_type, code, known):
    """Scale and zero point: of the tensor, of an axis, or of blocks; and the attributes that say so."""
    form = draw.pick(["tensor"] + (["axis"] if "axis" in known else []) + (["block"] if "block_size" in known and len(shape) > 1 else []))
    axis, named = None, {}
    if form == "tensor":
        sizes = draw.pick([(), (1,)]) if draw.since >= 13 else ()
    else:
        axis = draw.axis(len(shape))
        named["axis"] = axis if axis != 1 or draw.chance(0.5) else None
        sizes = (shape[axis],)
        if form == "block":
            block = draw.pick([d for d in range(1, shape[axis] + 1) if shape[axis] % d == 0])
            sizes, named["block_size"] = list(shape), block
            sizes[axis] //= block
    scale = draw.array(sizes, scale_type, 0.01, 0.2)
    zero = draw.array(sizes, code, *(LIMITS[code_name(code)] if code_name(code) in LIMITS else (0, 0)))
    if code_name(code) in ("int32",) or code_name(code).startswith("float"):
        zero = np.zeros(sizes, code)
    return scale, zero, named


def code_name(dtype):
    return next(name for name, known in DTYPES.items() if np.dtype(known) == np.dtype(dtype))


@covers("QuantizeLinear")
def quantize_linear(draw):
    known = draw.schema.attributes
    code_parameter = draw.schema.outputs[0].type_str
    x_type, code = draw.type("T1", ["float", "float16", "int32"]), draw.type(code_parameter, narrow=True)
    scale_type = np.float32
    if draw.since >= 19:
        if np.dtype(x_type).kind == "i":
            return None
        scale_type = x_type
        if draw.since >= 23:
            draw.bind("T2", x_type)
    shape = draw.shape(1, 3)
    scale, zero, named = scaling(draw, shape, scale_type, code, known)
    x = draw.array(shape, x_type, -9, 9)
    named["saturate"] = draw.pick([None, 1]) if "saturate" in known else None
    if draw.chance(0.3) and (np.dtype(code) == np.uint8 or "output_dtype" in known):
        if "output_dtype" in known:
            named["output_dtype"] = onnx_type(code)
        return draw.node([x, scale], fixed=[0, 1], **named)
    return draw.node([x, scale, zero], fixed=[0, 1, 2] if "block_size" in named else [], **named)


@covers("DequantizeLinear")
def dequantize_linear(draw):
    known = draw.schema.attributes
    code = draw.type("T" if draw.types_of("T") else "T1", narrow=True)
    scale_type = draw.type("T2", ["float", "float16"]) if draw.since >= 19 else np.float32
    if draw.since >= 23:
        draw.bind("T3", scale_type)
    shape = draw.shape(1, 3)
    scale, zero, named = scaling(draw, shape, scale_type, code, known)
    name = code_name(code)
    x = draw.array(shape, code, *LIMITS[name]) if name in LIMITS else draw.array(shape, code)
    return draw.node([x, scale, None if draw.chance(0.3) else zero], fixed=[0, 1, 2] if "block_size" in named else [], **named)


@covers("DynamicQuantizeLinear")
def dynamic_quantize_linear(draw):
    return draw.node([draw.array(draw.shape(1, 3), np.float32)], 3)


@covers("MatMulInteger")
def matmul_integer(draw):
    m, k, n = (draw.integer(1, 6) for _ in range(3))
    batch = draw.shape(0, 1)
    a, b = draw.array([*batch, m, k], draw.type("T1"), -128, 255 if draw.bound["T1"] == "uint8" else 127), draw.array([k, n], draw.type("T2"))
    a_zero = draw.array(draw.pick([(), (1,)]), a.dtype) if draw.chance(0.6) else None
    b_zero = draw.array(draw.pick([(), (n,)]), b.dtype) if draw.chance(0.6) else None
    return draw.node([a, b, a_zero, b_zero])


@covers("QLinearMatMul")
def qlinear_matmul(draw):
    m, k, n = (draw.integer(1, 6) for _ in range(3))
    eight = ["uint8", "int8"]
    if draw.since >= 21:
        draw.bind("TS", np.float32)
    a, b, y = (draw.type(p, eight) for p in ("T1", "T2", "T3"))
    scalar = lambda array: array if draw.chance(0.5) else array.reshape(())
    values = [draw.array([m, k], a, -100, 100), draw.array([1], np.float32, 0.01, 0.1), draw.array([1], a),
              draw.array([k, n], b, -100, 100), draw.array([1], np.float32, 0.01, 0.1), draw.array([1], b),
              draw.array([1], np.float32, 0.1, 1), draw.array([1], y)]
    case = draw.node([v if v.ndim == 2 else scalar(v) for v in values])
    case.tolerance = 1  # a sum that is halfway may be rounded either way
    return case


@covers("QLinearConv")
def qlinear_conv(draw):
    window, group = Window(draw), draw.pick([1, 1, 2])
    if window.rank != 2:
        return None
    channels, filters = group * draw.pick([1, 2]), group * draw.pick([1, 2])
    x, w = draw.type("T1"), draw.type("T2")
    draw.bind("T3", x)
    each = draw.chance(0.4)
    values = [draw.array([1, channels, *window.size], x, -100, 100), draw.array((), np.float32, 0.01, 0.1), draw.array((), x),
              draw.array([filters, channels // group, *window.kernel], w, -100, 100),
              draw.array([filters] if each else (), np.float32, 0.01, 0.1),
              np.zeros([filters], w) if each else draw.array((), w), draw.array((), np.float32, 0.1, 1), draw.array((), x)]
    bias = draw.array([filters], np.int32, -200, 200) if draw.chance(0.5) else None
    values = [Constant(v) if i in (1, 2, 4, 5, 6, 7) else v for i, v in enumerate(values)]
    case = draw.node([*values, None if bias is None else Constant(bias)], group=group, fixed=window.fixed(3), **window.attributes)
    case.tolerance = 1
    return case
