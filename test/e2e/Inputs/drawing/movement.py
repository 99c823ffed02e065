# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators that move elements and compute none."""
import numpy as np

from .draw import Constant, covers, with_peer

ATTRIBUTE_AXES_UNTIL = 13  # Squeeze and Unsqueeze then take axes as an input


@covers("Transpose")
def transpose(draw):
    x = draw.array(draw.shape(), draw.type("T", narrow=True))
    return draw.node([x], perm=draw.permutation(x.ndim) if draw.chance(0.8) else None)


@covers("Reshape")
def reshape(draw):
    shape = draw.shape(1, 4)
    x = draw.array(shape, draw.type("T", narrow=True))
    target, rest = [], int(np.prod(shape))
    for _ in range(draw.integer(0, 3)):
        divisors = [d for d in range(1, rest + 1) if rest % d == 0]
        target.append(draw.pick(divisors))
        rest //= target[-1]
    target.append(rest)
    if draw.chance(0.4):
        target[draw.integer(0, len(target) - 1)] = -1
    allowzero = draw.pick([None, 0, 1]) if draw.since >= 14 else None
    if not allowzero:
        target = [0 if i < len(shape) and size == shape[i] and draw.chance(0.5) else size for i, size in enumerate(target)]
    if draw.since < 5:
        case = draw.node([x], shape=target)
        return with_peer(case, draw, [x, np.array(target, np.int64)])
    return draw.node([x, Constant(np.array(target, np.int64))], allowzero=allowzero)


@covers("Flatten")
def flatten(draw):
    x = draw.array(draw.shape(), draw.type("T", narrow=True))
    axis = draw.integer(-x.ndim if draw.since >= 11 else 0, x.ndim)
    return draw.node([x], axis=axis if draw.chance(0.8) else None)


@covers("Squeeze")
def squeeze(draw):
    shape = draw.shape(1, 4)
    for i in range(len(shape)):
        if draw.chance(0.5):
            shape[i] = 1
    ones = [i for i, size in enumerate(shape) if size == 1]
    axes = [i - len(shape) if draw.since >= 11 and draw.chance(0.4) else i for i in ones if draw.chance(0.7)]
    x = draw.array(shape, draw.type("T", narrow=True))
    if draw.chance(0.2) or not axes:
        return draw.node([x])
    if draw.since < ATTRIBUTE_AXES_UNTIL:
        return draw.node([x], axes=axes)
    return draw.node([x, Constant(np.array(axes, np.int64))])


@covers("Unsqueeze")
def unsqueeze(draw):
    x = draw.array(draw.shape(0, 3), draw.type("T", narrow=True))
    axes = draw.axes(x.ndim + draw.integer(1, 2), 11)
    rank = x.ndim + len(axes)
    axes = [a for a in dict.fromkeys(a % rank if draw.since < 11 else a for a in axes)]
    rank = x.ndim + len(axes)
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) < len(axes):
        return None
    if draw.since < ATTRIBUTE_AXES_UNTIL:
        return draw.node([x], axes=axes)
    return draw.node([x, Constant(np.array(axes, np.int64))])


@covers("Concat")
def concat(draw):
    shape, dtype = draw.shape(), draw.type("T")
    axis = draw.axis(len(shape), 11)
    parts = []
    for _ in range(draw.integer(1, 4)):
        part = list(shape)
        part[axis] = draw.integer(1, 4)
        parts.append(draw.array(part, dtype))
    default = draw.since < 4 and len(shape) > 1 and draw.chance(0.3)
    if default:
        parts = [p for p in parts if p.shape[0] == parts[0].shape[0] and p.shape[2:] == parts[0].shape[2:]]
        return with_peer(draw.node(parts), draw, parts, axis=1)
    return draw.node(parts, axis=axis)


