#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes inputs that the tools must refuse.

    bad.py model KIND OUT.onnx           a model that cannot be compiled
    bad.py module KIND MODULE OUT.dlm    a module with one thing wrong
    bad.py array KIND OUT.npy            an input that the digits model does not take
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../runtime/artifact/module.fbs")


def value(name, shape=(4, 4)):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes, opset=21, shapes=None, initializers=()):
    graph = helper.make_graph(
        nodes, "bad", [value("x", (shapes or {}).get("x", (4, 4)))], [value("y")], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def external(location):
    """A model whose weight lies in another file."""
    weight = TensorProto(name="w", dims=[4, 4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, text in (("location", location), ("offset", "0"), ("length", "64")):
        weight.external_data.add(key=key, value=text)
    return model([helper.make_node("MatMul", ["x", "w"], ["y"], "product")], initializers=[weight])


def good():
    weight = onnx.numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    return model([helper.make_node("MatMul", ["x", "w"], ["y"], "product")], initializers=[weight])


MODELS = {
    "empty": lambda: b"",
    "truncated": lambda: good().SerializeToString()[:-20],
    "random": lambda: np.random.default_rng(0).bytes(4096),
    "cycle": lambda: model([
        helper.make_node("Add", ["x", "b"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "second"),
        helper.make_node("Relu", ["b"], ["y"], "third"),
    ]),
    "missing-data": lambda: external("nowhere.bin"),
    "escaping-data": lambda: external("../secret.bin"),
    "absolute-data": lambda: external("/etc/passwd"),
    "unknown-op": lambda: model([
        helper.make_node("Frobnicate", ["x"], ["a"], "strange"),
        helper.make_node("Relu", ["a"], ["b"], "usual"),
        helper.make_node("Defenestrate", ["b"], ["y"], "stranger"),
    ]),
    "new-opset": lambda: model([helper.make_node("Relu", ["x"], ["y"], "relu")], opset=9999),
    "disagreeing-shapes": lambda: model(
        [helper.make_node("MatMul", ["x", "x"], ["y"], "product")], shapes={"x": (3, 5)}),
}


def header_of(data):
    """The place of a module's header and what it says."""
    offset, size = struct.unpack_from("<QQ", data, 16)
    with tempfile.TemporaryDirectory() as scratch:
        with open(f"{scratch}/header.bin", "wb") as file:
            file.write(data[offset:offset + size])
        subprocess.run(
            ["flatc", "--json", "--strict-json", "--raw-binary", "-o", scratch, SCHEMA, "--", f"{scratch}/header.bin"],
            check=True)
        with open(f"{scratch}/header.json", encoding="utf-8") as file:
            return offset, size, json.load(file)


def spoil_module(kind, data):
    offset, size, header = header_of(data)
    if kind == "cut":
        return data[:-1]
    if kind == "half":
        return data[:len(data) // 2]
    if kind == "newer":
        return data[:8] + struct.pack("<I", 9999) + data[12:]
    if kind == "header":
        place = offset + size // 2
    elif kind == "code":
        segment = header["cpu"][0]["pieces"][0]["file"]
        place = segment.get("offset", 0) + segment["size"] // 2
    else:
        segment = max((c["data"] for c in header["constants"]), key=lambda s: s["size"])
        place = segment["offset"] + segment["size"] // 2
    data = bytearray(data)
    data[place] ^= 1
    return bytes(data)


ARRAYS = {
    "type": lambda: np.zeros((1, 1, 8, 8), np.float64),
    "rank": lambda: np.zeros((8, 8), np.float32),
    "size": lambda: np.zeros((1, 1, 8, 9), np.float32),
}


def main():
    what, kind, *paths = sys.argv[1:]
    if what == "array":
        np.save(paths[0], ARRAYS[kind]())
        return
    if what == "module":
        with open(paths[0], "rb") as file:
            data = spoil_module(kind, file.read())
    else:
        data = MODELS[kind]()
        data = data if isinstance(data, bytes) else data.SerializeToString()
    with open(paths[-1], "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
