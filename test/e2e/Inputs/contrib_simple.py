# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kinds of contrib.py: normalizations, activations, products with what follows, tables of few bits."""
import math

import numpy as np
from onnx import TensorProto

SIZES = [1, 2, 3, 5, 8, 17, 33]
erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def gelu_by_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalized(x, scale, shift=0.0, epsilon=1e-12, simplified=False, axis=-1):
    """The rows, their means and the inverses of their deviations, in float64."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    x = x.astype(np.float64)
    mean = 0 if simplified else x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + epsilon)
    return (x - mean) * inverse * scale + shift, mean, inverse


def single(x):
    return np.asarray(x, np.float32)


# ---------------------------------------------------------------------------
# Normalizations
# ---------------------------------------------------------------------------


def skip_layer_normalization(g):
    for _ in range(4):
        b, s, h = g.pick(1, 2, 3), g.pick(*SIZES), g.pick(4, 7, 16, 65)
        simplified, half = g.chance(), g.chance(0.3)
        x = g.normal(b, s, h, scale=g.pick(1, 1, 1e-3))
        kind = np.float16 if half else np.float32
        x = x.astype(kind)
        skip = g.normal(*g.pick((b, s, h), (b, s, h), (1, s, h), (s, h))).astype(kind) if not simplified else g.normal(b, s, h).astype(kind)
        scale, shift, bias = g.normal(h).astype(kind), g.normal(h).astype(kind), g.normal(h).astype(kind)
        has_shift, has_bias = not simplified and g.chance(0.7), g.chance()
        names = f"b{_} s{_} {h}"
        skipped = names if skip.shape == x.shape else ""
        inputs = [g.input(x, names if skipped else ""), g.input(skip, skipped), g.either(scale)]
        if not simplified:
            inputs.append(g.either(shift) if has_shift else "")
        inputs.append(g.either(bias) if has_bias else "")
        epsilon = g.pick(1e-12, 1e-5)
        attributes = {} if epsilon == 1e-12 else {"epsilon": epsilon}
        total = x.astype(np.float64) + skip + (bias if has_bias else 0)
        want, mean, inverse = normalized(total, scale, shift if has_shift else 0, epsilon, simplified)
        # ONNX Runtime has no kernel that gives the statistics.
        asks = g.chance(0.3)
        g.node("SkipSimplifiedLayerNormalization" if simplified else "SkipLayerNormalization", inputs,
               [want.astype(kind), single(mean) if asks and not simplified else None, single(inverse) if asks else None,
                total.astype(kind) if g.chance(0.7) else None], peer=not asks and not half,
               tolerance=2e-3 if half else 2e-5, **attributes)


def simplified_layer_normalization(g):
    for i, domain in enumerate(["", "com.microsoft", ""]):
        b, s, h = g.pick(1, 2, 3), g.pick(*SIZES), g.pick(4, 7, 16, 65)
        x, scale, axis = g.normal(b, s, h, scale=g.pick(1, 1e-3)), None, g.pick(-1, 2, -1 if domain else 1)
        scale = g.normal(*x.shape[axis:])
        want, _, inverse = normalized(x, scale, epsilon=1e-5, simplified=True, axis=axis)
        # ONNX Runtime has it in ONNX's domain alone.
        g.node("SimplifiedLayerNormalization", [g.input(x, f"b{i} s{i} {h}" if axis != 1 else ""), g.either(scale)],
               [single(want), single(inverse) if g.chance() else None], domain=domain, axis=axis, peer=not domain)


def embed_layer_normalization(g):
    for i in range(3):
        b, s, h, words, positions = g.pick(1, 2, 3), g.pick(*SIZES), g.pick(4, 7, 65), 50, 40
        ids, segments = g.random.integers(0, words, (b, s)), g.random.integers(0, 2, (b, s))
        table, places, kinds = g.normal(words, h), g.normal(positions, h), g.normal(2, h)
        scale, shift = g.normal(h), g.normal(h)
        has_segments, has_mask, has_places, sums = g.chance(), g.chance(), g.chance(), g.chance()
        at = np.arange(s)[None]
        if has_places:
            at = g.random.integers(0, positions, g.pick((b, s), (1, s)))
        total = table[ids] + places[at] + (kinds[segments] if has_segments else 0)
        lengths = g.random.integers(0, s + 1, b)
        mask = (np.arange(s) < lengths[:, None]).astype(np.int32)
        names = f"b{i} s{i}"
        inputs = [g.input(ids.astype(np.int32), names), g.input(segments.astype(np.int32), names) if has_segments else "", g.constant(table),
                  g.either(places), g.constant(kinds) if has_segments else "", g.constant(scale), g.constant(shift),
                  g.input(mask, names) if has_mask else "", g.input(at.astype(np.int32), names if len(at) == b > 1 else f"1 s{i}") if has_places else ""]
        g.node("EmbedLayerNormalization", inputs, [single(normalized(total, scale, shift)[0]),
                                                  mask.sum(1).astype(np.int32) if has_mask else np.zeros(b, np.int32), single(total) if sums else None])


def layer_normalization(g):
    """In ONNX's domain, from before ONNX had it, as transformers were once optimized."""
    x, scale, shift, g.opset = g.normal(2, 3, 17), g.normal(17), g.normal(17), 12
    g.node("LayerNormalization", [g.input(x), g.constant(scale), g.constant(shift)], [single(normalized(x, scale, shift, 1e-5)[0])], domain="")


