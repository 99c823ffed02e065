# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators on images and signals: resizing, sampling, regions, spectra."""
import numpy as np

from .draw import Constant, covers, with_peer


@covers("Upsample")
def upsample(draw):
    mode = draw.pick([None, "nearest", "linear"])
    shape = [1, draw.pick([1, 2]), draw.integer(1, 5), draw.integer(1, 5)]
    if mode != "linear":
        shape = draw.shape(1, 4)
    x = draw.array(shape, draw.type("T", ["float", "int32", "uint8"] if mode != "linear" else ["float"]))
    scales = [1.0, 1.0, draw.pick([1.0, 1.5, 2.0, 3.0]), draw.pick([1.0, 2.0, 2.5])]
    if mode != "linear":
        scales = [draw.pick([1.0, 1.5, 2.0, 3.0]) for _ in shape]
    if draw.since < 7:
        if len(shape) != 4:
            return None
        scales[:2] = [1.0, 1.0]
        named = dict(mode="bilinear" if mode == "linear" else mode)
        case = draw.node([x], height_scale=scales[2], width_scale=scales[3], **named)
        return with_peer(case, draw, [x], scales=scales, mode=mode)
    if draw.since < 9:
        return draw.node([x], scales=scales, mode=mode)
    return draw.node([x, Constant(np.array(scales, np.float32))], mode=mode)


