# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes one layer of a transformer with operators of com.microsoft and with ONNX's alone, and data: FOLDER."""
import sys

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

HEAD = '<ir_version: 10, opset_import: ["" : 24, "com.microsoft" : 1]> '
FUSED = """
  q = MatMul (x, wq)
  k = MatMul (x, wk)
  v = MatMul (x, wv)
  a = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2, do_rotary = 1> (q, k, v, "", "", lengths, total, cosines, sines)
  n, "", "", s = com.microsoft.SkipLayerNormalization <epsilon = 0.00001> (a, x, scale, shift)
  p = com.microsoft.FusedMatMul <transB = 1, alpha = 0.5> (n, wu)
  u = com.microsoft.BiasGelu (p, bu)
  d = MatMul (u, wd)
  y = Add (d, s)
"""
PLAIN = """
  q0 = MatMul (x, wq)
  k0 = MatMul (x, wk)
  v = MatMul (x, wv)
  q = RotaryEmbedding <num_heads = 4> (q0, cosines, sines, at)
  k = RotaryEmbedding <num_heads = 2> (k0, cosines, sines, at)
  a = Attention <q_num_heads = 4, kv_num_heads = 2, is_causal = 1> (q, k, v)
  s = Add (a, x)
  n = LayerNormalization (s, scale, shift)
  wt = Transpose <perm = [1, 0]> (wu)
  p0 = MatMul (n, wt)
  half = Constant <value_float = 0.5> ()
  p1 = Mul (p0, half)
  p = Add (p1, bu)
  u = Gelu (p)
  d = MatMul (u, wd)
  y = Add (d, s)
"""


def main():
    folder, random, batch, length = sys.argv[1], np.random.default_rng(3), 4, 6
    turns = np.arange(8)[:, None] * 100.0 ** (-np.arange(4) / 4)
    normal = lambda *shape: (random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
    weights = {"wq": normal(32, 32), "wk": normal(32, 16), "wv": normal(32, 16), "scale": 1 + 0.1 * normal(32), "shift": normal(32), "wu": normal(64, 32),
               "bu": normal(64), "wd": normal(64, 32), "lengths": np.full(batch, length - 1, np.int32),
               "total": np.array(length, np.int32), "at": np.tile(np.arange(length), (batch, 1)),
               "cosines": np.cos(turns).astype(np.float32), "sines": np.sin(turns).astype(np.float32)}
    for name, body in (("fused", FUSED), ("plain", PLAIN)):
        model = onnx.parser.parse_model(HEAD + f"layer (float[{batch}, {length}, 32] x) => (float[{batch}, {length}, 32] y) {{{body}}}")
        used = {each for node in model.graph.node for each in node.input}
        model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key) for key, value in weights.items() if key in used)
        onnx.save(model, f"{folder}/{name}.onnx")
    np.save(f"{folder}/x.npy", random.standard_normal((batch, length, 32)).astype(np.float32))
    np.save(f"{folder}/y.npy", random.standard_normal((batch, length, 32)).astype(np.float32))


if __name__ == "__main__":
    main()
