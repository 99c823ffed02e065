# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""dl.backend by its own functions, and by some cases of ONNX's suite."""
import re
import subprocess
import sys
import unittest

import support  # first: sets the cache

import numpy as np
import onnx

import dl
import dl.backend

# Cases of each kind; none of them long.
CASES = """
    abs add add_bcast argmax_default_axis_example averagepool_2d_default
    basic_conv_with_padding batchnorm_epsilon cast_FLOAT16_to_INT4
    cast_FLOAT_to_BFLOAT16 cast_FLOAT_to_DOUBLE cast_FLOAT_to_FLOAT8E4M3FN
    cast_FLOAT_to_UINT4 cast_INT4_to_FLOAT ceil clip clip_example concat_1d_axis_0
    concat_3d_axis_1 conv_with_strides_padding cos depthtospace_example div
    div_uint8 elu equal erf exp eyelike_with_dtype flatten_axis1 floor gather_0
    gather_1 gelu_default_1 gemm_all_attributes globalaveragepool greater
    gru_defaults hardsigmoid hardswish identity instancenorm_example
    layer_normalization_2d_axis0 leakyrelu less log lstm_defaults matmul_2d
    matmul_3d max_example maxpool_2d_default min_example mish mul neg not_2d pow
    prelu_example reciprocal relu round selu shape sigmoid sign sin size
    softmax_axis_1 softplus softsign spacetodepth sqrt sub tanh thresholdedrelu
    transpose_all_permutations_0 where_example
""".split()


class BackendTest(unittest.TestCase):
    def test_suite(self):
        pattern = f"^test_({'|'.join(map(re.escape, CASES))})$"
        done = subprocess.run(
            [sys.executable, "-m", "dl.backend.test", "--filter", pattern], capture_output=True, text=True
        )
        counts = re.search(r"^(\d+) passed, (\d+) failed\n\Z", done.stdout, re.MULTILINE)
        self.assertTrue(counts, done.stdout + done.stderr)
        self.assertEqual((int(counts[2]), done.returncode), (0, 0), done.stdout)
        self.assertEqual(int(counts[1]), len(CASES))

    def test_cases_are_counted(self):
        done = subprocess.run(
            [sys.executable, "-m", "dl.backend.test", "--isolate", "--filter", "^test_(abs|gradient_of_add)$"],
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"2 passed, 0 failed")

    def test_model(self):
        images, labels = support.digits()
        model = onnx.load(support.DIGITS)
        self.assertTrue(dl.backend.is_compatible(model))
        prepared = dl.backend.prepare(model, "CPU", threads=1)
        outputs = prepared.run([images])
        np.testing.assert_array_equal(outputs[0], outputs["probabilities"])
        np.testing.assert_array_equal(outputs[0], outputs.probabilities)
        np.testing.assert_array_equal(outputs[0], prepared.run(images)[0])
        np.testing.assert_array_equal(outputs[0], prepared.run({"digits": images})[0])
        np.testing.assert_array_equal(outputs[0], dl.backend.run_model(model, [images])[0])
        self.assertGreater((outputs[0].argmax(1) == labels).mean(), 0.97)

    def test_node(self):
        node = onnx.helper.make_node("Sub", ["a", "b"], ["c"])
        a, b = np.ones((2, 3), np.float32), np.full((3,), 2, np.float32)
        for inputs in ([a, b], {"a": a, "b": b}):
            np.testing.assert_array_equal(dl.backend.run_node(node, inputs).c, a - b)
        twice = onnx.helper.make_node("Mul", ["a", "a"], ["c"])
        np.testing.assert_array_equal(dl.backend.run_node(twice, {"a": b}, outputs_info=[(np.float32, (3,))])[0], b * b)
        with self.assertRaises(dl.Error):
            dl.backend.run_node(node, [a])

    def test_devices(self):
        self.assertTrue(dl.backend.supports_device("CPU"))
        self.assertTrue(dl.backend.supports_device("CPU:0"))
        self.assertFalse(dl.backend.supports_device("CUDA"))
        with self.assertRaises(dl.Error):
            dl.backend.prepare(onnx.load(support.DIGITS), "CUDA")

    def test_what_does_not_compile(self):
        node = onnx.helper.make_node("Nonsense", ["a"], ["b"], domain="some.where")
        value = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph([node], "g", [value("a", 1, [2])], [value("b", 1, [2])])
        model = onnx.helper.make_model(graph)
        self.assertFalse(dl.backend.is_compatible(model))
        self.assertIn("Nonsense", dl.backend.DlBackend.refusal)
        with self.assertRaises(dl.Error):
            dl.backend.prepare(model)


if __name__ == "__main__":
    unittest.main()
