# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators that convert types, make constants, ask for sizes or draw random numbers."""
import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .draw import DTYPES, NARROW, Case, Constant, covers, is_float, onnx_type, with_peer

NAMES = {"float": "FLOAT", "double": "DOUBLE", "float16": "FLOAT16", "bool": "BOOL"}


def convertible(draw, source, target, shape):
    """Numbers whose conversion is defined."""
    low, high = None, None
    if not is_float(target) and is_float(source) and target in (ml_dtypes.int4, ml_dtypes.uint4):
        # ONNX Runtime rounds where ONNX's casts to integers cut off.
        return np.round(draw.array(shape, source, 0, 6)).astype(source)
    if np.dtype(target).kind == "u" or target == ml_dtypes.uint4:
        low, high = 0, 6
    elif not is_float(target):
        low, high = -6, 6
    return draw.array(shape, source, low, high)


@covers("Cast")
def cast(draw):
    source, target = draw.type("T1", narrow=True), draw.type("T2", narrow=True)
    x = convertible(draw, source, target, draw.shape(0))
    if draw.since < 6:
        name = draw.bound["T2"]
        case = draw.node([x], to=NAMES.get(name, name.upper()))
        return with_peer(case, draw, [x], to=onnx_type(target))
    saturate = draw.pick([None, 0, 1]) if draw.since >= 19 and draw.bound["T2"] in NARROW - {"int4", "uint4"} else None
    return draw.node([x], to=onnx_type(target), saturate=saturate)


@covers("CastLike")
def cast_like(draw):
    source, target = draw.type("T1", narrow=True), draw.type("T2", narrow=True)
    return draw.node([convertible(draw, source, target, draw.shape(0)), draw.array(draw.shape(0, 2), target)])


@covers("BitCast")
def bit_cast(draw):
    source = draw.type("T1")
    same = [t for t in draw.types_of("T2") if t not in ("bool", "int4", "uint4")
            and np.dtype(DTYPES[t]).itemsize == np.dtype(source).itemsize]
    if not same or source == np.bool_:
        return None
    return draw.node([draw.array(draw.shape(0), source)], to=onnx_type(draw.type("T2", same, narrow=True)))


@covers("Constant")
def constant(draw):
    kind = draw.pick(["value"] if draw.since < 12 else ["value", "value", "value_float", "value_floats", "value_int", "value_ints"])
    if draw.since >= 11 and draw.chance(0.2):
        kind = "sparse_value"
    shape = draw.shape(0, 3)
    if kind == "value":
        array = draw.array(shape, draw.type("T", narrow=True))
        return draw.node([], value=numpy_helper.from_array(array, "value"))
    if kind == "sparse_value":
        shape = draw.shape(1, 3)
        count, places = draw.integer(0, 3), int(np.prod(shape))
        flat = np.sort(draw.random.permutation(places)[:count])
        indices = flat if draw.chance(0.5) else np.stack(np.unravel_index(flat, shape), -1)
        values = draw.array([len(flat)], draw.type("T", ["float", "double", "int64", "int32", "uint8"]))
        whole = np.zeros(places, values.dtype)
        whole[flat] = values
        tensors = (numpy_helper.from_array(a, n) for a, n in ((values, "values"), (indices.astype(np.int64), "indices")))
        case = draw.node([], sparse_value=helper.make_sparse_tensor(*tensors, shape))
        case.expected = [whole.reshape(shape)]  # ONNX Runtime cannot return one
        return case
    draw.bind("T", np.float32 if "float" in kind else np.int64)
    one = (lambda: draw.real(-3, 3)) if "float" in kind else (lambda: draw.integer(-9, 9))
    return draw.node([], **{kind: [one() for _ in range(draw.integer(1, 5))] if kind.endswith("s") else one()})


@covers("ConstantOfShape")
def constant_of_shape(draw):
    shape = Constant(np.array(draw.shape(0), np.int64))
    if draw.chance(0.2):
        draw.bind("T2", np.float32)
        return draw.node([shape])
    return draw.node([shape], value=numpy_helper.from_array(draw.array([1], draw.type("T2", narrow=True)), "value"))


@covers("EyeLike")
def eye_like(draw):
    x = draw.array(draw.shape(2, 2), draw.type("T1"))
    named = {"k": draw.pick([None, draw.integer(-4, 4)])}
    if draw.chance(0.3):
        draw.bind("T2", x.dtype)
    else:
        named["dtype"] = onnx_type(draw.type("T2"))
    return draw.node([x], **named)


@covers("Range")
def range_(draw):
    dtype = draw.type("T")
    start, delta = draw.integer(-5, 5), draw.pick([1, 2, 3, -1, -2])
    if is_float(dtype):
        delta *= 0.5
    limit = start + delta * draw.integer(-1, 8)
    return draw.node([wrap(np.array(v, dtype)) for v, wrap in zip((start, limit, delta), [draw.pick([Constant, np.asarray])] * 3)])


