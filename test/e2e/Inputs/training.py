# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains small networks by dl-train and compares the losses with those of gradient descent on central differences.

    training.py BIN SCRATCH [TARGET]

The networks run in float64 by ONNX's reference evaluator; optimizers are written out here, after their papers.
"""
import json
import re
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from driver import call

STEPS = 4
FLOAT, DOUBLE, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64


class Network:
    """A graph of nodes over inputs and parameters, its one result a matrix of logits or of predictions."""

    def __init__(self, name, nodes, x, y, parameters, statistics=(), loss="cross_entropy", batch=None):
        self.name, self.nodes, self.x, self.y, self.loss, self.batch = name, nodes, x, y, loss, batch
        self.parameters, self.statistics = parameters, dict(statistics)

    def model(self, dtype):
        """The model with floats of that type."""
        cast = lambda array: array.astype(dtype) if array.dtype.kind == "f" else array
        element = {np.float32: FLOAT, np.float64: DOUBLE}[dtype]
        tensors = {**self.parameters, **self.statistics}
        graph = helper.make_graph(
            self.nodes, "g",
            [helper.make_tensor_value_info("x", element if self.x.dtype.kind == "f" else INT64,
                                           [self.batch or len(self.x), *self.x.shape[1:]])],
            [helper.make_tensor_value_info("out", element, None)],
            [numpy_helper.from_array(cast(array), name) for name, array in tensors.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)

    def evaluator(self, parts=1):
        """A function of parameters that gives the loss in float64, with the statistics of that many parts of the batch."""
        parts = parts if self.statistics else 1
        batch = self.batch
        self.batch = batch or len(self.x) // parts
        model = self.model(np.float64)
        self.batch = batch
        names = list(self.parameters)
        for name in names:
            array = self.parameters[name]
            model.graph.input.append(helper.make_tensor_value_info(name, DOUBLE, array.shape))
        kept = [t for t in model.graph.initializer if t.name not in names]
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
        session = ReferenceEvaluator(model)
        x = self.x.astype(np.float64) if self.x.dtype.kind == "f" else self.x
        halves = list(zip(np.split(x, parts), np.split(self.y, parts)))
        return lambda parameters: np.mean([LOSSES[self.loss](session.run(["out"], {"x": a, **parameters})[0], b) for a, b in halves])


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.take_along_axis(logarithms, np.expand_dims(labels, 1), axis=1).mean()


LOSSES = {"cross_entropy": cross_entropy, "mse": lambda p, y: ((p - y) ** 2).mean(),
          "l1": lambda p, y: np.abs(p - y).mean(),
          "huber": lambda p, y: np.where(np.abs(p - y) < 1, (p - y) ** 2 / 2, np.abs(p - y) - 0.5).mean()}


def differentiate(function, parameters, step=1e-6):
    """Central differences of each parameter."""
    gradients = {}
    for name, array in parameters.items():
        gradient = np.zeros_like(array)
        for at in np.ndindex(array.shape):
            old = array[at]
            array[at] = old + step
            above = function(parameters)
            array[at] = old - step
            gradient[at] = (above - function(parameters)) / (2 * step)
            array[at] = old
        gradients[name] = gradient
    return gradients


# Each takes the flags' numbers, the parameter p, its gradient g, its slots (a dict, empty at first) and the number of
# the update from 1 on, and returns the next p.

def sgd(o, p, g, slots, n):
    g = g + o.get("weight-decay", 0) * p
    m = slots["m"] = o.get("momentum", 0) * slots.get("m", 0) + g
    return p - o["lr"] * (g + o["momentum"] * m if "nesterov" in o else m)


def adam_step(o, g, slots, n):
    b1, b2 = o.get("betas", (0.9, 0.999))
    m = slots["m"] = b1 * slots.get("m", 0) + (1 - b1) * g
    v = slots["v"] = b2 * slots.get("v", 0) + (1 - b2) * g * g
    return m / (1 - b1 ** n) / (np.sqrt(v / (1 - b2 ** n)) + 1e-8)


def adam(o, p, g, slots, n):
    return p - o["lr"] * adam_step(o, g + o.get("weight-decay", 0) * p, slots, n)


def adamw(o, p, g, slots, n):
    return p * (1 - o["lr"] * o.get("weight-decay", 0)) - o["lr"] * adam_step(o, g, slots, n)


def lamb(o, p, g, slots, n):
    step = adam_step(o, g, slots, n) + o.get("weight-decay", 0) * p
    weight, length = np.linalg.norm(p), np.linalg.norm(step)
    return p - o["lr"] * (weight / length if weight > 0 and length > 0 else 1) * step


def adagrad(o, p, g, slots, n):
    v = slots["v"] = slots.get("v", 0) + g * g
    return p - o["lr"] * g / (np.sqrt(v) + 1e-8)


def rmsprop(o, p, g, slots, n):
    v = slots["v"] = 0.99 * slots.get("v", 0) + 0.01 * g * g
    m = slots["m"] = o.get("momentum", 0) * slots.get("m", 0) + g / (np.sqrt(v) + 1e-8)
    return p - o["lr"] * m


def lion(o, p, g, slots, n):
    b1, b2 = o.get("betas", (0.9, 0.999))
    m = slots.get("m", 0)
    slots["m"] = b2 * m + (1 - b2) * g
    return p - o["lr"] * (np.sign(b1 * m + (1 - b1) * g) + o.get("weight-decay", 0) * p)


OPTIMIZERS = {"sgd": sgd, "adam": adam, "adamw": adamw, "lamb": lamb, "adagrad": adagrad, "rmsprop": rmsprop, "lion": lion}


def limit(options, gradients):
    """What is left of gradients by --clip-value, then by --clip-norm."""
    if bound := options.get("clip-value"):
        gradients = {name: np.clip(g, -bound, bound) for name, g in gradients.items()}
    if bound := options.get("clip-norm"):
        norm = np.sqrt(sum((g * g).sum() for g in gradients.values()))
        gradients = {name: g * min(1, bound / (norm + 1e-6)) for name, g in gradients.items()}
    return gradients


def expected_losses(network, optimizer, options):
    """The loss before each step; with averages, also what they have after the last."""
    function = network.evaluator(options.get("accumulate", 1))
    parameters = {name: array.astype(np.float64) for name, array in network.parameters.items()}
    slots = {name: {} for name in parameters}
    averages = dict(parameters)
    decay = options.get("ema", 0)
    losses = []
    for n in range(1, STEPS + 1):
        losses.append(function(parameters))
        gradients = limit(options, differentiate(function, parameters))
        for name in parameters:
            own = dict(options)
            if "no-decay" in options and re.search(options["no-decay"], name):
                own["weight-decay"] = 0
            parameters[name] = OPTIMIZERS[optimizer](own, parameters[name], gradients[name], slots[name], n)
            averages[name] = decay * averages[name] + (1 - decay) * parameters[name]
    return losses + [network.evaluator()(averages)]


def found_losses(bin, scratch, network, optimizer, options, target="cpu"):
    base = f"{scratch}/{network.name}"
    onnx.save(network.model(np.float32), f"{base}.onnx")
    np.save(f"{base}_x.npy", network.x)
    np.save(f"{base}_y.npy", network.y)
    flags = [f"--{name}" if value is True else
             f"--{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}" for name, value in options.items()]
    call(f"{bin}/dl-compile", f"{base}.onnx", "--train", f"--loss={network.loss}", f"--optimizer={optimizer}", *flags, f"--target={target}",
         "-o", f"{base}.dlm")
    call(f"{bin}/dl-train", f"{base}.dlm", f"--input={base}_x.npy", f"--label={base}_y.npy", "--full-batch", "--no-shuffle",
         f"--steps={STEPS}", f"--log={base}.jsonl", f"--test-input={base}_x.npy", f"--test-label={base}_y.npy")
    rows = [json.loads(line) for line in open(f"{base}.jsonl")]
    return [row["loss"] for row in rows if "loss" in row] + [row["test_loss"] for row in rows if "test_loss" in row]


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, output if isinstance(output, list) else [output], name=f"{op}_{output}", **attributes)


def networks():
    r = np.random.default_rng(7)
    real = lambda *shape: r.standard_normal(shape).astype(np.float32)
    small = lambda *shape: real(*shape) * np.float32(0.4)

    def perceptron(name, loss, y):
        return Network(name, [node("Gemm", ["x", "w1", "b1"], "h", transB=1), node("Tanh", ["h"], "t"),
                              node("Gemm", ["t", "w2", "b2"], "out")],
                       real(6, 4), y, {"w1": small(5, 4), "b1": small(5), "w2": small(5, 3), "b2": small(3)}, loss=loss)

    labels = r.integers(0, 3, 6)
    result = {loss: perceptron(loss, loss, real(6, 3)) for loss in ("mse", "l1", "huber")}
    result["perceptron"] = perceptron("perceptron", "cross_entropy", labels)
    result["image"] = Network(
        "image",
        [node("Conv", ["x", "k1", "c1"], "a", pads=[1, 1, 1, 1], strides=[2, 1]),
         node("BatchNormalization", ["a", "scale", "shift", "mean", "variance"], ["n", "mean_", "variance_"], training_mode=1),
         node("Relu", ["n"], "r"), node("MaxPool", ["r"], "p", kernel_shape=[2, 3], strides=[1, 2], pads=[0, 1, 0, 1]),
         node("Conv", ["p", "k2"], "s", group=2), node("Relu", ["s"], "u"), node("GlobalAveragePool", ["u"], "v"),
         node("Flatten", ["v"], "f"), node("MatMul", ["f", "w"], "out")],
        real(3, 2, 7, 6), r.integers(0, 3, 3),
        {"k1": small(4, 2, 3, 3), "c1": small(4), "scale": 1 + small(4), "shift": small(4), "k2": small(4, 2, 2, 2), "w": small(4, 3)},
        {"mean": np.zeros(4, np.float32), "variance": np.ones(4, np.float32)})
    result["sized"] = perceptron("sized", "cross_entropy", labels)
    result["sized"].batch = "N"
    # A shape that holds the batch, and one that is no batch's though it has its size.
    result["shaped"] = Network(
        "shaped",
        [*(node("Constant", [], name, value=numpy_helper.from_array(np.array(value, np.int64)))
           for name, value in (("four", [4]), ("two", [2]), ("square", [2, 4]), ("one", [1]))),
         node("Concat", ["four", "two", "two"], "shape", axis=0), node("Reshape", ["x", "shape"], "r"),
         node("Reshape", ["w", "square"], "v"), node("MatMul", ["r", "v"], "p"), node("ReduceSum", ["p", "one"], "out", keepdims=0)],
        real(4, 4), r.integers(0, 4, 4), {"w": small(8)})
    recurrent = lambda name, gates, **more: Network(
        name, [node("Transpose", ["x"], "t", perm=[1, 0, 2]), node(name.upper(), ["t", "w", "r", "b"], ["", "last"], hidden_size=3, **more),
               node("Constant", [], "axes", value=numpy_helper.from_array(np.array([0]))), node("Squeeze", ["last", "axes"], "h"),
               node("MatMul", ["h", "v"], "out")],
        real(3, 5, 2), r.integers(0, 3, 3),
        {"w": small(1, 3 * gates, 2), "r": small(1, 3 * gates, 3), "b": small(1, 6 * gates), "v": small(3, 3)})
    result["lstm"], result["gru"] = recurrent("lstm", 4), recurrent("gru", 3, linear_before_reset=1)
    # What is done depends on the data.
    inner = lambda op, inputs, name: helper.make_graph(
        [helper.make_node(op, inputs, [name])], name, [], [helper.make_tensor_value_info(name, FLOAT, [4, 3])])
    result["branches"] = Network(
        "branches",
        [node("MatMul", ["x", "w"], "h"), node("ReduceMean", ["h"], "mean", keepdims=0), node("CastLike", ["limit_", "mean"], "limit"),
         node("Less", ["mean", "limit"], "low"),
         node("If", ["low"], "out", then_branch=inner("Mul", ["h", "s"], "a"), else_branch=inner("Sub", ["h", "s"], "b"))],
        real(4, 2), r.integers(0, 3, 4), {"w": small(2, 3), "s": small(3)})
    result["branches"].nodes.insert(0, node("Constant", [], "limit_", value=numpy_helper.from_array(np.array(0.05, np.float32))))
    body = helper.make_graph(
        [helper.make_node("Mul", ["s", "decay"], ["m"]), helper.make_node("Add", ["m", "e"], ["next"]), helper.make_node("Tanh", ["next"], ["y"])],
        "body", [helper.make_tensor_value_info(name, FLOAT, [3]) for name in "se"],
        [helper.make_tensor_value_info(name, FLOAT, [3]) for name in ("next", "y")])
    result["sums"] = Network(
        "sums", [node("MatMul", ["x", "w"], "h"), node("Scan", ["first", "h"], ["last", "y"], body=body, num_scan_inputs=1),
                 node("Add", ["y", "last"], "out")],
        real(4, 2), r.integers(0, 3, 4), {"w": small(2, 3), "first": small(3), "decay": small(3)})
    # Goes on while the sum is small: the data says how often.
    turn = helper.make_graph(
        [helper.make_node("Mul", ["s", "grow"], ["g"]), helper.make_node("Add", ["g", "h"], ["next"]),
         helper.make_node("ReduceSum", ["next"], ["total"], keepdims=0), helper.make_node("Less", ["total", "limit"], ["small"])],
        "turn", [helper.make_tensor_value_info("i", INT64, []), helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []),
                 helper.make_tensor_value_info("s", FLOAT, [4, 3])],
        [helper.make_tensor_value_info("small", onnx.TensorProto.BOOL, []), helper.make_tensor_value_info("next", FLOAT, [4, 3])])
    result["turns"] = Network(
        "turns",
        [node("MatMul", ["x", "w"], "h_"), node("Exp", ["h_"], "h"), node("Constant", [], "limit_", value=numpy_helper.from_array(np.array(150, np.float32))),
         node("CastLike", ["limit_", "h"], "limit"), node("Constant", [], "most", value=numpy_helper.from_array(np.array(9))),
         node("ReduceMax", ["h"], "top", keepdims=0), node("Less", ["top", "limit"], "first"), node("Loop", ["most", "first", "h"], "out", body=turn)],
        real(4, 2), r.integers(0, 3, 4), {"w": small(2, 3), "grow": 1.5 + small(3)})
    scalar = lambda name, type: helper.make_tensor_value_info(name, type, [])
    rows = lambda name, size: helper.make_tensor_value_info(name, FLOAT, [size, 3])
    one = node("Constant", [], "axes", value=numpy_helper.from_array(np.array([0])))
    limit_ = lambda value: [node("Constant", [], "limit_", value=numpy_helper.from_array(np.array(value, np.float32))),
                            node("CastLike", ["limit_", "h"], "limit"), node("Constant", [], "most", value=numpy_helper.from_array(np.array(7))),
                            node("ReduceMax", ["h"], "top", keepdims=0), node("Less", ["top", "limit"], "first")]
    # A state gets four rows more each time, and the data says how often.
    grow = helper.make_graph(
        [helper.make_node("Mul", ["s", "d"], ["m"]), helper.make_node("Tanh", ["m"], ["t"]), helper.make_node("Concat", ["t", "h"], ["next"], axis=0),
         helper.make_node("ReduceSum", ["next"], ["total"], keepdims=0), helper.make_node("Less", ["total", "limit"], ["small"])],
        "grow", [scalar("i", INT64), scalar("c", onnx.TensorProto.BOOL), rows("s", "M")], [scalar("small", onnx.TensorProto.BOOL), rows("next", "K")])
    result["growing"] = Network(
        "growing",
        [node("MatMul", ["x", "w"], "h_"), node("Exp", ["h_"], "h"), *limit_(60), node("Loop", ["most", "first", "h"], "all", body=grow), one,
         node("Mul", ["all", "all"], "squares"), node("ReduceSum", ["squares", "axes"], "sum"), node("Mul", ["sum", "h"], "out")],
        real(4, 2), r.integers(0, 3, 4), {"w": small(2, 3), "d": small(3)})
    # What the iterations give is stacked, as often as the data says; a state grows beside it.
    stack = helper.make_graph(
        [helper.make_node("Mul", ["s", "d"], ["next"]), helper.make_node("Tanh", ["next"], ["y"]), helper.make_node("Mul", ["h", "next"], ["z_"]),
         helper.make_node("Concat", ["z_", "e"], ["e_"], axis=0), helper.make_node("ReduceMax", ["next"], ["total"], keepdims=0),
         helper.make_node("Less", ["total", "limit"], ["small"])],
        "stack", [scalar("i", INT64), scalar("c", onnx.TensorProto.BOOL), rows("s", 4), rows("e", "M")],
        [scalar("small", onnx.TensorProto.BOOL), rows("next", 4), rows("e_", "K"), rows("y", 4)])
    result["stacked"] = Network(
        "stacked",
        [node("MatMul", ["x", "w"], "h_"), node("Exp", ["h_"], "h"), *limit_(20), node("Loop", ["most", "first", "h", "h"], ["last", "e_", "y"], body=stack), one,
         # ONNX's evaluator puts what is stacked one behind the other.
         node("Constant", [], "rows", value=numpy_helper.from_array(np.array([-1, 3]))), node("Reshape", ["y", "rows"], "r"),
         node("Mul", ["r", "r"], "squares"), node("ReduceSum", ["squares", "axes"], "sum"), node("ReduceSum", ["e_", "axes"], "f"), node("Add", ["sum", "f"], "g"), node("Add", ["g", "last"], "out")],
        real(4, 2), r.integers(0, 3, 4), {"w": small(2, 3), "d": 1.7 + small(3)})
    # A branch that gives twice as many rows as the other.
    twice = helper.make_graph([helper.make_node("Mul", ["h", "s"], ["m"]), helper.make_node("Concat", ["m", "h"], ["a"], axis=0)], "twice", [], [rows("a", "K")])
    once = helper.make_graph([helper.make_node("Sub", ["h", "s"], ["b"])], "once", [], [rows("b", "M")])
    for name, bound in (("longer", 100), ("shorter", -100)):
        result[name] = Network(
            name,
            [node("MatMul", ["x", "w"], "h"), *limit_(bound), node("If", ["first"], "all", then_branch=twice, else_branch=once), one,
             node("Mul", ["all", "all"], "squares"), node("ReduceSum", ["squares", "axes"], "sum"), node("Add", ["sum", "h"], "out")],
            real(4, 2), r.integers(0, 3, 4), {"w": small(2, 3), "s": small(3)})
    constant = lambda name, value: node("Constant", [], name, value=numpy_helper.from_array(np.array(value)))
    result["waves"] = Network(
        "waves",
        [node("MatMul", ["x", "w"], "h"), constant("border", [0, 2, 0, 1]), node("Pad", ["h", "border"], "p", mode="reflect"), constant("last", [2]),
         node("Unsqueeze", ["p", "last"], "u"), node("DFT", ["u", ""], "f", axis=1, onesided=1), node("Mul", ["f", "f"], "q"),
         node("ReduceSum", ["q", "last"], "energy", keepdims=0), constant("where", np.array([[0, 2], [1, 1], [4, 0], [3, 3]])),
         node("ScatterElements", ["energy", "where", "factor"], "out", axis=1, reduction="mul")],
        real(4, 3), r.integers(0, 5, 4), {"w": small(3, 6), "factor": real(4, 2)})
    # The gradient of a mean is the same for all rows of a product.
    result["pooled"] = Network(
        "pooled", [node("MatMul", ["x", "w1"], "h"), node("Relu", ["h"], "r"), node("MatMul", ["r", "w2"], "d"),
                   node("ReduceMean", ["d"], "out", axes=[1], keepdims=0)],
        real(3, 5, 4), r.integers(0, 3, 3), {"w1": small(4, 6), "w2": small(6, 3)})
    result["text"] = Network(
        "text",
        [node("Constant", [], "mask_", value=numpy_helper.from_array(np.triu(np.full((4, 4), -30, np.float32), 1))),
         node("CastLike", ["mask_", "table"], "mask"),
         node("Gather", ["table", "x"], "e"), node("LayerNormalization", ["e", "scale", "shift"], "n"),
         node("MatMul", ["n", "q"], "query"), node("MatMul", ["n", "k"], "key"),
         node("Transpose", ["key"], "turned", perm=[0, 2, 1]), node("MatMul", ["query", "turned"], "raw"),
         node("Add", ["raw", "mask"], "scores"), node("Softmax", ["scores"], "weights"), node("MatMul", ["weights", "n"], "mixed"),
         node("Add", ["mixed", "e"], "sum"), node("MatMul", ["sum", "w"], "logits"), node("Transpose", ["logits"], "out", perm=[0, 2, 1])],
        r.integers(0, 5, (2, 4)), r.integers(0, 5, (2, 4)),
        {"table": real(5, 3), "scale": 1 + small(3), "shift": small(3), "q": small(3, 3), "k": small(3, 3), "w": small(3, 5)})
    return result


CASES = [("perceptron", "sgd", {"lr": 0.5}), ("perceptron", "sgd", {"lr": 0.2, "momentum": 0.9, "weight-decay": 0.01}),
         ("perceptron", "sgd", {"lr": 0.2, "momentum": 0.9, "nesterov": True}),
         ("perceptron", "adam", {"lr": 0.1, "betas": (0.8, 0.99), "weight-decay": 0.1}),
         ("perceptron", "adamw", {"lr": 0.1, "weight-decay": 0.1}), ("perceptron", "lamb", {"lr": 0.1, "weight-decay": 0.1}),
         ("perceptron", "adagrad", {"lr": 0.1}), ("perceptron", "rmsprop", {"lr": 0.05, "momentum": 0.5}),
         ("perceptron", "lion", {"lr": 0.05, "betas": (0.9, 0.99), "weight-decay": 0.1}),
         ("perceptron", "sgd", {"lr": 0.5, "clip-norm": 0.2}), ("perceptron", "sgd", {"lr": 0.5, "clip-value": 0.05, "clip-norm": 0.3}),
         ("perceptron", "adamw", {"lr": 0.1, "weight-decay": 0.5, "no-decay": "^b"}),
         ("perceptron", "adam", {"lr": 0.1, "weight-decay": 0.5, "no-decay": "^w", "ema": 0.7}),
         ("perceptron", "sgd", {"lr": 0.5, "momentum": 0.9, "accumulate": 3}), ("sized", "adamw", {"lr": 0.1, "accumulate": 2}),
         ("shaped", "sgd", {"lr": 0.5, "accumulate": 2}),
         ("mse", "adam", {"lr": 0.1, "accumulate": 6, "ema": 0.7, "clip-norm": 0.2}), ("mse", "sgd", {"lr": 0.2}), ("l1", "sgd", {"lr": 0.2}), ("huber", "sgd", {"lr": 0.2}),
         ("lstm", "sgd", {"lr": 0.5}), ("gru", "adam", {"lr": 0.05, "accumulate": 3}), ("branches", "sgd", {"lr": 2}), ("sums", "sgd", {"lr": 0.5}),
         ("turns", "sgd", {"lr": 0.002}), ("growing", "sgd", {"lr": 0.02}), ("waves", "sgd", {"lr": 0.01}), ("stacked", "sgd", {"lr": 0.001}),
         ("longer", "sgd", {"lr": 0.01}), ("shorter", "sgd", {"lr": 0.5}), ("pooled", "sgd", {"lr": 0.5}),
         ("image", "sgd", {"lr": 0.5}), ("image", "sgd", {"lr": 0.3, "momentum": 0.9, "accumulate": 3}), ("text", "sgd", {"lr": 0.5}),
         ("text", "adam", {"lr": 0.05, "accumulate": 2})]


def check_dropout(bin, scratch, target):
    """Half of 3000 elements are dropped and the others doubled: others in each step, the same in each run, none in evaluation."""
    train, ratio = numpy_helper.from_array(np.array(True), "train"), numpy_helper.from_array(np.array(0.5, np.float32), "ratio")
    ones = np.ones((3, 1000), np.float32)
    network = Network("dropout", [
        node("Constant", [], "train", value=train), node("Constant", [], "ratio", value=ratio), node("Mul", ["x", "w"], "h"),
        node("Dropout", ["h", "ratio", "train"], "out")], ones, 0 * ones, {"w": np.ones(1000, np.float32)}, loss="mse")
    runs = [found_losses(bin, scratch, network, "sgd", {"lr": 0}, target)[:STEPS] for _ in range(2)]
    call(f"{bin}/dl-run", f"{scratch}/dropout.dlm", "--entry=evaluate", f"--input={scratch}/dropout_x.npy",
         f"--input={scratch}/dropout_y.npy", f"--output-dir={scratch}/dropout")
    good = (runs[0] == runs[1] and len(set(runs[0])) == STEPS and all(1.8 < loss < 2.2 for loss in runs[0])
            and np.load(f"{scratch}/dropout/output_0.npy") == 1)
    print("dropout: " + ("good" if good else f"BAD, {runs}"))


def write_bad(bin, scratch):
    """What is to be refused: inputs, a model with an op without a gradient, a module that does not train."""
    good = np.load(f"{scratch}/perceptron_y.npy")
    for name, label in (("above", 3), ("below", -1)):
        np.save(f"{scratch}/{name}.npy", np.where(np.arange(len(good)) == 2, label, good))
    x = np.load(f"{scratch}/perceptron_x.npy")
    x[1, 1] = np.nan
    np.save(f"{scratch}/nan.npy", x)
    stump = helper.make_node(
        "TreeEnsembleRegressor", ["h"], ["out"], name="hardest", domain="ai.onnx.ml", n_targets=1, nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0], nodes_values=[0.5, 0.0, 0.0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0], target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0])
    onnx.save(Network("refused", [helper.make_node("MatMul", ["x", "w"], ["h"], name="mixing"), stump],
        x, x, {"w": np.ones((4, 3), np.float32)}).model(np.float32), f"{scratch}/refused.onnx")
    call(f"{bin}/dl-compile", f"{scratch}/perceptron.onnx", "-o", f"{scratch}/plain.dlm")
    # One row of x is so large that exp overflows, and one makes the root's argument negative; a mask has infinities.
    huge, low = np.load(f"{scratch}/perceptron_x.npy"), np.load(f"{scratch}/perceptron_x.npy")
    huge[3], low[2] = 300, -300
    np.save(f"{scratch}/huge.npy", huge)
    np.save(f"{scratch}/low.npy", low)
    mask = numpy_helper.from_array(np.where(np.tri(6, 6), 0, -np.inf).astype(np.float32), "mask_")
    network = Network("overflow", [
        node("Constant", [], "mask_", value=mask), node("CastLike", ["mask_", "x"], "mask"), node("MatMul", ["x", "w"], "h"),
        helper.make_node("Add", ["h", "nine"], ["moved"], name="moving"), helper.make_node("Sqrt", ["moved"], ["root"], name="rooting"),
        helper.make_node("Exp", ["h"], ["e"], name="growing"), helper.make_node("Neg", ["e"], ["n"], name="turning"),
        helper.make_node("Add", ["e", "n"], ["zero"], name="cancelling"), helper.make_node("Add", ["root", "zero"], ["sum"], name="ending"),
        node("MatMul", ["sum", "v"], "scores"), node("Add", ["scores", "mask"], "masked"), node("Softmax", ["masked"], "p"),
        node("MatMul", ["p", "sum"], "mixed"), node("MatMul", ["mixed", "u"], "out")],
        x, good, {"w": np.ones((4, 4), np.float32), "nine": np.full(4, 9, np.float32), "v": np.ones((4, 6), np.float32),
                  "u": np.ones((4, 3), np.float32)})
    onnx.save(network.model(np.float32), f"{scratch}/overflow.onnx")
    call(f"{bin}/dl-compile", f"{scratch}/overflow.onnx", "--train", "--optimizer=adam", "-o", f"{scratch}/overflow.dlm")


def main():
    bin, scratch, target = (sys.argv[1:] + ["cpu"])[:3]
    known = networks()
    for name, optimizer, options in CASES:
        want = expected_losses(known[name], optimizer, options)
        found = found_losses(bin, scratch, known[name], optimizer, options, target)
        if known[name].statistics: # the evaluator's normalization goes on by the batch
            want, found = want[:STEPS], found[:STEPS]
        error = max(abs(f - w) / max(abs(w), 0.1) for f, w in zip(found, want))
        good = len(found) == len(want) and error < 2e-5
        print(f"{name} {optimizer} {options}: {'good' if good else 'BAD'}, error {error:.1e}" + ("" if good else f", {found} for {want}"))
    check_dropout(bin, scratch, target)
    if target == "cpu":
        write_bad(bin, scratch)


if __name__ == "__main__":
    main()
