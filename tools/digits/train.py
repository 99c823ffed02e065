#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a small convolutional network on scikit-learn's handwritten digits and writes it as ONNX.

    train.py [FOLDER]    (default: test/e2e/digits)

Writes digits.onnx (input: digits [N, 1, 8, 8] in [0, 1]; output: probabilities
[N, 10]), the held-out digits images.npy and labels.npy, which training never sees,
and result.json with the accuracy on them. The seed is fixed. Takes a few seconds;
the files in the repository are its output.
"""
import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20
EPOCHS = 40
BATCH = 64
CHANNELS = (16, 32)


def columns(x):
    """The 3x3 neighbourhoods, zero-padded by one: [N, C, H, W] -> [N, H, W, 9 C]."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    parts = [padded[:, :, i:i + h, j:j + w] for i in range(3) for j in range(3)]
    return np.stack(parts, axis=2).reshape(n, c * 9, h, w).transpose(0, 2, 3, 1)


def columns_gradient(gradient, c):
    """The transpose of columns()."""
    n, h, w, _ = gradient.shape
    parts = gradient.transpose(0, 3, 1, 2).reshape(n, c, 9, h, w)
    padded = np.zeros((n, c, h + 2, w + 2), np.float32)
    for k in range(9):
        padded[:, :, k // 3:k // 3 + h, k % 3:k % 3 + w] += parts[:, :, k]
    return padded[:, :, 1:-1, 1:-1]


class Network:
    """conv 3x3 - relu - max pool 2x2 - conv 3x3 - relu - dense - softmax."""

    def __init__(self, random):
        a, b = CHANNELS
        shapes = {"conv1": (9, a), "conv2": (9 * a, b), "dense": (b * 16, 10)}
        self.parameters = {}
        for name, shape in shapes.items():
            scale = np.sqrt(2 / shape[0])
            self.parameters[name] = (random.standard_normal(shape) * scale).astype(np.float32)
            self.parameters[name + "_bias"] = np.zeros(shape[1], np.float32)

    def forward(self, x):
        p, keep = self.parameters, {}
        n = len(x)
        keep["columns1"] = columns(x)
        y = np.maximum(keep["columns1"] @ p["conv1"] + p["conv1_bias"], 0)
        keep["relu1"] = y.transpose(0, 3, 1, 2)
        windows = keep["relu1"].reshape(n, -1, 4, 2, 4, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, -1, 4, 4, 4)
        keep["chosen"] = windows.argmax(-1)
        keep["columns2"] = columns(windows.max(-1))
        y = np.maximum(keep["columns2"] @ p["conv2"] + p["conv2_bias"], 0)
        keep["relu2"] = y.transpose(0, 3, 1, 2)
        keep["flat"] = keep["relu2"].reshape(n, -1)
        logits = keep["flat"] @ p["dense"] + p["dense_bias"]
        exponent = np.exp(logits - logits.max(1, keepdims=True))
        return exponent / exponent.sum(1, keepdims=True), keep

    def gradients(self, x, labels):
        p, found = self.parameters, {}
        probability, keep = self.forward(x)
        n = len(x)
        d = probability.copy()
        d[np.arange(n), labels] -= 1
        d /= n
        found["dense"], found["dense_bias"] = keep["flat"].T @ d, d.sum(0)
        d = (d @ p["dense"].T).reshape(keep["relu2"].shape) * (keep["relu2"] > 0)
        d = d.transpose(0, 2, 3, 1)
        found["conv2"] = np.tensordot(keep["columns2"], d, ([0, 1, 2], [0, 1, 2]))
        found["conv2_bias"] = d.sum((0, 1, 2))
        d = columns_gradient(d @ p["conv2"].T, CHANNELS[0])
        d = (d[..., None] * (keep["chosen"][..., None] == np.arange(4))).reshape(n, -1, 4, 4, 2, 2)
        d = d.transpose(0, 1, 2, 4, 3, 5).reshape(keep["relu1"].shape) * (keep["relu1"] > 0)
        d = d.transpose(0, 2, 3, 1)
        found["conv1"] = np.tensordot(keep["columns1"], d, ([0, 1, 2], [0, 1, 2]))
        found["conv1_bias"] = d.sum((0, 1, 2))
        return found


def shifted(images, random):
    """Each image moved by up to one pixel in each direction."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dy, dx = random.integers(0, 3, (2, len(images)))
    return np.stack([p[:, y:y + 8, x:x + 8] for p, y, x in zip(padded, dy, dx)])


def train(images, labels, random):
    """Adam with a learning rate that falls along a half cosine."""
    network = Network(random)
    first = {k: np.zeros_like(v) for k, v in network.parameters.items()}
    second = {k: np.zeros_like(v) for k, v in network.parameters.items()}
    step, steps = 0, EPOCHS * (len(images) // BATCH)
    for _ in range(EPOCHS):
        order = random.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[start:start + BATCH]
            gradients = network.gradients(shifted(images[chosen], random), labels[chosen])
            step += 1
            rate = 0.002 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for name, g in gradients.items():
                first[name] = 0.9 * first[name] + 0.1 * g
                second[name] = 0.999 * second[name] + 0.001 * g * g
                mean = first[name] / (1 - 0.9**step)
                spread = second[name] / (1 - 0.999**step)
                network.parameters[name] -= (rate * mean / (np.sqrt(spread) + 1e-8)).astype(np.float32)
    return network


def export(network, accuracy, path):
    p, (a, b) = network.parameters, CHANNELS
    weights = {
        "conv1.weight": p["conv1"].reshape(1, 9, a).transpose(2, 0, 1).reshape(a, 1, 3, 3),
        "conv1.bias": p["conv1_bias"],
        "conv2.weight": p["conv2"].reshape(a, 9, b).transpose(2, 0, 1).reshape(b, a, 3, 3),
        "conv2.bias": p["conv2_bias"],
        "dense.weight": p["dense"].T,
        "dense.bias": p["dense_bias"],
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["digits", "conv1.weight", "conv1.bias"], ["conv1"], "conv1", kernel_shape=[3, 3], pads=[1] * 4),
        node("Relu", ["conv1"], ["relu1"], "relu1"),
        node("MaxPool", ["relu1"], ["pool1"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["pool1", "conv2.weight", "conv2.bias"], ["conv2"], "conv2", kernel_shape=[3, 3], pads=[1] * 4),
        node("Relu", ["conv2"], ["relu2"], "relu2"),
        node("Flatten", ["relu2"], ["flat"], "flatten", axis=1),
        node("Gemm", ["flat", "dense.weight", "dense.bias"], ["logits"], "dense", transB=1),
        node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("digits", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    model.producer_name = "tools/digits/train.py"
    helper.set_model_props(model, {"held_out_accuracy": f"{accuracy:.4f}"})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main():
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/e2e/digits")
    folder = sys.argv[1] if len(sys.argv) > 1 else default
    os.makedirs(folder, exist_ok=True)
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    labels = digits.target.astype(np.uint8)
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        images, labels, test_size=360, random_state=SEED, stratify=labels)
    network = train(seen, seen_labels, np.random.default_rng(SEED))
    accuracy = float((network.forward(held_out)[0].argmax(1) == held_out_labels).mean())
    export(network, accuracy, f"{folder}/digits.onnx")
    np.save(f"{folder}/images.npy", held_out)
    np.save(f"{folder}/labels.npy", held_out_labels)
    result = {"trained_on": len(seen), "held_out": len(held_out), "accuracy": round(accuracy, 4)}
    with open(f"{folder}/result.json", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    print(result)
    return 0 if accuracy >= 0.98 else 1


if __name__ == "__main__":
    sys.exit(main())
