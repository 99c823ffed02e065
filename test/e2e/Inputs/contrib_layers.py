# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kinds of contrib.py: mixtures of experts, what has channels last, operators that ONNX has, too."""
import numpy as np

from contrib_simple import gelu_by_tanh, packed, sigmoid, single


def activation(name, gate, up, layout=0, alpha=1.0, beta=0.0, limit=None):
    """Of experts: float64, [.., columns]."""
    if name != "swiglu":
        made = {"relu": lambda x: np.maximum(x, 0), "gelu": gelu_by_tanh, "silu": lambda x: x * sigmoid(x), "identity": lambda x: x}[name](gate)
        return made if up is None else made * up
    if up is None:
        half = gate.shape[-1] // 2
        gate, up = (gate[..., ::2], gate[..., 1::2]) if layout == 1 else (gate[..., :half], gate[..., half:])
    if limit is not None:
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
    return gate * sigmoid(alpha * gate) * (up + beta)


def mixture(scores, k, normalize, given=None):
    """[rows, experts], zero for those that a row is not sent to."""
    power = np.exp(scores - scores.max(1, keepdims=True))
    shares = power / power.sum(1, keepdims=True) if given is None else given
    order = np.argsort(-scores, 1, kind="stable")[:, :k]
    kept = np.zeros(scores.shape)
    np.put_along_axis(kept, order, np.take_along_axis(shares, order, 1).astype(np.float64), 1)
    return kept / kept.sum(1, keepdims=True) if normalize else kept


def draw_mixture(g, experts, k):
    attributes = {"k": k, "normalize_routing_weights": int(g.chance()), "activation_type": g.pick("relu", "gelu", "silu", "swiglu", "identity")}
    options = {}
    if attributes["activation_type"] == "swiglu":
        options = dict(layout=1, alpha=g.pick(1.0, 1.75), beta=g.pick(0.0, 1.0), limit=g.pick(None, 0.5))
        attributes.update(swiglu_fusion=1, activation_alpha=options["alpha"], activation_beta=options["beta"])
        if options["limit"]:
            attributes["swiglu_limit"] = options["limit"]
    return attributes, options


def mixture_of_experts(g):
    for i in range(3):
        rows, features, hidden, experts = g.pick(1, 2, 9), g.pick(8, 16), g.pick(4, 12), g.pick(2, 4, 5)
        k = g.pick(1, 2)
        attributes, options = draw_mixture(g, experts, k)
        name = attributes["activation_type"]
        wide = 2 * hidden if options else hidden
        x, scores = g.normal(rows, features), g.normal(rows, experts)
        first, second = g.normal(experts, wide, features, scale=0.4), g.normal(experts, features, hidden, scale=0.4)
        biases = [g.normal(experts, wide), g.normal(experts, features)] if g.chance() else ["", ""]
        gate = np.einsum("rf,ehf->erh", x.astype(np.float64), first) + (biases[0][:, None] if len(biases[0]) else 0)
        third, up = "", None
        alone = False
        if name == "silu" and g.chance():
            third, alone = g.normal(experts, hidden, features, scale=0.4), True
            up = np.einsum("rf,ehf->erh", x, third)
        results = np.einsum("erh,efh->erf", activation(name, gate, up, **options), second) + (biases[1][:, None] if len(biases[1]) else 0)
        want = np.einsum("erf,re->rf", results, mixture(scores, k, attributes["normalize_routing_weights"]))
        three = g.chance()
        source = g.input(x[:, None] if three else x, f"r{i} 1 {features}" if three else f"r{i} {features}")
        name_of = lambda a: g.constant(a) if len(a) else ""
        inputs = [source, g.input(scores, f"r{i} {experts}"), g.constant(first), name_of(biases[0]), g.constant(second), name_of(biases[1]), name_of(third)]
        g.node("MoE", inputs, [single(want[:, None] if three else want)], what=f"{rows} rows, {experts} experts", peer=not alone, **attributes)


