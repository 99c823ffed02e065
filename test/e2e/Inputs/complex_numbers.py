#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators that move complex numbers, compiled and compared with ONNX's reference evaluator, by each target; as
inputs and outputs and as weights, in .npy, .npz and .pb files.

    complex_numbers.py --bin BUILD/bin [--seed S] [--filter NAME]

The last line counts cases.
"""
import argparse
import sys
import tempfile

import numpy as np
import onnx
from onnx import SequenceProto, TensorProto, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

import driver

# Of a body, T stands for the type. x is [N, 4], y [N, 4], s a scalar.
CASES = {
    "identity": "z = Identity (x)",
    "reshape": "n = Constant <value_ints = [2, -1]> () z = Reshape (x, n)",
    "transpose": "z = Transpose <perm = [1, 0]> (x)",
    "concat": "z = Concat <axis = 1> (x, y)",
    "slice": "a = Constant <value_ints = [3]> () b = Constant <value_ints = [-9]> () c = Constant <value_ints = [1]> () d = Constant <value_ints = [-2]> () z = Slice (x, a, b, c, d)",
    "split": "w, z = Split <axis = 1, num_outputs = 2> (x)",
    "gather": "i = Constant <value = int64[2, 2] {2, 0, -1, 2}> () z = Gather <axis = 1> (x, i)",
    "gather_elements": "i = Constant <value = int64[3, 3] {2, 0, -1, 1, 3, 0, 0, 1, 2}> () z = GatherElements <axis = 1> (x, i)",
    "gather_nd": "i = Constant <value = int64[2, 2] {0, 1, 2, -1}> () z = GatherND (x, i)",
    "scatter_elements": "i = Constant <value = int64[1, 2] {2, 0}> () u = Constant <value_ints = [0, 0]> () v = Constant <value_ints = [1, 2]> () w = Slice (y, u, v) z = ScatterElements <axis = 1> (x, i, w)",
    "scatter_nd": "i = Constant <value = int64[1, 1] {2}> () a = Constant <value_ints = [1]> () b = Constant <value_ints = [2]> () u = Slice (y, a, b) z = ScatterND (x, i, u)",
    "where": "i = Constant <value = bool[4] {1, 0, 0, 1}> () z = Where (i, x, y)",
    "where_scalar": "i = Constant <value = bool[4] {1, 0, 0, 1}> () z = Where (i, x, s)",
    "expand": "n = Constant <value_ints = [2, 1, 4]> () z = Expand (x, n)",
    "tile": "n = Constant <value_ints = [2, 3]> () z = Tile (x, n)",
    "pad": "n = Constant <value_ints = [0, 1, 2, 0]> () z = Pad (x, n, s)",
    "pad_zero": "n = Constant <value_ints = [0, 1, 2, 0]> () z = Pad (x, n)",
    "pad_reflect": "n = Constant <value_ints = [0, 1, 2, 0]> () z = Pad <mode = \"reflect\"> (x, n)",
    "unsqueeze": "n = Constant <value_ints = [0, 2]> () z = Unsqueeze (x, n)",
    "squeeze": "m = Constant <value_ints = [1]> () w = Unsqueeze (x, m) z = Squeeze (w, m)",
    "flatten": "z = Flatten (x)",
    "compress": "i = Constant <value = bool[3] {1, 0, 1}> () z = Compress <axis = 0> (x, i)",
    "one_hot": "i = Constant <value = int64[3] {1, 0, 2}> () d = Constant <value_int = 3> () n = Constant <value_ints = [2]> () w = Reshape (x, m) a = Constant <value_ints = [0]> () b = Constant <value_ints = [2]> () v = Slice (w, a, b) z = OneHot (i, d, v) m = Constant <value_ints = [-1]> ()",
    "trilu": "z = Trilu (x)",
    "reverse_sequence": "i = Constant <value = int64[4] {3, 1, 2, 3}> () z = ReverseSequence (x, i)",
    "shape": "n = Shape (x) z = Reshape (y, n)",
    "size": "n = Size (x) m = Constant <value_ints = [1]> () k = Reshape (n, m) z = Reshape (y, k)",
    "if": "i = Size (x) n = Constant <value_int = 11> () c = Greater (i, n) z = If (c) <then_branch = a () => (T[?, 4] p) { p = Identity (x) }, else_branch = b () => (T[?, 4] q) { q = Identity (y) }>",
    "loop": """n = Constant <value_int = 3> () w = Identity (x)
        z = Loop (n, , w) <body = b (int64 i, bool c, T[?, ?] v) => (bool d, T[?, ?] r) { d = Identity (c) r = Concat <axis = 0> (v, y) }>""",
    "scan": "w = Identity (s) v, z = Scan <num_scan_inputs = 1, body = b (T state, T[4] row) => (T after, T[4] same) { after = Identity (state) same = Identity (row) }> (w, x)",
    "sequence": "l = SequenceConstruct (x, y) i = Size (x) n = Constant <value_int = 12> () k = Sub (i, n) w = SequenceAt (l, k) z = Identity (w)",
    "sequence_insert": "l = SequenceConstruct (x) i = Size (x) n = Constant <value_int = 12> () k = Sub (i, n) m = SequenceInsert (l, y, k) z = ConcatFromSequence <axis = 0> (m)",
    "optional": "o = Optional (x) z = OptionalGetElement (o)",
    "weights": "k = Constant <value = T[1, 4] {WEIGHTS}> () z = Concat <axis = 0> (x, k, y)",
    "folded": "k = Constant <value = T[1, 4] {WEIGHTS}> () w = Transpose (k) n = Constant <value_ints = [2, 2]> () z = Reshape (w, n)",
    "depth_to_space": "n = Constant <value_ints = [1, 12, 1, 1]> () w = Reshape (x, n) z = DepthToSpace <blocksize = 2> (w)",
    "resize": "n = Constant <value_ints = [1, 1, 3, 4]> () w = Reshape (x, n) r = Constant <value = float[4] {1.0, 1.0, 2.0, 2.0}> () z = Resize <mode = \"nearest\"> (w, , r)",
}
# What the reference evaluator does not just move, or has not for complex numbers, by numpy.
OWN = {
    "expand": lambda x, y, s: np.broadcast_to(x, (2, 3, 4)),
    "one_hot": lambda x, y, s: np.where(np.array([[1], [0], [2]]) == np.arange(3), x[0, 1], x[0, 0]),
    "optional": lambda x, y, s: x,
    "sequence": lambda x, y, s: x,
    "loop": lambda x, y, s: np.concatenate([x, y, y, y]),
    "scan": lambda x, y, s: x,
    "weights": lambda x, y, s: np.concatenate([x, weights(x), y]),
    "folded": lambda x, y, s: weights(x).reshape(2, 2),
    "resize": lambda x, y, s: x.reshape(1, 1, 3, 4).repeat(2, 2).repeat(2, 3),
    "pad_zero": lambda x, y, s: np.pad(x, [(0, 2), (1, 0)]),
}


def weights(x):
    return np.array([[1, -2j, 0.5 + 3j, -0.0]], x.dtype)


def make(name, body):
    text = body.replace("T[1, 4] {WEIGHTS}", "int64[1, 4] {1, 2, 3, 4}").replace("T[", f"{name}[").replace("(T state", f"({name} state").replace("=> (T ", f"=> ({name} ")
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g ({name}[N, 4] x, {name}[N, 4] y, {name} s) => ({name} z) {{ {text} }}')
    nodes = list(model.graph.node)
    for node in nodes:
        if node.op_type == "Constant" and node.output[0] == "k" and node.attribute[0].name == "value":
            node.attribute[0].t.CopyFrom(numpy_helper.from_array(weights(np.empty(0, name)), "k"))
    # In the order of their uses, as ONNX asks.
    del model.graph.node[:]
    known = {"x", "y", "s", ""}
    while nodes:
        ready = next(node for node in nodes if set(node.input) <= known)
        nodes.remove(ready)
        known.update(ready.output)
        model.graph.node.append(ready)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def check(bin, name, case, body, random, scratch):
    draw = lambda *shape: (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(name)
    inputs = {"x": draw(3, 4), "y": draw(3, 4), "s": draw()}
    inputs["x"][0, 0] = complex(np.nan, -0.0)
    model = make(name, body)
    want = OWN[case](*inputs.values()) if case in OWN else ReferenceEvaluator(model).run(None, inputs)[0]
    for target in ("cpu", "reference"):
        try:
            module = driver.compile_model(bin, model, scratch, f"--target={target}")
            got = driver.run_module(bin, module, inputs.values(), 1, scratch)[0]
        except RuntimeError as error:
            return f"{target}: {error}"
        if got.dtype != name or got.shape != want.shape or got.tobytes() != want.astype(name).tobytes():
            return f"{target}: {got.dtype}{got.shape} {got.ravel()[:4]}, expected {want.dtype}{want.shape} {want.ravel()[:4]}"
    return None


def check_files(bin, name, scratch):
    """Sequences, .pb files, and big-endian and column-major .npy files."""
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g ({name}[N, 2] x, seq({name}[N]) l) => ({name}[2, N] z, seq({name}[N]) m)'
                               "{ z = Transpose (x) m = Identity (l) }")
    x = (np.arange(6).reshape(3, 2) * (1 - 2j)).astype(name)
    sequence = SequenceProto(elem_type=SequenceProto.TENSOR)
    sequence.tensor_values.extend([numpy_helper.from_array(x[:, 0]), numpy_helper.from_array(x[0])])
    typed = onnx.helper.make_tensor("x", onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape, x.ravel())
    assert not typed.HasField("raw_data")
    np.save(f"{scratch}/swapped.npy", np.asfortranarray(x.astype(x.dtype.newbyteorder(">"))))
    for file, proto in (("l", sequence), ("x", typed)):
        with open(f"{scratch}/{file}.pb", "wb") as out:
            out.write(proto.SerializeToString())
    for target in ("cpu", "reference"):
        module = driver.compile_model(bin, model, scratch, f"--target={target}")
        for file in ("x.pb", "swapped.npy"):
            driver.call(f"{bin}/dl-run", module, f"--input={scratch}/{file}", f"--input={scratch}/l.pb", f"--output-dir={scratch}/out", "--output-format=pb")
            with open(f"{scratch}/out/output_0.pb", "rb") as out:
                z = numpy_helper.to_array(TensorProto.FromString(out.read()))
            with open(f"{scratch}/out/output_1.pb", "rb") as out:
                m = numpy_helper.to_list(SequenceProto.FromString(out.read()))
            if z.dtype != name or not (z == x.T).all() or len(m) != 2 or not (m[0] == x[:, 0]).all() or not (m[1] == x[0]).all():
                return f"{target}, {file}: {z}, {m}"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--filter", default="")
    args = arguments.parse_args()
    random = np.random.default_rng(args.seed)
    passed = failed = 0
    for name in ("complex64", "complex128"):
        for case, body in {**CASES, "files": None}.items():
            if args.filter not in case:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                problem = check(args.bin, name, case, body, random, scratch) if body else check_files(args.bin, name, scratch)
            passed, failed = passed + (problem is None), failed + (problem is not None)
            if problem:
                print(f"{case} of {name}: {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
