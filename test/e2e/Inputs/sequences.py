#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models with sequences, optionals, branches and loops that only the running model
decides, compiled, run for several inputs each, and compared.

    sequences.py --bin BUILD/bin [NAME...]

What is right is said by ONNX Runtime, or where that has no such operator by ONNX's
reference evaluator. Values travel in .pb files. The last line counts.
"""
import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper, parser
from onnx.reference import ReferenceEvaluator

HEAD = '<ir_version: 9, opset_import: ["" : 18]>\n'


def draw(*shape, seed=0):
    return np.random.default_rng(seed + len(shape)).standard_normal(shape).astype(np.float32)


def words(*texts):
    return np.array(texts, object)


def scalar(value, kind=np.int64):
    return np.array(value, kind)


# Name: the model, the inputs of each run, and who is asked.
MODELS = {
    # The number of iterations depends on what they compute.
    "while": ("""
g (float[N] x, float limit) => (float[N] last, int64 count) {
  yes = Constant <value = bool {1}> ()
  zero = Constant <value = int64 {0}> ()
  two = Constant <value = float {2.0}> ()
  one = Constant <value = int64 {1}> ()
  last, count = Loop (, yes, x, zero) <
    body = twice (int64 i, bool c, float[N] v, int64 k) => (bool go, float[N] w, int64 m) {
      w = Mul (v, two)
      most = ReduceMax <keepdims = 0> (w)
      go = Less (most, limit)
      m = Add (k, one)
    }
  >
}""", [[np.abs(draw(3)), scalar(100, np.float32)], [np.abs(draw(1)) + 50, scalar(1, np.float32)]]),
    # Slices of all iterations, of which nobody knows how many there are.
    "stacked": ("""
g (float[N] x, int64 most, bool first) => (float[N] last, float[I, N] all, float[J] sums) {
  zero = Constant <value = float {0.0}> ()
  half = Constant <value = float {0.5}> ()
  last, all, sums = Loop (most, first, x) <
    body = step (int64 i, bool c, float[N] v) => (bool go, float[N] w, float[N] s, float t) {
      w = Mul (v, half)
      s = Identity (w)
      t = ReduceSum <keepdims = 0> (w)
      size = Abs (t)
      go = Greater (size, half)
    }
  >
}""", [[draw(4) * 9, scalar(20), scalar(True, bool)], [draw(2) * 100, scalar(3), scalar(True, bool)],
       [draw(2) * 100, scalar(3), scalar(False, bool)], [draw(2) * 100, scalar(0), scalar(True, bool)]]),
    # A state that grows, with sizes that the body finds and a captured value.
    "growing": ("""
g (float[N] x, int64 times) => (float[M] y, float[2] z) {
  yes = Constant <value = bool {1}> ()
  start = Constant <value = float[2] {1.0, 2.0}> ()
  y, z = Loop (times, yes, x, start) <
    body = grow (int64 i, bool c, float[K] v, float[2] s) => (bool go, float[L] w, float[2] t) {
      go = Identity (c)
      zero = Constant <value = int64[1] {0}> ()
      at = Unsqueeze (i, zero)
      part = Slice (x, zero, at)
      both = Concat <axis = 0> (v, part)
      w = Neg (both)
      t = Add (s, start)
    }
  >
}""", [[draw(5), scalar(4)], [draw(5), scalar(0)], [draw(1), scalar(6)]]),
    # Branches of different sizes, in a loop and out of it, one in the other.
    "branches": ("""
g (float[N, 2] x, bool p, int64 times) => (float[A, B] y, float[C] z) {
  y = If (p) <
    then_branch = yes () => (float[A, B] t) { t = Transpose (x) },
    else_branch = no () => (float[A, B] e) {
      up = Concat <axis = 0> (x, x)
      e = Exp (up)
    }
  >
  go = Constant <value = bool {1}> ()
  empty = Constant <value = float[1] {3.0}> ()
  z = Loop (times, go, empty) <
    body = step (int64 i, bool c, float[D] v) => (bool m, float[E] w) {
      m = Identity (c)
      two = Constant <value = int64 {2}> ()
      rest = Mod (i, two)
      odd = Cast <to = 9> (rest)
      w = If (odd) <
        then_branch = more () => (float[F] a) {
          flat = Constant <value = int64[1] {-1}> ()
          row = Reshape (x, flat)
          a = If (p) <
            then_branch = longer () => (float[G] b) { b = Concat <axis = 0> (v, row) },
            else_branch = doubled () => (float[G] d) { d = Concat <axis = 0> (v, v) }
          >
        },
        else_branch = less () => (float[F] n) { n = Neg (v) }
      >
    }
  >
}""", [[draw(3, 2), scalar(True, bool), scalar(5)], [draw(3, 2), scalar(False, bool), scalar(5)],
       [draw(1, 2), scalar(True, bool), scalar(0)]]),
    # A loop in a loop, whose number of iterations is the outer one's.
    "nested": ("""
