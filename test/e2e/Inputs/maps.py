#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Maps at the borders of a graph: scikit-learn's classifiers as its converter writes them, with maps from labels to
probabilities, and dictionaries as inputs, compiled and compared with ONNX Runtime.

    maps.py classifiers|dictionaries FOLDER --bin BUILD/bin      leaves the last model, module and input in FOLDER
"""
import argparse
import unittest.mock

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import driver

ML = "ai.onnx.ml"
TYPES = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.INT64: np.int64, TensorProto.STRING: object}
TARGETS = ("cpu", "reference")


def read_tensor(path):
    with open(path, "rb") as file:
        array = numpy_helper.to_array(TensorProto.FromString(file.read()))
    return [text.decode() if isinstance(text, bytes) else text for text in array.reshape(-1).tolist()], array.shape


def read_maps(path):
    with open(path, "rb") as file:
        sequence = onnx.SequenceProto.FromString(file.read())
    assert sequence.elem_type == onnx.SequenceProto.MAP
    maps = [numpy_helper.to_dict(item) for item in sequence.map_values]
    return [{key if isinstance(key, int) else key.decode(): float(value) for key, value in item.items()} for item in maps]


def write_map(path, key_type, value_type, values):
    """ONNX's own writer has no strings as values, and no empty maps."""
    proto = onnx.MapProto(key_type=key_type)
    if key_type == TensorProto.STRING:
        proto.string_keys.extend(key.encode() for key in values)
    else:
        proto.keys.extend(values)
    proto.values.elem_type = onnx.SequenceProto.TENSOR
    for value in values.values():
        proto.values.tensor_values.append(numpy_helper.from_array(np.array(value, TYPES[value_type])))
    with open(path, "wb") as file:
        file.write(proto.SerializeToString())


def run(bin, model, folder, target, file, outputs):
    module = driver.compile_model(bin, model, folder, f"--target={target}")
    driver.call(f"{bin}/dl-run", module, f"--input={file}", f"--output-dir={folder}/out", "--output-format=pb")
    return [f"{folder}/out/output_{i}.pb" for i in range(outputs)]


#  Classifiers

def convert(classifier, x):
    """The converter writes bools into attributes that are integers, which newer versions of protobuf refuse."""
    from skl2onnx import to_onnx
    from skl2onnx.common import _container
    plain = lambda value: [int(item) if isinstance(item, (bool, np.bool_)) else item for item in value] if isinstance(value, list) else value
    with unittest.mock.patch.object(_container, "make_node", lambda *args, **kwargs: helper.make_node(*args, **{key: plain(value) for key, value in kwargs.items()})):
        return to_onnx(classifier, x)


def check_classifiers(bin, folder):
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    generator = np.random.default_rng(1)
    x = generator.standard_normal((120, 4)).astype(np.float32)
    score = x[:, 0] + x[:, 1] * x[:, 2]
    for labels in ([-7, 5], [5, -7, 1 << 40], ["no", "yes"], ["a", "ä", ""]):
        y = np.array(labels)[np.digitize(score, [0.0] if len(labels) == 2 else [-0.5, 0.5])]
        for classifier in (LogisticRegression(), RandomForestClassifier(5, max_depth=4, random_state=0), HistGradientBoostingClassifier(max_iter=8)):
            model = convert(classifier.fit(x, y), x[:1])
            assert any(node.op_type == "ZipMap" for node in model.graph.node)
            np.save(f"{folder}/x.npy", x[:9])
            want_labels, want = driver.open_peer(model).run(None, {"X": x[:9]})
            for target in TARGETS:
                label_file, map_file = run(bin, model, folder, target, f"{folder}/x.npy", 2)
                got_labels, got = read_tensor(label_file)[0], read_maps(map_file)
                same = got_labels == list(want_labels) and len(got) == len(want) and all(
                    list(a) == list(b) and all(abs(a[key] - b[key]) < 1e-5 for key in a) for a, b in zip(got, want))
                print(f"{type(classifier).__name__} {labels} {target}: {'equal' if same else f'{got_labels}, {got}, expected {want_labels}, {want}'}")


#  Dictionaries

