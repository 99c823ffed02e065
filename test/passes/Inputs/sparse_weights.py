#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints an MLIR file with the weights that it names: sparse_weights.py FILE"""
import sys

import numpy as np

random = np.random.default_rng(3)
blocks = random.standard_normal((128, 64)).astype(np.float32)
for panel in range(4):
    blocks[random.permutation(128)[32:], 16 * panel:16 * panel + 16] = 0
anywhere = random.standard_normal((64, 128)).astype(np.float32)
anywhere[random.random(anywhere.shape) > 0.1] = 0
half = random.standard_normal((128, 64)).astype(np.float32)
half[random.random(half.shape) > 0.5] = 0

print(open(sys.argv[1]).read())
print("{-# dialect_resources: { builtin: {")
print(",\n".join(f'{name}: "0x04000000{array.tobytes().hex()}"'
                 for name, array in (("blocks", blocks), ("anywhere", anywhere), ("half", half))))
print("} } #-}")
