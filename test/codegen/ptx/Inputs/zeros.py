#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints an MLIR file with the weights that it names: zeros.py FILE

`pairs_f32_256x192` has two of four neighbours along its first dimension that are not zero,
`blocks_f32_256x192` two of eight blocks of 32 x 32 in each column of blocks; `bands_f32_256x192` a fourth of the groups of four neighbouring rows; `floats_f32_256x192`
are 8-bit floats by a scale for each column. A name that ends in `_t` is that of the transposed
matrix."""
import re
import sys

import numpy as np

random = np.random.default_rng(5)


def keep_pairs(weight):
    rows, columns = weight.shape
    groups = weight.reshape(rows // 4, 4, columns)
    order = random.random(groups.shape).argsort(axis=1)
    np.put_along_axis(groups, order[:, 2:], 0, axis=1)
    groups[::3][:, 2:, ::5] = 0  # fewer than two
    return groups.reshape(rows, columns)


def keep_blocks(weight, size=32):
    rows, columns = weight.shape
    for column in range(0, columns, size):
        for block in random.permutation(rows // size)[max(rows // size // 4, 1):]:
            weight[block * size:block * size + size, column:column + size] = 0
    return weight


def keep_bands(weight):
    groups = weight.reshape(-1, 4, weight.shape[1])
    groups[random.permutation(len(groups))[len(groups) // 4:]] = 0
    return weight


def make_floats(shape):
    """Values of FLOAT8E4M3FN, of all exponents, by powers of two and by other scales."""
    rows, columns = shape
    codes = random.integers(0, 127, shape)
    exponent, fraction = codes >> 3, codes & 7
    values = np.where(exponent, (8 + fraction) * 2.0 ** (exponent - 10), fraction * 2.0 ** -9)
    values *= random.choice([-1, 1], shape)
    scales = 2.0 ** random.integers(-14, -8, columns) * np.where(np.arange(columns) % 3, 1, 1.1)
    return values.astype(np.float32) * scales.astype(np.float32)


def make(name, kind, element, shape, transposed):
    if element == "i8":
        weight = random.integers(-127, 128, shape).astype(np.int8)
        weight[weight == 0] = 1
    else:
        weight = (random.standard_normal(shape) / shape[0] ** 0.5).astype(np.float32)
    weight = {"pairs": keep_pairs, "blocks": keep_blocks, "bands": keep_bands,
              "floats": lambda w: make_floats(w.shape)}[kind](weight)
    weight = np.ascontiguousarray(weight.T if transposed else weight)
    return f'{name}: "0x04000000{weight.tobytes().hex()}"'


text = open(sys.argv[1]).read()
made = {}
for name, kind, element, rows, columns, end in re.findall(r"<((pairs|blocks|bands|floats)_(f32|i8)_(\d+)x(\d+)(_t)?)>", text):
    made.setdefault(name, make(name, kind, element, (int(rows), int(columns)), bool(end)))
print(text)
print("{-# dialect_resources: { builtin: {\n" + ",\n".join(made.values()) + "\n} } #-}")