@covers("Split")
def split(draw):
    shape = draw.shape()
    axis, count = draw.axis(len(shape), 11), draw.integer(1, 3)
    sizes = [draw.integer(1, 3) for _ in range(count)]
    equal = draw.chance(0.4)
    if equal:
        sizes = [sizes[0]] * count
    shape[axis] = sum(sizes)
    dtype = draw.type("T")
    there = [True] * count
    named = dict(axis=axis if axis or draw.chance(0.5) else None)
    if draw.since >= 18 and draw.chance(0.4):
        # The last part may be smaller.
        whole = draw.integer(1, 3)
        shape[axis] = whole * count - (draw.integer(0, whole - 1) if count > 1 else 0)
        if -(-shape[axis] // count) != whole or shape[axis] <= whole * (count - 1):
            return None
        return draw.node([draw.array(shape, dtype)], there, num_outputs=count, **named)
    x = draw.array(shape, dtype)
    if draw.since < 13:
        if draw.since < 2 and draw.chance(0.3):
            case = draw.node([x, np.array(sizes).astype(dtype)], there, **named)
            return with_peer(case, draw, [x], split=sizes, **named)
        return draw.node([x], there, split=None if equal and draw.chance(0.5) else sizes, **named)
    if equal and draw.since < 18 and draw.chance(0.5):
        return draw.node([x], there, **named)
    return draw.node([x, Constant(np.array(sizes, np.int64))], there, **named)


@covers("Slice")
def slice_(draw):
    shape = draw.shape()
    x = draw.array(shape, draw.type("T"))
    axes = draw.axes(len(shape), 10)
    every = draw.chance(0.2)
    if every:
        axes = list(range(len(shape)))
    reach = [shape[a] for a in axes]
    starts = [draw.integer(-s - 1, s + 1) for s in reach]
    ends = [draw.pick([draw.integer(-s - 1, s + 1), s, 2**31 - 1, -1]) for s in reach]
    if draw.since < 10:
        return draw.node([x], starts=starts, ends=ends, axes=None if every else axes)
    steps = [draw.pick([1, 1, 2, 3, -1, -2]) for _ in axes]
    for i, step in enumerate(steps):
        if step < 0:
            starts[i], ends[i] = draw.pick([reach[i] - 1, 2**31 - 1, -1]), draw.pick([-(2**31), 0, -reach[i] - 1])
    dtype = draw.type("Tind")
    wrap = Constant if draw.chance(0.7) else (lambda array: array)
    listed = lambda values: wrap(np.array(values, dtype))
    inputs = [x, listed(starts), listed(ends), None if every else Constant(np.array(axes, dtype)),
              Constant(np.array(steps, dtype)) if draw.chance(0.7) or -1 in steps or -2 in steps else None]
    # A constant start that a symbolic size might not reach is refused where it does not.
    within = all(-s <= b <= s for b, s in zip(starts + ends, reach * 2)) and set(steps) == {1}
    return draw.node(inputs, fixed=[1, 2] if within else [0, 1, 2])


@covers("Pad")
def pad(draw):
    shape = [max(s, 3) for s in draw.shape()]
    mode = draw.pick([None, "constant", "reflect", "edge"] + (["wrap"] if draw.since >= 19 else []))
    axes = draw.axes(len(shape), 18) if draw.since >= 18 and draw.chance(0.5) else list(range(len(shape)))
    least = -1 if mode in (None, "constant") else 0
    pads = [draw.integer(least, 2) for _ in range(2 * len(axes))]
    x = draw.array(shape, draw.type("T"))
    if draw.since < 11:
        value = draw.pick([None, draw.real(-2, 2)])
        case = draw.node([x], mode=mode, value=value, **{"paddings" if draw.since < 2 else "pads": pads})
        return with_peer(case, draw, [x], mode=mode, value=value, pads=pads) if draw.since < 2 else case
    wrap = Constant if draw.chance(0.7) else (lambda array: array)
    inputs = [x, wrap(np.array(pads, np.int64)), draw.array((), x.dtype) if draw.chance(0.5) else None]
    if draw.since >= 18:
        full = axes == list(range(len(shape))) and draw.chance(0.5)
        inputs.append(None if full else Constant(np.array(axes, draw.type("Tind"))))
    return draw.node(inputs, mode=mode, fixed=[1])


@covers("Tile")
def tile(draw):
    x = draw.array(draw.shape(), draw.type("T"))
    if draw.since < 6:
        count, axis = draw.integer(1, 3), draw.integer(0, x.ndim - 1)
        dtype = x.dtype
        case = draw.node([x, Constant(np.array([count]).astype(dtype)), Constant(np.array([axis]).astype(dtype))])
        repeats = [count if i == axis else 1 for i in range(x.ndim)]
        return with_peer(case, draw, [x, np.array(repeats, np.int64)])
    return draw.node([x, Constant(np.array([draw.integer(1, 3) for _ in range(x.ndim)], np.int64))])


@covers("Expand")
def expand(draw):
    shape = draw.shape()
    x = draw.array(draw.broadcastable(shape), draw.type("T"))
    if draw.chance(0.3):  # the shape may be the smaller one
        x = draw.array([1] * draw.integer(0, 1) + shape, x.dtype)
        shape = draw.broadcastable(shape)
    if draw.chance(0.2):
        shape = [1, *shape]
    return draw.node([x, Constant(np.array(shape, np.int64))])


@covers("DepthToSpace", "SpaceToDepth")
def blocks(draw):
    block = draw.pick([1, 2, 3])
    batch, channels, height, width = draw.pick([1, 2]), draw.pick([1, 2, 3]), draw.pick([1, 2, 3]), draw.pick([1, 2, 4])
    inner = [batch, channels * block * block, height, width]
    outer = [batch, channels, height * block, width * block]
    x = draw.array(inner if draw.op == "DepthToSpace" else outer, draw.type("T"))
    modal = any(name == "mode" for name in draw.schema.attributes)
    return draw.node([x], blocksize=block, mode=draw.pick([None, "DCR", "CRD"]) if modal else None)


@covers("ReverseSequence")
def reverse_sequence(draw):
    shape = [draw.integer(1, 5), draw.integer(1, 5), *draw.shape(0, 2)]
    time = draw.pick([0, 1])
    lengths = np.array([draw.integer(1, shape[time]) for _ in range(shape[1 - time])], np.int64)
    named = {} if time == 0 and draw.chance(0.5) else dict(time_axis=time, batch_axis=1 - time)
    return draw.node([draw.array(shape, draw.type("T")), lengths], **named)


@covers("CenterCropPad")
def center_crop_pad(draw):
    shape = draw.shape()
    axes = draw.axes(len(shape), 18) if draw.chance(0.6) else None
    target = [draw.integer(1, 7) for _ in (axes or shape)]
    return draw.node([draw.array(shape, draw.type("T")), Constant(np.array(target, draw.type("Tind", ["int64"])))], axes=axes)


@covers("Trilu")
def trilu(draw):
    x = draw.array(draw.shape(2, 4), draw.type("T"))
    k = np.array(draw.integer(-4, 4), np.int64) if draw.chance(0.6) else None
    return draw.node([x, k], upper=draw.pick([None, 0, 1]))
