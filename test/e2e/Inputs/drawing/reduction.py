# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators that reduce, scan or sort along axes."""
import numpy as np

from .draw import Constant, covers, is_float

POSITIVE = ("ReduceLogSum",)


@covers("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
        "ReduceSum", "ReduceSumSquare")
def reduce(draw):
    # Logarithms of integers are rounded by nobody's rule.
    dtype = draw.type("T", ["float", "double", "float16", "bfloat16"] if "Log" in draw.op else None)
    shape = draw.shape(1, 4)
    x = draw.array(shape, dtype, *((0.2, 4) if draw.op in POSITIVE else (None, None)))
    keepdims = draw.pick([None, 0, 1])
    axes = draw.axes(len(shape), 11) if draw.chance(0.8) else None
    if "axes" in draw.schema.attributes:
        return draw.node([x], axes=axes, keepdims=keepdims)
    noop = draw.pick([None, 0, 1])
    if axes is None and draw.chance(0.7):
        return draw.node([x], keepdims=keepdims, noop_with_empty_axes=noop)
    return draw.node([x, Constant(np.array(axes or [], np.int64))], keepdims=keepdims, noop_with_empty_axes=noop)


@covers("ArgMax", "ArgMin")
def arg(draw):
    x = draw.array(draw.shape(), draw.type("T"))
    last = draw.pick([None, 0, 1]) if draw.since >= 12 else None
    axis = draw.axis(x.ndim, 11) if draw.chance(0.8) else None
    return draw.node([x], axis=axis, keepdims=draw.pick([None, 0, 1]), select_last_index=last)


@covers("Softmax", "LogSoftmax", "Hardmax")
def softmax(draw):
    x = draw.array(draw.shape(1, 4), draw.type("T"))
    if draw.op == "Hardmax":
        x = np.argsort(np.argsort(x, None), None).reshape(x.shape).astype(x.dtype)
    axis = draw.axis(x.ndim, 11) if draw.chance(0.8) or x.ndim < 2 else None
    return draw.node([x], axis=axis)


@covers("CumSum", "CumProd")
def cumulate(draw):
    parameter = draw.schema.inputs[0].type_str
    x = draw.array(draw.shape(), draw.type(parameter), *((-2, 2) if draw.op == "CumProd" else (None, None)))
    axis = np.array(draw.axis(x.ndim), draw.type("T2"))
    return draw.node([x, Constant(axis)], exclusive=draw.pick([None, 0, 1]), reverse=draw.pick([None, 0, 1]))


@covers("TopK")
def top_k(draw):
    shape = draw.shape()
    axis = draw.axis(len(shape), 11)
    k = draw.integer(1, shape[axis])
    count = int(np.prod(shape))
    x = draw.random.permutation(count).reshape(shape).astype(draw.type("T"))  # no equal ones
    if len(np.unique(x)) < count:
        return None
    named = dict(axis=axis if draw.chance(0.8) or axis not in (-1, len(shape) - 1) else None)
    if draw.since < 10:
        return draw.node([x], 2, k=k, **named)
    if draw.since >= 11:
        named["largest"] = draw.pick([None, 0, 1])
    return draw.node([x, Constant(np.array([k], np.int64))], 2, **named)


@covers("Unique")
def unique(draw):
    x = draw.array(draw.shape(1, 3), draw.type("T"))
    if is_float(x.dtype):
        x = np.round(x)
        x = (x + x.dtype.type(0)).astype(x.dtype)  # no negative zeros
    return draw.node([x], [True, *(draw.chance(0.7) for _ in range(3))], axis=draw.pick([None, draw.axis(x.ndim)]),
                     sorted=draw.pick([None, 0, 1]))


@covers("NonZero")
def non_zero(draw):
    x = draw.array(draw.shape(1, 3), draw.type("T"))
    x[draw.random.random(x.shape) < 0.5] = 0
    return draw.node([x])


@covers("Compress")
def compress(draw):
    x = draw.array(draw.shape(), draw.type("T"))
    axis = draw.axis(x.ndim, 11) if draw.chance(0.6) else None
    length = x.size if axis is None else x.shape[axis]
    return draw.node([x, draw.array([draw.integer(1, length)], bool)], axis=axis)


@covers("Einsum")
def einsum(draw):
    sizes = {letter: draw.integer(1, 4) for letter in "abcd"}
    terms, result = draw.pick([("ab,bc", "ac"), ("ab", "ba"), ("ab", "a"), ("abc,acd", "abd"), ("ab,ab", ""), ("aa", "a"),
                               ("ab,b", None), ("abc", "cb"), ("a,b,c", "abc"), ("...ab,...bc", "...ac")])
    arrays = [draw.array([*([2] if "..." in term else []), *(sizes[c] for c in term.strip("."))], draw.type("T"))
              for term in terms.split(",")]
    return draw.node(arrays, equation=terms if result is None else f"{terms}->{result}")


@covers("Det")
def det(draw):
    size = draw.integer(1, 4)
    return draw.node([draw.array([*draw.shape(0, 2), size, size], draw.type("T"))])
