# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RNN, GRU and LSTM."""
import numpy as np

from .draw import covers, with_peer

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
FUNCTIONS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


@covers("RNN", "GRU", "LSTM")
def recurrent(draw):
    steps, batch, width, hidden = draw.integer(1, 5), draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 5)
    direction = draw.pick([None, "forward", "reverse", "bidirectional"])
    directions, dtype = 2 if direction == "bidirectional" else 1, draw.type("T")
    layout = draw.pick([None, 0, 0, 0, 1]) if "layout" in draw.schema.attributes else None
    first = lambda *shape: [shape[1], shape[0], *shape[2:]] if layout else list(shape)
    small = lambda *shape: draw.array(shape, dtype, -1, 1)
    rows = GATES[draw.op] * hidden
    inputs = [small(*first(steps, batch, width)), small(directions, rows, width), small(directions, rows, hidden),
              small(directions, 2 * rows) if draw.chance(0.6) else None,
              draw.random.integers(1, steps + 1, batch).astype(np.int32) if draw.chance(0.4) else None,
              small(*first(directions, batch, hidden)) if draw.chance(0.5) else None]
    if draw.op == "LSTM":
        inputs += [small(*first(directions, batch, hidden)) if draw.chance(0.5) else None,
                   small(directions, 3 * hidden) if draw.chance(0.3) else None]
    named = dict(hidden_size=hidden, direction=direction, layout=layout, clip=draw.pick([None, None, 0.5]))
    if draw.chance(0.3):
        functions = [draw.pick(["Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign"]) for _ in FUNCTIONS[draw.op]]
        named["activations"] = functions * directions
    if draw.op == "GRU" and draw.since >= 3:
        named["linear_before_reset"] = draw.pick([None, 0, 1])
    if draw.op == "LSTM":
        named["input_forget"] = draw.pick([None, None, 0, 1])
    outputs = [draw.chance(0.8) or draw.since < 7, True] + ([True] if draw.op == "LSTM" else [])
    if draw.since < 7:
        case = draw.node(inputs, outputs, output_sequence=1, fixed=[1, 2, 3, (5, 2), (6, 2), 7], **named)
        return with_peer(case, draw, inputs, **named)
    return draw.node(inputs, outputs, fixed=[1, 2, 3, (5, 2), (6, 2), 7], **named)
