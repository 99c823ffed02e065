# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small classifier whose loss is a graph: as an output of the model, and in files of their own.

    losses.py make FOLDER      models, losses and data
    losses.py check FOLDER     compares the logs there with gradient descent on central differences in float64
"""
import json
import os
import sys

import numpy as np
import onnx
from onnx import parser
from onnx.reference import ReferenceEvaluator

HEAD = '<ir_version: 8, opset_import: ["" : %d]>\n'
STEPS, RATE = 4, 0.1
# The bodies of losses, of `logits` and `target`; with the type of the labels.
LOSSES = {
    # Class 2 weighs most, and labels of -1 count nothing.
    "weighted": ("int64[N]", "share = Constant<value = float[3] {0.5, 1.0, 3.0}>()\n"
                             "  loss = SoftmaxCrossEntropyLoss<ignore_index = -1>(logits, target, share)"),
    "squares": ("float[N,3]", "d = Sub(logits, target)\n  loss = Mul(d, d)"),
    "margin": ("float[N,3]", "one = Constant<value = float {1.0}>()\n  q = Mul(logits, target)\n"
                             "  m = Sub(one, q)\n  h = Relu(m)\n  loss = ReduceMean<keepdims = 0>(h)"),
    # A sum over examples.
    "total": ("float[N,3]", "d = Sub(logits, target)\n  q = Mul(d, d)\n  s = ReduceSum<keepdims = 0>(q)\n"
                            "  part = Constant<value = float {0.02}>()\n  loss = Mul(s, part)"),
}
BODY = "p = MatMul(x, w)\n  logits = Add(p, b)"


def numbers(array):
    return "{" + ", ".join(repr(float(x)) for x in array.flatten()) + "}"


def weights():
    random = np.random.default_rng(3)
    return random.normal(size=(4, 3)).astype(np.float32), random.normal(size=3).astype(np.float32)


def initializers():
    w, b = weights()
    return f"<float[4,3] w = {numbers(w)}, float[3] b = {numbers(b)}>"


def labels(name):
    random = np.random.default_rng(5)
    if name == "weighted":
        return np.array([0, 2, -1, 1, 2, 0, 1, -1], np.int64)
    if name == "margin":
        return np.where(random.normal(size=(8, 3)) > 0, 1, -1).astype(np.float32)
    return random.normal(size=(8, 3)).astype(np.float32)


def inputs():
    return np.random.default_rng(4).normal(size=(8, 4)).astype(np.float32)


def make(folder):
    def write(name, text, opset=17):
        with open(f"{folder}/{name}.onnxtext", "w") as file:
            file.write(HEAD % opset + text)
    np.save(f"{folder}/x.npy", inputs())
    write("plain", f"g (float[N,4] x) => (float[N,3] logits) {initializers()} {{\n  {BODY}\n}}\n")
    for name, (label, body) in LOSSES.items():
        shape = "[N,3]" if name == "squares" else ""
        np.save(f"{folder}/{name}_y.npy", labels(name))
        np.savez(f"{folder}/{name}.npz", target=labels(name), x=inputs())
        write(name, f"g (float[N,4] x, {label} target) => (float[N,3] logits, float{shape} loss) {initializers()} {{\n"
                    f"  {BODY}\n  {body}\n}}\n")
        write(f"{name}_loss", f"l (float[N,3] logits, {label} target) => (float{shape} loss) {{\n  {body}\n}}\n")
    # By order, of another operator set, with a name for the batch and a value called as one of the model's.
    write("renamed_loss", "l (float[M,3] a, float[M,3] x) => (float r) {\n  p = Sub(a, x)\n  q = Mul(p, p)\n  r = ReduceMean<keepdims = 0>(q)\n}\n", 13)
    write("fixed", f"g (float[8,4] x) => (float[8,3] logits) {initializers()} {{\n  {BODY}\n}}\n")
    write("first", f"g (float[N,4] x, float[N,3] label) => (float[N,3] loss, float[N,3] logits) {initializers()} {{\n"
                   f"  {BODY}\n  {LOSSES['squares'][1].replace('target', 'label')}\n}}\n")
    # What is refused.
    write("wide_loss", "l (float[N,5] logits, float[N,5] target) => (float r) {\n  r = ReduceMean<keepdims = 0>(logits)\n}\n")
    write("long_loss", "l (int64[N,3] logits) => (float r) {\n  c = Cast<to = 1>(logits)\n  r = ReduceMean<keepdims = 0>(c)\n}\n")
    write("two_loss", "l (float[N,3] logits) => (float r, float s) {\n  r = ReduceMean<keepdims = 0>(logits)\n  s = Neg(r)\n}\n")
    write("count_loss", "l (float[N,3] logits) => (int64[2] r) {\n  r = Shape(logits)\n}\n")
    write("apart_loss", "l (float[N,3] logits, float[N] target) => (float r) {\n  r = ReduceMean<keepdims = 0>(target)\n}\n")
    stump = ("n_targets = 1, nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2], nodes_featureids = [0, 0, 0], "
             "nodes_values = [0.5, 0.0, 0.0], nodes_modes = [\"BRANCH_LEQ\", \"LEAF\", \"LEAF\"], nodes_truenodeids = [1, 0, 0], "
             "nodes_falsenodeids = [2, 0, 0], target_treeids = [0, 0], target_nodeids = [1, 2], target_ids = [0, 0], target_weights = [1.0, 2.0]")
    with open(f"{folder}/hard_loss.onnxtext", "w") as file:
        file.write('<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>\nl (float[N,3] logits) => (float r) {\n'
                   f"  [forest] s = ai.onnx.ml.TreeEnsembleRegressor<{stump}>(logits)\n  r = ReduceMean<keepdims = 0>(s)\n}}\n")
    write("broken_loss", "l (float[N,3] logits) => (float r) {\n  r = Nothing(logits)\n}\n")
    write("alone_loss", "l () => (float r) {\n  r = Constant<value = float {1.0}>()\n}\n")
    write("predictor", f"g (float[N,4] x) => (int64[N,1] c, float[N,3] logits) {initializers()} {{\n  {BODY}\n"
                       "  c = ArgMax<axis = 1>(logits)\n}\n")


def descend(name):
    """The losses of STEPS steps."""
    label, body = LOSSES[name]
    text = (HEAD % 17 + f"g (double[8,4] x, {label.replace('float', 'double')} target, double[4,3] w, double[3] b) => (double loss) {{\n"
            f"  {BODY}\n  {body.replace('float', 'double')}\n}}\n")
    model = parser.parse_model(text)
    session = ReferenceEvaluator(model)
    y = labels(name)
    feeds = {"x": inputs().astype(float), "target": y if y.dtype == np.int64 else y.astype(float)}
    parameters = [array.astype(float) for array in weights()]
    value = lambda: float(np.mean(session.run(None, {**feeds, "w": parameters[0], "b": parameters[1]})[0]))
    losses = []
    for _ in range(STEPS):
        losses.append(value())
        gradients = []
        for array in parameters:
            gradient = np.zeros_like(array)
            for at in np.ndindex(array.shape):
                old = array[at]
                array[at] = old + 1e-6
                above = value()
                array[at] = old - 1e-6
                gradient[at] = (above - value()) / 2e-6
                array[at] = old
            gradients.append(gradient)
        for array, gradient in zip(parameters, gradients):
            array -= RATE * gradient
    return losses


def check(folder):
    for name, logs in {"weighted": ["weighted", "weighted_file"], "margin": ["margin", "margin_file", "margin_parts", "margin_fixed"],
                       "squares": ["squares", "squares_file", "renamed_file", "first", "squares_sum", "squares_sum_parts", "mse_sum", "mse_sum_parts"],
                       "total": ["total", "total_parts", "total_ranks", "total_file"]}.items():
        means = descend(name)
        for log in logs:
            if not os.path.exists(f"{folder}/{log}.jsonl"):
                continue
            # Sums of 8 x 3 elements, at a rate that is as much smaller.
            expected = [24 * loss for loss in means] if "_sum" in log else means
            found = [row["loss"] for row in map(json.loads, open(f"{folder}/{log}.jsonl")) if "loss" in row]
            same = len(found) == STEPS and np.allclose(found, expected, rtol=1e-5)
            print(f"{log}: {'good' if same else f'BAD {found}, expected {expected}'}")


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
