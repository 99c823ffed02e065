#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Accuracy of quantized and pruned models on data that training has not seen.

    accuracy.py BIN DIGITS FOLDER

DIGITS holds digits.onnx, images.npy and labels.npy (tools/digits/train.py). Two more
models are trained here, on scikit-learn's own sets: layers of 256 and 128 on handwritten
digits, and of 128 and 64 on measurements of breast cancer. Each is compiled in float32,
in int8 and int4 with samples of the training data, and with 80 % of its weights pruned;
a line tells the accuracies, and how many points are lost at most of what is allowed.
The exit status is 1 if one loses more.
"""
import os
import subprocess
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

# What is done to a model, and the points of accuracy that it may lose.
WAYS = {
    "int8": (["--quantize=int8", "--quantize-guard=false"], 0.5),
    "int4": (["--quantize=int4", "--quantize-guard=false"], 1.0),
    "80 % zeros": (["--sparsify=unstructured@0.8", "--sparsify-guard=false"], 1.0),
}


def write_network(path, network, classes):
    """A trained perceptron as ONNX: logits of each class."""
    nodes, weights, value = [], [], "x"
    for i, (weight, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        weights += [numpy_helper.from_array(weight.astype(np.float32), f"w{i}"), numpy_helper.from_array(bias.astype(np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"s{i}"]))
        value = f"s{i}"
        if i + 1 < len(network.coefs_):
            nodes.append(helper.make_node("Relu", [value], [f"r{i}"]))
            value = f"r{i}"
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", network.coefs_[0].shape[0]])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["N", classes])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def train(folder, data, layers, share):
    """Trains on a part of the data; writes model.onnx, samples/, inputs.npy and returns the others' labels."""
    inputs, labels = data(return_X_y=True)
    known, unknown, known_labels, unknown_labels = train_test_split(inputs, labels, test_size=share, stratify=labels, random_state=0)
    scaler = StandardScaler().fit(known)
    known, unknown = (scaler.transform(part).astype(np.float32) for part in (known, unknown))
    network = MLPClassifier(layers, alpha=0.01, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could be trained longer
        network.fit(known, known_labels)
    if network.n_outputs_ == 1:
        # Two classes share one output: the other's is its negative.
        network.coefs_[-1] = np.hstack([-network.coefs_[-1], network.coefs_[-1]])
        network.intercepts_[-1] = np.hstack([-network.intercepts_[-1], network.intercepts_[-1]])
    os.makedirs(f"{folder}/samples")
    write_network(f"{folder}/model.onnx", network, len(network.classes_))
    np.save(f"{folder}/samples/0.npy", known)
    np.save(f"{folder}/inputs.npy", unknown)
    return unknown_labels


def copy_digits(source, folder):
    """The model of the repository, with half of its images as samples; the others are for the check."""
    os.makedirs(f"{folder}/samples")
    images, labels = np.load(f"{source}/images.npy"), np.load(f"{source}/labels.npy")
    half = len(images) // 4
    np.save(f"{folder}/samples/0.npy", images[:half])
    np.save(f"{folder}/inputs.npy", images[half:])
    onnx.save(onnx.load(f"{source}/digits.onnx"), f"{folder}/model.onnx")
    return labels[half:]


def accuracy(binaries, folder, labels, options):
    """Points, from 0 to 100, and what the compiler says."""
    done = subprocess.run([f"{binaries}/dl-compile", f"{folder}/model.onnx", "-o", f"{folder}/m.dlm", *options],
                          check=True, capture_output=True, text=True)
    subprocess.run([f"{binaries}/dl-run", f"{folder}/m.dlm", f"--input={folder}/inputs.npy", f"--output-dir={folder}/out"], check=True)
    return 100 * float((np.load(f"{folder}/out/output_0.npy").argmax(axis=1) == labels).mean()), done.stderr.splitlines()[:1]


def main():
    binaries, digits, folder = sys.argv[1:]
    models = {
        "images": copy_digits(digits, f"{folder}/images"),
        "digits": train(f"{folder}/digits", load_digits, (256, 128), 0.4),
        "cancer": train(f"{folder}/cancer", load_breast_cancer, (128, 64), 0.5),
    }
    status = 0
    for name, labels in models.items():
        exact, _ = accuracy(binaries, f"{folder}/{name}", labels, [])
        for way, (options, allowed) in WAYS.items():
            reached, summary = accuracy(binaries, f"{folder}/{name}", labels, [*options, f"--calibration={folder}/{name}/samples"])
            good = reached >= exact - allowed
            print(f"{name}, {way}: {'ok' if good else 'LOSES'}: {exact:.2f} -> {reached:.2f}; {' '.join(summary)}")
            status |= not good
    return status


if __name__ == "__main__":
    sys.exit(main())
