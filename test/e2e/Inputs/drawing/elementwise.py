# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators on elements, with their forms of broadcasting."""
import numpy as np

from .draw import covers, is_float, with_peer

# Where each function is defined and not steep; None: everywhere.
DOMAINS = {
    "Acos": (-0.95, 0.95), "Acosh": (1.05, 5), "Asin": (-0.95, 0.95), "Atanh": (-0.9, 0.9), "Log": (0.1, 9),
    "Sqrt": (0, 9), "Reciprocal": (0.2, 5), "Tan": (-1.2, 1.2), "Cosh": (-3, 3), "Sinh": (-3, 3), "Exp": (-4, 3),
}
# Attributes of activations, with bounds, by operator.
ACTIVATIONS = {
    "Celu": {"alpha": (0.2, 2)}, "Elu": {"alpha": (0.2, 2)}, "HardSigmoid": {"alpha": (0.1, 0.5), "beta": (0.1, 0.8)},
    "LeakyRelu": {"alpha": (-0.5, 0.5)}, "Selu": {"alpha": (0.5, 2), "gamma": (0.5, 2)},
    "Shrink": {"bias": (-1, 1), "lambd": (0, 1)}, "Swish": {"alpha": (0.5, 2)}, "ThresholdedRelu": {"alpha": (-0.5, 1)},
}


@covers("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Cos", "Cosh", "Elu",
        "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg", "Not",
        "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
        "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu")
def unary(draw):
    parameter = draw.schema.inputs[0].type_str
    low, high = DOMAINS.get(draw.op, (None, None))
    x = draw.array(draw.shape(0), draw.type(parameter), low, high)
    if draw.op in ("Ceil", "Floor", "Round"):
        x = (x * 2).astype(x.dtype) if draw.chance(0.5) else np.round(x * 4).astype(x.dtype) / x.dtype.type(2)
    attributes = {n: draw.real(*bounds) for n, bounds in ACTIVATIONS.get(draw.op, {}).items() if draw.chance(0.6)}
    if draw.op == "Gelu":
        attributes["approximate"] = draw.pick([None, "none", "tanh"])
    return draw.node([x], **attributes)


def legacy_broadcast(draw, a, b_of):
    """Before opset 7, B is broadcast where it says so, its dimensions laid along A's from `axis` on,
    or at A's end. `b_of` draws B of a shape."""
    kind = draw.pick(["same", "suffix", "axis", "scalar"]) if a.ndim else "same"
    if kind == "same":
        b = b_of(a.shape)
        case = draw.node([a, b], broadcast=draw.pick([None, 0, 1]))
        return with_peer(case, draw, [a, b])
    start = draw.integer(0, a.ndim - 1)
    end = a.ndim if kind == "suffix" else draw.integer(start + 1, a.ndim)
    if kind == "scalar":
        b = b_of(draw.pick([(), (1,)]))
        return with_peer(draw.node([a, b], broadcast=1), draw, [a, b])
    b = b_of(a.shape[start:end])
    case = draw.node([a, b], broadcast=1, axis=start if kind == "axis" else None)
    return with_peer(case, draw, [a, b.reshape(b.shape + (1,) * (a.ndim - end))])


