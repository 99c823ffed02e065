# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Matrix products, normalizations, attention and losses."""
import numpy as np

from .draw import Constant, covers, with_peer


@covers("Gemm")
def gemm(draw):
    m, k, n, dtype = draw.integer(1, 6), draw.integer(1, 9), draw.integer(1, 6), draw.type("T")
    trans_a, trans_b = draw.pick([None, 0, 1]), draw.pick([None, 0, 1])
    a = draw.array([k, m] if trans_a else [m, k], dtype)
    b = draw.array([n, k] if trans_b else [k, n], dtype)
    named = dict(transA=trans_a, transB=trans_b)
    if np.dtype(dtype).kind == "f":
        named.update(alpha=draw.pick([None, draw.real(0.5, 2)]), beta=draw.pick([None, draw.real(0.5, 2)]))
    forms = [(m, n), (1, n), (n,), (m, 1), (1,), ()]
    if draw.since < 7:
        c = draw.array(draw.pick([(m, n), (n,), (1,)]), dtype)
        broadcast = draw.pick([None, 0, 1]) if c.shape == (m, n) else 1
        return with_peer(draw.node([a, b, c], broadcast=broadcast, **named), draw, [a, b, c], **named)
    c = draw.array(draw.pick(forms), dtype)
    return draw.node([a, b, None if draw.since >= 11 and draw.chance(0.2) else c], **named)


@covers("MatMul")
def matmul(draw):
    m, k, n, dtype = draw.integer(1, 6), draw.integer(1, 9), draw.integer(1, 6), draw.type("T")
    batch = draw.shape(0, 2, 3)
    a = [*draw.broadcastable(batch), m, k]
    b = [*batch, k, n]
    if draw.chance(0.5):
        a, b = [*batch, m, k], [*draw.broadcastable(batch), k, n]
    if draw.chance(0.2):
        a = [k]
    if draw.chance(0.2):
        b = [k]
    return draw.node([draw.array(a, dtype), draw.array(b, dtype)])


@covers("BatchNormalization")
def batch_normalization(draw):
    x = draw.array([draw.pick([1, 2, 3]), draw.integer(1, 5), *draw.shape(0 if draw.since >= 7 else 1, 3)], draw.type("T"))
    of = lambda parameter: draw.type(parameter) if draw.types_of(parameter) else x.dtype
    scaled, moments = of("T1"), of("T2") if draw.types_of("T2") else of("U")
    channels = x.shape[1]
    inputs = [x, draw.array([channels], scaled, 0.5, 2), draw.array([channels], scaled),
              draw.array([channels], moments), draw.array([channels], moments, 0.5, 2)]
    named = dict(epsilon=draw.pick([None, 1e-3]), momentum=draw.pick([None, 0.8]))
    if draw.since < 7:
        consumed = [0, 0, 0, 1, 1] if draw.since < 6 else None
        return with_peer(draw.node(inputs, is_test=1, consumed_inputs=consumed, **named), draw, inputs, **named)
    if draw.since < 9:
        named["spatial"] = draw.pick([None, 1])
    if draw.since >= 14 and draw.chance(0.3) and x.size // channels > 1:
        return draw.node(inputs, 3, training_mode=1, **named)
    return draw.node(inputs, **named)


@covers("InstanceNormalization")
def instance_normalization(draw):
    x = draw.array([draw.pick([1, 2]), draw.integer(1, 4), draw.integer(2, 6), *draw.shape(0, 2)], draw.type("T"))
    return draw.node([x, draw.array([x.shape[1]], x.dtype), draw.array([x.shape[1]], x.dtype)], epsilon=draw.pick([None, 1e-3]))


@covers("LayerNormalization")
def layer_normalization(draw):
    shape, dtype = draw.shape(1, 4), draw.type("T")
    shape[-1] = draw.integer(3, 9)
    axis = draw.axis(len(shape))
    scale = shape[axis:]
    draw.bind("U", np.float32)
    bias = draw.array(scale, dtype) if draw.chance(0.6) else None
    outputs = [True, draw.chance(0.3), draw.chance(0.3)]
    return draw.node([draw.array(shape, dtype), draw.array(scale, dtype), bias], outputs,
                     axis=axis if axis != -1 or draw.chance(0.5) else None, epsilon=draw.pick([None, 1e-3]))


@covers("RMSNormalization")
def rms_normalization(draw):
    shape, dtype = draw.shape(1, 4), draw.type("T")
    draw.bind("V", dtype)
    axis = draw.axis(len(shape))
    return draw.node([draw.array(shape, dtype), draw.array(shape[axis:], dtype)],
                     axis=axis if axis != -1 or draw.chance(0.5) else None, epsilon=draw.pick([None, 1e-3]))


@covers("GroupNormalization")
def group_normalization(draw):
    groups, each, dtype = draw.integer(1, 3), draw.integer(1, 3), draw.type("T")
    x = draw.array([draw.pick([1, 2]), groups * each, draw.integer(2, 5), *draw.shape(0, 2)], dtype)
    count = groups if draw.since < 21 else groups * each
    return draw.node([x, draw.array([count], dtype), draw.array([count], dtype)], num_groups=groups, epsilon=draw.pick([None, 1e-3]),
                     fixed=[(0, 1), 1, 2])


@covers("LpNormalization")
def lp_normalization(draw):
    x = draw.array(draw.shape(), draw.type("T"), 0.2, 3)
    return draw.node([x], axis=draw.pick([None, draw.axis(x.ndim)]), p=draw.pick([None, 1, 2]))


