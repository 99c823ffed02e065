#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Single operators with random attributes, shapes and inputs, compiled and compared.

    operators.py --bin BUILD/bin [--seed S] [--rounds N] [--targets T,...] [OPERATOR...]

Each operator has a function that draws a case. Most are compared with ONNX Runtime;
those that draw random numbers by their shape, type, range, mean and deviation. What
differs is printed with its case; the last line counts.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper

import driver


class Case:
    """One node, its inputs, and how to judge its outputs."""

    def __init__(self, node, feed, outputs, check=None, tolerance=2e-5, opset=22):
        self.node, self.feed, self.outputs = node, feed, outputs
        self.check, self.tolerance, self.opset = check, tolerance, opset
        self.ignored = {}  # of an output, the places that are not compared

    def model(self):
        kind = lambda array: helper.np_dtype_to_tensor_dtype(array.dtype)
        inputs = [helper.make_tensor_value_info(n, kind(a), a.shape) for n, a in self.feed.items()]
        outputs = [helper.make_tensor_value_info(n, t, None) for n, t in self.outputs]
        graph = helper.make_graph([self.node], "operators", inputs, outputs)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)


def pick(random, values):
    return values[int(random.integers(len(values)))]


def draw(random, *shape):
    return random.standard_normal(shape).astype(np.float32)


def max_pool(random):
    """With the positions of the maxima."""
    spatial = pick(random, [1, 2, 2, 3])
    window = [pick(random, [1, 2, 3]) for _ in range(spatial)]
    strides = [pick(random, [1, 2]) for _ in range(spatial)]
    dilations = [pick(random, [1, 1, 2]) for _ in range(spatial)]
    reach = [(w - 1) * d + 1 for w, d in zip(window, dilations)]
    pads = [int(random.integers(w)) if d == 1 else 0 for w, d in zip(window, dilations)]
    size = [r + int(random.integers(6)) for r in reach]
    x = draw(random, pick(random, [1, 2]), pick(random, [1, 3]), *size)
    if random.random() < 0.3:
        x = np.round(x)  # several maxima: the first one counts
    order = pick(random, [0, 0, 1]) if spatial == 2 else 0
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=window, strides=strides,
                            dilations=dilations, pads=pads * 2, storage_order=order)
    return Case(node, {"x": x}, [("y", TensorProto.FLOAT), ("i", TensorProto.INT64)])


def roi_align(random):
    height, width, count = pick(random, [1, 5, 16]), pick(random, [2, 7, 20]), pick(random, [1, 3, 8])
    x = draw(random, pick(random, [1, 2]), pick(random, [1, 3, 17]), height, width)
    scale = pick(random, [1.0, 0.5])
    corner = random.uniform(-2, [width / scale, height / scale], (count, 2))
    extent = random.uniform(0.1, [width / scale, height / scale], (count, 2))
    rois = np.concatenate([corner, corner + extent], 1).astype(np.float32)
    node = helper.make_node("RoiAlign", ["x", "rois", "batch"], ["y"], spatial_scale=scale,
                            output_height=pick(random, [1, 3, 7]), output_width=pick(random, [1, 2, 7]),
                            sampling_ratio=pick(random, [0, 0, 1, 2, 3]), mode=pick(random, ["avg", "avg", "max"]),
                            coordinate_transformation_mode=pick(random, ["half_pixel", "output_half_pixel"]))
    batch = random.integers(0, x.shape[0], count)
    return Case(node, {"x": x, "rois": rois, "batch": batch}, [("y", TensorProto.FLOAT)], tolerance=1e-4, opset=16)