@covers("Add", "Sub", "Mul", "Div", "And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
        "Pow", "PRelu", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", "Mod", "SwiGLU")
def binary(draw):
    dtype = draw.type("T")
    attributes = {}
    if draw.op == "BitShift":
        attributes["direction"] = draw.pick(["LEFT", "RIGHT"])
    if draw.op == "Mod":
        attributes["fmod"] = 1 if is_float(dtype) else draw.pick([None, 0, 1])
    if draw.op == "SwiGLU":
        attributes["alpha"] = draw.pick([None, draw.real(0.5, 2)])
    low, high = (0.3, 3) if draw.op == "Pow" else (0, 9) if draw.op == "BitShift" else (None, None)
    if draw.op == "Pow" and not is_float(dtype):
        low, high = -4, 4
    shape = draw.shape(0)
    a = draw.array(shape, dtype, low, high)

    def right(shape):
        if draw.op in ("Div", "Mod"):
            b = draw.array(shape, dtype, 0.5 if is_float(dtype) else 1, 5)
            return b if np.dtype(dtype).kind == "u" or draw.chance(0.5) else (-b).astype(b.dtype)
        if draw.op == "Pow":
            other = draw.type("T1") if any(c.type_param_str == "T1" for c in draw.schema.type_constraints) else dtype
            return draw.array(shape, other, 0, 3)
        return draw.array(shape, dtype, low, high)

    if draw.since < 7 and draw.op != "PRelu":
        return legacy_broadcast(draw, a, right)
    if draw.op == "SwiGLU":
        return draw.node([a, right(shape)], **attributes)
    if draw.op == "PRelu" and draw.since < 7:
        # A slope for all, or one for each channel.
        if a.ndim < 2:
            return None
        slope = right((1,) if draw.chance(0.3) else (a.shape[1],))
        later = slope if slope.shape == (1,) else slope.reshape(slope.shape + (1,) * (a.ndim - 2))
        return with_peer(draw.node([a, slope]), draw, [a, later])
    other = draw.broadcastable(shape)
    b = right(other)
    if draw.op != "PRelu" and draw.chance(0.3):
        return draw.node([right(shape) if draw.op in ("Mod", "Div") else a, b] if b.dtype != a.dtype or draw.chance(0.5)
                         else [draw.array(other, dtype, low, high), right(shape)], **attributes)
    return draw.node([a, b], **attributes)


@covers("Max", "Min", "Mean", "Sum")
def variadic(draw):
    dtype, shape = draw.type(), draw.shape(0)
    count = draw.integer(1, 4)
    inputs = [draw.array(shape if draw.since < 8 or not i else draw.broadcastable(shape), dtype) for i in range(count)]
    return draw.node(inputs)


@covers("Where")
def where(draw):
    shape, dtype = draw.shape(0), draw.type("T")
    return draw.node([draw.array(draw.broadcastable(shape), bool), draw.array(draw.broadcastable(shape), dtype),
                      draw.array(shape, dtype)])


@covers("Clip")
def clip(draw):
    x = draw.array(draw.shape(0))
    low, high = draw.array((), x.dtype, -1, 0), draw.array((), x.dtype, 0.25, 2)
    if draw.since < 11:
        return draw.node([x], min=float(low) if draw.chance(0.7) else None, max=float(high) if draw.chance(0.7) else None)
    return draw.node([x, low if draw.chance(0.7) else None, high if draw.chance(0.7) else None])


@covers("IsInf", "IsNaN")
def classify(draw):
    x = draw.array(draw.shape(), draw.type("T1"))
    special = np.array([np.inf, -np.inf, np.nan]).astype(x.dtype)
    x = np.where(draw.random.random(x.shape) < 0.5, special[draw.random.integers(0, 3, x.shape)], x)
    if draw.op == "IsNaN":
        return draw.node([x])
    return draw.node([x], detect_negative=draw.pick([None, 0, 1]), detect_positive=draw.pick([None, 0, 1]))


@covers("Dropout")
def dropout(draw):
    """Not in training, where it is the identity."""
    x = draw.array(draw.shape(), draw.type("T"))
    # Before, the mask was not said to be all true when nothing is dropped.
    masked = draw.chance(0.5) and draw.since >= 12
    if draw.since < 12:
        ratio = draw.pick([None, 0.3])
        case = draw.node([x], 2 if masked else 1, ratio=ratio, is_test=1 if draw.since < 7 else None)
        return with_peer(case, draw, [x], ratio=ratio) if draw.since < 7 else case
    ratio = np.array(0.25, draw.type("T1"))
    inputs = draw.pick([[x], [x, ratio], [x, ratio, np.array(False)], [x, None, np.array(False)]])
    return draw.node(inputs, 2 if masked else 1)


@covers("Identity")
def identity(draw):
    draw.bind("V" if draw.types_of("V") else "T", draw.type("V" if draw.types_of("V") else "T", narrow=True))
    return draw.node([draw.array(draw.shape(0), draw.type("V" if draw.types_of("V") else "T"))])
