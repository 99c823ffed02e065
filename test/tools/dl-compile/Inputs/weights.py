# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a network, takes its weights out of the checkpoint, and compares what is predicted with them.

    weights.py make FOLDER         network.onnx with batch normalization and dropout, the same with its data outside, data
    weights.py predict BIN FOLDER CHECKPOINT MODULE TRAINED ONNX
        predictions of TRAINED and of ONNX Runtime on ONNX, beside those of the entry predict of MODULE with CHECKPOINT
    weights.py adapters BASE MERGED NAME RANK
        whether weight NAME of BASE and MERGED differ by a matrix of that rank, and nothing else does
    weights.py same FIRST SECOND   whether two models differ in nothing but initializers and what training changes
"""
import glob
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper


def make(folder):
    r = np.random.default_rng(3)
    small = lambda name, *dims: numpy_helper.from_array((r.standard_normal(dims) * 0.3).astype(np.float32), name)
    filled = lambda name, value, *dims: numpy_helper.from_array(np.full(dims, value, np.float32), name)
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "k", "c"], ["a"], pads=[1, 1, 1, 1], name="conv"),
        node("BatchNormalization", ["a", "scale", "shift", "mean", "variance"], ["n", "mean_", "variance_"], training_mode=1, name="norm"),
        node("ReduceSum", ["mean_"], ["total"], keepdims=0), node("Relu", ["n"], ["r"]), node("Flatten", ["r"], ["f"]),
        node("Dropout", ["f", "ratio", "train"], ["d"]), node("Gemm", ["d", "w", "b"], ["y"]), node("Mul", ["y", "frozen"], ["z"])]
    weights = [small("k", 16, 2, 3, 3), small("c", 16), filled("scale", 1, 16), small("shift", 16), filled("mean", 0, 16),
               filled("variance", 1, 16), small("w", 16 * 36, 4), small("b", 4), filled("frozen", 1.5, 1),
               numpy_helper.from_array(np.array(0.25, np.float32), "ratio"), numpy_helper.from_array(np.array(True), "train")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2, 6, 6])],
                              [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["N", 4]),
                               helper.make_tensor_value_info("total", onnx.TensorProto.FLOAT, [])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, doc_string="kept")
    helper.set_model_props(model, {"owner": "somebody"})
    onnx.save(model, f"{folder}/network.onnx")
    flat = node("Flatten", ["x"], ["f"])
    for kind, product in (("plain", [flat, node("MatMul", ["f", "u"], ["m"]), node("Add", ["m", "b"], ["z"])]),
                          ("turned", [flat, node("Gemm", ["f", "u", "b"], ["z"], transB=1)])):
        u = small("u", 4, 72) if kind == "turned" else small("u", 72, 4)
        onnx.save(helper.make_model(helper.make_graph(product, kind, [graph.input[0]], [graph.output[0]], [u, small("b", 4)]),
                                    opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/{kind}.onnx")
    onnx.save(model, f"{folder}/outside.onnx", save_as_external_data=True, location="outside.bin", size_threshold=64)
    del model.graph.initializer[6]
    model.graph.initializer.append(small("w", 16 * 36, 5))
    model.graph.initializer[7 - 1].CopyFrom(small("b", 5))
    onnx.save(model, f"{folder}/wider.onnx")
    np.save(f"{folder}/x.npy", r.standard_normal((48, 2, 6, 6)).astype(np.float32))
    np.save(f"{folder}/y.npy", r.integers(0, 4, 48))


def predict(bin, folder, checkpoint, module, trained, model):
    import onnxruntime
    run = lambda *flags: subprocess.run([f"{bin}/dl-run", *flags, f"--input={folder}/x.npy", f"--output-dir={folder}/out"], check=True)
    load = lambda: [np.load(file) for file in sorted(glob.glob(f"{folder}/out/*"))]
    for file in glob.glob(f"{folder}/out/*"):
        os.remove(file)
    run(module, "--entry=predict")
    fresh = load()
    run(module, "--entry=predict", f"--checkpoint={checkpoint}")
    want = load()
    run(trained, *(["--entry=predict"] if "further" in trained else []))
    plain = load()
    peer = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": np.load(f"{folder}/x.npy")})
    scale = np.abs(want[0]).max()
    error = lambda got: max(np.abs(g - w).max() / scale for g, w in zip(got, want))
    print("trained:", error(fresh) > 0.05)
    print("plain module:", error(plain) < 1e-5, "" if error(plain) < 1e-5 else error(plain))
    print("ONNX Runtime:", error(peer) < 1e-5, "" if error(peer) < 1e-5 else error(peer))


def same(first, second):
    a, b = onnx.load(first), onnx.load(second)
    names = [[t.name for t in m.graph.initializer] for m in (a, b)]
    changed = [x.name for x, y in zip(a.graph.initializer, b.graph.initializer)
               if not np.array_equal(numpy_helper.to_array(x), numpy_helper.to_array(y))]
    print("the same names:", names[0] == names[1])
    print("changed:", *changed)
    print("nodes:", *[n.op_type for n in b.graph.node])
    print("kept:", b.doc_string == a.doc_string and b.metadata_props == a.metadata_props and b.graph.input == a.graph.input
          and b.graph.output == a.graph.output)


def adapters(base, merged, name, rank):
    first, second = ({t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer} for path in (base, merged))
    values = np.linalg.svd((second[name].astype(np.float64) - first[name]), compute_uv=False)
    others = [n for n in first if n != name and not np.array_equal(first[n], second[n])]
    print("rank:", int((values > 1e-4 * values[0]).sum()) == int(rank), "others:", *others)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
