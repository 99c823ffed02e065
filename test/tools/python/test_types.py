# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Types of elements: numpy's own, and those of ml_dtypes."""
import unittest

import support  # first: sets the cache

import ml_dtypes
import numpy as np

import dl
from dl import _types

# ONNX's names beside numpy's.
NUMPY = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
}
BYTES = {
    "bfloat16": ml_dtypes.bfloat16,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8e5m2": ml_dtypes.float8_e5m2,
    "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
}
PACKED = {"int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4}


def round_trip(element, array):
    session = dl.Session(dl.compile(support.identity(element, "N, 3")))
    return session, session.run([array])[0]


class Types(unittest.TestCase):
    def test_numpy(self):
        for element, name in NUMPY.items():
            with self.subTest(element):
                array = np.arange(6).reshape(2, 3).astype(name)
                session, found = round_trip(element, array)
                self.assertEqual(session.inputs[0].dtype, name)
                self.assertEqual(found.dtype, array.dtype)
                np.testing.assert_array_equal(found, array)

    def test_ml_dtypes(self):
        for element, kind in {**BYTES, **PACKED}.items():
            with self.subTest(element):
                array = np.arange(6).reshape(2, 3).astype(kind)
                session, found = round_trip(element, array)
                self.assertEqual(session.inputs[0].dtype, array.dtype.name)
                self.assertEqual(found.dtype, array.dtype)
                np.testing.assert_array_equal(found, array)

    def test_bfloat16(self):
        session = dl.Session(dl.compile(
            support.model("g (bfloat16[N] x) => (bfloat16[N] y) { y = Add(x, x) }")))
        x = np.array([1.5, -2, 3], ml_dtypes.bfloat16)
        y, = session.run([x])
        np.testing.assert_array_equal(y, x + x)
        target = np.zeros(3, ml_dtypes.bfloat16)
        self.assertIs(session.run([x], outputs=[target])[0], target)
        np.testing.assert_array_equal(target, y)
        # DLPack has the type, also where numpy has not; it comes back as an input.
        tensor, = session.run([x], tensors=True)
        np.testing.assert_array_equal(session.run([tensor])[0], y + y)
        np.testing.assert_array_equal(session.run([[1.5, -2, 3]])[0], y)
        with self.assertRaises(dl.Error) as raised:
            session.run([x.astype(np.float32)])
        self.assertIn("type is float32, expected bfloat16", str(raised.exception))

    def test_packing(self):
        draw = np.random.default_rng(1)
        for name, bits in _types.PACKED.items():
            kind = _types.dtype_of(name)
            for shape in ((0,), (1,), (3, 5), (2, 4), (7, 1, 3)):
                with self.subTest(name, shape=shape):
                    codes = draw.integers(0, 1 << bits, size=int(np.prod(shape)), dtype=np.uint8)
                    packed = _types.pack(codes, bits)
                    self.assertEqual(packed.size, -(-codes.size * bits // 8))
                    for i, code in enumerate(codes):
                        self.assertEqual(packed[i * bits // 8] >> (i * bits % 8) & ((1 << bits) - 1), code)
                    found = _types.unpack(packed, name, shape)
                    self.assertEqual((found.dtype, found.shape), (kind, shape))
                    np.testing.assert_array_equal(_types.pack(found, bits), packed)
        found = _types.unpack(np.array([0x8F], np.uint8), "int4", (2,))
        np.testing.assert_array_equal(found.astype(np.int8), [-1, -8])

    def test_packed_tensors_are_not_exchanged(self):
        session = dl.Session(dl.compile(support.identity("int4", "N")))
        x = np.array([1, -2, 3], ml_dtypes.int4)
        tensor, = session.run([x], tensors=True)
        np.testing.assert_array_equal(tensor.numpy(), x)
        with self.assertRaises(dl.Error) as raised:
            tensor.__dlpack__()
        self.assertIn("packed", str(raised.exception))
        with self.assertRaises(dl.Error):
            session.run([x], outputs=[x.copy()])

    def test_other_byte_order(self):
        session = dl.Session(dl.compile(support.identity("float", "N")))
        with self.assertRaises(dl.Error):
            session.run([np.ones(3, ">f4")])

    def test_scalars(self):
        session = dl.Session(dl.compile(support.model("g (float x) => (float y) { y = Add(x, x) }")))
        for x in (np.float32(2), np.array(2, np.float32), 2, 2.0):
            y, = session.run([x])
            self.assertEqual((y.shape, y), ((), 4))


if __name__ == "__main__":
    unittest.main()
