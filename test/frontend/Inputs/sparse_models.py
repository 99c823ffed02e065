# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Writes models with sparse tensors into a folder.

Usage: sparse_models.py FOLDER
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def sparse(name, values, indices, dims):
    tensors = numpy_helper.from_array(np.array(values), name), numpy_helper.from_array(np.array(indices), f"{name}_i")
    return helper.make_sparse_tensor(*tensors, dims)


def write(folder, name, weights, nodes=()):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"]), *nodes], name, [x], [y])
    for node in nodes:
        graph.output.append(helper.make_tensor_value_info(node.output[0], TensorProto.INT64, None))
    graph.sparse_initializer.extend(weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), f"{folder}/{name}.onnx")


def main():
    folder = sys.argv[1]
    two = np.array([5, 7], np.float32)
    constant = lambda name, *of: helper.make_node("Constant", [], [name], sparse_value=sparse("", *of))
    write(folder, "good", [sparse("w", two, [[0, 1], [1, 2]], [2, 3])],
          [constant("c", [4], [2], [3]), constant("d", [9], [[1, 0]], [2, 3])])
    write(folder, "outside", [sparse("w", two, [1, 6], [2, 3])])
    write(folder, "twice", [sparse("w", two, [3, 3], [2, 3])])
    write(folder, "rank", [sparse("w", two, [[1], [2]], [2, 3])])
    write(folder, "huge", [sparse("w", two, [1, 2], [1 << 20, 1 << 20])])
    write(folder, "many", [sparse("w", two, [1, 2], [1 << 25]), sparse("w1", two, [1, 2], [1 << 25, 2])])


main()
