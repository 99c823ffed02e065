#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random quantized models, compiled and compared with ONNX Runtime.

    quantized.py --bin BUILD/bin [--seed S] [--models N] [--only KIND] [--compile-arg=ARG]...

Kinds of operations: products and convolutions between DequantizeLinear and QuantizeLinear,
the integer operators of ONNX, those of com.microsoft, and weights of few bits
(MatMulNBits). Sizes are drawn with a bias to what is special: 0, 1, odd, one more than a
vector. Types are of both signs, parameters of a tensor, of a channel or of blocks. ONNX
Runtime runs without its optimizations: it then computes what the graph says. A result of
integers may differ by one in one of 200 elements, where a quotient lies between two
integers as near as f32 can tell; floats by 1e-4 of their largest. Weights have seven bits,
so that no CPU saturates sums of two products. The last line counts.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import driver

SIZES = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 48, 64, 65, 100]
TYPES = {np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8,
         np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}


class Graph:
    """A model under construction, with the values of its inputs."""

    def __init__(self, random):
        self.random = random
        self.nodes, self.inputs, self.outputs, self.weights, self.feed, self.what = [], [], [], [], {}, {}

    def pick(self, values):
        values = list(values)
        return values[int(self.random.integers(len(values)))]

    def chance(self, share):
        return self.random.random() < share

    def constant(self, array):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def input(self, array):
        name = f"x{len(self.feed)}"
        self.feed[name] = array
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[array.dtype], array.shape))
        return name

    def node(self, op, inputs, domain="", **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], domain=domain, **attributes))
        return name

    def output(self, value, element, what):
        self.outputs.append(helper.make_tensor_value_info(value, TYPES[np.dtype(element)], None))
        self.what[value] = what

    def bytes(self, shape, signed, most=128):
        low, high = (-most, most) if signed else (0, 2 * most)
        return self.random.integers(low, high, shape).astype(np.int8 if signed else np.uint8)

    def scale(self, shape=()):
        return self.random.uniform(0.01, 0.05, shape).astype(np.float32)

    def parameters(self, signed, count=None, most=20, zero=False):
        """Names of a scale and of a zero point, one or `count`."""
        shape = () if count is None else (count,)
        point = np.zeros(shape) if zero else self.random.integers(-most, most, shape) + (0 if signed else 128)
        return self.constant(self.scale(shape)), self.constant(point.astype(np.int8 if signed else np.uint8))

    def activation(self, shape):
        """A dequantized value: of an input of bytes, or of floats that are quantized."""
        signed = self.chance(0.3)
        scale, point = self.parameters(signed, zero=self.chance(0.2))
        if self.chance(0.5):
            value = self.input(self.bytes(shape, signed))
        else:
            value = self.node("QuantizeLinear", [self.input(self.random.standard_normal(shape).astype(np.float32)), scale, point])
        return self.node("DequantizeLinear", [value, scale, point])

    def weight(self, shape, axis):
        """Dequantized weights, by one scale or one for each position along an axis."""
        signed, each = self.chance(0.7), self.chance(0.6)
        scale, point = self.parameters(signed, shape[axis] if each else None, zero=signed and self.chance(0.7))
        attributes = {"axis": axis} if each else {}
        array = self.bytes(shape, signed, 64)
        name = self.constant(array) if self.chance(0.8) else self.input(array)
        return self.node("DequantizeLinear", [name, scale, point], **attributes)

    def finish(self, value, what):
        """Something elementwise, a quantization, then perhaps movement before the output."""
        if self.chance(0.4):
            value = self.node("Relu", [value])
        elif self.chance(0.2):
            value = self.node("Mul", [value, self.node("Sigmoid", [value])])
        signed = self.chance(0.3)
        names = [self.constant(np.float32(self.random.uniform(0.1, 0.6))), self.parameters(signed)[1]]
        value = self.node("QuantizeLinear", [value, *names])
        if self.chance(0.3):
            back = self.node("DequantizeLinear", [value, *names])
            value = self.node("QuantizeLinear", [back, *names])
        self.output(value, np.int8 if signed else np.uint8, what)

    def matmul(self):
        m, n, k = self.pick(SIZES + [0, 200]), self.pick(SIZES + [130, 300]), self.pick(SIZES + [0, 300, 2100])
        batch = [self.pick([2, 3])] if self.chance(0.3) else []
        a = self.activation([*batch, m, k])
        b = self.activation([*batch, k, n]) if self.chance(0.3) else self.weight([k, n], 1)
        value = self.node("MatMul", [a, b])
        if self.chance(0.5):
            value = self.node("Add", [value, self.constant(self.random.standard_normal(n).astype(np.float32))])
        self.finish(value, f"MatMul {batch} {m}x{k}x{n}")

    def window(self):
        window = [self.pick([1, 1, 2, 3, 3, 5]) for _ in range(2)]
        strides, dilations = ([self.pick(values) for _ in range(2)] for values in ([1, 1, 2, 3], [1, 1, 1, 2]))
        reach = [(w - 1) * d + 1 for w, d in zip(window, dilations)]
        low, high = [self.pick(range(r)) for r in reach], [self.pick(range(r)) for r in reach]
        size = [max(self.pick(range(1, 24)), r - p - q) for r, p, q in zip(reach, low, high)]
        channels = self.pick([1, 2, 3, 4, 8, 16, 17, 33, 64])
        group = self.pick([1, 1, 1, channels])
        filters = channels if group > 1 else self.pick([1, 2, 3, 8, 16, 17, 32, 48, 70])
        attributes = dict(strides=strides, dilations=dilations, pads=[*low, *high], group=group)
        return [self.pick([1, 1, 2]), channels, *size], [filters, channels // group, *window], attributes

    def conv(self):
        image, filters, attributes = self.window()
        inputs = [self.activation(image), self.weight(filters, 0)]
        if self.chance(0.5):
            inputs.append(self.constant(self.random.standard_normal(filters[0]).astype(np.float32)))
        self.finish(self.node("Conv", inputs, **attributes), f"Conv {image} {filters} {attributes}")

    def integer(self):
        """MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv."""
        signed = self.chance(0.3)
        if self.chance(0.5):
            m, n, k = self.pick(SIZES), self.pick(SIZES), self.pick(SIZES + [300])
            a, b = self.input(self.bytes([m, k], signed)), self.bytes([k, n], True, 64)
            b = self.constant(b) if self.chance(0.7) else self.input(b)
            (sa, za), (sb, zb), (sy, zy) = self.parameters(signed), self.parameters(True), self.parameters(signed)
            if self.chance(0.5):
                self.output(self.node("MatMulInteger", [a, b, za, zb]), np.int32, f"MatMulInteger {m}x{k}x{n}")
            else:
                sy = self.constant(np.float32(0.7))
                self.output(self.node("QLinearMatMul", [a, sa, za, b, sb, zb, sy, zy]), np.int8 if signed else np.uint8, f"QLinearMatMul {m}x{k}x{n}")
            return
        image, filters, attributes = self.window()
        # ONNX Runtime takes unsigned images alone in ConvInteger.
        x, w = self.input(self.bytes(image, False)), self.constant(self.bytes(filters, True, 64))
        (sx, zx), (sw, zw) = self.parameters(False), self.parameters(True, filters[0], zero=True)
        if self.chance(0.5):
            value = self.node("ConvInteger", [x, w, zx], **attributes)
            return self.output(value, np.int32, f"ConvInteger {image} {filters} {attributes}")
        bias = [self.constant(self.random.integers(-999, 999, filters[0]).astype(np.int32))] if self.chance(0.5) else []
        value = self.node("QLinearConv", [x, sx, zx, w, sw, zw, self.constant(np.float32(0.5)), zx, *bias], **attributes)
        self.output(value, np.uint8, f"QLinearConv {image} {filters} {attributes}")

    def contrib(self):
        """The operators of com.microsoft on quantized values."""
        signed = self.chance(0.3)
        element, shape = np.int8 if signed else np.uint8, [self.pick(SIZES), self.pick(SIZES)]
        quantized = lambda *size: [self.input(self.bytes(size, signed)), *self.parameters(signed)]
        result = lambda: [self.constant(np.float32(self.random.uniform(0.02, 0.2))), self.parameters(signed)[1]]
        kind = self.pick(["QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearConcat", "QLinearGlobalAveragePool",
                          "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"])
        m, n, k = self.pick(SIZES), self.pick(SIZES), self.pick(SIZES)
        weights = [self.constant(self.bytes([k, n], True, 64)), self.constant(self.scale((n,)))]
        attributes = {}
        if kind in ("QLinearAdd", "QLinearMul"):
            inputs = [*quantized(*shape), *quantized(*shape[self.pick([0, 1]):]), *result()]
        elif kind == "QLinearConcat":
            inputs, attributes = [*result(), *quantized(*shape), *quantized(shape[0], 3)], {"axis": 1}
        elif kind == "QLinearGlobalAveragePool":
            inputs = [*quantized(2, *shape, 7), *result()]
            inputs[3:] = inputs[1:3]
        elif kind == "QGemm":
            bias = self.constant(self.random.integers(-99, 99, n).astype(np.int32))
            inputs = [*quantized(m, k), weights[0], weights[1], self.constant(np.zeros(n, np.int8)), bias, *result()]
        elif kind == "DynamicQuantizeMatMul":
            inputs, element = [self.input(self.random.standard_normal((m, k)).astype(np.float32)), *weights], np.float32
        elif kind == "MatMulIntegerToFloat":
            a, scale, point = quantized(m, k)
            inputs, element = [a, weights[0], scale, weights[1], point], np.float32
        else:
            inputs = [*quantized(*shape), *result()]
        self.output(self.node(kind, inputs, domain="com.microsoft", **attributes), element, f"{kind} {shape} {m}x{k}x{n}")

    def few_bits(self):
        """MatMulNBits."""
        bits, size = self.pick([4, 4, 4, 8]), self.pick([16, 32, 128])
        m, n, k = self.pick([1, 1, 2, 7, 9, 70]), self.pick(SIZES + [130]), self.pick(SIZES + [128, 300])
        blocks = -(-k // size)
        inputs = [self.input(self.random.standard_normal((m, k)).astype(np.float32)),
                  self.constant(self.random.integers(0, 256, (n, blocks, size * bits // 8)).astype(np.uint8)), self.constant(self.scale((n * blocks,)))]
        if self.chance(0.5):
            inputs.append(self.constant(self.random.integers(0, 256, n * -(-blocks * bits // 8)).astype(np.uint8)))
        value = self.node("MatMulNBits", inputs, domain="com.microsoft", K=k, N=n, bits=bits, block_size=size)
        if self.chance(0.5):
            value = self.node("Add", [value, self.constant(self.random.standard_normal(n).astype(np.float32))])
        self.output(value, np.float32, f"MatMulNBits {m}x{k}x{n}, {bits} bits in blocks of {size}, {len(inputs)} inputs")

    def model(self):
        graph = helper.make_graph(self.nodes, "quantized", self.inputs, self.outputs, self.weights)
        imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)


KINDS = ["matmul", "matmul", "conv", "conv", "integer", "contrib", "few_bits"]


def differs(got, want):
    """What is wrong with a result, or nothing."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{got.shape}, expected {want.dtype}{want.shape}"
    if not want.size:
        return ""
    error = np.abs(got.astype(np.float64) - want.astype(np.float64))
    if want.dtype == np.float32:
        return "" if error.max() <= 1e-4 * max(np.abs(want).max(), 1e-30) else f"error {error.max():.3g}"
    allowed = 0 if want.dtype == np.int32 else max(1, want.size // 200)
    wrong = int((error > 0).sum())
    return "" if error.max() <= 1 and wrong <= allowed else f"{wrong} of {want.size} differ, by up to {error.max():g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--only")
    parser.add_argument("--compile-arg", action="append", default=[])
    args = parser.parse_args()
    passed = failed = 0
    for seed in range(args.seed, args.seed + args.models):
        graph = Graph(np.random.default_rng(seed))
        for _ in range(12):
            getattr(graph, args.only or graph.pick(KINDS))()
        model = graph.model()
        names = [output.name for output in graph.outputs]
        want = driver.open_peer(model, optimized=False).run(names, graph.feed)
        with tempfile.TemporaryDirectory() as scratch:
            module = driver.compile_model(args.bin, model, scratch, *args.compile_arg)
            got = driver.run_module(args.bin, module, list(graph.feed.values()), len(names), scratch)
        for name, ours, theirs in zip(names, got, want):
            wrong = differs(ours, theirs)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print(f"seed {seed}: {graph.what[name]}: {wrong}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
