# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models whose gradients are given, or end, and what training makes of them.

    gradients.py make FOLDER      models, files of gradients, and data
    gradients.py check FOLDER     compares the logs there with gradient descent written out here
"""
import json
import sys

import numpy as np

STEPS, RATE = 4, 0.1
SCALE = 0.015625


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X, Y, W = random(1, 6, 4), random(2, 6, 3), random(3, 4, 3)


def numbers(array):
    return "{" + ", ".join(repr(float(x)) for x in array.flatten()) + "}"


def model(body, functions="", more="", domains='"" : 17, "my" : 1', inputs="float[N,4] x"):
    return (f'<ir_version: 8, opset_import: [{domains}]>\ng ({inputs}) => (float[N,3] q) <float[4,3] w = {numbers(W)}{more}> {{\n'
            f"  [first] h = MatMul(x, w)\n  {body}\n}}\n{functions}")


def function(name, inputs, outputs, body, domain="my", opset=17, attributes=""):
    return (f'<domain: "{domain}", opset_import: ["" : {opset}]>\n{name} {attributes}({inputs}) => ({outputs}) {{\n  {body}\n}}\n')


EMPTY = '<ir_version: 8, opset_import: ["" : 17, "my" : 1]>\nnone (float[1] x) => (float[1] y) {\n  y = Identity(x)\n}\n'
STEEP = function("Steep", "x", "y", "y = Round(x)")
STEEP_GRAD = function("Steep_grad", "x, y, dy", "dx", "two = Constant<value = float {2.0}>()\n  dx = Mul(dy, two)")
# Two inputs and outputs, one of them integers; the gradient of the first is halved, of the second left out.
PAIR = function("Pair", "x, s", "y, n", "y = Mul(x, s)\n  n = Shape(x)")
PAIR_GRAD = function("Pair_grad", "x, s, y, n, dy, dn", "dx",
                     "half = Constant<value = float {0.5}>()\n  t = Mul(dy, s)\n  u = Mul(t, half)\n  dx = Reshape(u, n)")
OUTER = '<domain: "my", opset_import: ["" : 17, "my" : 1]>\nOuter (x) => (y) {\n  z = my.Steep(x)\n  y = Identity(z)\n}\n'
LEAKY_GRAD = function("LeakyRelu_grad", "x, y, dy", "dx", "slope = Constant<value_float : float = @alpha>()\n  dx = Mul(dy, slope)",
                      domain="", attributes="<alpha>")


def make(folder):
    def write(name, text):
        with open(f"{folder}/{name}.onnxtext", "w") as file:
            file.write(text)
    np.save(f"{folder}/x.npy", X)
    np.save(f"{folder}/y.npy", Y)
    # Half of the way to the loss is stopped.
    write("stop", model("[second] k = MatMul(x, w)\n  [target] t = Tanh(k)\n  [sum] q = Add(h, t)"))
    write("detach", model("[StopGradient] t = Identity(h)\n  u = Tanh(h)\n  [sum] q = Add(u, t)"))
    write("steep", model("[call] q = my.Steep(h)", STEEP + STEEP_GRAD))
    write("outer", model("[call] q = my.Outer(h)", OUTER + STEEP + STEEP_GRAD))
    write("plain_steep", model("[call] q = my.Steep(h)", STEEP))
    write("pair", model("[call] q, n = my.Pair(h, s)", PAIR + PAIR_GRAD, ", float s = {3.0}"))
    write("round", model("[round] q = Round(h)"))
    write("leaky", model("[leaky] q = LeakyRelu<alpha = 0.25>(h)"))
    write("default_leaky", model("[leaky] q = LeakyRelu(h)"))
    # Of another operator set than the model.
    write("steep_grad", EMPTY.replace("17", "12") + STEEP_GRAD.replace("17", "12"))
    write("leaky_grad", EMPTY + LEAKY_GRAD)
    write("round_grad", EMPTY + function("Round_grad", "x, y, dy", "dx", "dx = Identity(dy)", domain=""))
    # Values exceed the range, where they are clipped.
    write("quantized", model("[q] r = QuantizeLinear(h, s, z)\n  [dq] q = DequantizeLinear(r, s, z)", more=f", float s = {{{SCALE}}}, int8 z = {{3}}"))
    # What is refused.
    write("other_grad", EMPTY + function("Other_grad", "x, y, dy", "dx", "dx = Identity(dy)"))
    write("named", EMPTY + function("Steeper", "x, y, dy", "dx", "dx = Identity(dy)"))
    write("few_grad", EMPTY + function("Steep_grad", "x, dy", "dx", "dx = Identity(dy)"))
    write("shape_grad", EMPTY + function("Steep_grad", "x, y, dy", "dx", "dx = ReduceSum<keepdims = 0>(dy)"))
    write("integer_grad", EMPTY + function("Steep_grad", "x, y, dy", "dx", "dx = Cast<to = 7>(dy)"))
    write("unknown_grad", EMPTY + function("Steep_grad", "x, y, dy", "dx", "dx = Nothing(dy)"))


def given(name, h, w):
    """The output, and the gradient of h for that of the output."""
    if name in ("steep", "outer", "steep_file"):
        return np.round(h), lambda g: 2 * g
    if name == "round":
        return np.round(h), lambda g: g
    if name == "pair":
        return 3 * h, lambda g: 1.5 * g
    if name in ("leaky", "default_leaky"):
        alpha = 0.25 if name == "leaky" else 0.01
        return np.where(h > 0, h, alpha * h), lambda g: alpha * g
    if name == "detach":
        return np.tanh(h) + h, lambda g: g * (1 - np.tanh(h) ** 2)
    if name == "stop":
        return h + np.tanh(h), lambda g: g
    rounded = np.round(h / SCALE) + 3
    kept = np.clip(rounded, -128, 127)
    return (kept - 3) * SCALE, lambda g: np.where(kept == rounded, g, 0)


def check(folder):
    for name in ["stop", "detach", "steep", "outer", "steep_file", "round", "pair", "leaky", "default_leaky", "quantized"]:
        w, losses = W.astype(float), []
        for _ in range(STEPS):
            h = X.astype(float) @ w
            q, back = given(name, h, w)
            losses.append(np.mean((q - Y) ** 2))
            w = w - RATE * (X.T.astype(float) @ back(2 * (q - Y) / q.size))
        found = [row["loss"] for row in map(json.loads, open(f"{folder}/{name}.jsonl")) if "loss" in row]
        same = len(found) == STEPS and np.allclose(found, losses, rtol=1e-4)
        # A loss that stays is no test.
        moves = abs(losses[0] - losses[-1]) > 1e-3
        print(f"{name}: {'good' if same and moves else f'BAD {found}, expected {losses}'}")


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
