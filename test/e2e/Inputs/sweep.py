#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random products, convolutions, normalizations and attention, compiled and compared with ONNX Runtime.

    sweep.py --bin BUILD/bin [--seed S] [--models N] [--rounded] [--choices] [--compile-arg=ARG]...

Each model holds several operations side by side, with weights that are constants or
inputs, and something elementwise after them. Sizes, windows, strides and borders are
drawn at random, with a bias to what is special: 1, odd, one more than a vector, more
than a cache holds. With --rounded, all values are bf16's, so that products of bf16 are
exact, and sums as good as those of f32. With --choices, decisions about kernels are drawn
at random, too, legal and other ones (dl-compile --choice). A difference counts against the output's largest magnitude; the
one that is found is printed with its operation. The last line counts.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import driver

SIZES = [1, 2, 3, 5, 7, 8, 15, 16, 17, 24, 31, 33, 48, 64, 65, 100]
TOLERANCE = 2e-5


class Graph:
    """A model under construction, with the values of its inputs."""

    def __init__(self, random, rounded):
        self.random, self.rounded = random, rounded
        self.nodes, self.inputs, self.outputs, self.weights, self.feed = [], [], [], [], {}
        self.what, self.tolerance = {}, {}

    def pick(self, values):
        return int(self.random.choice(values))

    def tensor(self, shape, constant):
        name = f"t{len(self.feed) + len(self.weights)}"
        array = self.random.standard_normal(shape).astype(np.float32)
        if self.rounded:
            array = (array.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        if constant:
            self.weights.append(numpy_helper.from_array(array, name))
        else:
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
            self.feed[name] = array
        return name

    def node(self, op, inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def finish(self, value, what):
        """What follows an operation, then an output."""
        kind = self.pick(range(5))
        if kind == 1:
            value = self.node("Relu", [value])
        elif kind == 2:
            value = self.node("Mul", [value, self.node("Sigmoid", [value])])
        elif kind == 3:
            value = self.node("Add", [value, self.node("Tanh", [value])])
        self.outputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
        self.what[value] = what
        return value

    def matmul(self):
        m, n = self.pick(SIZES + [200]), self.pick(SIZES + [1, 130, 300])
        k = self.pick(SIZES + [300, 2100, 5000]) if m * n < 20000 else self.pick(SIZES)
        batch = [self.pick([2, 3])] if self.random.random() < 0.2 else []
        constant = self.random.random() < 0.7 and not batch
        a, b = self.tensor([*batch, m, k], False), self.tensor([*batch, k, n], constant)
        value = self.node("MatMul", [a, b])
        if self.random.random() < 0.5:
            value = self.node("Add", [value, self.tensor([n], True)])
        self.finish(value, f"MatMul {batch} {m}x{k}x{n}{' constant' if constant else ''}")

    def attention(self):
        """softmax(q k^T / c) v, with a mask now and then. Weights that are rounded make it less exact."""
        heads, rows, columns = self.pick([1, 2, 3]), self.pick(SIZES), self.pick(SIZES + [200])
        depth, width = self.pick([8, 16, 24, 32, 48, 64, 80]), self.pick([8, 16, 17, 32, 40, 64])
        q, k, v = (self.tensor([heads, *shape], False) for shape in ([rows, depth], [depth, columns], [columns, width]))
        # From another kernel each, as in a network.
        q, k, v = (self.node("Relu", [x]) for x in (q, k, v))
        scores = self.node("MatMul", [q, k])
        self.weights.append(numpy_helper.from_array(np.array(depth**-0.5, np.float32), f"c{len(self.nodes)}"))
        scores = self.node("Mul", [scores, self.weights[-1].name])
        if self.random.random() < 0.5:
            scores = self.node("Add", [scores, self.tensor([rows, columns], True)])
        value = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), v])
        value = self.finish(value, f"attention {heads}x{rows}x{columns}, {depth} to {width}")
        if self.rounded:
            self.tolerance[value] = 1e-2

    def permute(self):
        """A permutation of an input, of elements of four bytes, two or one."""
        rank = self.pick([2, 3, 4])
        shape = [self.pick([1, 2, 3, 8, 9, 16, 17, 33, 40] + ([200] if rank == 2 else [])) for _ in range(rank)]
        order = [int(i) for i in self.random.permutation(rank)]
        kind = [np.float32, np.float16, np.uint8][self.pick([0, 0, 1, 2])]
        name = f"t{len(self.feed) + len(self.weights)}"
        self.feed[name] = self.random.integers(0, 200, shape).astype(kind)
        self.inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape))
        value = self.node("Transpose", [name], perm=order)
        self.outputs.append(helper.make_tensor_value_info(value, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), None))
        self.what[value] = f"Transpose {shape} by {order}, {np.dtype(kind)}"

    def conv(self):
        spatial = self.pick([1, 2, 2, 2, 3])
        limit = {1: 60, 2: 24, 3: 9}[spatial]
        transposed = self.random.random() < 0.25
        depthwise = not transposed and self.random.random() < 0.3
        channels = self.pick([1, 2, 3, 4, 8, 16, 17, 33, 64])
        filters = channels if depthwise else self.pick([1, 2, 3, 5, 8, 16, 17, 32, 48, 70])
        window = [self.pick([1, 1, 2, 3, 3, 4, 5]) for _ in range(spatial)]
        strides = [self.pick([1, 1, 2, 3]) for _ in range(spatial)]
        dilations = [self.pick([1, 1, 1, 2]) for _ in range(spatial)]
        reach = [(w - 1) * d + 1 for w, d in zip(window, dilations)]
        low = [self.pick(range(r)) for r in reach]
        high = [self.pick(range(r)) for r in reach]
        size = [max(self.pick(range(1, limit)), r - p - q) for r, p, q in zip(reach, low, high)]
        if transposed:
            # The result must not be empty.
            size = [max(s, 2 + (p + q) // t) for s, p, q, t in zip(size, low, high, strides)]
        batch = self.pick([1, 1, 2, 3])
        x = self.tensor([batch, channels, *size], False)
        constant = self.random.random() < 0.8
        shape = [channels, filters] if transposed else [filters, 1 if depthwise else channels]
        inputs = [x, self.tensor([*shape, *window], constant)]
        if self.random.random() < 0.5:
            inputs.append(self.tensor([filters], True))
        attributes = dict(strides=strides, dilations=dilations, pads=[*low, *high], group=channels if depthwise else 1)
        op = "ConvTranspose" if transposed else "Conv"
        what = f"{op} {batch}x{channels}x{size} to {filters}, window {window}, {attributes}{' constant' if constant else ''}"
        value = self.node(op, inputs, **attributes)
        if spatial == 2 and self.random.random() < 0.3:
            value = self.node("MaxPool", [value], kernel_shape=[2, 2], pads=[1, 1, 0, 0])
        self.finish(value, what)

    def groups(self):
        """Normalization of groups of channels between two convolutions, as exporters write it."""
        groups, each = self.pick([1, 2, 3, 4, 8]), self.pick([1, 2, 3, 4, 8, 16, 17])
        channels, spatial = groups * each, self.pick([1, 2, 2, 2, 3])
        size = [self.pick([1, 2, 3, 5, 8, 17]) for _ in range(spatial)]
        batch, first = self.pick([1, 1, 2, 3]), self.pick([1, 3, 8])
        x, ones = self.tensor([batch, first, *size], False), [1] * spatial
        value = self.node("Conv", [x, self.tensor([channels, first, *ones], True)])
        shapes = [numpy_helper.from_array(np.array(shape), f"s{len(self.nodes)}{i}")
                  for i, shape in enumerate(([0, groups, -1], [batch, channels, *size]))]
        scales = [numpy_helper.from_array(np.full(groups, i, np.float32), f"g{len(self.nodes)}{i}") for i in (1, 0)]
        self.weights += shapes + scales
        value = self.node("Reshape", [value, shapes[0].name])
        value = self.node("InstanceNormalization", [value, *(g.name for g in scales)], epsilon=0.01)
        value = self.node("Reshape", [value, shapes[1].name])
        value = self.node("Mul", [value, self.tensor([channels, *ones], True)])
        value = self.node("Conv", [value, self.tensor([5, channels, *ones], True)])
        value = self.finish(value, f"groups {batch}x{groups}x{each}x{size}")
        # Of few elements, what the first convolution rounds is divided by little.
        self.tolerance[value] = 2e-2 if self.rounded else 2e-4

    def square(self):
        """A convolution of few taps for its stride, as minimal filtering computes it where that pays."""
        channels, filters = self.pick([16, 17, 33, 64, 100]), self.pick([16, 24, 40, 70, 80, 130])
        stride = self.pick([1, 1, 2])
        window = [self.pick([2, 3, 3] if stride == 1 else [4, 5, 5, 6])] * 2
        if self.random.random() < 0.2:
            window[self.pick([0, 1])] -= 1
        size = [self.pick(range(max(window), 45 * stride)) for _ in range(2)]
        pads = [self.pick([0, 1, 1, 1, 2]) for _ in range(4)]
        x = self.tensor([self.pick([1, 1, 2]), channels, *size], False)
        value = self.node("Conv", [x, self.tensor([filters, channels, *window], True), self.tensor([filters], True)], pads=pads, strides=[stride] * 2)
        self.finish(value, f"Conv {channels}x{size} to {filters}, {window}, stride {stride}, pads {pads}")

    def small(self):
        """Small images of a batch, of whose windows much lies in the border."""
        channels, filters = self.pick([4, 16, 17, 33, 64]), self.pick([8, 16, 17, 48, 70])
        spatial = self.pick([1, 2, 2, 3])
        each = lambda values: [self.pick(values) for _ in range(spatial)]
        window, strides, dilations = each([1, 2, 3, 3, 5]), each([1, 1, 2]), each([1, 1, 2])
        reach = [(w - 1) * d + 1 for w, d in zip(window, dilations)]
        pads = [self.pick(range(r)) for r in reach * 2]
        size = [max(self.pick([1, 2, 3, 4, 7]), r - p - q) for r, p, q in zip(reach, pads, pads[spatial:])]
        batch, constant = self.pick([1, 2, 9, 16]), self.random.random() < 0.5
        value = self.tensor([batch, channels, *size], False)
        if self.random.random() < 0.3:
            value = self.node("Relu", [value])
        value = self.node("Conv", [value, self.tensor([filters, channels, *window], constant)], pads=pads, strides=strides, dilations=dilations)
        self.finish(value, f"Conv {batch}x{channels}x{size} to {filters}, {window}, strides {strides}, dilations {dilations}, pads {pads}{' constant' if constant else ''}")

    def model(self):
        graph = helper.make_graph(self.nodes, "sweep", self.inputs, self.outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def draw_choice(random):
    """Some decisions about kernels, in place of the cost model's."""
    pick = lambda values: int(random.choice(values))
    block = f"block={pick([1, 2, 3, 4, 5, 6, 8, 12, 16, 32])}x{pick([1, 2, 3, 4, 6, 8])}"
    parts = [
        block,
        f"range={pick([0, 1, 2, 3, 5, 8, 17, 24, 64, 1000])}",
        f"depth={pick([0, 1, 2, 3, 8, 32, 100, 1000])}",
        f"panels={pick([1, 2, 3, 5, 100])}",
        f"prefetch={pick([0, 1, 7, 64])}",
        f"unroll={pick([1, 2, 3, 4, 8, 16])}",
        f"lanes={pick([1, 16, 40, 100, 512, 100000])}",
        f"winograd={pick([0, 1])}",
        f"flat={pick([0, 1])}",
    ]
    return ",".join(part for part in parts if random.random() < 0.6)


def check(args, seed, scratch):
    """The number of outputs that agree, and what is said of the others."""
    graph = Graph(np.random.default_rng(seed), args.rounded)
    for _ in range(8):
        kind = graph.random.random()
        (graph.matmul if kind < 0.25 else graph.groups if kind < 0.3 else graph.square if kind < 0.42 else graph.attention if kind < 0.5 else graph.permute if kind < 0.58 else graph.small if kind < 0.68 else graph.conv)()
    model, names = graph.model(), list(graph.what)
    wanted = driver.open_peer(model).run(names, graph.feed)
    choice = [f"--choice={draw_choice(graph.random)}"] if args.choices else []
    try:
        module = driver.compile_model(args.bin, model, scratch, *args.compile_arg, *choice)
        results = driver.run_module(args.bin, module, graph.feed.values(), len(names), scratch)
    except RuntimeError as error:
        return 0, [str(error)]
    passed, bad = 0, []
    for name, got, want in zip(names, results, wanted):
        if got.shape != want.shape:
            bad.append(f"shape {got.shape}, expected {want.shape}: {graph.what[name]}")
            continue
        error = np.abs(got - want.astype(float)).max() / max(np.abs(want).max(), 1) if want.size else 0
        if error <= graph.tolerance.get(name, TOLERANCE):
            passed += 1
        else:
            bad.append(f"difference {error:.1e}: {' '.join([graph.what[name], *choice])}")
    return passed, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--rounded", action="store_true")
    parser.add_argument("--choices", action="store_true")
    parser.add_argument("--compile-arg", action="append", default=[])
    args = parser.parse_args()
    passed = failed = 0
    for seed in range(args.seed, args.seed + args.models):
        with tempfile.TemporaryDirectory() as scratch:
            good, bad = check(args, seed, scratch)
        passed, failed = passed + good, failed + len(bad)
        for line in bad:
            print(f"seed {seed}: {line}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