# ---------------------------------------------------------------------------
# Activations and what is fused with products
# ---------------------------------------------------------------------------


def activations(g):
    for i, op in enumerate(["Gelu", "FastGelu", "FastGelu", "BiasGelu", "QuickGelu", "QuickGelu"]):
        b, h = g.pick(*SIZES), g.pick(*SIZES)
        x, bias, attributes = g.normal(b, h, scale=3), g.normal(h), {}
        inputs, total = [g.input(x, f"b{i} {h}")], x.astype(np.float64)
        if op == "BiasGelu" or (op == "FastGelu" and g.chance()):
            inputs, total = [*inputs, g.either(bias)], total + bias
        if op == "QuickGelu" and g.chance():
            attributes = {"alpha": 1.25}
        alpha = float(np.float32(attributes.get("alpha", 1.702)))
        want = {"FastGelu": gelu_by_tanh, "QuickGelu": lambda v: v * sigmoid(alpha * v)}.get(op, gelu)(total)
        g.node(op, inputs, [single(want)], **attributes)


def split_activations(g):
    """ONNX Runtime has these on devices alone."""
    for i in range(2):
        b, s, h = g.pick(1, 2), g.pick(*SIZES), 2 * g.pick(*SIZES)
        x, bias, skip = g.normal(b, s, h), g.normal(h), g.normal(b, s, h)
        total, names = x.astype(np.float64) + bias, f"b{i} s{i} {h}"
        g.node("BiasSplitGelu", [g.input(x, names), g.either(bias)], [single(total[..., : h // 2] * gelu(total[..., h // 2:]))], peer=False)
        g.node("BiasAdd", [g.input(x, names), g.either(bias), g.input(skip, names)], [single(total + skip)], peer=False)


def fused_products(g):
    for _ in range(4):
        m, k, n = (g.pick(*SIZES) for _ in range(3))
        batch = g.pick((), (2,), (3, 2))
        trans = [g.chance() for _ in range(2)]
        turned = bool(batch) and g.chance()
        factors, operands = [(m, k), (k, n)], []
        for i, (rows, columns) in enumerate(factors):
            whole = g.normal(*batch, rows, columns)
            stored = np.swapaxes(whole, -1, -2) if trans[i] else whole
            if turned:
                stored = np.moveaxis(stored, -2, 0)
            operands.append((whole, np.ascontiguousarray(stored)))
        attributes = {"transA": int(trans[0]), "transB": int(trans[1]), "transBatchA": int(turned), "transBatchB": int(turned)}
        alpha = g.pick(1.0, 0.5)
        want = alpha * (operands[0][0].astype(np.float64) @ operands[1][0])
        g.node("FusedMatMul", [g.input(operands[0][1]), g.either(operands[1][1])], [single(want)], alpha=alpha, what=f"{batch} {m}x{k}x{n}", **attributes)
    m, k, n = (g.pick(*SIZES) for _ in range(3))
    vector = g.normal(k)
    matrix = g.normal(k, n)
    g.node("TransposeMatMul", [g.input(vector), g.input(matrix)], [single(vector @ matrix)], transA=1)


FUNCTIONS = {"Relu": lambda x: np.maximum(x, 0), "Tanh": np.tanh, "Sigmoid": sigmoid, "LeakyRelu": lambda x: np.where(x < 0, 0.25 * x, x),
             "HardSigmoid": lambda x: np.clip(0.25 * x + 0.5, 0, 1), "Clip": lambda x: np.clip(x, -0.5, 1.5)}
PARAMETERS = {"LeakyRelu": [0.25], "HardSigmoid": [0.25, 0.5], "Clip": [-0.5, 1.5]}


def fused_gemm(g):
    for i, kind in enumerate(["Relu", "LeakyRelu", "Tanh", "Sigmoid", "HardSigmoid"]):
        m, k, n = (g.pick(*SIZES) for _ in range(3))
        a, b, c = g.normal(m, k), g.normal(n, k), g.normal(n)
        parameters = dict(zip(["activation_alpha", "activation_beta"], PARAMETERS.get(kind, [])))
        want = FUNCTIONS[kind](0.5 * (a.astype(np.float64) @ b.T) + 2 * c)
        g.node("FusedGemm", [g.input(a, f"m{i} {k}"), g.either(b), g.either(c)], [single(want)], transB=1, alpha=0.5, beta=2.0, activation=kind, **parameters)


def fused_conv(g):
    for i, kind in enumerate(["", *FUNCTIONS]):
        channels, filters, size = g.pick(1, 3, 8), g.pick(1, 4, 17), g.pick(3, 5, 9)
        x, w, bias = g.normal(1, channels, size, size), g.normal(filters, channels, 3, 3), g.normal(filters)
        padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        want = np.einsum("nchwij,fcij->nfhw", windows, w) + bias[:, None, None]
        inputs = [g.input(x), g.constant(w), g.constant(bias)]
        if g.chance():
            z = g.normal(*want.shape)
            inputs, want = [*inputs, g.input(z)], want + z
        attributes = {"activation": kind, "activation_params": PARAMETERS.get(kind, [])} if kind else {}
        g.node("FusedConv", inputs, [single(FUNCTIONS.get(kind, lambda v: v)(want))], pads=[1, 1, 1, 1], **{k: v for k, v in attributes.items() if v})


# ---------------------------------------------------------------------------
# Tables of few bits
# ---------------------------------------------------------------------------


def packed(values, bits):
    """Integers of few bits along the last dimension as bytes, the first in the lowest bits."""
    each = 8 // bits
    values = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % each)]).astype(np.uint8)
    parts = values.reshape(*values.shape[:-1], -1, each)
    return np.bitwise_or.reduce(parts << (bits * np.arange(each, dtype=np.uint8)), axis=-1)


def gather_block_quantized(g):
    for i in range(4):
        rows, width, block, bits = g.pick(3, 20), g.pick(16, 32, 48, 80), g.pick(16, 32), g.pick(4, 4, 8)
        table = g.random.integers(0, 1 << bits, (rows, width))
        blocks = -(-width // block)
        scales, points = g.normal(rows, blocks), g.random.integers(0, 1 << bits, (rows, blocks))
        has_points = g.chance()
        index = g.random.integers(-rows, rows, g.pick((3,), (2, 4), (1, 1)))
        zero = np.repeat(points, block, 1)[:, :width] if has_points else 1 << (bits - 1)
        want = ((table - zero) * np.repeat(scales, block, 1)[:, :width])[index]
        inputs = [g.constant(packed(table, bits)), g.input(index.astype(np.int64), " ".join(f"n{i}{j}" for j in range(index.ndim))), g.constant(scales)]
        if has_points:
            inputs.append(g.constant(packed(points, bits)))
        g.node("GatherBlockQuantized", inputs, [single(want)], what=f"{rows}x{width}", bits=bits, block_size=block, quantize_axis=1, gather_axis=0)


def gather_small_integers(g):
    """Tables of ONNX's types of 4 bits, along any dimensions."""
    for i in range(4):
        shape, block, signed = [g.pick(3, 20), g.pick(16, 32, 40), g.pick(1, 5)], 16, g.chance()
        quantized = g.pick(0, 1, 2)
        gathered = g.pick(*({0, 1, 2} - {quantized}))
        low = -8 if signed else 0
        table, count = g.random.integers(low, low + 16, shape), -(-shape[quantized] // block)
        few = [*shape[:quantized], count, *shape[quantized + 1:]]
        scales, points, has_points = g.normal(*few), g.random.integers(low, low + 16, few), g.chance()
        spread = lambda values: np.repeat(values, block, quantized).take(range(shape[quantized]), quantized)
        index = g.random.integers(0, shape[gathered], (2, 3))
        want = np.take((table - (spread(points) if has_points else 0)) * spread(scales), index, gathered)
        element = TensorProto.INT4 if signed else TensorProto.UINT4
        inputs = [g.constant(table, element), g.input(index.astype(np.int32), f"n{i} 3"), g.constant(scales)]
        if has_points:
            inputs.append(g.constant(points, element))
        g.node("GatherBlockQuantized", inputs, [single(want)], what=f"{shape}", block_size=block, quantize_axis=quantized, gather_axis=gathered)


NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495,
                0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
                0.7229568362236023, 1.0])
FP4 = np.array([0, 5.208333333e-03, 2 / 3, 1, 1 / 3, 0.5, 1 / 6, 0.25])
FP4 = np.concatenate([FP4, -FP4])


def matmul_bnb4(g):
    for i in range(4):
        n, k, block, kind = g.pick(1, 3, 8, 17), g.pick(16, 48, 65), g.pick(16, 32, 64), g.pick(0, 1)
        codes = g.random.integers(0, 16, n * k)
        largest = g.random.uniform(0.1, 2, -(-n * k // block)).astype(np.float32)
        weights = ([FP4, NF4][kind][codes] * np.repeat(largest, block)[: n * k]).reshape(n, k)
        pairs = np.pad(codes, (0, n * k % 2)).reshape(-1, 2)
        x = g.normal(g.pick(1, 2, 5), k)
        inputs = [g.input(x, f"m{i} {k}"), g.constant((pairs[:, 0] * 16 + pairs[:, 1]).astype(np.uint8)), g.constant(largest)]
        g.node("MatMulBnb4", inputs, [single(x @ weights.T)], what=f"{n}x{k}", N=n, K=k, block_size=block, quant_type=kind)