@covers("Resize")
def resize(draw):
    mode = draw.pick([None, "nearest", "linear"] + (["cubic"] if draw.since >= 11 else []))
    spatial = 2 if mode == "cubic" else draw.pick([1, 2, 2])
    shape = [draw.pick([1, 2]), draw.pick([1, 2]), *(draw.integer(2, 7) for _ in range(spatial))]
    x = draw.array(shape, draw.type("T" if draw.types_of("T") else "T1", ["float", "int32", "uint8"] if mode in (None, "nearest") else ["float"]))
    scales = np.array([1, 1, *(draw.pick([0.5, 0.6, 1.0, 1.5, 2.0, 2.7]) for _ in range(spatial))], np.float32)
    if draw.since < 11:
        return draw.node([x, Constant(scales)], mode=mode)
    named = dict(mode=mode)
    coordinates = ["half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"]
    if draw.since >= 19:
        coordinates.append("half_pixel_symmetric")
    if draw.since < 13:
        coordinates.append("tf_half_pixel_for_nn")
    named["coordinate_transformation_mode"] = draw.pick([None, *coordinates])
    if mode in (None, "nearest"):
        named["nearest_mode"] = draw.pick([None, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    if mode == "cubic":
        named["cubic_coeff_a"], named["exclude_outside"] = draw.pick([None, -0.5]), draw.pick([None, 0, 1])
    if draw.since >= 18 and mode in ("linear", "cubic") and draw.chance(0.3):
        named["antialias"] = 1
    roi = None if draw.since >= 13 else draw.array([0], np.float32)
    if draw.since < 13:
        draw.bind("T2", np.float32)
    target = np.array([*shape[:2], *(draw.integer(1, 11) for _ in range(spatial))], np.int64)
    by_size = draw.chance(0.5)
    if draw.since >= 18 and draw.chance(0.4):
        named["axes"] = list(range(2, 2 + spatial))
        scales, target = scales[2:], target[2:]
        if by_size and mode != "cubic":
            named["keep_aspect_ratio_policy"] = draw.pick([None, "stretch", "not_larger", "not_smaller"])
    none = None if draw.since >= 13 else np.zeros([0], np.float32)
    inputs = [x, None if roi is None else Constant(roi), none if none is None else Constant(none), Constant(target)] if by_size \
        else [x, None if roi is None else Constant(roi), Constant(scales)]
    case = draw.node(inputs, **named)
    case.tolerance = 1e-4
    return case


@covers("AffineGrid")
def affine_grid(draw):
    spatial, batch = draw.pick([2, 3]), 2
    size = np.array([batch, 2, *(draw.integer(2, 5) for _ in range(spatial))], np.int64)
    return draw.node([draw.array([batch, spatial, spatial + 1], draw.type("T1")), Constant(size)], align_corners=draw.pick([None, 0, 1]))


@covers("GridSample")
def grid_sample(draw):
    spatial = 2 if draw.since < 20 or draw.chance(0.7) else 3
    modes = ["bilinear", "nearest", "bicubic"] if draw.since < 20 else ["linear", "nearest", "cubic"]
    mode = draw.pick([None, *modes])
    if spatial == 3 and mode == "cubic":
        return None
    batch = draw.integer(1, 2)
    x = draw.array([batch, draw.integer(1, 2), *(draw.integer(2, 6) for _ in range(spatial))], draw.type("T1", ["float", "double"]))
    draw.bind("T2", x.dtype)
    grid = draw.array([batch, *(draw.integer(1, 5) for _ in range(spatial)), spatial], x.dtype, -1.3, 1.3)
    case = draw.node([x, grid], mode=mode, padding_mode=draw.pick([None, "zeros", "border", "reflection"]), align_corners=draw.pick([None, 0, 1]),
                     fixed=[(1, spatial + 1)])
    case.tolerance = 1e-4
    return case


@covers("RoiAlign", "MaxRoiPool")
def regions(draw):
    height, width, count, dtype = draw.integer(4, 9), draw.integer(4, 9), draw.integer(1, 4), draw.type("T1" if draw.op == "RoiAlign" else "T")
    x = draw.array([draw.integer(1, 2), draw.integer(1, 3), height, width], dtype)
    corner = draw.random.uniform(0, [width / 2, height / 2], (count, 2))
    extent = draw.random.uniform(1, [width / 2, height / 2], (count, 2))
    rois = np.concatenate([corner, corner + extent], 1)
    batch = draw.random.integers(0, x.shape[0], count)
    if draw.op == "MaxRoiPool":
        rois = np.concatenate([batch[:, None], np.round(rois)], 1).astype(dtype)
        return draw.node([x, rois], pooled_shape=[draw.integer(1, 3), draw.integer(1, 3)], spatial_scale=draw.pick([None, 0.5]))
    named = dict(coordinate_transformation_mode=draw.pick([None, "half_pixel", "output_half_pixel"])) if draw.since >= 16 else {}
    case = draw.node([x, rois.astype(dtype), batch], output_height=draw.pick([None, 1, 3]), output_width=draw.pick([None, 2]),
                     sampling_ratio=draw.pick([1, 2, 3]), spatial_scale=draw.pick([None, 0.5]), mode=draw.pick([None, "avg", "max"]),
                     fixed=[(1, 1)], **named)
    case.tolerance = 1e-4
    return case


@covers("NonMaxSuppression")
def non_max_suppression(draw):
    batch, classes, count = draw.integer(1, 2), draw.integer(1, 2), draw.integer(1, 8)
    center = draw.pick([None, 0, 1])
    corner, extent = draw.random.uniform(0, 1, (batch, count, 2)), draw.random.uniform(0.1, 1, (batch, count, 2))
    boxes = np.concatenate([corner, extent if center else corner + extent], 2).astype(np.float32)
    scores = draw.random.permutation(batch * classes * count).reshape(batch, classes, count).astype(np.float32)
    scores /= scores.size
    return draw.node([boxes, scores, np.array([draw.integer(1, 5)], np.int64), np.array([draw.real(0.1, 0.9)], np.float32),
                      np.array([draw.real(0, 0.5)], np.float32) if draw.chance(0.5) else None], center_point_box=center)


@covers("DFT")
def dft(draw):
    inverse = draw.pick([None, 0, 1])
    complex_ = bool(inverse) or draw.chance(0.5)
    shape = [draw.integer(1, 2), *(draw.integer(2, 8) for _ in range(draw.integer(1, 2))), 2 if complex_ else 1]
    x = draw.array(shape, draw.type("T1", ["float", "double"]))
    onesided = draw.pick([None, 0, 1]) if not complex_ and not inverse else None
    axis = draw.integer(1, len(shape) - 2)
    if draw.chance(0.3):
        axis -= len(shape)
    length = Constant(np.array(draw.integer(2, 9), draw.type("T2"))) if draw.chance(0.3) else None
    if draw.since < 20:
        case = draw.node([x, length], inverse=inverse, onesided=onesided, axis=axis, fixed=[(0, x.ndim - 1)])
    else:
        case = draw.node([x, length, Constant(np.array(axis, np.int64))], inverse=inverse, onesided=onesided,
                         fixed=[(0, x.ndim - 1)])
    case.tolerance = 1e-4
    return case


@covers("STFT")
def stft(draw):
    batch, length, frame = draw.integer(1, 2), draw.integer(12, 24), draw.pick([4, 8])
    dtype = draw.type("T1", ["float", "double"])
    window = draw.array([frame], dtype) if draw.chance(0.5) else None
    size = Constant(np.array(frame, draw.type("T2"))) if window is None or draw.chance(0.5) else None
    case = draw.node([draw.array([batch, length, 1], dtype), Constant(np.array(draw.integer(1, 4), draw.type("T2"))), window, size],
                     onesided=draw.pick([None, 0, 1]))
    case.tolerance = 1e-4
    return case
