# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kinds of contrib.py: attention and what belongs to it."""
import numpy as np

from contrib_simple import single

LENGTHS = [1, 1, 2, 5, 7, 16, 17]


def heads_of(x, heads):
    """[B, S, heads * H] as [B, heads, S, H]."""
    return np.moveaxis(x.reshape(*x.shape[:2], heads, -1), 1, 2)


def rows_of(x):
    return np.moveaxis(x, 1, 2).reshape(x.shape[0], x.shape[2], -1)


def softmax(x, sink=None):
    """Along the last dimension; `sink` is a logit without a value."""
    most = x.max(-1, keepdims=True) if sink is None else np.maximum(x.max(-1, keepdims=True), sink)
    power = np.exp(x - most)
    return power / (power.sum(-1, keepdims=True) + (0 if sink is None else np.exp(sink - most)))


def attend(q, k, v, scale=None, addend=0, visible=True, softcap=0, sink=None):
    """Heads [B, N, S, H], [B, M, T, H], [B, M, T, V] in float64; gives [B, S, N * V]."""
    k, v = (np.repeat(x.astype(np.float64), q.shape[1] // x.shape[1], 1) for x in (k, v))
    logits = q.astype(np.float64) @ np.swapaxes(k, -1, -2) * (scale or 1 / np.sqrt(q.shape[-1]))
    if softcap:
        logits = softcap * np.tanh(logits / softcap)
    logits = np.where(visible, logits + addend, -np.inf)
    return rows_of(softmax(logits, sink) @ v)


def rotate(x, positions, cosines, sines, interleaved):
    """Heads [B, N, S, H] at positions [B, S]."""
    pairs = cosines.shape[1]
    c, s = (table[positions][:, None].astype(np.float64) for table in (cosines, sines))
    first, second = (x[..., : 2 * pairs : 2], x[..., 1 : 2 * pairs : 2]) if interleaved else (x[..., :pairs], x[..., pairs : 2 * pairs])
    parts = first * c - second * s, second * c + first * s
    turned = np.stack(parts, -1).reshape(*x.shape[:-1], 2 * pairs) if interleaved else np.concatenate(parts, -1)
    return np.concatenate([turned, x[..., 2 * pairs :]], -1)


def angles(positions, pairs):
    turns = np.arange(positions)[:, None] * 100.0 ** (-np.arange(pairs) / pairs)
    return single(np.cos(turns)), single(np.sin(turns))


def rotary_embedding(g):
    for i in range(6):
        b, s, n, h = g.pick(1, 2, 3), g.pick(*LENGTHS), g.pick(1, 2, 3), g.pick(8, 16, 20)
        partial, interleaved, flat, first = g.chance(0.4), g.chance(), g.chance(0.6), g.chance(0.3)
        pairs = h // 4 if partial else h // 2
        cosines, sines = angles(40, pairs)
        x = g.normal(b, s, n * h)
        positions = g.random.integers(0, 40, (b, s))
        given = positions
        if first:
            given = g.random.integers(0, 20, 1)
            positions = np.broadcast_to(given + np.arange(s), (b, s))
        want = rotate(heads_of(x, n), positions, cosines, sines, interleaved)
        attributes = {"rotary_embedding_dim": 2 * pairs, "num_heads": n} if partial else g.pick({}, {"num_heads": n})
        source = g.input(x, f"b{i} s{i} {n * h}") if flat else g.input(np.ascontiguousarray(heads_of(x, n)), f"b{i} {n} s{i} {h}")
        g.node("RotaryEmbedding", [source, g.input(given.astype(np.int64), "" if first else f"b{i} s{i}"), g.constant(cosines), g.constant(sines)],
               [single(rows_of(want) if flat else want)], what=f"{x.shape} {n} heads", interleaved=int(interleaved), **attributes)


# ---------------------------------------------------------------------------
# GroupQueryAttention
# ---------------------------------------------------------------------------


def group_query(g, i, b, s, past, buffer=0, names="", lengths=None, peer=True, half=False, **options):
    """One node. `past` rows are in a cache (None: there is no cache), of `buffer` rows if it keeps its size; `lengths`
    are those of the sequences in the end, all the same by default. `names` are the dimensions of batch, length, cache
    and all rows."""
    n, m, h = g.pick((4, 2), (4, 1), (2, 2), (6, 2)) + (g.pick(16, 32),)
    kind = np.float16 if half else np.float32
    q, k, v = (g.normal(b, s, count * h).astype(kind) for count in (n, m, m))
    lengths = np.full(b, (past or 0) + s) if lengths is None else np.asarray(lengths)
    added = np.asarray(options.get("added", np.minimum(lengths, s)))
    starts = lengths - added
    rows = buffer or (past or 0)
    pasts = [g.normal(b, m, rows, h).astype(kind) for _ in range(2)]
    cosines, sines = (table.astype(kind) for table in angles(64, g.pick(8, h // 2)))
    attributes, interleaved, inputs = {}, g.chance(), {}
    positions = starts[:, None] + np.arange(s)
    queries, keys, values = heads_of(q, n), heads_of(k, m), heads_of(v, m)
    if options.get("norms"):
        weights = [g.normal(h).astype(kind) for _ in range(2)]
        root = lambda x, w: x / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-6) * w
        queries, keys = root(queries, weights[0]), root(keys, weights[1])
        inputs.update({14: g.constant(weights[0]), 15: g.constant(weights[1])})
    if options.get("rotary"):
        attributes.update(do_rotary=1, rotary_interleaved=int(interleaved))
        queries, keys = (rotate(x, positions, cosines, sines, interleaved) for x in (queries, keys))
        inputs.update({7: g.constant(cosines), 8: g.constant(sines)})
        if options.get("positions"):
            inputs[9] = g.input(positions.astype(np.int64), names and " ".join(names.split()[:2]))
    total = buffer or (past or 0) + s
    cached = []
    for before, new in zip(pasts, (keys, values)):
        whole = np.zeros((b, m, total, h))
        for j, start in enumerate(starts):
            whole[j, :, :start] = before[j, :, :start]
            whole[j, :, start : start + s] = new[j]
        cached.append(whole)
    column, row = np.arange(total), positions[:, None, :, None]
    visible = column <= row
    if options.get("window"):
        attributes["local_window_size"] = options["window"]
        visible = visible & (column > row - options["window"])
    if options.get("open"):
        attributes["causal"] = 0
        visible = np.broadcast_to(column < lengths[:, None, None, None], visible.shape)
    addend, sink = 0, None
    if options.get("bias"):
        reach = int(lengths.max())
        given = g.normal(g.pick(1, b), g.pick(1, n), s, reach).astype(kind)
        addend = np.pad(given, [(0, 0)] * 3 + [(0, total - reach)])
        inputs[10] = g.input(given)
    if options.get("sink"):
        sinks = g.normal(n).astype(kind)
        sink, inputs[11] = sinks[:, None, None], g.constant(sinks)
    elif options.get("smooth"):
        sink, attributes["smooth_softmax"] = np.zeros((n, 1, 1)), 1
    attributes.update({name: float(options[name]) for name in ("softcap", "scale") if options.get(name)})
    want = attend(queries, *cached, addend=addend, visible=visible, sink=sink, softcap=options.get("softcap", 0), scale=options.get("scale"))
    B, S, P, _ = names.split() if names else [""] * 4
    if g.chance() and not options.get("separate"):
        packed = np.concatenate([q, k, v], -1)
        inputs[0] = g.input(packed, names and f"{B} {S} {packed.shape[-1]}")
    else:
        inputs.update({j: g.input(x, names and f"{B} {S} {x.shape[-1]}") for j, x in enumerate((q, k, v))})
    if past is not None:
        inputs.update({3 + j: g.input(x, names and f"{B} {m} {P} {h}") for j, x in enumerate(pasts)})
    inputs[5] = g.input((lengths - 1).astype(np.int32), B)
    # A cache of a fixed size is not known to grow by a number that only the running model knows.
    grows = past and not buffer and not (g.dynamic and names)
    inputs[6] = (g.constant if grows else g.either)(np.array(int(lengths.max()), np.int32))
    # Rows behind a sequence have no meaning.
    where = np.broadcast_to(positions < lengths[:, None], (b, s))
    if "added" in options:
        inputs[16] = g.input(added.astype(np.int32))
    known = np.broadcast_to((column < lengths[:, None])[:, None], (b, m, total))
    g.node("GroupQueryAttention", [inputs.get(j, "") for j in range(17)],
           [(want.astype(kind), where), *[(x.astype(kind), known) for x in cached]], tolerance=4e-3 if half else 3e-5, peer=peer and not options.get("norms"),
           what=f"batch {b}, {s} new, {past} before, {'rows ' + str(buffer) if buffer else 'grows'}, {n} heads", num_heads=n, kv_num_heads=m, **attributes)


def group_options(g):
    return dict(rotary=g.chance(), positions=g.chance(0.2), window=g.pick(0, 0, 0, 3), softcap=g.pick(0, 0, 0, 5.0), scale=g.pick(0, 0, 0.3),
                smooth=g.chance(0.2), sink=g.chance(0.2), bias=g.chance(0.2))


def group_query_prompt(g):
    for i in range(4):
        b, s = g.pick(1, 2, 3), g.pick(*LENGTHS)
        group_query(g, i, b, s, g.pick(None, None, 0), names="" if i % 2 else f"b{i} s{i} p{i} t{i}", **dict(group_options(g), bias=False))
    lengths = g.random.integers(1, 8, 3)
    lengths[0] = 7
    group_query(g, 8, 3, 7, None, lengths=lengths, **group_options(g))
    group_query(g, 9, 2, 5, None, lengths=[3, 5], open=1)


def group_query_decode(g):
    """One sequence, with a cache that grows."""
    for i in range(4):
        s, past = g.pick(1, 1, 1, 3), g.pick(1, 5, 16, 33)
        names = f"1 {s} p{i} t{i}"
        group_query(g, i, 1, s, past, names=names, **dict(group_options(g), bias=False))


def group_query_sequences(g):
    """Several sequences, each with so many valid rows, in caches that grow."""
    for i in range(3):
        b, past = g.pick(2, 3), g.pick(5, 16)
        lengths = g.random.integers(1, past + 1, b) + 1
        lengths[0] = past + 1
        group_query(g, i, b, 1, past, names=f"b{i} 1 p{i} t{i}", lengths=lengths, **dict(group_options(g), bias=False))


def group_query_buffer(g):
    """Caches that keep their size: rows are put behind the valid ones of each sequence."""
    for i in range(3):
        b, rows = g.pick(1, 2, 3), g.pick(9, 24)
        lengths = g.random.integers(2, rows - 1, b)
        group_query(g, i, b, 1, 0, buffer=rows, lengths=lengths, **group_options(g))
    group_query(g, 8, 1, 4, 0, buffer=20, lengths=[11], **group_options(g))
    # Chunks that are padded on the right.
    group_query(g, 9, 2, 4, 0, buffer=20, lengths=[11, 3], added=[3, 1], **group_options(g))


def group_query_norms(g):
    """Normalized queries and keys, and halves: ONNX Runtime has the first on devices alone."""
    group_query(g, 0, 2, 5, None, norms=True, rotary=True)
    group_query(g, 1, 1, 1, 9, norms=True, rotary=True, names="1 1 p t")
    group_query(g, 2, 2, 5, None, half=True, peer=False, **group_options(g))
    group_query(g, 3, 1, 1, 9, half=True, peer=False, names="1 1 q u", **dict(group_options(g), bias=False))


# ---------------------------------------------------------------------------
# MultiHeadAttention, Attention, QAttention
# ---------------------------------------------------------------------------


def draw_mask(g, forms, b, s, total, names):
    """A mask input of one of these forms, and what it adds to logits."""
    form, column = g.pick(*forms), np.arange(total)
    if form == "":
        return "", 0
    if form == "ends":
        ends = g.random.integers(1, total + 1, b)
        return g.input(ends.astype(np.int32), names[0]), np.where(column < ends[:, None, None, None], 0, -10000.0)
    if form == "starts":
        starts = g.random.integers(0, total, b)
        ends = starts + 1 + g.random.integers(0, total - starts)
        inside = (column < ends[:, None, None, None]) & (column >= starts[:, None, None, None])
        return g.input(np.concatenate([ends, starts]).astype(np.int32), f"2*{names[0]}"), np.where(inside, 0, -10000.0)
    shape = (b, s, total) if form == "square" else (b, total)
    mask = (g.random.random(shape) < 0.7).astype(np.int32)
    mask[..., 0] = 1
    spread = mask[:, None] if form == "square" else mask[:, None, None]
    return g.input(mask), np.where(spread > 0, 0, -10000.0)


def seeing(b, s, total, addend, visible):
    """The queries, [B, S], that see a key; others see all, as exactly as float32 has 10000."""
    seen = np.broadcast_to((np.asarray(addend) > -5000) & visible, (b, np.shape(addend)[1] if np.ndim(addend) == 4 else 1, s, total))
    return seen.any(-1).all(1)


def multi_head_attention(g):
    for i in range(6):
        b, s, other, n, h = g.pick(1, 2, 3), g.pick(*LENGTHS), g.pick(*LENGTHS), g.pick(1, 2, 3), g.pick(4, 8, 16)
        form = g.pick("rows", "rows", "heads", "pairs", "packed")
        kv, names = s if form == "packed" or g.chance() else other, [f"b{i}", f"s{i}", f"k{i}"]
        hv = g.pick(h, 5) if form in ("rows", "heads") else h
        past = g.pick(0, 0, 3) if form == "rows" and hv == h else 0
        q, k, v = g.normal(b, s, n * h), g.normal(b, kv, n * h), g.normal(b, kv, n * hv)
        inputs, queries, keys, values = {}, q, k, v
        if form in ("rows", "packed") and g.chance():
            bias = g.normal(n * (h + h + hv))
            inputs[3] = g.constant(bias)
            queries, keys, values = q + bias[: n * h], k + bias[n * h : 2 * n * h], v + bias[2 * n * h :]
        queries, keys, values = (heads_of(x, n) for x in (queries, keys, values))
        split = lambda x: x.reshape(*x.shape[:2], n, 1, -1)
        kvNames = names[1] if kv == s else names[2]
        if form == "packed":
            inputs[0] = g.input(np.concatenate([split(x) for x in (q, k, v)], 3), f"{names[0]} {names[1]} {n} 3 {h}")
        else:
            inputs[0] = g.input(q, f"{names[0]} {names[1]} {n * h}")
        if form == "pairs":
            inputs[1] = g.input(np.concatenate([split(x) for x in (k, v)], 3), f"{names[0]} {kvNames} {n} 2 {h}")
        elif form == "heads":
            inputs.update({1 + j: g.input(np.ascontiguousarray(x), f"{names[0]} {n} {kvNames} {x.shape[-1]}") for j, x in enumerate((keys, values))})
        elif form == "rows":
            inputs.update({1: g.input(k, f"{names[0]} {kvNames} {n * h}"), 2: g.input(v, f"{names[0]} {kvNames} {n * hv}")})
        cached = [keys, values]
        if past:
            pasts = [g.normal(b, n, past, size) for size in (h, hv)]
            inputs.update({6 + j: g.input(x, f"{names[0]} {n} p{i} {x.shape[-1]}") for j, x in enumerate(pasts)})
            cached = [np.concatenate(pair, 2) for pair in zip(pasts, cached)]
        total = past + kv
        inputs[4], addend = draw_mask(g, ["", "", "ends", "rows", "square"], b, s, total, names)
        if g.chance(0.3):
            more = g.normal(g.pick(1, b), g.pick(1, n), s, total)
            inputs[5], addend = g.input(more), addend + more
        attributes, visible = {}, True
        if g.chance(0.3) and kv == s:
            attributes["unidirectional"] = 1
            visible = np.arange(total) <= past + np.arange(s)[:, None]
        if g.chance(0.3):
            attributes["scale"] = 0.25
        want = attend(queries, *cached, attributes.get("scale"), addend, visible)
        asks = bool(past)
        g.node("MultiHeadAttention", [inputs.get(j, "") for j in range(8)], [(single(want), seeing(b, s, total, addend, visible)), *[single(x) if asks else None for x in cached]],
               what=f"{form}, batch {b}, {s} queries, {past} + {kv} keys", num_heads=n, tolerance=4e-5, peer=form == "rows" or (form == "heads" and hv == h), **attributes)


def projected(g, x, widths, n, past, i, b, s, mask_forms):
    """What Attention and QAttention make of a projection: mask input, cache input, results, attributes."""
    q, k, v = (heads_of(part, n) for part in np.split(x, np.cumsum(widths)[:2], -1))
    cache, cached = "", [k, v]
    if past:
        pasts = g.normal(2, b, n, past, widths[0] // n)
        cache = g.input(pasts, f"2 b{i} {n} p{i} {widths[0] // n}")
        cached = [np.concatenate(pair, 2) for pair in zip(pasts, cached)]
    total, attributes, visible = past + s, {}, True
    mask, addend = draw_mask(g, mask_forms, b, s, total, [f"b{i}"])
    if g.chance(0.4):
        attributes["unidirectional"] = 1
        visible = np.arange(total) <= past + np.arange(s)[:, None]
    return mask, cache, attributes, addend, visible, q, cached


def attention(g):
    for i in range(6):
        b, s, n, features = g.pick(1, 2, 3), g.pick(*LENGTHS), g.pick(1, 2, 3), g.pick(3, 8, 17)
        h = g.pick(4, 8)
        past = g.pick(0, 0, 4)
        widths = [n * h, n * h, n * (h if past else g.pick(h, h, 3))]
        x, weights, bias = g.normal(b, s, features), g.normal(features, sum(widths), scale=0.3), g.normal(sum(widths))
        has_bias = g.chance(0.8)
        mask, cache, attributes, addend, visible, q, cached = projected(
            g, x.astype(np.float64) @ weights + (bias if has_bias else 0), widths, n, past, i, b, s, ["", "ends", "starts", "rows", "square"])
        more = ""
        if g.chance(0.3):
            extra = g.normal(g.pick(1, b), g.pick(1, n), s, past + s)
            more, addend = g.input(extra), addend + extra
        if widths[2] != widths[0] or g.chance(0.2):
            attributes["qkv_hidden_sizes"] = widths
        if g.chance(0.2):
            attributes["scale"] = 0.2
        want = attend(q, *cached, attributes.get("scale"), addend, visible)
        inputs = [g.input(x, f"b{i} s{i} {features}"), g.constant(weights), g.constant(bias) if has_bias else "", mask, cache, more]
        g.node("Attention", inputs, [(single(want), seeing(b, s, past + s, addend, visible)), single(np.stack(cached)) if past else None], what=f"{x.shape}, {past} before, {n} heads",
               num_heads=n, tolerance=4e-5, peer=not (past and more), **attributes)


def quantized_attention(g):
    for i in range(3):
        b, s, n, features, h, past = g.pick(1, 2), g.pick(*LENGTHS), g.pick(1, 2), g.pick(8, 16), g.pick(4, 8), g.pick(0, 0, 4)
        width, each = 3 * n * h, g.chance()
        x = g.random.integers(0, 256, (b, s, features)).astype(np.uint8)
        weights = g.random.integers(-64, 64, (features, width)).astype(np.int8)
        scale, scales = np.float32(0.02), single(g.random.uniform(0.005, 0.02, (width,) if each else ()))
        bias, zero = g.normal(width), np.uint8(120)
        made = (x.astype(np.float64) - zero) @ weights * scale * scales + bias
        mask, cache, attributes, addend, visible, q, cached = projected(g, made, [n * h] * 3, n, past, i, b, s, ["", "ends"])
        want = attend(q, *cached, None, addend, visible)
        inputs = [g.input(x, f"b{i} s{i} {features}"), g.constant(weights), g.constant(bias), g.constant(scale), g.constant(scales), mask, g.constant(zero), "", cache]
        g.node("QAttention", inputs, [(single(want), seeing(b, s, past + s, addend, visible)), single(np.stack(cached)) if past else None], num_heads=n, tolerance=1e-4, **attributes)
