#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a model and samples for quantize.test, and compares what comes of them.

    quantize.py make FOLDER      model.onnx, old.onnx, samples*, one input
    quantize.py compare BIN FOLDER MODULE [QUANTIZED.onnx [NAME DATA]]
    quantize.py better FOLDER NAME DATA FIRST.onnx SECOND.onnx
    quantize.py narrow FOLDER NAME QUANTIZED.onnx
"""
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def make(folder):
    random = np.random.default_rng(7)

    def weight(name, *dims):
        return numpy_helper.from_array((random.standard_normal(dims) / np.sqrt(np.prod(dims[1:]))).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], "depthwise", group=32, pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c1"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["g"], "gemm", transB=1),
        helper.make_node("Relu", ["g"], ["r1"]),
        helper.make_node("Transpose", ["w3"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["r1", "t"], ["y"], "matmul"),
        helper.make_node("MatMul", ["r1", "w4"], ["z"], "small"),
    ]
    weights = [weight("w0", 32, 16, 3, 3), weight("b0", 32), weight("w1", 32, 1, 3, 3), weight("w2", 64, 32),
               weight("b2", 64), weight("w3", 48, 64), weight("w4", 64, 2)]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16, 12, 12])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", s]) for n, s in (("y", 48), ("z", 2))], weights)
    for name, opset in (("model", 17), ("old", 11), ("newer", 18)):
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), f"{folder}/{name}.onnx")
    # The same with samples of one fixed size.
    fixed = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(fixed, f"{folder}/fixed.onnx")
    # Normalized channels of very different size.
    size = np.exp(random.uniform(-3, 3, 64)).astype(np.float32)
    normalized = helper.make_graph(
        [helper.make_node("LayerNormalization", ["x", "size", "shift"], ["n"]), helper.make_node("MatMul", ["n", "w"], ["y"], "uneven")],
        "normalized", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])],
        [numpy_helper.from_array(size, "size"), weight("shift", 64),
         numpy_helper.from_array((random.standard_normal((64, 64)) / size[:, None]).astype(np.float32), "w")])
    onnx.save(helper.make_model(normalized, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/normalized.onnx")
    os.makedirs(f"{folder}/rows")
    np.save(f"{folder}/rows/0.npy", random.standard_normal((200, 64)).astype(np.float32))
    np.save(f"{folder}/normalized_x.npy", random.standard_normal((50, 64)).astype(np.float32))
    # Channels of very different size between two products.
    between = helper.make_graph(
        [helper.make_node("Gemm", ["x", "v", "a"], ["g"], "before"), helper.make_node("Relu", ["g"], ["r"]),
         helper.make_node("MatMul", ["r", "w"], ["y"], "behind")],
        "between", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])],
        [numpy_helper.from_array((random.standard_normal((64, 64)) * size / 8).astype(np.float32), "v"),
         numpy_helper.from_array((random.standard_normal(64) * size).astype(np.float32), "a"),
         numpy_helper.from_array((random.standard_normal((64, 64)) / size[:, None]).astype(np.float32), "w")])
    onnx.save(helper.make_model(between, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/between.onnx")
    # Scales of zero: of a value, of a channel of a weight.
    integers = random.integers(-127, 128, (4, 3)).astype(np.int8)
    nodes = [helper.make_node("QuantizeLinear", ["x", "s0", "z"], ["q"]), helper.make_node("DequantizeLinear", ["q", "s0", "z"], ["d"]),
             helper.make_node("QuantizeLinear", ["x", "s1", "z"], ["r"]), helper.make_node("DequantizeLinear", ["r", "s1", "z"], ["e"]),
             helper.make_node("DequantizeLinear", ["w", "s"], ["v"], axis=1),
             helper.make_node("MatMul", ["d", "v"], ["y"]), helper.make_node("MatMul", ["e", "v"], ["t"])]
    zeros = helper.make_graph(
        nodes, "zeros", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3]), helper.make_tensor_value_info("t", TensorProto.FLOAT, [2, 3]),
         helper.make_tensor_value_info("q", TensorProto.UINT8, [2, 4])],
        [numpy_helper.from_array(np.array(value), name) for name, value in
         (("s0", np.float32(0)), ("s1", np.float32(0.1)), ("z", np.uint8(3)), ("w", integers), ("s", np.array([0.5, 0, 0.25], np.float32)))])
    onnx.save(helper.make_model(zeros, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/zeros.onnx")
    np.save(f"{folder}/zeros_x.npy", np.array([[-1, 0, 1, 2.5], [0, 0, 0, 0]], np.float32))
    # A weight that is read as it is and transposed.
    tied = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
         helper.make_node("MatMul", ["a", "t"], ["y"])], "tied",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])], [weight("w", 64, 64)])
    onnx.save(helper.make_model(tied, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/tied.onnx")
    np.save(f"{folder}/tied_x.npy", random.standard_normal((5, 64)).astype(np.float32))
    # A pooling that opset 19 has changed.
    pooled = helper.make_graph(
        [helper.make_node("AveragePool", ["x"], ["p"], "pool", kernel_shape=[2, 2], ceil_mode=1),
         helper.make_node("Flatten", ["p"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])], "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])], [weight("w", 16 * 121, 8)])
    onnx.save(helper.make_model(pooled, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), f"{folder}/pooled.onnx")
    # A large value, few weights.
    loses = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "thin")], "loses",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [65536, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [65536, 32])], [weight("w", 32, 32)])
    onnx.save(helper.make_model(loses, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/loses.onnx")
    np.save(f"{folder}/loses_x.npy", random.standard_normal((65536, 32)).astype(np.float32))
    # The same beside one that gains.
    mixed = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "thin"), helper.make_node("MatMul", ["u", "v"], ["z"], "thick")], "mixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16384, 32]),
         helper.make_tensor_value_info("u", TensorProto.FLOAT, [128, 1024])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [16384, 32]),
         helper.make_tensor_value_info("z", TensorProto.FLOAT, [128, 2048])], [weight("w", 32, 32), weight("v", 1024, 2048)])
    onnx.save(helper.make_model(mixed, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/mixed.onnx")
    good = random.standard_normal((8, 16, 12, 12)).astype(np.float32)
    bad = good[:1].copy()
    bad[0, 3, 4, 5] = np.nan
    late = good.copy()
    late[5, 0, 0, 7] = np.inf
    huge = np.full((1, 16, 12, 12), 3e38, np.float32)
    sets = {"samples": [good[i:i + 2] for i in range(0, 8, 2)], "shape": [good[:, :8]], "type": [good.astype(np.float64)],
            "nan": [good[:1], bad], "huge": [huge], "none": [], "stack": [good], "late": [late], "silence": [np.zeros_like(good)]}
    for name, arrays in sets.items():
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        for i, array in enumerate(arrays):
            np.save(f"{folder}/{name}/{i}.npy", array)
    # ONNX's own layout of test data.
    os.makedirs(f"{folder}/sets/test_data_set_0", exist_ok=True)
    with open(f"{folder}/sets/test_data_set_0/input_0.pb", "wb") as file:
        file.write(numpy_helper.from_array(good).SerializeToString())
    np.save(f"{folder}/x.npy", good[:3])


def error(got, want):
    return np.sqrt(np.mean((got - want) ** 2) / np.mean(want ** 2))


def compare(binaries, folder, module, quantized=None, name="model", data="x"):
    x = np.load(f"{folder}/{data}.npy")
    subprocess.run([f"{binaries}/dl-run", module, f"--input={folder}/{data}.npy", f"--output-dir={folder}/out"], check=True)
    want = onnxruntime.InferenceSession(f"{folder}/{name}.onnx").run(None, {"x": x})
    got = [np.load(f"{folder}/out/output_{i}.npy") for i in range(len(want))]
    worst = max(map(error, got, want))
    print("against float32:", "below 0.01" if worst < 0.01 else "below 0.03" if worst < 0.03 else "below 0.2" if worst < 0.2 else worst)
    print("equal to float32:", all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(got, want)))
    if quantized:
        model = onnx.load(quantized)
        onnx.checker.check_model(model)
        print("nodes:", *sorted({n.op_type for n in model.graph.node if "quantize" in n.op_type.lower() or "NBits" in n.op_type}))
        same = onnxruntime.InferenceSession(quantized).run(None, {"x": x})
        # A rounding may go the other way where a sum is in another order.
        print("as ONNX Runtime runs it:", "below 0.01" if max(map(error, got, same)) < 0.01 else max(map(error, got, same)))


def better(folder, name, data, first, second):
    """Whether the first of two quantized models is clearly the nearer to float32."""
    run = lambda path: onnxruntime.InferenceSession(path).run(None, {"x": np.load(f"{folder}/{data}.npy")})[0]
    want = run(f"{folder}/{name}.onnx")
    print("errs less:", bool(error(run(first), want) < 0.8 * error(run(second), want)))


def narrow(folder, name, quantized):
    """What weights have become: numbers of 8 bits, or floats of few values."""
    model, plain = onnx.load(quantized), onnx.load(f"{folder}/{name}.onnx")
    before = {t.name: numpy_helper.to_array(t) for t in plain.graph.initializer}
    after = {t.name: t for t in model.graph.initializer}
    print("opset", model.opset_import[0].version)
    for key, weight in before.items():
        if key in after and weight.size >= 1024:
            found = numpy_helper.to_array(after[key])
            error = np.sqrt(np.mean((found - weight) ** 2) / np.mean(weight ** 2))
            print(key, "values:", len(np.unique(found)), "zero among them:", 0 in found, "error below 0.12:", bool(error < 0.12), "0.01:", bool(error < 0.01))
        elif f"{key}_quantized" in after:
            scale, axis = numpy_helper.to_array(after[f"{key}_scale"]), 0
            stored = after[f"{key}_quantized"]
            scale = scale.reshape([-1 if d == axis else 1 for d in range(weight.ndim)])
            want = (weight / scale).astype(ml_dtypes.float8_e4m3fn)
            print(key, "FLOAT8E4M3FN:", stored.data_type == TensorProto.FLOAT8E4M3FN, "nearest:", stored.raw_data == want.tobytes(),
                  "largest:", bool((np.log2(scale) % 1 == 0).all() and 224 < np.abs(want.astype(np.float32)).max() <= 448))


if __name__ == "__main__":
    {"make": make, "compare": compare, "better": better, "narrow": narrow}[sys.argv[1]](*sys.argv[2:])
