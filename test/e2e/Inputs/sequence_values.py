# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model with a sequence and an optional at its border, and values for them, in a folder."""
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper, parser

folder = pathlib.Path(sys.argv[1])
model = parser.parse_model("""
<ir_version: 9, opset_import: ["" : 18]>
g (seq(float[N, 3]) s, optional(float[2]) o, int64 i) => (seq(float[N, 3]) t, optional(float[2]) p, float[K, 3] e) {
  t = Identity (s)
  p = Identity (o)
  [at] e = SequenceAt (s, i)
}""")
onnx.save(model, folder / "m.onnx")


def sequence(*shapes):
    proto = onnx.SequenceProto(elem_type=onnx.SequenceProto.TENSOR)
    proto.tensor_values.extend(numpy_helper.from_array(np.ones(shape, np.float32)) for shape in shapes)
    return proto


def write(name, proto):
    (folder / name).write_bytes(proto.SerializeToString())


write("s.pb", sequence((4, 3), (2, 3)))
write("wrong.pb", sequence((4, 4)))
write("o.pb", numpy_helper.from_optional(np.ones(2, np.float32)))
write("none.pb", onnx.OptionalProto(elem_type=onnx.OptionalProto.TENSOR))
np.save(folder / "i.npy", np.array(1))
np.save(folder / "far.npy", np.array(7))