@covers("MeanVarianceNormalization")
def mean_variance_normalization(draw):
    x = draw.array([draw.integer(1, 3), draw.integer(1, 3), draw.integer(2, 5), draw.integer(2, 5)], draw.type("T"))
    return draw.node([x], axes=draw.pick([None, [0, 2, 3], [2, 3], [1, 2, 3]]))


@covers("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(draw):
    batch, classes, rest = draw.integer(1, 4), draw.integer(2, 5), draw.shape(0, 2)
    x = draw.array([batch, classes, *rest], draw.type("T"))
    labels = draw.random.integers(0, classes, [batch, *rest]).astype(draw.type("Tind"))
    weights = draw.array([classes], x.dtype, 0.5, 2) if draw.chance(0.5) else None
    ignore = draw.pick([None, int(labels.flat[0])]) if labels.size > 1 and len(np.unique(labels)) > 1 else None
    outputs = 1 if draw.op.startswith("Neg") or draw.chance(0.5) else 2
    return draw.node([x, labels, weights], outputs, ignore_index=ignore, reduction=draw.pick([None, "mean", "sum", "none"]))


@covers("Attention")
def attention(draw):
    batch, heads, shared = draw.integer(1, 2), draw.pick([1, 2, 4]), draw.pick([1, 2])
    kv_heads = heads // shared if heads % shared == 0 else heads
    rows, columns, depth, width = draw.integer(1, 5), draw.integer(1, 6), draw.pick([4, 8]), draw.pick([4, 8])
    dtype = draw.type("T1", ["float", "float16"])
    draw.bind("T2", dtype)
    shape = lambda heads, length, size: [batch, heads, length, size]
    packed = draw.chance(0.4)
    if packed:
        shape = lambda heads, length, size: [batch, length, heads * size]
    past = draw.integer(1, 3) if draw.chance(0.3) else 0
    total = columns + past
    inputs = [draw.array(shape(heads, rows, depth), dtype), draw.array(shape(kv_heads, columns, depth), dtype),
              draw.array(shape(kv_heads, columns, width), dtype)]
    mask = draw.pick([None, None, bool, dtype])
    if mask is None:
        inputs.append(None)
    else:
        draw.bind("U", mask)
        array = draw.array(draw.pick([[rows, total], [1, 1, rows, total], [batch, heads, rows, total]]), mask)
        if mask is bool:
            array[..., 0] = True  # no row without any
        inputs.append(array)
    if past:
        inputs += [draw.array([batch, kv_heads, past, depth], dtype), draw.array([batch, kv_heads, past, width], dtype)]
    named = dict(q_num_heads=heads, kv_num_heads=kv_heads) if packed else {}
    case = draw.node(inputs, [True, bool(past), bool(past)], is_causal=draw.pick([None, 0, 1]), scale=draw.pick([None, 0.3]),
                     softcap=draw.pick([None, None, 2.0]), **named)
    case.tolerance = 1e-4 if dtype == np.float32 else 1e-2
    return case


@covers("RotaryEmbedding")
def rotary_embedding(draw):
    batch, heads, length, size, dtype = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 5), draw.pick([4, 8]), draw.type("T")
    part = draw.pick([None, 4]) if size == 8 else None
    half = (part or size) // 2
    packed = draw.chance(0.4)
    x = draw.array([batch, length, heads * size] if packed else [batch, heads, length, size], dtype)
    if draw.chance(0.5):
        angles = [draw.array([batch, length, half], dtype) for _ in range(2)]
        places = None
    else:
        angles = [draw.array([length + 3, half], dtype) for _ in range(2)]
        places = draw.random.integers(0, length + 3, [batch, length])
    return draw.node([x, *angles, places], interleaved=draw.pick([None, 0, 1]), rotary_embedding_dim=part,
                     num_heads=heads if packed else None)


@covers("CausalConvWithState")
def causal_conv(draw):
    batch, channels, length, kernel, dtype = draw.integer(1, 2), draw.integer(1, 4), draw.integer(1, 6), draw.integer(2, 4), draw.type("T")
    return draw.node([draw.array([batch, channels, length], dtype), draw.array([channels, 1, kernel], dtype),
                      draw.array([channels], dtype) if draw.chance(0.5) else None,
                      draw.array([batch, channels, kernel - 1], dtype) if draw.chance(0.5) else None], 2,
                     activation=draw.pick([None, "none", "silu", "swish"]), fixed=[1])


@covers("LinearAttention")
def linear_attention(draw):
    batch, heads, length, depth, width = draw.integer(1, 2), draw.pick([1, 2]), draw.integer(1, 5), 4, draw.pick([4, 8])
    dtype = draw.type("T", ["float"])
    draw.bind("S", dtype)
    rule = draw.pick([None, "linear", "gated", "delta", "gated_delta"])
    decays, betas = rule in (None, "gated", "gated_delta"), rule in (None, "delta", "gated_delta")
    case = draw.node([draw.array([batch, length, heads * depth], dtype), draw.array([batch, length, heads * depth], dtype),
                      draw.array([batch, length, heads * width], dtype),
                      draw.array([batch, heads, depth, width], dtype) if draw.chance(0.5) else None,
                      draw.array([batch, length, heads], dtype, -1, 0) if decays else None,
                      draw.array([batch, length, heads], dtype, 0, 1) if betas else None], 2,
                     q_num_heads=heads, kv_num_heads=heads, update_rule=rule, scale=draw.pick([None, 0.5]))
    case.tolerance = 1e-4
    return case