@covers("Shape", "Size")
def sizes(draw):
    x = draw.array(draw.shape(0, 4), draw.type("T", narrow=True))
    if draw.op == "Size" or draw.since < 15:
        return draw.node([x])
    return draw.node([x], start=draw.pick([None, draw.integer(-5, 5)]), end=draw.pick([None, draw.integer(-5, 5)]))


@covers("BlackmanWindow", "HammingWindow", "HannWindow")
def window(draw):
    draw.bind("T2", DTYPES[draw.pick(["float", "float", "double", "float16", "int32"])])
    size = np.array(draw.integer(1, 20), draw.type("T1"))
    kind = onnx_type(draw.type("T2"))
    return draw.node([Constant(size)], periodic=draw.pick([None, 0, 1]),
                     output_datatype=None if kind == TensorProto.FLOAT and draw.chance(0.5) else kind)


@covers("MelWeightMatrix")
def mel_weight_matrix(draw):
    whole, real = draw.type("T1"), draw.type("T2", ["float"])
    draw.bind("T3", np.float32)
    values = [np.array(v, whole) for v in (draw.integer(3, 10), draw.pick([16, 32, 64]), draw.pick([8000, 16000]))]
    values += [np.array(v, real) for v in (draw.pick([0.0, 20.0]), draw.pick([3000.0, 4000.0]))]
    return draw.node([Constant(v) for v in values])


def within(low, high, mean, deviation, count):
    """Five standard errors around a mean and, roughly, a deviation."""
    def check(results):
        y = results[0].astype(np.float64)
        error = 5 * deviation / np.sqrt(count) + 4e-3 * (abs(mean) + deviation)  # of narrow types
        return y.size == count and np.isfinite(y).all() and y.min() >= low - error and y.max() <= high + error \
            and abs(y.mean() - mean) <= error and abs(y.std() - deviation) <= 4 * error
    return check


@covers("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
def random_numbers(draw):
    shape, like = [draw.integer(40, 60), 101], draw.op.endswith("Like")
    parameter = "T2" if like else "T"
    draw.bind(parameter, draw.type(parameter))
    a, b = draw.real(-5, 5), draw.real(1, 5)
    normal = draw.op.startswith("RandomNormal")
    named = dict(mean=a, scale=b) if normal else dict(low=a, high=a + b)
    if not like:
        named["shape"] = shape
    if draw.bound[parameter] != "float" or draw.chance(0.5):
        named["dtype"] = onnx_type(draw.type(parameter))
    inputs = []
    if like:
        inputs = [draw.array(shape, draw.type("T1", ["float", "double", "int64"]))]
        if "dtype" not in named and draw.bound["T1"] != "float":
            named["dtype"] = onnx_type(draw.type(parameter))
    case = draw.node(inputs, seed=draw.pick([None, draw.real(0, 9)]), **named)
    count = shape[0] * shape[1]
    case.check = within(-np.inf, np.inf, a, b, count) if normal else within(a, a + b, a + b / 2, b / np.sqrt(12), count)
    return case


@covers("Bernoulli")
def bernoulli(draw):
    p = draw.real(0.1, 0.9)
    x = np.full((draw.integer(40, 60), 103), p, draw.type("T1"))
    draw.bind("T2", draw.type("T2", ["float", "double", "int32", "bool", "uint8"]))
    case = draw.node([x], dtype=onnx_type(draw.type("T2")), seed=draw.pick([None, draw.real(0, 9)]))
    case.check = within(0, 1, p, np.sqrt(p * (1 - p)), x.size)
    return case


@covers("Multinomial")
def multinomial(draw):
    p = draw.random.dirichlet(np.ones(5))
    x = np.log(np.tile(p, (3, 1))).astype(draw.type("T1"))
    draw.bind("T2", draw.type("T2"))
    case = draw.node([x], sample_size=2000, dtype=onnx_type(draw.type("T2")))
    mean = (p * np.arange(5)).sum()
    case.check = within(0, 4, mean, np.sqrt((p * (np.arange(5) - mean) ** 2).sum()), 6000)
    return case


@covers("TfIdfVectorizer")
def tf_idf(draw):
    x = draw.random.integers(0, 5, draw.shape(1, 2, 9)).astype(draw.type("T", ["int32", "int64"]))
    ones, pairs = draw.permutation(5)[:3], [draw.integer(0, 4) for _ in range(4)]
    if pairs[:2] == pairs[2:]:
        return None
    weights = [draw.real(0.5, 2) for _ in range(5)] if draw.chance(0.5) else None
    return draw.node([x], mode=draw.pick(["TF", "IDF", "TFIDF"]), min_gram_length=draw.pick([1, 2]), max_gram_length=2,
                     max_skip_count=draw.pick([0, 1, 2]), ngram_counts=[0, 3], ngram_indexes=draw.permutation(5),
                     pool_int64s=ones + pairs, weights=weights, fixed=[0])
