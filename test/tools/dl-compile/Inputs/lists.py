# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Inputs for lists.onnxtext, in a folder: lists.py FOLDER."""
import os
import sys

import numpy as np
from onnx import OptionalProto, numpy_helper

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
rows = np.arange(12, dtype=np.float32).reshape(4, 3)
values = {
    "s": numpy_helper.from_list([rows[:1], rows[1:]]),
    "words": numpy_helper.from_list([np.array(["a", "b"], object)]),
    "x": numpy_helper.from_array(rows),
    "i": numpy_helper.from_array(np.array(-3)),
    "o": numpy_helper.from_optional(rows[:, 0].copy(), dtype=OptionalProto.TENSOR),
}
for name, value in values.items():
    with open(f"{folder}/{name}.pb", "wb") as file:
        file.write(value.SerializeToString())