def quantized_experts(g):
    for i in range(3):
        rows, features, hidden, experts, bits = g.pick(1, 2, 9), g.pick(32, 64), g.pick(32, 64), g.pick(2, 4), g.pick(4, 4, 8)
        k, block = g.pick(1, 2), g.pick(0, 16, 32)
        attributes, options = draw_mixture(g, experts, k)
        wide = 2 * hidden if options else hidden
        x, scores = g.normal(rows, features), g.normal(rows, experts)
        has_points = g.chance() and block

        def matrix(columns, depth):
            codes, blocks = g.random.integers(0, 1 << bits, (experts, columns, depth)), depth // block if block else 1
            scales = single(g.random.uniform(0.005, 0.02, (experts, columns, blocks)))
            points = g.random.integers(0, 1 << bits, scales.shape) if has_points else np.full(scales.shape, 1 << (bits - 1))
            each = lambda a: np.repeat(a, depth // blocks, 2)
            return (codes - each(points)) * each(scales), packed(codes, bits), scales if block else scales[..., 0], packed(points, bits) if has_points else None

        first, second = matrix(wide, features), matrix(features, hidden)
        biases = [g.normal(experts, wide), g.normal(experts, features)] if g.chance() else [None, None]
        gate = np.einsum("rf,ehf->erh", x.astype(np.float64), first[0]) + (0 if biases[0] is None else biases[0][:, None])
        results = np.einsum("erh,efh->erf", activation(attributes["activation_type"], gate, None, **options), second[0])
        results = results + (0 if biases[1] is None else biases[1][:, None])
        given = single(g.random.uniform(0.1, 1, scores.shape)) if g.chance(0.3) else None
        want = np.einsum("erf,re->rf", results, mixture(scores, k, attributes["normalize_routing_weights"] or given is None, given))
        name_of = lambda a: "" if a is None else g.constant(a)
        inputs = [g.input(x, f"r{i} {features}"), g.input(scores, f"r{i} {experts}"), *map(name_of, first[1:3]), name_of(biases[0]), *map(name_of, second[1:3]),
                  name_of(biases[1]), "", "", "", name_of(first[3]), name_of(second[3]), "", "" if given is None else g.input(given, f"r{i} {experts}")]
        # Its kernels for 8 bits multiply rounded rows.
        g.node("QMoE", inputs, [single(want)], what=f"{rows} rows, {experts} experts, blocks of {block}, {bits} bits", tolerance=5e-5,
               peer=bits == 4, expert_weight_bits=bits, **({"block_size": block} if block else {}), **attributes)


# ---------------------------------------------------------------------------
# Channels last, and operators that ONNX has, too
# ---------------------------------------------------------------------------


def grouped(x, groups, scale, shift, silu):
    """[N, H, W, C], normalized over groups of channels."""
    parts = x.astype(np.float64).reshape(*x.shape[:3], groups, -1)
    mean, deviation = (f(parts, axis=(1, 2, 4), keepdims=True) for f in (np.mean, np.var))
    made = ((parts - mean) / np.sqrt(deviation + 1e-5)).reshape(x.shape) * scale + shift
    return made * sigmoid(made) if silu else made


def group_norm(g):
    """ONNX Runtime has these on devices alone."""
    for i in range(3):
        n, size, groups, each = g.pick(1, 2), g.pick(1, 3, 5), g.pick(1, 2, 4), g.pick(2, 3, 8)
        channels, last, silu = groups * each, g.chance(0.7), g.chance()
        shape, names = (n, size, size + 1, channels), f"n{i} h{i} w{i} {channels}"
        x, scale, shift, bias = g.normal(*shape), g.normal(channels), g.normal(channels), g.normal(channels)
        attributes = dict(groups=groups, activation=int(silu), channels_last=int(last), peer=False)
        order = lambda a: a if last or a.ndim == 2 else np.moveaxis(a, 3, 1)
        give = lambda a: g.input(np.ascontiguousarray(order(a)), (names if last else f"n{i} {channels} h{i} w{i}") if a.shape == shape else "")
        want = lambda a: single(order(a))
        g.node("GroupNorm", [give(x), g.constant(scale), g.constant(shift)], [want(grouped(x, groups, scale, shift, silu))], **attributes)
        skip = g.normal(*g.pick(shape, (n, 1, 1, channels), (n, channels)))
        has_bias = g.chance()
        total = x + (skip[:, None, None] if skip.ndim == 2 else skip) + (bias if has_bias else 0)
        if skip.shape != shape and g.dynamic:
            continue
        g.node("SkipGroupNorm", [give(x), g.constant(scale), g.constant(shift), give(skip), g.constant(bias) if has_bias else ""],
               [want(grouped(total, groups, scale, shift, silu)), want(total) if g.chance() else None], **attributes)


def nhwc_conv(g):
    for _ in range(3):
        channels, filters, size = g.pick(1, 3, 8), g.pick(1, 4, 17), g.pick(3, 5, 9)
        x, w, bias = g.normal(1, size, size, channels), g.normal(filters, 3, 3, channels), g.normal(filters)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), (1, 2))
        want = np.einsum("nhwcij,fijc->nhwf", windows, w) + bias
        g.node("NhwcConv", [g.input(x), g.constant(w), g.constant(bias)], [single(want)], pads=[1, 1, 1, 1], peer=False)


def forms_of_onnx(g):
    x = g.normal(3, g.pick(1, 4, 7))
    names, k = f"n {x.shape[1]}", g.pick(-1, 0, 1)
    g.node("Trilu", [g.input(x, names), g.constant(np.array(k))], [np.triu(x, k)])
    g.node("Trilu", [g.input(x, names)], [np.tril(x)], upper=0)
    axis = g.pick(0, 1, -1)
    g.node("ExpandDims", [g.input(x, names), g.constant(np.array(axis, np.int32))], [np.expand_dims(x, axis)])
    g.node("Pad", [g.input(x, names), g.constant(np.array([1, 0, 2, 3])), g.constant(np.array([0.5], np.float32))],
           [np.pad(x, [(1, 2), (0, 3)], constant_values=0.5)], mode="constant")
    index = g.random.integers(0, 3, (5, 1))
    g.node("GatherND", [g.input(x, names), g.input(index)], [x[index[:, 0]]])
    image, grid = g.normal(1, 2, 4, 5), single(np.stack(np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 4)), -1)[None])
    g.node("GridSample", [g.input(image), g.input(grid)], [image], align_corners=1, mode="bilinear")
    repeated = g.random.integers(0, 5, g.pick(1, 6, 17)).astype(np.float32)
    _, first, inverse, counts = np.unique(repeated, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    g.node("Unique", [g.input(repeated)], [repeated[first[order]], np.argsort(order)[inverse].astype(np.int64), counts[order].astype(np.int64)])


def inverse(g):
    for i in range(3):
        size, batch = g.pick(1, 2, 3, 4, 7), g.pick((), (3,), (2, 2))
        x = g.normal(*batch, size, size) + 0.1 * np.eye(size, dtype=np.float32)
        x[..., 0, 0] = g.pick(x[..., 0, 0], 0) if size > 1 else 1.5
        want = np.linalg.inv(x.astype(np.float64))
        g.node("Inverse", [g.input(x)], [single(want)], what=f"{x.shape}", tolerance=1e-6 * np.linalg.cond(x).max() + 1e-5)
