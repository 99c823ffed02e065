#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sends a tensor of each of ONNX's element types through dl-run, as .pb.

    element_types.py BIN SCRATCH

Each type travels twice: with raw_data, and with the typed field that onnx.proto gives
it. The module copies its input to its output. Prints one line a type.
"""
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

# The number of each type in module.fbs.
NUMBERS = {
    T.FLOAT: 1, T.DOUBLE: 2, T.FLOAT16: 3, T.BFLOAT16: 4, T.INT8: 5, T.INT16: 6, T.INT32: 7,
    T.INT64: 8, T.UINT8: 9, T.UINT16: 10, T.UINT32: 11, T.UINT64: 12, T.BOOL: 13,
    T.FLOAT8E4M3FN: 14, T.FLOAT8E4M3FNUZ: 15, T.FLOAT8E5M2: 16, T.FLOAT8E5M2FNUZ: 17,
    T.FLOAT8E8M0: 18, T.INT4: 19, T.UINT4: 20, T.INT2: 21, T.UINT2: 22, T.FLOAT4E2M1: 23,
    T.COMPLEX64: 24, T.COMPLEX128: 25,
}


def main():
    bin_folder, scratch = sys.argv[1:]
    for kind, number in NUMBERS.items():
        name = T.DataType.Name(kind)
        module = f"{scratch}/{name}.dlm"
        subprocess.run([f"{bin_folder}/dl-test-module", "copy", str(number), module], check=True)
        # Three elements, so that the last byte of small types is not full. One type has
        # no zero.
        values = [1, 2, 1] if kind == T.FLOAT8E8M0 else [1, 0, 1]
        raw = numpy_helper.from_array(np.array([values]).astype(helper.tensor_dtype_to_np_dtype(kind)))
        typed = helper.make_tensor("x", kind, [1, 3], values)
        for way, tensor in (("raw", raw), ("typed", typed)):
            if not tensor.HasField("raw_data") and way == "raw":
                sys.exit(f"{name}: the tensor has no raw data")
            path, out = f"{scratch}/{name}-{way}.pb", f"{scratch}/{name}-{way}"
            onnx.save_tensor(tensor, path)
            subprocess.run([f"{bin_folder}/dl-run", module, f"--input={path}", f"--output-dir={out}",
                            "--output-format=pb"], check=True)
            found = onnx.load_tensor(os.path.join(out, "output_0.pb"))
            same = (numpy_helper.to_array(found) == numpy_helper.to_array(raw)).all()
            if found.data_type != kind or list(found.dims) != [1, 3] or not same:
                sys.exit(f"{name} {way}: {found}")
        print(name, "travels")


if __name__ == "__main__":
    main()