def make_dictionary_model(op, key_type, value_type, result_type, **attributes):
    taken = helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(value_type, None))
    node = helper.make_node(op, ["m"], ["y"], domain=ML, **attributes)
    graph = helper.make_graph([node], "g", [helper.make_value_info("m", taken)], [helper.make_tensor_value_info("y", result_type, [1, None])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(ML, 1)], ir_version=9)


STRING, INT64, FLOAT, DOUBLE = TensorProto.STRING, TensorProto.INT64, TensorProto.FLOAT, TensorProto.DOUBLE
# Operator, types of keys, values and result, attributes, input; expected where it is not ONNX Runtime that says it
# (its Python interface does not take these).
DICTIONARIES = (
    ("DictVectorizer", STRING, FLOAT, FLOAT, {"string_vocabulary": ["a", "c", "b"]}, {"b": 2.0, "none": 3.0, "a": -0.0}, None),
    ("DictVectorizer", STRING, INT64, INT64, {"string_vocabulary": ["a", "", "a"]}, {"a": 1, "": 5}, [1, 5, 1]),
    ("DictVectorizer", STRING, DOUBLE, DOUBLE, {"string_vocabulary": ["ä"]}, {"ä": 2.5}, [2.5]),
    ("DictVectorizer", INT64, FLOAT, FLOAT, {"int64_vocabulary": [4, 1, -2, 1]}, {1: 1.5, -2: float("inf"), 9: 3.0}, None),
    ("DictVectorizer", INT64, STRING, STRING, {"int64_vocabulary": [4, 1, 2]}, {2: "x", 9: "y"}, ["", "", "x"]),
    ("DictVectorizer", INT64, DOUBLE, DOUBLE, {"int64_vocabulary": [4, 1]}, {}, [0, 0]),
    ("CastMap", INT64, FLOAT, FLOAT, {"cast_to": "TO_FLOAT"}, {3: 2.5, -1: 7.0, 2: 0.5}, None),
    ("CastMap", INT64, FLOAT, INT64, {"cast_to": "TO_INT64"}, {3: 2.5, 1: -3.75}, None),
    ("CastMap", INT64, FLOAT, STRING, {"cast_to": "TO_STRING"}, {3: 2.5, 1: -3.75}, ["-3.75", "2.5"]),
    ("CastMap", INT64, STRING, FLOAT, {"cast_to": "TO_FLOAT"}, {3: "2.5", 1: "-1"}, [-1, 2.5]),
    ("CastMap", INT64, STRING, INT64, {"cast_to": "TO_INT64"}, {3: "2", 1: "-1"}, [-1, 2]),
    ("CastMap", INT64, FLOAT, FLOAT, {"cast_to": "TO_FLOAT", "map_form": "SPARSE", "max_map": 4}, {3: 2.5, 1: 7.0, 4: 9.0}, None),
    ("CastMap", INT64, FLOAT, INT64, {"cast_to": "TO_INT64", "map_form": "SPARSE", "max_map": 3}, {0: 2.5}, None),
    ("CastMap", INT64, STRING, STRING, {"cast_to": "TO_STRING", "map_form": "SPARSE", "max_map": 3}, {1: "x"}, ["0.f", "x", "0.f"]),
)


def check_dictionaries(bin, folder):
    for op, key_type, value_type, result_type, attributes, values, want in DICTIONARIES:
        model = make_dictionary_model(op, key_type, value_type, result_type, **attributes)
        write_map(f"{folder}/m.pb", key_type, value_type, values)
        if want is None:
            want = driver.open_peer(model).run(None, {"m": values})[0].reshape(-1).tolist()
        for target in TARGETS:
            got, shape = read_tensor(run(bin, model, folder, target, f"{folder}/m.pb", 1)[0])
            same = got == want and shape == (1, len(want))
            print(f"{op} {attributes} {values} {target}: {'equal' if same else f'{got}, expected {want}'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("classifiers", "dictionaries"))
    parser.add_argument("folder")
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    (check_classifiers if args.what == "classifiers" else check_dictionaries)(args.bin, args.folder)


if __name__ == "__main__":
    main()
