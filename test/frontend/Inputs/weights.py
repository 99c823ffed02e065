# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Writes models that keep the same weights, 0 to 1023, in different places.

Usage: weights.py FOLDER
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = np.arange(1024, dtype=np.float32)


def model(nodes, weights=(), functions=()):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1024])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1024])],
        list(weights),
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    result = helper.make_model(graph, opset_imports=imports, functions=functions)
    result.ir_version = 10
    return result


def add(name):
    return helper.make_node("Add", ["x", name], ["y"], name="n")


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    raw = numpy_helper.from_array(WEIGHTS, "w")
    floats = helper.make_tensor("w", TensorProto.FLOAT, [1024], WEIGHTS)
    doubles = helper.make_tensor("w", TensorProto.DOUBLE, [1024], WEIGHTS)
    integers = helper.make_tensor("w", TensorProto.INT32, [1024], range(1024))
    halves = helper.make_tensor("w", TensorProto.FLOAT16, [1024], WEIGHTS.astype(np.float16))
    booleans = numpy_helper.from_array(np.arange(1024) % 3 == 0, "w")
    booleans.raw_data = bytes(7 * byte for byte in booleans.raw_data)
    cast = helper.make_node("Cast", ["w"], ["c"], to=TensorProto.FLOAT)
    constant = helper.make_node("Constant", [], ["c"], value=raw)
    function = helper.make_function(
        "local",
        "Weights",
        [],
        ["c"],
        [constant],
        [helper.make_opsetid("", 18)],
    )
    external = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1024], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": "weights.bin", "offset": "4096", "length": "4096"}.items():
        entry = external.external_data.add()
        entry.key, entry.value = key, text
    (folder / "weights.bin").write_bytes(bytes(4096) + WEIGHTS.tobytes() + bytes(10))
    models = {
        "raw": model([add("w")], [raw]),
        "floats": model([add("w")], [floats]),
        "doubles": model([cast, add("c")], [doubles]),
        "integers": model([cast, add("c")], [integers]),
        "halves": model([cast, add("c")], [halves]),
        "booleans": model([cast, add("c")], [booleans]),
        "constant": model([constant, add("c")]),
        "function": model([helper.make_node("Weights", [], ["c"], domain="local"), add("c")], functions=[function]),
        "external": model([add("w")], [external]),
        "splat": model([add("w")], [numpy_helper.from_array(np.full(1024, 2, np.float32), "w")]),
    }
    for name, content in models.items():
        (folder / f"{name}.onnx").write_bytes(content.SerializeToString())


if __name__ == "__main__":
    main(sys.argv[1])
