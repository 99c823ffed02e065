#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of com.microsoft, compiled and compared with what numpy computes.

    contrib.py --bin BUILD/bin KIND... [--seed S] [--models N] [--peer] [--compile-arg=ARG]...

A KIND is a function of contrib_simple.py, contrib_attention.py or contrib_layers.py that puts nodes with random
sizes and attributes into a graph and says what they give. Each is drawn once with fixed sizes and once with sizes
that only the running model knows. With --peer, ONNX Runtime's results are compared with numpy's, too, but for
operators of which it has no kernel for the CPU. The last line counts.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import contrib_attention
import contrib_layers
import contrib_simple
import driver

TYPES = {np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8, np.dtype(np.float32): TensorProto.FLOAT,
         np.dtype(np.int32): TensorProto.INT32, np.dtype(np.int64): TensorProto.INT64, np.dtype(np.float16): TensorProto.FLOAT16,
         np.dtype(np.bool_): TensorProto.BOOL}
DOMAIN = "com.microsoft"


class Graph:
    """A model under construction, with the values of its inputs and what its outputs should be."""

    def __init__(self, seed, dynamic):
        self.random, self.dynamic = np.random.default_rng(seed), dynamic
        self.nodes, self.inputs, self.outputs, self.weights, self.feed, self.want = [], [], [], [], {}, {}
        self.what, self.opset, self.alone = {}, 21, set()

    def pick(self, *values):
        return values[int(self.random.integers(len(values)))]

    def chance(self, share=0.5):
        return bool(self.random.random() < share)

    def normal(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def constant(self, array, element=None):
        """Of the array's type, or of a type that numpy does not have."""
        name, array = f"c{len(self.weights)}", np.asarray(array)
        self.weights.append(helper.make_tensor(name, element, array.shape, array.flatten()) if element else numpy_helper.from_array(array, name))
        return name

    def input(self, array, dims=""):
        """`dims` names dimensions, as in "B S 8"; a name is a size that only the running model knows."""
        name, array = f"x{len(self.feed)}", np.asarray(array)
        self.feed[name] = array
        shape = list(array.shape)
        if self.dynamic and dims:
            shape = [int(each) if each.isdigit() else each for each in dims.split()]
            assert len(shape) == array.ndim, (dims, array.shape)
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[array.dtype], shape))
        return name

    def either(self, array, dims=""):
        """A constant or an input."""
        return self.constant(array) if self.chance() else self.input(array, dims)

    def node(self, op, inputs, wants, domain=DOMAIN, what="", tolerance=2e-5, peer=True, **attributes):
        """A node, and what its outputs should be: an array, None for an output that is not asked for, or an array and
        the positions that count. Without `peer`, ONNX Runtime does not have it."""
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        names = [f"{op}_{len(self.nodes)}_{i}" if want is not None else "" for i, want in enumerate(wants)]
        while names and not names[-1]:
            names.pop()
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        for name, want in zip(names, wants):
            if name:
                want, where = want if isinstance(want, tuple) else (want, ...)
                self.want[name] = want, where, tolerance
                self.outputs.append(helper.make_tensor_value_info(name, TYPES[want.dtype], None))
                self.what[name] = f"{op} {what} {attributes}"
                self.alone |= set() if peer else {name}
        return names[0]

    def model(self, without=()):
        nodes = [node for node in self.nodes if not set(node.output) & set(without)]
        outputs = [output for output in self.outputs if output.name not in without]
        graph = helper.make_graph(nodes, "contrib", self.inputs, outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN, 1)], ir_version=10)


def differs(got, want, where, tolerance):
    """What is wrong with a result at the positions that count, or nothing; relative to the largest magnitude."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{got.shape}, expected {want.dtype}{want.shape}"
    got, want = got[where].astype(np.float64), want[where].astype(np.float64)
    if not want.size:
        return ""
    error = np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)
    return "" if error <= tolerance else f"error {error:.3g}"


def find_kind(name):
    for module in MODULES:
        if hasattr(module, name):
            return getattr(module, name)
    raise SystemExit(f"error: {name}: there is no such kind")


MODULES = [contrib_simple, contrib_attention, contrib_layers]


def check(graph, bin, options=(), peer=False):
    """Yields (operator, what is wrong or nothing) for each output."""
    model, names = graph.model(), list(graph.want)
    shared, results = [name for name in names if name not in graph.alone], []
    with tempfile.TemporaryDirectory() as scratch:
        module = driver.compile_model(bin, model, scratch, *options)
        results.append(("", names, driver.run_module(bin, module, list(graph.feed.values()), len(names), scratch)))
    if peer and shared:
        session = driver.open_peer(graph.model(graph.alone), optimized=False)
        results.append(("ONNX Runtime: ", shared, session.run(shared, graph.feed)))
    for who, names, values in results:
        for name, got in zip(names, values):
            wrong = differs(got, *graph.want[name])
            yield graph.what[name], wrong and f"{who}{name}: {wrong}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=int, default=1, help="of each kind, with fixed sizes and without")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--compile-arg", action="append", default=[])
    parser.add_argument("kinds", nargs="+")
    args = parser.parse_args()
    passed = failed = 0
    for kind in args.kinds:
        for seed in range(args.seed, args.seed + 2 * args.models):
            graph = Graph(seed, dynamic=bool(seed % 2))
            find_kind(kind)(graph)
            try:
                for what, wrong in check(graph, args.bin, args.compile_arg, args.peer):
                    passed, failed = passed + (not wrong), failed + bool(wrong)
                    if wrong:
                        print(f"{kind}, seed {seed}: {what}: {wrong}")
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"{kind}, seed {seed}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
