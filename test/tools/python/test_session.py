# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""dl.Session: memory that is not copied, shapes, threads, messages."""
import gc
import threading
import unittest
import weakref

import support  # first: sets the cache

import numpy as np

import dl


class Producer:
    """An array of another library: DLPack alone."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Elsewhere(Producer):
    """One that lies on a device."""

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, **options):
        raise BufferError("it lies on a device")


class SessionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.digits = dl.compile(support.DIGITS)
        cls.images, cls.labels = support.digits()
        # What a run reads after it wrote would show a copy.
        cls.sums = dl.compile(
            support.model("g (float[N, M] a, float[N, M] b) => (float[N, M] sum, float[M, N] turned)"
                          "{ sum = Add(a, b) turned = Transpose<perm = [1, 0]>(a) }")
        )

    def test_digits(self):
        session = dl.Session(self.digits)
        self.assertEqual(session.inputs, (dl.Value("digits", "float32", ("N", 1, 8, 8)),))
        self.assertEqual(session.outputs, (dl.Value("probabilities", "float32", ("N", 10)),))
        scores, = session.run([self.images])
        self.assertGreater((scores.argmax(1) == self.labels).mean(), 0.97)

    def test_dict_in_dict_out(self):
        session = dl.Session(self.sums)
        a, b = np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32)
        results = session.run({"b": b, "a": a})
        self.assertEqual(list(results), ["sum", "turned"])
        np.testing.assert_array_equal(results["sum"], a + b)
        self.assertIsInstance(session.run((a, b)), list)

    def test_dynamic_shapes(self):
        session = dl.Session(self.sums)
        for shape in ((2, 3), (5, 1), (0, 4), (40, 50), (2, 3)):
            a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            total, turned = session.run([a, a])
            np.testing.assert_array_equal(total, a + a)
            np.testing.assert_array_equal(turned, a.T)

    def test_memory_limit(self):
        session = dl.Session(self.digits, threads=1, memory_limit=1 << 20)
        session.run([self.images[:1]])
        with self.assertRaisesRegex(dl.Error, "more than the limit of 1048576") as caught:
            session.run([np.zeros((100000, 1, 8, 8), np.float32)])
        self.assertEqual(caught.exception.status, "out_of_memory")
        with self.assertRaises(dl.Error):
            dl.Session(self.digits, memory_limit=-1)

    def test_device(self):
        dl.Session(self.sums, device="cpu")
        with self.assertRaisesRegex(dl.Error, "cuda") as caught:
            dl.Session(self.sums, device="cuda")
        self.assertEqual(caught.exception.status, "unsupported")

    def test_outputs_are_written_in_place(self):
        session = dl.Session(self.sums)
        a = np.ones((4, 8), np.float32)
        target = np.zeros((4, 8), np.float32)
        total, turned = session.run([a, a], outputs=[target, None])
        self.assertIs(total, target)
        self.assertTrue((target == 2).all())
        self.assertEqual(turned.shape, (8, 4))
        session.run([a, a], outputs={"sum": target[:, :]})
        # A part of another array, in order, will do.
        whole = np.zeros((8, 8), np.float32)
        session.run([a, a], outputs={"sum": whole[2:6]})
        self.assertEqual(whole.sum(), 64)

    def test_outputs_are_kept(self):
        """Later runs, and the session's end, leave results alone."""
        session = dl.Session(self.sums)
        a = np.ones((4, 8), np.float32)
        first, _ = session.run([a, a])
        second, _ = session.run([a * 2, a * 2])
        self.assertNotEqual(support.address(first), support.address(second))
        del session
        gc.collect()
        self.assertTrue((first == 2).all() and (second == 4).all())
        first += 1  # it is the caller's

    def test_inputs_are_read_in_place(self):
        """An input that is large is not copied: memory does not grow by it."""
        import resource

        session = dl.Session(dl.compile(support.model("g (float[N] x) => (float[] y) { y = ReduceSum<keepdims = 0>(x) }")))
        x = np.ones(1 << 26, np.float32)  # 256 MiB
        session.run([x[:8]])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.assertEqual(session.run([x])[0], x.size)
        self.assertEqual(session.run([Producer(x)])[0], x.size)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertLess(grown, 64 << 10)

    def test_tensors_share_their_memory(self):
        session = dl.Session(self.sums)
        a = np.ones((4, 8), np.float32)
        total, _ = session.run([a, a], tensors=True)
        self.assertIsInstance(total, dl.Tensor)
        self.assertEqual((total.dtype, total.shape, total.nbytes), ("float32", (4, 8), 128))
        by_dlpack, by_numpy = np.from_dlpack(total), total.numpy()
        self.assertEqual(support.address(by_dlpack), support.address(by_numpy))
        self.assertEqual(support.address(np.asarray(total)), support.address(by_numpy))
        self.assertEqual(support.address(by_numpy) % 64, 0)
        by_numpy[0, 0] = 7
        self.assertEqual(by_dlpack[0, 0], 7)
        del total, by_numpy
        gc.collect()
        self.assertEqual(by_dlpack.sum(), 69)
        # From one session to the next.
        again, = dl.Session(self.digits).run([dl.Session(self.sums).run(
            [self.images[:2].reshape(2, 64), np.zeros((2, 64), np.float32)], tensors=True)[0].numpy().reshape(2, 1, 8, 8)])
        np.testing.assert_array_equal(again.argmax(1), self.labels[:2])

    def test_dlpack_inputs(self):
        session = dl.Session(self.sums)
        a = np.arange(12, dtype=np.float32).reshape(3, 4)
        expected, _ = session.run([a, a])
        for b in (Producer(a), session.run([a, a * 0], tensors=True)[0]):
            np.testing.assert_array_equal(session.run([a, b])[0], expected)
        with self.assertRaises(dl.Error):
            session.run([a, Elsewhere(a)])

    def test_inputs_of_other_forms(self):
        session = dl.Session(self.sums)
        a = np.arange(12, dtype=np.float32).reshape(3, 4)
        frozen = a.copy()
        frozen.flags.writeable = False
        wide = np.zeros((6, 8), np.float32)
        wide[::2, ::2] = a
        for b in (frozen, wide[::2, ::2], np.asfortranarray(a), a.tolist(), a[::-1][::-1], Producer(wide[::2, ::2])):
            np.testing.assert_array_equal(session.run([a, b])[0], a + a)

    def test_inputs_are_released(self):
        class Array(np.ndarray):
            pass

        a = np.ones((2, 2), np.float32).view(Array)
        gone = weakref.ref(a)
        session = dl.Session(self.sums)
        session.run([a, a])
        del a
        gc.collect()
        self.assertIsNone(gone())

    def test_strings(self):
        session = dl.Session(dl.compile(support.model(
            'g (string[N, M] x, string[1] s) => (string[N, M] joined, string[N, M, P] parts, int64[N, M] counts)'
            '{ joined = StringConcat(x, s) parts, counts = StringSplit(x) }')))
        self.assertEqual(session.inputs[0], dl.Value("x", "string", ("N", "M")))
        text = [["a b", "ä\0ä", ""], ["longer than what a small string holds", "c", "a b"]]
        suffix = np.array(["!"])
        for x in (np.array(text), np.array(text, object), np.array(text, object).T.copy().T, text):
            joined, parts, counts = session.run([x, suffix])
            self.assertEqual(joined.dtype, object)
            self.assertEqual(joined.tolist(), [[word + "!" for word in row] for row in text])
            self.assertEqual(counts.tolist(), [[2, 1, 0], [7, 1, 2]])
            self.assertEqual(parts.shape, (2, 3, 7))
            self.assertEqual(parts[1, 0].tolist(), text[1][0].split())
        # Bytes are strings as well; what is no text comes back by Python's own rule.
        raw = np.array([[b"\xff"]], object)
        joined = session.run([raw, np.array([b"\xfe"])])[0]
        self.assertEqual(joined[0, 0].encode("utf-8", "surrogateescape"), b"\xff\xfe")
        target = np.empty((1, 1), object)
        self.assertIs(session.run([raw, suffix], [target, None, None])[0], target)
        self.assertEqual(target[0, 0], "\udcff!")
        with self.assertRaisesRegex(dl.Error, "output 'joined': expected an array of objects of shape"):
            session.run([raw, suffix], [np.empty((2, 1), object), None, None])
        tensor = session.run([raw, suffix], tensors=True)[0]
        self.assertEqual((tensor.dtype, tensor.shape), ("string", (1, 1)))
        with self.assertRaisesRegex(dl.Error, "DLPack does not exchange strings"):
            tensor.__dlpack__()

    def test_maps(self):
        model = support.model('g (float[N, 2] x) => (seq(map(string, float)) y) { y = ai.onnx.ml.ZipMap <classlabels_strings = ["no", "yes"]> (x) }')
        model.opset_import.add(domain="ai.onnx.ml", version=1)
        session = dl.Session(dl.compile(model))
        self.assertEqual(session.outputs, (dl.Value("y", "float32", ("N", 2), "sequence of maps", "string", ("no", "yes")),))
        x = np.array([[1, 2], [3, 4.5]], np.float32)
        self.assertEqual(session.run([x]), [[{"no": 1, "yes": 2}, {"no": 3, "yes": 4.5}]])
        self.assertEqual(session.run({"x": x[:1]}, tensors=True), {"y": [{"no": 1, "yes": 2}]})
        with self.assertRaisesRegex(dl.Error, "no array holds a sequence of maps"):
            session.run([x], [x.copy()])

    def test_map_inputs(self):
        model = support.model(
            'g (map(string, int64) m, map(int64, float) n, int64 i) => (int64[1, 3] y, float[1, K] z, int64 j) {'
            'y = ai.onnx.ml.DictVectorizer <string_vocabulary = ["a", "b", "ä"]> (m) '
            'z = ai.onnx.ml.CastMap <cast_to = "TO_FLOAT"> (n) j = Identity (i) }')
        model.opset_import.add(domain="ai.onnx.ml", version=1)
        session = dl.Session(dl.compile(model))
        self.assertEqual(session.inputs[0], dl.Value("m", "int64", ("m_dim0",), "map", "string"))
        self.assertEqual(session.inputs[1], dl.Value("n", "float32", ("n_dim0",), "map", "int64"))
        y, z, j = session.run([{"ä": 7, b"a": 1, "none": 3}, {3: 0.5, -1: 2, np.int64(0): 1.0}, 9])
        self.assertEqual((y.tolist(), z.tolist(), j.tolist()), ([[1, 0, 7]], [[2, 1, 0.5]], 9))
        y, z, j = session.run({"n": {}, "i": np.array(1), "m": {}}).values()
        self.assertEqual((y.tolist(), z.shape), ([[0, 0, 0]], (1, 0)))
        for m, n, status, text in (
            ([1], {}, "invalid_argument", "input 'm': not a dict: list"),
            ({1: 2}, {}, "mismatch", "input 'm': a key of int, expected string"),
            ({}, {"1": 2}, "mismatch", "input 'n': a key of str, expected int64"),
            (None, {}, "not_bound", "input 'm' is missing"),
        ):
            with self.assertRaises(dl.Error) as caught:
                session.run([m, n, 1])
            self.assertEqual((caught.exception.status, str(caught.exception)), (status, text))

    def test_sequences_of_strings(self):
        session = dl.Session(dl.compile(support.model(
            'g (seq(string[N]) s, optional(string[2]) o, string[M] x) => (seq(string[N]) t, optional(string[2]) p)'
            '{ t = SequenceInsert (s, x) p = Identity (o) }')))
        self.assertEqual(session.outputs[0], dl.Value("t", "string", ("?",), "sequence"))
        given = [np.array(["a", "ä"]), np.array([], object)]
        t, p = session.run([given, np.array(["", "b"]), np.array(["last"])])
        self.assertEqual([element.tolist() for element in t], [["a", "ä"], [], ["last"]])
        self.assertEqual(p.tolist(), ["", "b"])
        t, p = session.run([[], None, ["x", "y"]])
        self.assertEqual(([element.tolist() for element in t], p), ([["x", "y"]], None))

    def test_complex(self):
        for name in ("complex64", "complex128"):
            session = dl.Session(dl.compile(support.model(
                f'g ({name}[N, 2] x, seq({name}[N]) s) => ({name}[2, N] y, seq({name}[N]) t)'
                '{ y = Transpose (x) t = Identity (s) }')))
            self.assertEqual(session.inputs[0], dl.Value("x", name, ("N", 2)))
            x = np.arange(12, dtype=name).reshape(6, 2) * (1 - 2j)
            y, t = session.run([x, [x[:, 0], x[:1, 1]]])
            self.assertEqual(y.dtype, np.dtype(name))
            np.testing.assert_array_equal(y, x.T)
            np.testing.assert_array_equal(t[0], x[:, 0])
            np.testing.assert_array_equal(t[1], x[:1, 1])
            target = np.empty((2, 6), name)
            session.run([x, []], [target, None])
            np.testing.assert_array_equal(target, x.T)
            # Memory that lies at a multiple of a float alone.
            raw = np.zeros(12 * x.itemsize + 4, np.uint8)[4:].view(name).reshape(6, 2)
            raw[...] = x
            np.testing.assert_array_equal(session.run([raw, []])[0], x.T)

    def test_messages(self):
        digits, sums = dl.Session(self.digits), dl.Session(self.sums)
        a = np.ones((2, 3), np.float32)
        for session, inputs, outputs, status, text in (
            (digits, [self.images.astype(np.float64)], None, "mismatch", "'digits': type is float64, expected float32"),
            (digits, [self.images[:, 0]], None, "mismatch", "rank is 3, expected 4"),
            (digits, [self.images[:, :, :7]], None, "mismatch", "dimension 2 is 7, expected 8"),
            (digits, [], None, "invalid_argument", "expected 1"),
            (sums, {"a": a}, None, "not_bound", "input 'b' is missing"),
            (sums, {"a": a, "b": a, "c": a}, None, "not_found", "no input 'c', only 'a', 'b'"),
            (sums, [a, a[:, :2]], None, "mismatch", "'b'"),
            (sums, [a, np.array("text")], None, "mismatch", "type is string, expected float32"),
            (sums, [a, np.array([None])], None, "unsupported", "input 'b': an element is no string but of NoneType"),
            (sums, [a, "text"], None, "invalid_argument", "input 'b': no array of float32"),
            (sums, [a, a], [a.T.copy(), None], "mismatch", "output 'sum': expected float32 [2, 3], found float32 [3, 2]"),
            (sums, [a, a], [a.astype(int), None], "mismatch", "found int64"),
            (sums, [a, a], {"sum": np.ones((3, 2), np.float32).T}, "invalid_argument", "do not lie in order"),
            (sums, [a, a], {"sum": [1]}, "invalid_argument", "not an array"),
            (sums, [a, a], {"y": a}, "not_found", "no output 'y'"),
        ):
            with self.subTest(text=text):
                with self.assertRaises(dl.Error) as raised:
                    session.run(inputs, outputs)
                self.assertIn(text, str(raised.exception))
                self.assertEqual(raised.exception.status, status)
        frozen = a.copy()
        frozen.flags.writeable = False
        with self.assertRaises(dl.Error):
            sums.run([a, a], [frozen, None])
        np.testing.assert_array_equal(sums.run([a, a])[0], a + a)
        for entry, threads in (("none", 0), (None, -1)):
            with self.assertRaises(dl.Error):
                dl.Session(self.digits, entry=entry, threads=threads)
        with self.assertRaises(TypeError):
            sums.run(a)

    def test_bad_modules(self):
        data = bytes(self.digits)
        for bad in (b"", b"garbage", data[:100], data[:-1], bytes(len(data))):
            with self.assertRaises(dl.Error) as raised:
                dl.Module(bad)
            self.assertEqual(raised.exception.status, "bad_module")
        broken = bytearray(data)
        broken[-5000] ^= 1
        try:
            with self.assertRaises(dl.Error):
                dl.Module(bytes(broken)).verify()
        except dl.Error:
            pass
        with self.assertRaises(dl.Error) as raised:
            dl.Module("/none/such.dlm")
        self.assertEqual(raised.exception.status, "io_error")

    def test_threads(self):
        """A session for each thread of one module, all at once."""
        expected, = dl.Session(self.digits, threads=1).run([self.images])
        self.assertEqual(dl.Session(self.digits, threads=2).threads, 2)
        wrong = []

        def work():
            session = dl.Session(self.digits, threads=1)
            for _ in range(20):
                found, = session.run([self.images])
                if not (found == expected).all():
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_one_session_in_two_threads(self):
        """Each run is right, or refused as busy."""
        session = dl.Session(self.digits, threads=1)
        expected, = session.run([self.images])
        counts = {"right": 0, "busy": 0, "wrong": 0}

        def work():
            for _ in range(50):
                try:
                    found, = session.run([self.images])
                    counts["right" if (found == expected).all() else "wrong"] += 1
                except dl.Error as error:
                    counts["busy" if error.status == "busy" else "wrong"] += 1

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(counts["wrong"], 0)
        self.assertGreater(counts["right"], 0)


if __name__ == "__main__":
    unittest.main()
