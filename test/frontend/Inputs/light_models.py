# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Prints the import of each of ONNX's light models.

Usage: light_models.py DL_OPT
"""

import pathlib
import subprocess
import sys

import onnx

folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
for model in sorted(folder.glob("*.onnx")):
    print(model.stem, flush=True)
    subprocess.run([sys.argv[1], model], check=True)