g (float[N] x, int64 times) => (float[N] y, float[I, N] all) {
  yes = Constant <value = bool {1}> ()
  y, all = Loop (times, yes, x) <
    body = outer (int64 i, bool c, float[N] v) => (bool go, float[N] w, float[N] s) {
      go = Identity (c)
      w = Loop (i, c, v) <
        body = inner (int64 j, bool d, float[N] a) => (bool e, float[N] b) {
          e = Identity (d)
          f = Cast <to = 1> (j)
          g = Cast <to = 1> (i)
          h = Add (f, g)
          b = Add (a, h)
        }
      >
      s = Mul (w, x)
    }
  >
}""", [[draw(3), scalar(4)], [draw(3), scalar(0)]]),
    # Sequences from outside; elements of different sizes.
    "sequence": ("""
g (seq(float[N, 3]) s, float[M, 3] x, int64 at) => (seq(float[N, 3]) t, float[K, 3] y, int64 n, float[L, 3] z) {
  t = SequenceInsert (s, x, at)
  y = SequenceAt (t, at)
  n = SequenceLength (t)
  u = SequenceErase (t)
  z = ConcatFromSequence <axis = 0> (t)
}""", [[[draw(2, 3), draw(4, 3)], draw(1, 3), scalar(1)], [[], draw(2, 3), scalar(0)],
       [[draw(2, 3), draw(4, 3)], draw(1, 3), scalar(-1)]]),
    # A sequence that a loop carries, and what comes out of it.
    "carried": ("""
g (float[N] x, int64 times) => (seq(float[K]) s, float[L] all, float[I, 2] rows) {
  yes = Constant <value = bool {1}> ()
  none = SequenceEmpty ()
  two = Constant <value = float[2] {1.0, 2.0}> ()
  s, r = Loop (times, yes, none, none) <
    body = add (int64 i, bool c, seq(float[K]) t, seq(float[2]) p) => (bool go, seq(float[K]) u, seq(float[2]) q) {
      go = Identity (c)
      zero = Constant <value = int64[1] {0}> ()
      at = Unsqueeze (i, zero)
      part = Slice (x, zero, at)
      u = SequenceInsert (t, part)
      f = Cast <to = 1> (i)
      row = Mul (two, f)
      q = SequenceInsert (p, row, zero)
    }
  >
  all = ConcatFromSequence <axis = 0> (s)
  rows = ConcatFromSequence <axis = 0, new_axis = 1> (r)
}""", [[draw(5), scalar(4)], [draw(2), scalar(1)]]),
    # Splitting where the sizes are inputs, and mapping over what comes out.
    "split": ("""
g (float[N, 6] x, int64 size, int64[P] sizes) => (seq(float[N, K]) a, seq(float[N, L]) b, float[N, 6] c, seq(float[N]) d) {
  a = SplitToSequence <axis = 1> (x, size)
  s = SplitToSequence <axis = 1> (x, sizes)
  b = SequenceMap (s, x) <
    body = each (float[N, L] e, float[N, 6] w) => (float[N, L] f) {
      m = ReduceMax <keepdims = 0> (w)
      f = Mul (e, m)
    }
  >
  c = ConcatFromSequence <axis = 1> (b)
  d = SplitToSequence <axis = 1, keepdims = 0> (x)
}""", [[draw(2, 6), scalar(4), np.array([1, 2, 3])], [draw(1, 6), scalar(6), np.array([6])]]),
    # Known while importing: nothing is left of the sequence.
    "known": ("""
g (float[N, 2] x, float[N, 2] y) => (float[N, 2] a, float[N, 4] b, int64 n) {
  one = Constant <value = int64 {1}> ()
  s = SequenceConstruct (x, y)
  t = SequenceInsert (s, x, one)
  u = SequenceMap (t) <
    body = each (float[N, 2] e) => (float[N, 2] f) { f = Exp (e) }
  >
  v = SequenceErase (u, one)
  a = SequenceAt (v, one)
  b = ConcatFromSequence <axis = 1> (v)
  n = SequenceLength (u)
}""", [[draw(3, 2), draw(3, 2, seed=5)]]),
    # Optionals at the model's border, and a branch on what they hold.
    "optional": ("""
g (optional(seq(float[N])) o, float[M] x) => (bool has, float[K] y) {
  has = OptionalHasElement (o)
  y = If (has) <
    then_branch = yes () => (float[K] t) {
      s = OptionalGetElement (o)
      t = ConcatFromSequence <axis = 0> (s)
    },
    else_branch = no () => (float[K] e) { e = Neg (x) }
  >
}""", [[[draw(2), draw(3)], draw(4)], [None, draw(4)]]),
    # Sequences of strings at the border, and carried by a loop.
    "strings": ("""
