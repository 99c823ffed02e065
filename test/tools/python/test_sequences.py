# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""dl.Session: sequences and optionals."""
import unittest

import support  # first: sets the cache

import numpy as np
from onnx import parser

import dl

MODEL = """
<ir_version: 9, opset_import: ["" : 18]>
g (seq(float[N]) s, optional(float[2]) o, float[M] x) => (seq(float[N]) t, optional(float[2]) p, float[K] y) {
  t = SequenceInsert (s, x)
  p = Identity (o)
  y = ConcatFromSequence <axis = 0> (t)
}"""


class SequencesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = dl.Session(dl.compile(parser.parse_model(MODEL)))

    def test_signature(self):
        kinds = [(value.name, value.kind, value.shape) for value in self.session.inputs]
        self.assertEqual(kinds[:2], [("s", "sequence", ("?",)), ("o", "optional", (2,))])
        self.assertEqual([value.kind for value in self.session.outputs], ["sequence", "optional", "tensor"])

    def test_values(self):
        a, b, x = (np.arange(n, dtype=np.float32) for n in (3, 0, 2))
        for given, other in ([a, b], x), ([], x), ((b, a, a), a):
            t, p, y = self.session.run([given, x, other])
            self.assertEqual([e.tolist() for e in t], [e.tolist() for e in [*given, other]])
            self.assertEqual(p.tolist(), [0, 1])
            self.assertEqual(y.tolist(), np.concatenate([*given, other]).tolist())

    def test_none(self):
        found = self.session.run({"s": [], "o": None, "x": np.ones(1, np.float32)})
        self.assertIsNone(found["p"])

    def test_results_are_copies(self):
        x = np.ones(2, np.float32)
        first = self.session.run([[x], x, x])[0]
        self.session.run([[x * 3], x, x * 3])
        x[:] = 5
        self.assertEqual([e.tolist() for e in first], [[1, 1], [1, 1]])

    def test_tensors(self):
        x = np.ones(2, np.float32)
        t, p, _ = self.session.run([[x], x, x], tensors=True)
        self.assertEqual([e.shape for e in t], [(2,), (2,)])
        self.assertEqual(p.numpy().tolist(), [1, 1])

    def test_messages(self):
        x = np.ones(2, np.float32)
        for inputs, status, text in (
            ([x, x, x], "invalid_argument", "input 's': not a list of arrays: ndarray"),
            ([[x.reshape(1, 2)], x, x], "mismatch", "input 0 's': rank is 2, expected 1"),
            ([[x], np.ones(3, np.float32), x], "mismatch", "input 1 'o': dimension 0 is 3, expected 2"),
            ([None, x, x], "not_bound", "input 's' is missing"),
        ):
            with self.assertRaises(dl.Error) as caught:
                self.session.run(inputs)
            self.assertEqual((caught.exception.status, str(caught.exception)), (status, text))
        with self.assertRaises(dl.Error) as caught:
            self.session.run([[x], x, x], outputs=[x, None, None])
        self.assertEqual(str(caught.exception), "output 't': no array holds a sequence")


if __name__ == "__main__":
    unittest.main()
