# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""dl.compile: what it takes and returns, and what its errors say."""
import os
import tempfile
import threading
import unittest

import support  # first: sets the cache

import numpy as np
import onnx

import dl


class Compile(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def test_forms_of_a_model_agree(self):
        images, labels = support.digits()
        with open(support.DIGITS, "rb") as file:
            data = file.read()
        results = []
        for form in (support.DIGITS, data, bytearray(data), onnx.load(support.DIGITS)):
            module = dl.compile(form)
            self.assertIsInstance(module, dl.Module)
            results.append(dl.Session(module).run([images])[0])
            np.testing.assert_array_equal(results[0], results[-1])
        self.assertGreater((results[0].argmax(1) == labels).mean(), 0.97)

    def test_output_is_a_path(self):
        path = self.path("digits.dlm")
        self.assertEqual(dl.compile(support.DIGITS, path), path)
        self.assertEqual(dl.Module(path).inputs, (dl.Value("digits", "float32", ("N", 1, 8, 8)),))

    def test_module_without_a_file_can_be_saved(self):
        module = dl.compile(support.DIGITS)
        module.verify()
        module.save(self.path("saved.dlm"))
        images, _ = support.digits()
        first, = dl.Session(module).run([images])
        for again in (self.path("saved.dlm"), bytes(module)):
            second, = dl.Session(again).run([images])
            np.testing.assert_array_equal(first, second)

    def test_dims_are_fixed(self):
        module = dl.compile(support.DIGITS, dims={"N": 4})
        self.assertEqual(module.inputs[0].shape, (4, 1, 8, 8))

    def test_bf16(self):
        images, labels = support.digits()
        scores, = dl.Session(dl.compile(support.DIGITS, precision="bf16")).run([images])
        self.assertEqual(scores.dtype, np.float32)
        self.assertGreater((scores.argmax(1) == labels).mean(), 0.97)

    def test_messages(self):
        unknown = onnx.helper.make_model(
            onnx.helper.make_graph(
                [onnx.helper.make_node("Nonsense", ["x"], ["y"], name="here", domain="some.where")],
                "g",
                [onnx.helper.make_tensor_value_info("x", 1, [2])],
                [onnx.helper.make_tensor_value_info("y", 1, [2])],
            ),
            opset_imports=[onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("some.where", 1)],
        )
        for model, options, status, text in (
            (self.path("none.onnx"), {}, "failed", "none.onnx: cannot be opened"),
            (unknown, {}, "failed", "Nonsense"),
            (support.DIGITS, {"cpu": "abacus"}, "invalid_argument", "abacus"),
            (support.DIGITS, {"precision": "f7"}, "invalid_argument", "f7"),
            (support.DIGITS, {"dims": {"N": -1}}, "invalid_argument", "N"),
            ("a\0b", {}, "invalid_argument", "zero byte"),
        ):
            with self.subTest(text=text), self.assertRaises(dl.Error) as raised:
                dl.compile(model, **options)
            self.assertIn(text, str(raised.exception))
            self.assertEqual(raised.exception.status, status)
            self.assertNotIn(tempfile.gettempdir() + "/dl-", str(raised.exception))
        with self.assertRaises(TypeError):
            dl.compile(3)
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_hostile_bytes(self):
        with open(support.DIGITS, "rb") as file:
            data = file.read()
        bits = np.random.default_rng(1)
        for i in range(60):
            broken = bytearray(data[: bits.integers(len(data))] if i % 3 == 0 else data)
            for at in bits.integers(max(len(broken), 1), size=4 if broken and i % 3 else 0):
                # Near the front stands what is not weights.
                broken[at % 400 if i % 3 == 1 else at] = bits.integers(256)
            with self.subTest(case=i):
                try:
                    dl.compile(bytes(broken))
                except dl.Error as error:
                    self.assertTrue(str(error))
        for data in (b"", b"\0", b"\x08\x0a", os.urandom(1000)):
            with self.assertRaises(dl.Error):
                dl.compile(data)

    def test_names_of_any_bytes(self):
        """They need not be UTF-8, neither in messages nor as inputs."""
        node = onnx.helper.make_node("Relu", ["xxx"], ["yyy"])
        value = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph([node], "g", [value("xxx", 1, [2])], [value("yyy", 1, [2])])
        data = onnx.helper.make_model(graph).SerializeToString()
        for data in (data.replace(b"xxx", b"x\xff\xfe"), data.replace(b"Relu", b"Re\xff\xfe")):
            try:
                session = dl.Session(dl.compile(data))
                np.testing.assert_array_equal(session.run({session.inputs[0].name: [-1, 1]})["yyy"], [0, 1])
            except dl.Error as error:
                self.assertTrue(str(error).encode())

    def test_other_threads_run(self):
        """Python goes on while a model is compiled."""
        turns, end = [0], threading.Event()

        def count():
            while not end.is_set():
                turns[0] += 1
                end.wait(0.0005)

        counter = threading.Thread(target=count)
        counter.start()
        try:
            before = turns[0]
            dl.compile(support.DIGITS, cache="")
            self.assertGreater(turns[0] - before, 3)
        finally:
            end.set()
            counter.join()

    def test_threads_compile_at_once(self):
        found = []
        threads = [threading.Thread(target=lambda: found.append(dl.compile(support.DIGITS))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([module.entries for module in found], [("main",)] * 3)


if __name__ == "__main__":
    unittest.main()
