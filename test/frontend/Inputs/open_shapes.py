# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""open_shapes.py FOLDER: writes a model whose input has no shape, and one with a named dimension."""
import sys

import onnx
from onnx import TensorProto, helper

for name, shape in (("open", None), ("named", ["N", 3])):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), f"{sys.argv[1]}/{name}.onnx")
