# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convolutions, pools and what else slides a window."""
import numpy as np

from .draw import Constant, covers, with_peer


class Window:
    """Of a convolution or pool: sizes, and attributes of which some are left out where they are the default."""

    def __init__(self, draw, dilated=True, ceil=False, auto=True, default_kernel=False):
        self.rank = draw.pick([1, 2, 2, 3])
        each = lambda values: [draw.pick(values) for _ in range(self.rank)]
        self.kernel = each([1, 2, 3])
        self.strides, self.dilations = each([1, 1, 2, 3]), each([1, 1, 2]) if dilated else [1] * self.rank
        self.reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations)]
        self.auto = draw.pick([None, None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]) if auto else None
        self.pads = [draw.integer(0, k - 1) for k in self.kernel * 2]
        explicit = self.auto in (None, "NOTSET")
        if not explicit:
            self.pads = [0] * (2 * self.rank)
        self.size = [r + draw.integer(0, 5) for r in self.reach]
        self.attributes = {
            "kernel_shape": None if default_kernel and draw.chance(0.3) else self.kernel,
            "strides": None if set(self.strides) == {1} and draw.chance(0.7) else self.strides,
            "dilations": (None if set(self.dilations) == {1} and draw.chance(0.7) else self.dilations) if dilated else None,
            "pads": self.pads if explicit and (any(self.pads) or draw.chance(0.5)) else None,
            "auto_pad": self.auto,
            "ceil_mode": draw.pick([None, 0, 1]) if ceil else None,
        }

    def fixed(self, *weights, sizes=False):
        """Inputs whose sizes the compiler needs: the weights', and what it pads to be the same."""
        weights = weights or (1, 2)
        same = self.auto in ("SAME_UPPER", "SAME_LOWER") and max(self.strides) > 1
        same |= bool(self.attributes["ceil_mode"])
        return [*weights, (0, 2)] if same or sizes else [*weights, (0, 99)]


