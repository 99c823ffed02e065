# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of the Python package share: small models, and a kernel cache of
each run's own, so that no earlier compiler answers for this one."""
import atexit
import os
import shutil
import tempfile
import warnings

import numpy as np
from onnx import parser

warnings.simplefilter("error", ResourceWarning)
cache = tempfile.mkdtemp(prefix="dl-test-cache-")
atexit.register(shutil.rmtree, cache, ignore_errors=True)
os.environ["DL_CACHE_DIR"] = cache

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e/digits")
DIGITS = os.path.normpath(f"{DATA}/digits.onnx")


def digits():
    """Images, and their labels."""
    return np.load(f"{DATA}/images.npy"), np.load(f"{DATA}/labels.npy")


def model(graph):
    """A model in ONNX's textual form."""
    return parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{graph}')


def identity(element, shape):
    """y = x."""
    return model(f"g ({element}[{shape}] x) => ({element}[{shape}] y) {{ y = Identity(x) }}")


def address(array):
    return array.__array_interface__["data"][0]

