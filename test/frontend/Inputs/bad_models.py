# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Writes models that must be refused, one file each, into a folder.

Usage: bad_models.py FOLDER
"""

import os
import pathlib
import random
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs=None, outputs=None, weights=(), opset=18, ir=10):
    graph = helper.make_graph(
        nodes,
        "g",
        inputs if inputs is not None else [value("x", [4])],
        outputs if outputs is not None else [value("y", [4])],
        list(weights),
    )
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    result.ir_version = ir
    return result


def relu():
    return helper.make_node("Relu", ["x"], ["y"], name="n")


def weighted(tensor):
    """y = x + w."""
    return model([helper.make_node("Add", ["x", "w"], ["y"], name="n")], weights=[tensor])


def raw_tensor(dims, data, kind=TensorProto.FLOAT):
    tensor = TensorProto()
    tensor.name = "w"
    tensor.data_type = kind
    tensor.dims.extend(dims)
    tensor.raw_data = data
    return tensor


def external_tensor(dims, **entries):
    tensor = TensorProto()
    tensor.name = "w"
    tensor.data_type = TensorProto.FLOAT
    tensor.dims.extend(dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return tensor


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, content):
        if not isinstance(content, bytes):
            content = content.SerializeToString()
        (folder / f"{name}.onnx").write_bytes(content)

    good = model([relu()])
    good_bytes = good.SerializeToString()
    large = numpy_helper.from_array(np.arange(1024, dtype=np.float32), "w")
    large_bytes = weighted(large).SerializeToString()

    # The file itself.
    write("empty", b"")
    write("truncated", large_bytes[: len(large_bytes) // 2])
    write("truncated_number", good_bytes[:1])
    write("random", random.Random(7).randbytes(4096))
    write("zeros", bytes(64))
    write("endless_number", b"\x08" + b"\xff" * 12)
    write("huge_length", b"\x3a" + b"\xff" * 8 + b"\x7f")
    write("group", b"\x08\x0a\x0b\x0c")
    write("no_graph", b"\x08\x0a")
    nested = b""
    for _ in range(400):
        # GraphProto.node, NodeProto.attribute, AttributeProto.g
        nested = field(1, field(5, field(6, nested)))
    write("deep", b"\x08\x0a" + field(7, nested))

    # Versions.
    write("ir_version", model([relu()], ir=99))
    write("no_ir_version", field(7, b""))
    write("opset_too_new", model([relu()], opset=99))
    write("opset_zero", model([relu()], opset=0))
    no_opset = model([relu()])
    del no_opset.opset_import[:]
    write("no_opset", no_opset)
    twice = model([relu()])
    twice.opset_import.append(helper.make_opsetid("ai.onnx", 17))
    write("opset_twice", twice)
    again = model([relu()])
    again.opset_import.append(helper.make_opsetid("ai.onnx", again.opset_import[0].version))
    write("opset_again", again)

    # Names.
    write(
        "cycle",
        model(
            [
                helper.make_node("Add", ["x", "c"], ["a"], name="first"),
                helper.make_node("Relu", ["a"], ["b"], name="second"),
                helper.make_node("Neg", ["b"], ["c"], name="third"),
                helper.make_node("Identity", ["c"], ["y"], name="fourth"),
            ]
        ),
    )
    write(
        "self_cycle",
        model([helper.make_node("Add", ["x", "y"], ["y"], name="n")]),
    )
    write(
        "order",
        model(
            [
                helper.make_node("Relu", ["a"], ["y"], name="late"),
                helper.make_node("Relu", ["x"], ["a"], name="early"),
            ]
        ),
    )
    write("undefined", model([helper.make_node("Add", ["x", "nowhere"], ["y"], name="n")]))
    write("undefined_output", model([relu()], outputs=[value("z", [4])]))
    write("defined_twice", model([relu(), helper.make_node("Neg", ["x"], ["y"], name="again")]))
    write("redefines_input", model([helper.make_node("Neg", ["x"], ["x"], name="n")], outputs=[value("x", [4])]))
    write("input_twice", model([relu()], inputs=[value("x", [4]), value("x", [4])]))
    write("weight_twice", model([relu()], weights=[large, large]))

    # Operators.
    write(
        "unknown_ops",
        model(
            [
                helper.make_node("Frobnicate", ["x"], ["a"], name="first"),
                helper.make_node("Relu", ["a"], ["b"], name="second"),
                helper.make_node("Thing", ["b"], ["c"], name="third", domain="org.example"),
                helper.make_node("Mystery", ["c"], ["y"]),
            ]
        ),
    )
    write("too_few_inputs", model([helper.make_node("Add", ["x"], ["y"], name="n")]))
    write("missing_input", model([helper.make_node("Add", ["", "x"], ["y"], name="n")]))
    write("missing_variadic", model([helper.make_node("Concat", ["x", ""], ["y"], name="n", axis=0)]))
    image = value("x", [1, 1, 8, 8])
    write(
        "huge_window",
        model(
            [helper.make_node("MaxPool", ["x"], ["y"], name="n", kernel_shape=[1 << 40, 2])],
            inputs=[image],
            outputs=[value("y", None)],
        ),
    )
    write(
        "huge_padding",
        model(
            [helper.make_node("AveragePool", ["x"], ["y"], name="n", kernel_shape=[2, 2], pads=[0, 0, 1 << 62, 0])],
            inputs=[image],
            outputs=[value("y", None)],
        ),
    )
    write(
        "huge_scale",
        model(
            [helper.make_node("Resize", ["x", "", "s"], ["y"], name="n", mode="cubic")],
            inputs=[image],
            outputs=[value("y", None)],
            weights=[numpy_helper.from_array(np.array([1, 1, 1e30, 1], np.float32), "s")],
        ),
    )
    write(
        "huge_sizes",
        model(
            [helper.make_node("Resize", ["x", "", "", "s"], ["y"], name="n", mode="linear")],
            inputs=[image],
            outputs=[value("y", None)],
            weights=[numpy_helper.from_array(np.array([1, 1, 1 << 40, 8]), "s")],
        ),
    )
    write("wrong_type", model([helper.make_node("Sin", ["x"], ["y"], name="n")], inputs=[value("x", [4], TensorProto.INT64)]))
    write(
        "size_list",
        model(
            [helper.make_node("Expand", ["x", "s"], ["y"], name="n")],
            inputs=[value("x", [4]), value("s", [1 << 40], TensorProto.INT64)],
            outputs=[value("y", None)],
            opset=9,
        ),
    )
    parts = [f"y{i}" for i in range(300)]
    write(
        "unknown_parts",
        model(
            [helper.make_node("Split", ["x", "s"], parts, name="n", axis=0)],
            inputs=[value("x", ["N"]), value("s", [300], TensorProto.INT64)],
            outputs=[value("y0", None)],
        ),
    )
    for name, bias in {"recurrent_rank": [8], "recurrent_shape": [1, 9]}.items():
        write(
            name,
            model(
                [helper.make_node("LSTM", ["x", "w", "r", "b"], ["y"], name="n", hidden_size=1)],
                inputs=[value("x", [3, 2, 5]), value("w", [1, 4, 5]), value("r", [1, 4, 1]), value("b", bias)],
                outputs=[value("y", None)],
            ),
        )
    write("unknown_attribute", model([helper.make_node("Relu", ["x"], ["y"], name="n", colour=3)]))
    write("attribute_type", model([helper.make_node("Softmax", ["x"], ["y"], name="n", axis=1.5)]))

    # Tensors.
    write("data_too_short", weighted(raw_tensor([4], bytes(12))))
    write("data_too_long", weighted(raw_tensor([4], bytes(20))))
    write("large_data_too_short", weighted(raw_tensor([1024], bytes(4092))))
    write("negative_dim", weighted(raw_tensor([-4], bytes(16))))
    write("dims_overflow", weighted(raw_tensor([1 << 32, 1 << 32], bytes(16))))
    write("bytes_overflow", weighted(raw_tensor([1 << 60], bytes(16))))
    write("huge_dims", weighted(raw_tensor([1 << 40], bytes(16))))
    write("huge_empty_dims", weighted(raw_tensor([0, 1 << 50], b"")))
    write("unknown_type", weighted(raw_tensor([4], bytes(16), 99)))
    write("undefined_type", weighted(raw_tensor([4], bytes(16), 0)))
    write("raw_strings", weighted(raw_tensor([4], bytes(16), TensorProto.STRING)))
    both = raw_tensor([4], bytes(16))
    both.float_data.extend([0.0] * 4)
    write("two_fields", weighted(both))
    wrong_field = raw_tensor([4], b"")
    wrong_field.int64_data.extend([0] * 4)
    write("wrong_field", weighted(wrong_field))
    few = raw_tensor([4], b"")
    few.float_data.extend([0.0] * 3)
    write("too_few_values", weighted(few))
    segment = raw_tensor([4], bytes(16))
    segment.segment.begin, segment.segment.end = 0, 4
    write("segment", weighted(segment))

    # External data. The folder holds one good file of 16 bytes.
    (folder / "weights.bin").write_bytes(bytes(16))
    (folder / "inner").mkdir(exist_ok=True)
    (folder / "inner" / "weights.bin").write_bytes(bytes(16))
    for name in ("link.bin", "outer"):
        if not (folder / name).is_symlink():
            os.symlink({"link.bin": "/etc/passwd", "outer": "/etc"}[name], folder / name)
    external = {
        "missing": dict(location="nowhere.bin"),
        "no_location": dict(offset="0"),
        "absolute": dict(location="/etc/passwd"),
        "parent": dict(location="inner/../../weights.bin"),
        "symlink": dict(location="link.bin"),
        "symlink_folder": dict(location="outer/passwd"),
        "folder": dict(location="inner"),
        "zero_byte": dict(location="weights.bin\0"),
        "offset_outside": dict(location="weights.bin", offset="17"),
        "length_outside": dict(location="weights.bin", offset="8", length="16"),
        "offset_overflow": dict(location="weights.bin", offset="8", length="18446744073709551615"),
        "offset_text": dict(location="weights.bin", offset="-1"),
        "wrong_length": dict(location="weights.bin", length="12"),
        "forged": {"dl.reference": "0"},
    }
    for name, entries in external.items():
        write(f"external_{name}", weighted(external_tensor([4], **entries)))
    also = external_tensor([4], location="weights.bin")
    also.float_data.extend([0.0] * 4)
    write("external_data_too", weighted(also))
    write("external_good", weighted(external_tensor([4], location="inner/weights.bin", length="16")))

    # Inputs and outputs.
    no_shape = model([relu()])
    no_shape.graph.input[0].type.tensor_type.ClearField("shape")
    write("unknown_rank", no_shape)
    write("negative_input", model([relu()], inputs=[value("x", [-4])]))
    write("huge_empty_input", model([relu()], inputs=[value("x", [0, 1 << 50])]))
    write("huge_input", model([relu()], inputs=[value("x", [1 << 40, 1 << 40])]))
    write("float6_input", model([helper.make_node("Identity", ["x"], ["y"])], inputs=[value("x", [4], TensorProto.FLOAT6E2M3)], outputs=[value("y", [4], TensorProto.FLOAT6E2M3)]))
    sequence = model([helper.make_node("Identity", ["x"], ["y"])])
    sequence.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", TensorProto.INT4, [4]))
    write("sequence_input", sequence)
    sequence = model([helper.make_node("SequenceConstruct", ["x"], ["y"])])
    write("sequence_output", sequence)
    numbers = TensorProto(name="s", data_type=TensorProto.FLOAT6E2M3, dims=[1], int32_data=[1])
    write("float6_weight", model([relu()], weights=[numbers]))
    write("wrong_output_type", model([relu()], outputs=[value("y", [4], TensorProto.INT64)]))
    write("wrong_output_rank", model([relu()], outputs=[value("y", [4, 1])]))
    write("wrong_output_size", model([relu()], outputs=[value("y", [5])]))
    write("shapes", model([helper.make_node("Add", ["x", "z"], ["y"], name="n")], inputs=[value("x", [4]), value("z", [3])]))
    write("types", model([helper.make_node("Add", ["x", "z"], ["y"], name="n")], inputs=[value("x", [4]), value("z", [4], TensorProto.INT64)]))
    write(
        "huge_result",
        model(
            [helper.make_node("Expand", ["x", "s"], ["y"], name="n")],
            weights=[numpy_helper.from_array(np.array([1 << 40, 1 << 20, 4]), "s")],
            outputs=[value("y", None)],
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1])