@covers("Conv")
def conv(draw):
    window, dtype = Window(draw, default_kernel=True), draw.type("T")
    group = draw.pick([1, 1, 2, 3])
    channels, filters = group * draw.pick([1, 2]), group * draw.pick([1, 2, 4])
    inputs = [draw.array([draw.pick([1, 2]), channels, *window.size], dtype),
              draw.array([filters, channels // group, *window.kernel], dtype)]
    if draw.chance(0.5):
        inputs.append(draw.array([filters], dtype))
    return draw.node(inputs, group=group if group > 1 or draw.chance(0.5) else None, fixed=window.fixed(), **window.attributes)


@covers("ConvTranspose")
def conv_transpose(draw):
    window, dtype = Window(draw, default_kernel=True), draw.type("T")
    group = draw.pick([1, 1, 2])
    channels, filters = group * draw.pick([1, 2]), draw.pick([1, 2, 3])
    inputs = [draw.array([draw.pick([1, 2]), channels, *window.size], dtype),
              draw.array([channels, filters, *window.kernel], dtype)]
    if draw.chance(0.5):
        inputs.append(draw.array([filters * group], dtype))
    named = window.attributes
    extra = [draw.integer(0, s - 1) for s in window.strides]
    whole = [(n - 1) * s + r + e for n, s, r, e in zip(window.size, window.strides, window.reach, extra)]
    if draw.chance(0.3) and window.auto in (None, "NOTSET", "VALID"):
        named["output_padding"] = extra
    elif draw.chance(0.3) and window.auto in (None, "SAME_UPPER", "SAME_LOWER"):
        named["output_shape"] = [draw.integer(max(1, w - 2), w) for w in whole]
        named["pads"] = None
    return draw.node(inputs, group=group if group > 1 or draw.chance(0.5) else None,
                     fixed=window.fixed(sizes="output_shape" in named), **named)


@covers("ConvInteger")
def conv_integer(draw):
    window = Window(draw)
    group = draw.pick([1, 1, 2])
    channels, filters = group * draw.pick([1, 2]), group * draw.pick([1, 2])
    x, w = draw.array([1, channels, *window.size], draw.type("T1")), draw.array([filters, channels // group, *window.kernel], draw.type("T2"))
    zeros = [draw.array((), x.dtype) if draw.chance(0.6) else None, draw.array((), w.dtype) if draw.chance(0.5) else None]
    return draw.node([x, w, *zeros], group=group, fixed=window.fixed(1, 3), **window.attributes)


@covers("AveragePool", "LpPool", "MaxPool")
def pool(draw):
    known = draw.schema.attributes
    window, dtype = Window(draw, "dilations" in known, "ceil_mode" in known), draw.type("T")
    x = draw.array([draw.pick([1, 2]), draw.pick([1, 3]), *window.size], dtype)
    named, outputs = window.attributes, [True]
    if "count_include_pad" in known:
        named["count_include_pad"] = draw.pick([None, 0, 1])
    if draw.op == "LpPool":
        p = draw.pick([None, 1, 2, 3])
        if draw.since < 2:
            case = draw.node([x], p=None if p is None else float(p), **named)
            return with_peer(case, draw, [x], p=p, **named)
        named["p"] = p
    if draw.op == "MaxPool" and draw.since >= 8:
        outputs = [True, draw.chance(0.5)]
        named["storage_order"] = draw.pick([None, 0, 1]) if window.rank == 2 else None
    return draw.node([x], outputs, fixed=window.fixed(), **named)


@covers("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(draw):
    x = draw.array([draw.pick([1, 2]), draw.pick([1, 3]), *draw.shape(1, 3)], draw.type("T"))
    p = draw.pick([None, 1, 2, 3]) if draw.op == "GlobalLpPool" else None
    if p and draw.since < 2:
        return with_peer(draw.node([x], p=float(p)), draw, [x], p=p)
    return draw.node([x], p=p)


@covers("MaxUnpool")
def max_unpool(draw):
    """The reverse of a pool without overlap: each position once."""
    rank, kernel = draw.pick([1, 2, 2, 3]), draw.pick([2, 3])
    size, dtype = [draw.integer(1, 4) for _ in range(rank)], draw.type("T1")
    batch, channels = draw.pick([1, 2]), draw.pick([1, 3])
    whole = [s * kernel for s in size]
    plane, count = int(np.prod(whole)), int(np.prod(size))
    planes = [draw.random.permutation(plane)[:count] + plane * i for i in range(batch * channels)]
    indices = np.stack(planes).reshape([batch, channels, *size]).astype(np.int64)
    shape = Constant(np.array([batch, channels, *whole], np.int64)) if draw.chance(0.3) else None
    return draw.node([draw.array([batch, channels, *size], dtype), indices, shape], kernel_shape=[kernel] * rank,
                     strides=[kernel] * rank)


@covers("LRN")
def lrn(draw):
    x = draw.array([draw.pick([1, 2]), draw.integer(1, 9), *draw.shape(1, 2)], draw.type("T"))
    return draw.node([x], size=draw.pick([3, 5]), alpha=draw.pick([None, draw.real(0.01, 1)]),
                     beta=draw.pick([None, draw.real(0.3, 1)]), bias=draw.pick([None, draw.real(0.5, 2)]))


@covers("Col2Im")
def col2im(draw):
    window = Window(draw, auto=False)
    if window.rank != 2:
        return None
    pads = window.attributes["pads"] or [0] * 4
    counts = [(s + pads[i] + pads[i + 2] - r) // t + 1 for i, (s, r, t) in enumerate(zip(window.size, window.reach, window.strides))]
    x = draw.array([draw.pick([1, 2]), draw.pick([1, 2]) * int(np.prod(window.kernel)), int(np.prod(counts))],
                   draw.type("T", ["float", "double", "float16"]))
    return draw.node([x, Constant(np.array(window.size)), Constant(np.array(window.kernel))], pads=pads, fixed=[(0, 1)],
                     strides=window.attributes["strides"], dilations=window.attributes["dilations"])


@covers("DeformConv")
def deform_conv(draw):
    groups, offsets, dtype = draw.pick([1, 2]), draw.pick([1, 2]), draw.type("T")
    channels, filters = 4 * draw.pick([1, 2]), 2 * draw.pick([1, 3])
    kernel, strides = [draw.pick([1, 2, 3]) for _ in range(2)], [draw.pick([1, 2]) for _ in range(2)]
    pads = [draw.pick([0, 1]) for _ in range(2)] * 2
    size = [draw.integer(6, 9) for _ in range(2)]
    out = [(s + 2 * p - k) // t + 1 for s, p, k, t in zip(size, pads, kernel, strides)]
    batch, taps = draw.pick([1, 2]), kernel[0] * kernel[1]
    inputs = [draw.array([batch, channels, *size], dtype), draw.array([filters, channels // groups, *kernel], dtype),
              draw.array([batch, offsets * taps * 2, *out], dtype), draw.array([filters], dtype) if draw.chance(0.6) else None]
    if inputs[3] is not None and draw.chance(0.5):
        inputs.append(draw.array([batch, offsets * taps, *out], dtype))
    case = draw.node(inputs, kernel_shape=kernel, strides=strides, pads=pads, group=groups, offset_group=offsets,
                     fixed=[0, 1, 2, 3, 4])
    case.tolerance = 1e-4
    return case
