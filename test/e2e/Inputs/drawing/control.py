# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators with graphs."""
import numpy as np
from onnx import helper

from .draw import Constant, covers, onnx_type


def body_types(draw):
    """Those that Add takes."""
    return ["float", "int64", "int32"] if draw.opset >= 7 else ["float"]


def info(name, dtype, shape=None):
    return helper.make_tensor_value_info(name, onnx_type(dtype), shape)


@covers("If")
def if_(draw):
    parameter = draw.schema.outputs[0].type_str
    dtype = draw.type(parameter, body_types(draw))
    x, y = draw.array(shape := draw.shape(), dtype), draw.array(shape, dtype)
    condition = np.array(draw.chance(0.5))
    case = draw.node([condition])
    for name, array in (("a", x), ("b", y)):
        case.feed[name], case.dims[name] = array, list(array.shape)
    branch = lambda op, name: helper.make_graph([helper.make_node(op, ["a", "b"], [name])], name, [], [info(name, dtype, list(shape))])
    case.nodes[0].attribute.extend([helper.make_attribute("then_branch", branch("Add", "then_out")),
                                    helper.make_attribute("else_branch", branch("Mul", "else_out"))])
    return case


@covers("Loop")
def loop(draw):
    """A sum that is carried, and each of its values."""
    dtype, shape = draw.type("V", body_types(draw)), draw.shape(0, 2)
    count = draw.integer(1, 4)
    body = helper.make_graph(
        [helper.make_node("Identity", ["keep"], ["kept"]), helper.make_node("Add", ["sum", "step"], ["next"]),
         helper.make_node("Identity", ["next"], ["each"])], "body",
        [info("i", np.int64, []), info("keep", bool, []), info("sum", dtype, shape)],
        [info("kept", bool, []), info("next", dtype, shape), info("each", dtype, shape)])
    case = draw.node([Constant(np.array(count, np.int64)), Constant(np.array(True)), draw.array(shape, dtype)], 2, body=body)
    case.feed["step"], case.dims["step"] = draw.array(shape, dtype), list(shape)
    case.dims = {n: list(a.shape) for n, a in case.feed.items()}
    return case


@covers("Scan")
def scan(draw):
    dtype, shape, count = draw.type("V", body_types(draw)), draw.shape(1, 2), draw.integer(1, 5)
    body = helper.make_graph(
        [helper.make_node("Add", ["sum", "x"], ["next"]), helper.make_node("Mul", ["next", "x"], ["each"])], "body",
        [info("sum", dtype, shape), info("x", dtype, shape)], [info("next", dtype, shape), info("each", dtype, shape)])
    state, xs = draw.array(shape, dtype), draw.array([count, *shape], dtype, -2, 2)
    if draw.since < 9:  # with a batch, whose sequences may have lengths
        batch = draw.integer(1, 2)
        state, xs = np.stack([state] * batch), np.stack([xs] * batch)
        return draw.node([None, state, xs], 2, body=body, num_scan_inputs=1, directions=draw.pick([None, [0], [1]]))
    return draw.node([state, xs], 2, body=body, num_scan_inputs=1, scan_input_directions=draw.pick([None, [0], [1]]),
                     scan_output_directions=draw.pick([None, [0], [1]]), scan_output_axes=draw.pick([None, [0], [1]]))