g (seq(string[N]) s, string[M] x, int64 times) => (seq(string[N]) t, string[K] all, string[J] last, optional(string[M]) o) {
  yes = Constant <value = bool {1}> ()
  end = Constant <value_int = -1> ()
  t = Loop (times, yes, s) <
    body = add (int64 i, bool c, seq(string[N]) u) => (bool go, seq(string[N]) v) {
      go = Identity (c)
      two = Constant <value_strings = ["both", "ä"]> ()
      w = SequenceInsert (u, x)
      zero = Constant <value_int = 0> ()
      v = SequenceInsert (w, two, zero)
    }
  >
  all = ConcatFromSequence <axis = 0> (t)
  last = SequenceAt (t, end)
  o = Optional (x)
}""", [[[words("a", ""), words("longer than what a small string holds")], words("x", "ä", "both"), scalar(2)],
       [[], words("only"), scalar(1)], [[words("b"), words()], words(), scalar(0)]]),
}


def write(path, value, declared):
    """A value as protobuf of its declared type."""
    kind = declared.type.WhichOneof("value")
    if kind == "optional_type":
        held = declared.type.optional_type.elem_type.WhichOneof("value")
        type_ = onnx.OptionalProto.SEQUENCE if held == "sequence_type" else onnx.OptionalProto.TENSOR
        proto = onnx.OptionalProto(elem_type=type_) if value is None else numpy_helper.from_optional(value, dtype=type_)
    elif kind == "sequence_type":
        proto = onnx.SequenceProto(elem_type=onnx.SequenceProto.TENSOR)
        proto.tensor_values.extend(numpy_helper.from_array(element) for element in value)
    else:
        proto = numpy_helper.from_array(value)
    path.write_bytes(proto.SerializeToString())


def read(path, declared):
    data = path.read_bytes()
    kind = declared.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def expect(model, names, inputs):
    feed = dict(zip(names, inputs))
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        return session.run(None, feed)
    except Exception:  # noqa: BLE001, it raises its own kinds
        return ReferenceEvaluator(model).run(None, feed)


def differs(wanted, found):
    if isinstance(wanted, (list, tuple)):
        if len(wanted) != len(found):
            return f"{len(found)} elements, expected {len(wanted)}"
        return next((d for d in map(differs, wanted, found) if d), None)
    wanted = np.asarray(wanted)
    if wanted.dtype.kind in "OU":
        same = wanted.shape == found.shape and wanted.astype(str).tolist() == found.astype(str).tolist()
        return None if same else f"{found.tolist()}, expected {wanted.tolist()}"
    # Of no slices at all, ONNX Runtime does not know the sizes.
    if wanted.size == found.size == 0 and wanted.ndim == found.ndim:
        return None
    if wanted.shape != found.shape or wanted.dtype != found.dtype:
        return f"{found.dtype} {found.shape}, expected {wanted.dtype} {wanted.shape}"
    if not np.allclose(wanted, found, rtol=1e-5, atol=1e-5):
        return f"{found.tolist()}, expected {wanted.tolist()}"
    return None


def run(name, target, folder, tools):
    text, cases = MODELS[name]
    model = parser.parse_model(HEAD + text)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    module = folder / f"{name}.dlm"
    subprocess.run([f"{tools}/dl-compile", path, f"--target={target}", "-o", module], check=True)
    names = [value.name for value in model.graph.input]
    for number, inputs in enumerate(cases):
        files = []
        for i, (value, declared) in enumerate(zip(inputs, model.graph.input)):
            files.append(folder / f"{name}_{i}.pb")
            write(files[-1], value, declared)
        out = folder / f"{name}_{number}"
        command = [f"{tools}/dl-run", module, f"--output-dir={out}", "--output-format=pb"]
        subprocess.run(command + [f"--input={file}" for file in files], check=True)
        for i, (wanted, declared) in enumerate(zip(expect(model, names, inputs), model.graph.output)):
            difference = differs(wanted, read(out / f"output_{i}.pb", declared))
            if difference:
                return f"case {number}: output '{declared.name}' is {difference}"
    return None


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", required=True)
    options.add_argument("names", nargs="*", choices=[[], *MODELS])
    given = options.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, target in itertools.product(given.names or MODELS, ("cpu", "reference")):
            try:
                reason = run(name, target, pathlib.Path(folder), given.bin)
            except subprocess.CalledProcessError as error:
                reason = f"{pathlib.Path(error.cmd[0]).name} ends with {error.returncode}"
            passed, failed = passed + (not reason), failed + bool(reason)
            if reason:
                print(f"{name} differs, {target}: {reason}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
