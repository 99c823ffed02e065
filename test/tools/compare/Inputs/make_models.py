# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes small models in the layout that tools/compare/peers.py reads.

    make_models.py FOLDER

`exact`: products of small integers, which bf16 holds; expected.npz has some of them.
`rounded`: products of other numbers, without expected.npz.
`wrong`: as `exact`, but expected.npz has twice the values.
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make(folder, x, w, factor=None):
    os.makedirs(folder)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [x.shape[0], w.shape[1]])],
        [numpy_helper.from_array(w, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), f"{folder}/model.onnx")
    np.save(f"{folder}/input_0.npy", x)
    if factor:
        y = x @ w * np.float32(factor)
        index = np.arange(0, y.size, 3)
        scale = np.full(index.size, np.abs(y).max(), np.float32)
        np.savez(f"{folder}/expected.npz", shape_0=np.array(y.shape), index_0=index, value_0=y.ravel()[index], scale_0=scale)


def main():
    random = np.random.default_rng(0)
    x, w = (random.integers(-3, 4, shape).astype(np.float32) for shape in ((40, 64), (64, 48)))
    make(f"{sys.argv[1]}/exact", x, w, factor=1)
    make(f"{sys.argv[1]}/wrong", x, w, factor=2)
    x, w = (random.standard_normal(shape).astype(np.float32) for shape in ((40, 64), (64, 48)))
    make(f"{sys.argv[1]}/rounded", x, w)


if __name__ == "__main__":
    main()
