#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fourier transforms of many lengths against numpy's, in double precision.

    fourier.py --bin BUILD/bin [--every=N] [--compile-arg=ARG...]

Prints what differs and counts. With --every, each N-th length alone.
"""
import argparse
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, parser

import driver

# Every butterfly, primes that have none, powers, products, and lengths that a chirp makes smooth.
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 10, 11, 13, 16, 17, 22, 26, 32, 37, 60, 64, 74, 121, 127, 210, 254, 400, 512, 1009, 1024]


class Transforms:
    """A model of several transforms, each of an input of its own, and what they give."""

    def __init__(self):
        self.nodes, self.inputs, self.outputs, self.constants, self.names, self.arrays, self.wanted = [], [], [], [], [], [], []

    def add(self, name, x, axis, length=None, inverse=0, onesided=0):
        number = len(self.nodes)
        element = TensorProto.DOUBLE if x.dtype == np.float64 else TensorProto.FLOAT
        self.constants.append(helper.make_tensor(f"axis{number}", TensorProto.INT64, [], [axis]))
        if length is not None:
            self.constants.append(helper.make_tensor(f"length{number}", TensorProto.INT64, [], [length]))
        self.nodes.append(helper.make_node("DFT", [f"x{number}", "" if length is None else f"length{number}", f"axis{number}"], [f"y{number}"], inverse=inverse, onesided=onesided))
        self.inputs.append(helper.make_tensor_value_info(f"x{number}", element, x.shape))
        self.outputs.append(helper.make_tensor_value_info(f"y{number}", element, None))
        self.names.append(name)
        self.arrays.append(x)
        self.wanted.append(wanted_dft(x, axis, length, inverse, onesided))

    def model(self):
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def wanted_dft(x, axis, length, inverse, onesided):
    z = x[..., 0].astype(np.complex128) + (1j * x[..., 1] if x.shape[-1] == 2 else 0)
    if inverse and onesided:
        return np.fft.irfft(z, n=length, axis=axis)[..., None]
    y = np.fft.ifft(z, n=length, axis=axis) if inverse else np.fft.fft(z, n=length, axis=axis)
    if onesided:
        y = np.take(y, range(y.shape[axis] // 2 + 1), axis=axis)
    return np.stack([y.real, y.imag], axis=-1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    arguments.add_argument("--every", type=int, default=1)
    arguments.add_argument("--compile-arg", action="append", default=[])
    arguments = arguments.parse_args()
    random = np.random.default_rng(1)
    passed = failed = 0

    def check(names, model, inputs, wanted):
        nonlocal passed, failed
        with tempfile.TemporaryDirectory() as scratch:
            module = driver.compile_model(arguments.bin, model, scratch, *arguments.compile_arg)
            results = driver.run_module(arguments.bin, module, inputs, len(names), scratch)
        for name, found, right in zip(names, results, wanted):
            # A chirp's transforms are longer, and pass through two roundings more.
            limit = 16 * np.finfo(found.dtype).eps * max(np.abs(right).max(), 1e-30)
            error = np.abs(found - right).max() if found.shape == right.shape else np.inf
            passed, failed = passed + (error <= limit), failed + (error > limit)
            if error > limit:
                print(f"{name}: the largest error is {error:.3g}, above {limit:.3g} ({found.shape}, {right.shape})")

    for i, length in list(enumerate(LENGTHS))[::arguments.every]:
        # As many rows as lanes, some more, and few; the transform is not always the dimension before the last.
        rows = [3, 16, 37][i % 3]
        transforms = Transforms()
        for parts, inverse, onesided in [(2, 0, 0), (1, 0, 1), (2, 1, 0), (1, 1, 0), (1, 0, 0)]:
            x = random.normal(size=(rows, length, parts)).astype(np.float32)
            transforms.add(f"length {length}, {rows} rows, parts {parts}, inverse {inverse}, onesided {onesided}", x, 1, None, inverse, onesided)
        if length > 1:
            transforms.add(f"half of length {length}", random.normal(size=(2, length // 2 + 1, 5, 2)).astype(np.float32), 1, length, 1, 1)
        check(transforms.names, transforms.model(), transforms.arrays, transforms.wanted)
    transforms = Transforms()
    for inputs, length in [(5, 8), (8, 5), (9, 4), (30, 64), (70, 64)]:
        for parts in (1, 2):
            transforms.add(f"{inputs} as {length}, parts {parts}, in double", random.normal(size=(4, inputs, 3, parts)), 1, length)
    check(transforms.names, transforms.model(), transforms.arrays, transforms.wanted)

    # Frames of a signal of any length, windowed.
    for size, step in [(16, 4), (25, 10), (400, 160)]:
        model = parser.parse_model(f'''<ir_version: 9, opset_import: ["": 20]> g (float[B, N, 1] signal, float[{size}] window) => (float[?, ?, ?, ?] y)
            <int64 step = {{{step}}}, int64 size = {{{size}}}> {{ y = STFT (signal, step, window, size) }}''')
        signal, window = random.normal(size=(2, 3 * size + 7, 1)).astype(np.float32), random.random(size).astype(np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(signal[..., 0], size, axis=1)[:, ::step]
        y = np.fft.rfft((frames * window).astype(np.float64))
        check([f"frames of {size}"], model, [signal, window], [np.stack([y.real, y.imag], axis=-1)])

    # An axis that only the run knows.
    node = helper.make_node("DFT", ["x", "", "axis"], ["y"], onesided=1)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [6, 5, 8, 1]), helper.make_tensor_value_info("axis", TensorProto.INT64, [])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    x = random.normal(size=(6, 5, 8, 1)).astype(np.float32)
    for axis in (0, 1, 2, -2, -4):
        check([f"late axis {axis}"], model, [x, np.array(axis)], [wanted_dft(x, axis % 4, None, 0, 1)])
    with tempfile.TemporaryDirectory() as scratch:
        module = driver.compile_model(arguments.bin, model, scratch)
        try:
            driver.run_module(arguments.bin, module, [x, np.array(3)], 1, scratch)
            print("the dimension of the parts is taken for an axis")
        except RuntimeError as error:
            print(error)
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))


main()
