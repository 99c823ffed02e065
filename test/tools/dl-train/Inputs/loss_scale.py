#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training in float16, whose gradients a scale keeps in range.

    loss_scale.py make FOLDER             a model whose errors are so large that gradients times 65536 exceed float16
    loss_scale.py skipped LOG CHECKPOINT  whether the first steps changed nothing but the scale, which each has halved, and the others train
    loss_scale.py gradients CHECKPOINT    the part of the gradients' elements, as the momentum has them, that is not zero
"""
import sys

import numpy as np

import digits
from ranks import losses


def make(folder):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    generator = np.random.default_rng(11)
    node = helper.make_node
    weights = {"a": ((128, 64), 0.1), "b": ((64, 8), 1e-4)}
    graph = helper.make_graph(
        [node("MatMul", ["x", "a"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "b"], ["y"])], "scaled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 128])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [64, 8])],
        [numpy_helper.from_array((generator.standard_normal(shape) * scale).astype(np.float32), name) for name, (shape, scale) in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), f"{folder}/model.onnx")
    x = generator.standard_normal((64, 128)).astype(np.float32)
    np.save(f"{folder}/x.npy", x)
    np.save(f"{folder}/far.npy", (3e4 * generator.standard_normal((64, 8))).astype(np.float32))
    # float16 has no number as small as the gradients of these errors.
    hidden = np.maximum(x @ numpy_helper.to_array(graph.initializer[0]), 0)
    near = hidden @ numpy_helper.to_array(graph.initializer[1])
    np.save(f"{folder}/near.npy", near + 1e-6 * generator.standard_normal(near.shape).astype(np.float32))


def read(checkpoint):
    text, data = digits.read(checkpoint)
    return {state["name"]: np.frombuffer(data[state["offset"]:state["offset"] + state["bytes"]], state["type"]) for state in text["states"]}


def skipped(log, checkpoint):
    found = list(losses(log).values())
    first = next(i for i, loss in enumerate(found) if loss != found[0]) - 1
    # Whether the last step was skipped, no loss tells.
    count = sum(a == b for a, b in zip(found, found[1:]))
    states = read(checkpoint)
    print("skipped", first, "scale", 65536 / states["loss_scale"][0] in (2.0 ** count, 2.0 ** (count + 1)),
          "finite", all(np.isfinite(states[name]).all() for name in ("a", "b")), "falls", found[-1] < 0.9 * found[0])


def gradients(checkpoint):
    states = read(checkpoint)
    print("gradients", *(f"{np.mean(states[f'{name}.momentum'] != 0):.2f}" for name in ("a", "b")))


if __name__ == "__main__":
    {"make": make, "skipped": skipped, "gradients": gradients}[sys.argv[1]](*sys.argv[2:])
