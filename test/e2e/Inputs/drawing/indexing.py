# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators that read or write at positions which are data."""
import numpy as np

from .draw import covers


def positions(draw, shape, size, dtype, negative_since=0):
    low = -size if draw.since >= negative_since and draw.chance(0.5) else 0
    return draw.random.integers(low, size, shape).astype(dtype)


@covers("Gather")
def gather(draw):
    shape = draw.shape()
    axis = draw.axis(len(shape), 11)
    indices = positions(draw, draw.shape(0, 2), shape[axis], draw.type("Tind"), 11)
    return draw.node([draw.array(shape, draw.type("T")), indices], axis=axis if axis or draw.chance(0.5) else None)


@covers("GatherElements")
def gather_elements(draw):
    shape = draw.shape()
    axis = draw.axis(len(shape))
    taken = [draw.integer(1, size) for size in shape]
    taken[axis] = draw.integer(1, 6)
    return draw.node([draw.array(shape, draw.type("T")), positions(draw, taken, shape[axis], draw.type("Tind"))],
                     axis=axis if axis or draw.chance(0.5) else None)


@covers("GatherND")
def gather_nd(draw):
    shape = draw.shape(1, 4)
    batch = draw.integer(0, len(shape) - 1) if draw.since >= 12 else 0
    depth = draw.integer(1, len(shape) - batch)
    lead = [*shape[:batch], *draw.shape(0, 2)]
    indices = np.stack([positions(draw, lead, shape[batch + d], np.int64) for d in range(depth)], -1)
    return draw.node([draw.array(shape, draw.type("T")), indices], batch_dims=batch if draw.since >= 12 and (batch or draw.chance(0.3)) else None,
                     fixed=[(1, indices.ndim - 1)])


def reduction(draw):
    if draw.since < 16:
        return None
    return draw.pick([None, "none", "add", "mul"] + (["min", "max"] if draw.since >= 18 else []))


@covers("Scatter", "ScatterElements")
def scatter_elements(draw):
    shape, dtype = draw.shape(), draw.type("T")
    axis = draw.axis(len(shape), 0)
    taken = [draw.integer(1, size) for size in shape]
    kind = reduction(draw)
    rows = taken[axis] if kind in (None, "none") else draw.integer(1, 6)
    taken[axis] = rows
    if kind in (None, "none"):  # each place once: the order of writes is not said
        indices = np.stack([draw.random.permutation(shape[axis])[:rows] for _ in range(int(np.prod(taken)) // rows)], -1)
        others = taken[:axis % len(shape)] + taken[axis % len(shape) + 1:]
        indices = np.moveaxis(indices.reshape([rows, *others]), 0, axis)
        indices = indices - shape[axis] if draw.since >= 11 and draw.chance(0.3) else indices
    else:
        indices = positions(draw, taken, shape[axis], np.int64)
    indices = np.ascontiguousarray(indices).astype(draw.type("Tind"))
    return draw.node([draw.array(shape, dtype), indices, draw.array(taken, dtype, -2, 2)],
                     axis=axis if axis or draw.chance(0.5) else None, reduction=kind)


@covers("ScatterND")
def scatter_nd(draw):
    shape, dtype = draw.shape(1, 3), draw.type("T")
    depth, kind = draw.integer(1, len(shape)), reduction(draw)
    places = int(np.prod(shape[:depth]))
    count = draw.integer(1, places)
    flat = draw.random.permutation(places)[:count] if kind in (None, "none") else draw.random.integers(0, places, count)
    indices = np.stack(np.unravel_index(flat, shape[:depth]), -1).astype(np.int64)
    return draw.node([draw.array(shape, dtype), indices, draw.array([count, *shape[depth:]], dtype, -2, 2)], reduction=kind, fixed=[(1, 1)])


# Types of indices, depth and values that ONNX Runtime has together.
_ONE_HOT_TYPES = ("int64", "int64", "int64"), ("int64", "int64", "float32"), ("int32", "int32", "float32"), ("float32", "float32", "float32")


@covers("OneHot")
def one_hot(draw):
    of_indices, of_depth, of_values = draw.pick(_ONE_HOT_TYPES)
    for parameter, dtype in (("T1", of_indices), ("T2", of_depth), ("T3", of_values)):
        draw.bind(parameter, dtype)
    depth = draw.integer(1, 6)
    indices = draw.array(draw.shape(1, 3), of_indices, -depth if draw.since >= 11 else 0, depth - 1)
    if draw.chance(0.2):
        indices = draw.array(indices.shape, indices.dtype, 0, depth + 2)
    indices = np.round(indices).astype(indices.dtype)
    axis = draw.pick([None, draw.integer(-indices.ndim - 1 if draw.since >= 11 else 0, indices.ndim)])
    return draw.node([indices, np.array(depth, of_depth), draw.array([2], of_values)], axis=axis, fixed=[2])


@covers("TensorScatter")
def tensor_scatter(draw):
    shape, dtype = [draw.integer(1, 3), draw.integer(1, 3), draw.integer(3, 8), draw.integer(1, 4)], draw.type("T", narrow=False)
    update = list(shape)
    update[2] = draw.integer(1, shape[2])
    mode = draw.pick([None, "linear", "circular"])
    first = draw.random.integers(0, shape[2] if mode == "circular" else shape[2] - update[2] + 1, shape[0])
    return draw.node([draw.array(shape, dtype), draw.array(update, dtype), first if draw.chance(0.7) else None],
                     mode=mode, axis=draw.pick([None, 2, -2]))