def deform_conv(random):
    groups, offsets = pick(random, [1, 2]), pick(random, [1, 2])
    channels, filters = 4 * pick(random, [1, 2]), 2 * pick(random, [1, 3])
    window = [pick(random, [1, 2, 3]) for _ in range(2)]
    strides, dilations = [pick(random, [1, 2]) for _ in range(2)], [pick(random, [1, 2]) for _ in range(2)]
    pads = [pick(random, [0, 1]) for _ in range(2)] * 2
    size = [int(random.integers(6, 12)) for _ in range(2)]
    out = [(s + 2 * p - (w - 1) * d - 1) // t + 1 for s, p, w, d, t in zip(size, pads, window, dilations, strides)]
    batch, taps = pick(random, [1, 2]), window[0] * window[1]
    feed = {"x": draw(random, batch, channels, *size), "w": draw(random, filters, channels // groups, *window),
            "o": 2 * draw(random, batch, offsets * taps * 2, *out)}
    inputs = ["x", "w", "o"]
    masked = random.random() < 0.5
    if masked or random.random() < 0.5:
        inputs.append("b")
        feed["b"] = draw(random, filters)
    if masked:
        inputs.append("m")
        feed["m"] = draw(random, batch, offsets * taps, *out)
    node = helper.make_node("DeformConv", inputs, ["y"], kernel_shape=window, strides=strides, dilations=dilations,
                            pads=pads, group=groups, offset_group=offsets)
    return Case(node, feed, [("y", TensorProto.FLOAT)], tolerance=1e-4)


def det(random):
    size = pick(random, [1, 2, 3, 5, 9])
    x = draw(random, *pick(random, [(), (2,), (3, 2)]), size, size)
    if random.random() < 0.3:
        x[..., 0, 0] = 0  # the first pivot is another row's
    if random.random() < 0.2:
        x[..., size - 1] = 0
    return Case(helper.make_node("Det", ["x"], ["y"]), {"x": x}, [("y", TensorProto.FLOAT)])


def max_unpool(random):
    """Positions as a pool without overlaps may give them; an output shape that says what follows anyway."""
    spatial = pick(random, [1, 2, 2, 3])
    window = [pick(random, [1, 2, 3]) for _ in range(spatial)]
    x = draw(random, pick(random, [1, 2]), pick(random, [1, 3]), *(int(random.integers(1, 5)) for _ in window))
    whole = x.shape[:2] + tuple((s - 1) * w + w for s, w in zip(x.shape[2:], window))
    chosen = random.permutation(int(np.prod(whole)))[: x.size].reshape(x.shape)
    feed = {"x": x, "i": chosen.astype(np.int64)}
    if random.random() < 0.5:
        feed["s"] = np.array(whole, np.int64)
    node = helper.make_node("MaxUnpool", list(feed), ["y"], kernel_shape=window, strides=window)
    return Case(node, feed, [("y", TensorProto.FLOAT)])


def mel_weights(random):
    rate = pick(random, [8000, 16000, 44100])
    feed = {"bins": np.array(pick(random, [4, 8, 40]), np.int64), "length": np.array(pick(random, [16, 64, 512]), np.int64),
            "rate": np.array(rate, np.int64), "low": np.array(random.uniform(0, 200), np.float32),
            "high": np.array(random.uniform(rate / 4, rate / 2), np.float32)}
    return Case(helper.make_node("MelWeightMatrix", list(feed), ["y"]), feed, [("y", TensorProto.FLOAT)], opset=17)


def dft(random):
    axis, inverse, sided = pick(random, [1, 2]), pick(random, [0, 1]), pick(random, [0, 0, 1])
    x = draw(random, 2, pick(random, [1, 7, 16]), pick(random, [3, 10]), 2 if inverse else pick(random, [1, 2]))
    if sided:  # the other half of the spectrum follows from a real signal alone
        inverse, x = 0, x[..., :1]
    node = helper.make_node("DFT", ["x"], ["y"], axis=axis, inverse=inverse, onesided=sided)
    return Case(node, {"x": x}, [("y", TensorProto.FLOAT)], opset=17)


def scan_batch(random):
    """Scan of opset 8: a batch of sequences, of several lengths."""
    batch, steps, width = pick(random, [1, 3]), pick(random, [1, 4]), pick(random, [1, 5])
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [width])
    body = helper.make_graph([helper.make_node("Mul", ["s", "e"], ["p"]), helper.make_node("Add", ["p", "e"], ["n"]),
                              helper.make_node("Sub", ["n", "s"], ["o"])], "body", [value("s"), value("e")], [value("n"), value("o")])
    feed = {"s0": draw(random, batch, width), "x": draw(random, batch, steps, width)}
    names = ["", "s0", "x"]
    lengths = random.random() < 0.5
    if lengths:
        feed["l"] = random.integers(1, steps + 1, batch)
        names[0] = "l"
    node = helper.make_node("Scan", names, ["y", "z"], body=body, num_scan_inputs=1, directions=[pick(random, [0, 1])])
    case = Case(node, feed, [("y", TensorProto.FLOAT), ("z", TensorProto.FLOAT)], opset=8)
    if lengths:  # what stands behind a sequence's end is anything
        case.ignored = {1: np.arange(steps) >= feed["l"][:, None]}
    return case


def within(low, high, mean, deviation, count):
    """Five standard errors around a mean and, roughly, a deviation."""
    def check(results):
        y = results[0].astype(np.float64)
        error = 5 * deviation / np.sqrt(count)
        return y.size == count and np.isfinite(y).all() and y.min() >= low and y.max() <= high \
            and abs(y.mean() - mean) <= error and abs(y.std() - deviation) <= 4 * error
    return check


def random_uniform(random):
    low, extent = float(random.uniform(-5, 5)), float(random.uniform(1, 5))
    shape = [pick(random, [40, 50]), 101]
    node = helper.make_node("RandomUniform", [], ["y"], shape=shape, low=low, high=low + extent, seed=float(random.random()))
    check = within(low, low + extent, low + extent / 2, extent / np.sqrt(12), shape[0] * shape[1])
    return Case(node, {}, [("y", TensorProto.FLOAT)], check)


def random_normal(random):
    mean, scale = float(random.uniform(-5, 5)), float(random.uniform(1, 5))
    x = draw(random, 45, 101)
    node = helper.make_node("RandomNormalLike", ["x"], ["y"], mean=mean, scale=scale)
    return Case(node, {"x": x}, [("y", TensorProto.FLOAT)], within(-np.inf, np.inf, mean, scale, x.size))


def bernoulli(random):
    p = float(random.uniform(0.1, 0.9))
    x = np.full((43, 103), p, np.float32)
    node = helper.make_node("Bernoulli", ["x"], ["y"], seed=float(random.random()))
    return Case(node, {"x": x}, [("y", TensorProto.FLOAT)], within(0, 1, p, np.sqrt(p * (1 - p)), x.size))


def multinomial(random):
    p = random.dirichlet(np.ones(5))
    x = np.log(np.tile(p, (3, 1))).astype(np.float32)
    node = helper.make_node("Multinomial", ["x"], ["y"], sample_size=2000)
    classes = np.arange(5)
    mean = (p * classes).sum()
    deviation = np.sqrt((p * (classes - mean) ** 2).sum())
    return Case(node, {"x": x}, [("y", TensorProto.INT32)], within(0, 4, mean, deviation, 6000))


def dropout(random):
    ratio = pick(random, [0.0, 0.1, 0.5, 0.9])
    x = np.ones((51, 97), np.float32)
    feed = {"x": x, "r": np.array(ratio, np.float32), "t": np.array(True)}
    node = helper.make_node("Dropout", ["x", "r", "t"], ["y", "m"])

    def check(results):
        y, mask = results
        kept = np.float32(1 / (1 - ratio))
        return np.allclose(y, mask * kept, rtol=1e-6) and abs(mask.mean() - (1 - ratio)) < 0.04
    return Case(node, feed, [("y", TensorProto.FLOAT), ("m", TensorProto.BOOL)], check)


OPERATORS = {f.__name__: f for f in (max_pool, max_unpool, roi_align, deform_conv, det, mel_weights, dft, scan_batch,
                                     random_uniform, random_normal, bernoulli, multinomial, dropout)}


def compile_and_run(args, case, scratch, target):
    module = driver.compile_model(args.bin, case.model(), scratch, f"--target={target}")
    return driver.run_module(args.bin, module, case.feed.values(), len(case.outputs), scratch)


def agrees(case, got):
    if case.check:
        return case.check(got)
    for i, (mine, want) in enumerate(zip(got, driver.open_peer(case.model()).run(None, case.feed))):
        if i in case.ignored:
            mine, want = mine[~case.ignored[i]], want[~case.ignored[i]]
        if mine.shape != want.shape or mine.dtype != want.dtype:
            return False
        limit = case.tolerance * max(np.abs(want).max(initial=0), 1) if want.dtype.kind == "f" else 0
        if want.size and not np.abs(mine.astype(np.float64) - want.astype(np.float64)).max() <= limit:
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operators", nargs="*", metavar="OPERATOR", help=f"of {', '.join(OPERATORS)}; by default all")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--targets", default="cpu,reference", help="what the modules run on (default cpu,reference)")
    args = parser.parse_args()
    passed = failed = 0
    for name in args.operators or OPERATORS:
        for seed in range(args.seed, args.seed + args.rounds):
            case = OPERATORS[name](np.random.default_rng(seed))
            what = f"{name}, seed {seed}: {helper.printable_node(case.node)}"
            for target in args.targets.split(","):
                try:
                    with tempfile.TemporaryDirectory() as scratch:
                        good = agrees(case, compile_and_run(args, case, scratch, target))
                    if not good:
                        print(f"differs on {target}: {what}")
                except Exception as error:  # a case that fails must not hide the others
                    good = False
                    print(f"{error}: {what}, on {target}")
                passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
